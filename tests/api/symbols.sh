#!/bin/sh
# Checks the built libraries: each exports just the names that its public headers declare, libkvspan
# knows neither MPI nor CUDA, and none has state outside its handles; then that each of these checks
# sees a planted break.
#
# usage: symbols.sh SOURCE-FOLDER C-COMPILER LIBRARY ARCHIVE [HEADER[,...]:LIBRARY:OBJECT[:...]]... [-- FLAG...]
#   ARCHIVE  the objects that LIBRARY is made of
#   HEADER   an interop header (mpi.h), whose names are those of its LIBRARY, made of OBJECTs
#   FLAG     where the headers lie that interop headers include
set -eu
source=$1 cc=$2 library=$3 archive=$4
shift 4
interops=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    interops="$interops $1"
    shift
done
[ $# -eq 0 ] || shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C

# declared INCLUDE-FOLDER HEADER OPTION...: names that this header, or one that it includes, marks
# with KVSPAN_API, sorted. The preprocessor does the reading; a declaration ends at its ";".
declared() {
    folder=$1 header=$2
    shift 2
    printf '#include <kvspan/%s>\n' "$header" |
        "$cc" -E -P -std=c11 -I "$folder" '-D__attribute__(x)=' -DKVSPAN_API=kvspan_api_mark "$@" \
            -x c - |
        tr '\n' ' ' | tr ';' '\n' |
        sed -n 's/.*kvspan_api_mark//p' |
        sed 's/ *[[(=].*//; s/.*[^A-Za-z0-9_]//' | sort -u
}

# declared_in_core INCLUDE-FOLDER: the names of libkvspan, those of all headers but the interop ones.
declared_in_core() {
    for path in "$1"/kvspan/*.h; do
        case ${path##*/} in
        mpi.h | cuda.h | nccl.h) ;;
        *) declared "$1" "${path##*/}" ;;
        esac
    done | sort -u
}

# check_exports NAMES-FILE LIBRARY
check_exports() {
    nm -D --defined-only --format=posix "$2" | cut -d ' ' -f 1 | sort -u >"$scratch/exported"
    if ! diff "$1" "$scratch/exported" >"$scratch/difference"; then
        echo "symbols: ${2##*/}: < declared but not exported, > exported but not declared"
        grep '^[<>]' "$scratch/difference"
        return 1
    fi
}

# check_no_mpi LIBRARY: neither its names, defined or not, nor the libraries that it loads.
check_no_mpi() {
    if nm -D --format=posix "$1" | grep -E '^(P?MPI|[io]?mpi|ompi|opal|orte|mca|PMIX)_' ||
        readelf --dynamic "$1" | grep -E 'NEEDED.*(mpi|open-rte|open-pal)'; then
        echo "symbols: ${1##*/} must not know of MPI (above)"
        return 1
    fi
}

# check_no_cuda LIBRARY: as above.
check_no_cuda() {
    if nm -D --format=posix "$1" | grep -E '^(__)?(cuda|cu|nccl|pnccl)[A-Z]' ||
        readelf --dynamic "$1" | grep -E 'NEEDED.*(libcuda|libnccl)'; then
        echo "symbols: ${1##*/} must not know of CUDA (above)"
        return 1
    fi
}

# check_no_state OBJECT-OR-ARCHIVE...: no variable that can change; constants with pointers in them
# lie in .data.rel.ro until they are relocated.
check_no_state() {
    if ! objdump --syms "$@" | awk -F '\t' '
        / file format / { object = $1 }
        {
            count = split($1, field, " ")
            section = field[count]
        }
        section ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && section !~ /^\.data\.rel\.ro/ &&
            $1 !~ / d / {
            print object " " section " " $2
            found = 1
        }
        END { exit found }'; then
        echo "symbols: mutable file-scope state (above)"
        return 1
    fi
}

declared_in_core "$source/include" >"$scratch/core_names"
# At least what every version has: an empty list would agree with a library that exports nothing.
grep -qx kvspan_version "$scratch/core_names"
check_exports "$scratch/core_names" "$library"
check_no_mpi "$library"
check_no_cuda "$library"
check_no_state "$archive"
for interop in $interops; do
    headers=${interop%%:*}
    objects=${interop#*:}
    interop_library=${objects%%:*}
    objects=${objects#*:}
    for header in $(printf '%s' "$headers" | tr ',' ' '); do
        declared "$source/include" "$header" "$@"
    done | sort -u | comm -23 - "$scratch/core_names" >"$scratch/interop_names"
    [ -s "$scratch/interop_names" ]
    check_exports "$scratch/interop_names" "$interop_library"
    # shellcheck disable=SC2046 # a list of files
    check_no_state $(printf '%s' "$objects" | tr ':' ' ')
done

# plant CODE: a copy of libkvspan with one more source, in $scratch/planted.{o,so}.
plant() {
    printf '%s\n' "$1" >"$scratch/planted.c"
    "$cc" -fPIC -fcommon -O1 -fvisibility=hidden -c "$scratch/planted.c" -o "$scratch/planted.o"
    "$cc" -shared -o "$scratch/planted.so" "$scratch/planted.o" \
        -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -lm
}

# refuse CHECK ARGUMENT...: the check has to fail.
refuse() {
    if "$@" >"$scratch/report"; then
        echo "symbols: a planted break was not seen by: $*" >&2
        exit 1
    fi
}

plant 'int planted_quiet(void); int planted_quiet(void) { return 1; }'
check_exports "$scratch/core_names" "$scratch/planted.so"
check_no_mpi "$scratch/planted.so"
plant '__attribute__((visibility("default"))) int kvspan_planted(void) { return 1; }'
refuse check_exports "$scratch/core_names" "$scratch/planted.so"
grep -qx '> kvspan_planted' "$scratch/report"

# A declaration of several lines, with attributes, that no library has.
mkdir -p "$scratch/include"
cp -R "$source/include/kvspan" "$scratch/include"
cat >"$scratch/include/kvspan/planted.h" <<'EOF'
#include <kvspan/export.h>
KVSPAN_API __attribute__((warn_unused_result)) const char *
kvspan_planted(
    int x);
EOF
declared_in_core "$scratch/include" >"$scratch/planted_names"
refuse check_exports "$scratch/planted_names" "$library"
grep -qx '< kvspan_planted' "$scratch/report"

plant 'int MPI_Barrier(void *); int planted(void); int planted(void) { return MPI_Barrier(0); }'
refuse check_no_mpi "$scratch/planted.so"
plant 'int cudaSetDevice(int); int planted(void); int planted(void) { return cudaSetDevice(0); }'
refuse check_no_cuda "$scratch/planted.so"

for state in 'static int x; int planted(void) { return x++; }' \
    'static int x = 3; int planted(void) { return x++; }' \
    'int planted(void) { static int x; return x++; }' \
    '_Thread_local int x; int planted(void) { return x++; }' \
    'int x; int planted(void) { return x++; }'; do
    plant "$state"
    refuse check_no_state "$scratch/planted.o"
done
plant 'static const char *const names[] = { "a", "b" };
const char *planted(int i); const char *planted(int i) { return names[i]; }'
check_no_state "$scratch/planted.o"

echo "symbols: $(wc -l <"$scratch/core_names") names of libkvspan are declared and exported"
