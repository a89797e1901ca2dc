#!/bin/sh
# Tests the tests of the PTX interpreter: changes one operator, constant or statement of
# tests/standin/ptx at a time, and expects its tests, and then the comparison with the host's compiler,
# to notice. Mutants that change nothing stand in ptx_equivalents.txt with the reason; one that
# survives and is not there, and one there that is killed or gone, fail. For x86-64.
#
# usage: ptx.sh [--every K] [--first N] [--jobs J] [--quick 1] [--only LIST]
#        [FILE.c …]
#   --every K  each K-th mutant only, from the N-th on (default: all of them)
#   --jobs J   so many at a time (default: as many as there are processors)
#   --quick 1  without those that are listed, and without sanitizers, which are asked about what the
#              tests do not notice
#   --only LIST  those whose names are lines of that file
#   FILE.c     of these files only
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
tests=$(dirname "$folder")
ptx=$tests/standin/ptx
equivalents=$folder/ptx_equivalents.txt
# What was not set is visible; a function that forgets to return is no mutant.
flags="-std=c11 -D_POSIX_C_SOURCE=200809L -I$tests -fPIC -Werror=return-type
    -ftrivial-auto-var-init=pattern"
sanitizers="-g1 -fsanitize=address,undefined -fno-sanitize-recover=all"

# compile OPTIONS SOURCE OBJECT
compile() {
    rounding=
    case $2 in */rounding.c) rounding=-frounding-math ;; esac
    # shellcheck disable=SC2086 # lists of options
    cc $flags $1 $rounding -c "$2" -o "$3" 2>"${3%.o}.errors"
}

# library_make KIND OBJECT LIBRARY: the library with that object instead of its own.
library_make() {
    objects=$2
    for unchanged in "$work/$1"/*.o; do
        [ "${unchanged##*/}" = "${2##*/}" ] || objects="$objects $unchanged"
    done
    # shellcheck disable=SC2086 # lists of options and of objects
    if [ "$1" = plain ]; then
        ld -shared -o "$3" $objects -lm "$work/libgcc.a"
    else
        cc -shared $sanitizers -o "$3" $objects -lm 2>/dev/null
    fi
}

# all_compile FILE: all mutants of the file that are in functions, together.
all_compile() {
    shelf=$work/together/${1%.c}
    mkdir -p "$shelf/plain" "$shelf/sanitized"
    invalid=
    while :; do
        awk -v together=1 -v skip="$invalid" -f "$folder/c_text.awk" \
            -f "$folder/ptx_mutants.awk" "$ptx/$1" >"$shelf/$1"
        compile -O0 "$shelf/$1" "$shelf/${1%.c}.o" && break
        # 0 is what is not mutated: it may suffer from what stands before it.
        more=$(sed -n 's/^mutant_\([1-9][0-9]*\):[0-9:]* error:.*/\1/p' "$shelf/${1%.c}.errors" |
            sort -nu | tr '\n' ' ')
        if [ -z "$more" ]; then
            cat "$shelf/${1%.c}.errors"
            echo "FAILED: $1 with its mutants together"
            exit 1
        fi
        invalid="$invalid $more"
    done
    echo " $invalid " >"$shelf/invalid"
    library_make plain "$shelf/${1%.c}.o" "$shelf/plain/libstandin_ptx.so"
}

# sanitized_compile FILE: the same, once it is needed.
sanitized_compile() {
    shelf=$work/together/${1%.c}
    [ ! -f "$shelf/sanitized/libstandin_ptx.so" ] || return 0
    mkdir -p "$shelf/$$"
    compile "-O1 $sanitizers" "$shelf/$1" "$shelf/$$/${1%.c}.o"
    library_make sanitized "$shelf/$$/${1%.c}.o" "$shelf/$$/libstandin_ptx.so"
    mv "$shelf/$$/libstandin_ptx.so" "$shelf/sanitized/libstandin_ptx.so"
}

# is_passed FOLDER PROGRAM ARGUMENT …: with the library of the folder. An endless loop ends by its CPU
# time.
is_passed() (
    LD_LIBRARY_PATH=$1
    export LD_LIBRARY_PATH
    shift
    # shellcheck disable=SC3045 # every sh of today has it
    ulimit -t 10
    exec timeout 60 "$@" >/dev/null 2>&1
)

# is_noticed FOLDER KIND FILE: whether a test fails with the library of the folder. The suite that
# noticed the last mutant of the file runs first, the others as they take longer.
is_noticed() {
    last=$work/last_$3
    for program in $(cat "$last" "$work/suites_$2" 2>/dev/null); do
        is_passed "$1" "$work/$2/${program##*/}" || {
            echo "${program##*/}" >"$last"
            return 0
        }
    done
    [ "$2" = plain ] && ! is_like_compiled "$1"
}

# is_like_compiled FOLDER: with the library of the folder the comparison with the host's compiler
# passes, or there is none.
is_like_compiled() {
    [ ! -f "$work/fuzz.ptx" ] ||
        is_passed "$1" "$work/fuzz_compare" "$work/fuzz.ptx" "$work/fuzz.so" "$fuzz_count" 1
}

mutant_print() {
    awk -v want="$1" -f "$folder/c_text.awk" -f "$folder/ptx_mutants.awk" "$ptx/${1%%:*}"
}

# judge NAME NUMBER: prints its fate.
judge() {
    file=${1%%:*}
    object=${file%.c}.o
    together=$work/together/${file%.c}
    place=$(mktemp -d "$work/mutant.XXXXXX")
    mkdir "$place/plain" "$place/sanitized"
    fate=survived
    kind=$2
    # An error may be another one's: what is said not to compile together is tried alone.
    [ "$kind" = alone ] || case $(cat "$together/invalid") in *" $2 "*) kind=alone ;; esac
    if [ "$kind" = alone ]; then
        libraries=$place
        mutant_print "$1" >"$place/$file"
        if compile -O0 "$place/$file" "$place/$object"; then
            library_make plain "$place/$object" "$place/plain/libstandin_ptx.so"
        else
            fate=invalid
        fi
        unset KVSPAN_PTX_MUTANT
    else
        libraries=$together
        KVSPAN_PTX_MUTANT=$2
        export KVSPAN_PTX_MUTANT
    fi
    if [ $fate = invalid ]; then
        :
    elif is_noticed "$libraries/plain" plain "$file"; then
        fate=killed
    elif mutant_print "$1" >"$place/$file" && compile -O2 "$place/$file" "$place/$object" &&
        (cd "$place" && strip "$object") &&
        cmp -s "$place/$object" "$work/optimised/$object"; then
        fate=same # machine code
    elif [ -z "$is_quick" ]; then
        if [ "$kind" = alone ]; then
            compile "-O1 $sanitizers" "$place/$file" "$place/$object"
            library_make sanitized "$place/$object" "$place/sanitized/libstandin_ptx.so"
        else
            sanitized_compile "$file"
        fi
        ! is_noticed "$libraries/sanitized" sanitized "$file" || fate=killed
    fi
    rm -r "$place"
    echo "$fate $1"
}

if [ "${1:-}" = --judge ]; then
    work=$2
    fuzz_count=$3
    is_quick=$4
    shift 4
    while [ $# -gt 0 ]; do
        judge "$1" "$2"
        shift 2
    done
    exit
fi

every=1
first=1
jobs=$(nproc)
is_quick=
only=
while [ $# -gt 0 ]; do
    case $1 in
    --every) every=$2 ;;
    --first) first=$2 ;;
    --jobs) jobs=$2 ;;
    --quick) is_quick=$2 ;;
    --only) only=$2 ;;
    *) break ;;
    esac
    shift 2
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kinds="plain sanitized"
[ -z "$is_quick" ] || kinds=plain

# What is not mutated, once without and once with sanitizers, and optimised to compare with.
mkdir "$work/plain" "$work/sanitized" "$work/optimised"
ln -s "$(cc -print-libgcc-file-name)" "$work/libgcc.a"
check=$(pkg-config --cflags --libs check)
for source in "$ptx"/*.c; do
    name=$(basename "$source" .c)
    case $name in test_* | fuzz_* | ptx_bench*) continue ;; esac
    compile -O2 "$source" "$work/plain/$name.o"
    cp "$work/plain/$name.o" "$work/optimised"
    strip "$work/optimised/$name.o"
    [ "$is_quick" ] || compile "-O1 $sanitizers" "$source" "$work/sanitized/$name.o"
    basename "$source" >>"$work/files"
done
for kind in $kinds; do
    options=-O1
    [ "$kind" = plain ] || options="-O1 $sanitizers"
    mkdir "$work/unchanged_$kind"
    library_make "$kind" "$work/$kind/value.o" "$work/unchanged_$kind/libstandin_ptx.so"
    for source in "$ptx"/test_ptx_*.c; do
        program=$work/$kind/$(basename "$source" .c)
        # shellcheck disable=SC2086
        cc $flags $options -o "$program" "$source" "$ptx"/ptx_bench.c "$tests/support/suite.c" \
            -L"$work/unchanged_$kind" -lstandin_ptx $check 2>/dev/null
        began=$(date +%s%N)
        is_passed "$work/unchanged_$kind" "$program" || echo "${program##*/}" >>"$work/failing"
        echo "$(($(date +%s%N) - began)) ${program##*/}"
    done | sort -n | cut -d " " -f 2 >"$work/suites_$kind"
done
fuzz_count=30
if "$ptx/fuzz.sh" --prepare "$work" 1 "$fuzz_count"; then
    # shellcheck disable=SC2086
    cc $flags -O1 -o "$work/fuzz_compare" "$ptx/fuzz_compare.c" -L"$work/unchanged_plain" \
        -lstandin_ptx -ldl
fi

# shellcheck disable=SC2046 # a list of files
[ $# -gt 0 ] || set -- $(cat "$work/files")
for file in "$@"; do
    all_compile "$file"
    awk -f "$folder/c_text.awk" -f "$folder/ptx_mutants.awk" "$ptx/$file" >>"$work/mutants"
done
is_like_compiled "$work/unchanged_plain" || echo fuzz_compare >>"$work/failing"
if [ -f "$work/failing" ]; then
    echo "FAILED: $(cat "$work/failing") without any mutant"
    exit 1
fi
awk -v every="$every" -v first="$first" -v is_quick="$is_quick" '
    FILENAME == ARGV[1] { listed[$1] = 1; next }
    FNR % every == first % every && !(is_quick && $1 in listed) { print $1, $3 }' \
    "$equivalents" "$work/mutants" >"$work/chosen"
if [ "$only" ]; then
    awk 'FILENAME == ARGV[1] { wanted[$1] = 1; next } $1 in wanted' "$only" "$work/chosen" \
        >"$work/wanted"
    mv "$work/wanted" "$work/chosen"
fi
echo "$(wc -l <"$work/mutants") mutants, $(wc -l <"$work/chosen") of them chosen"
xargs -P "$jobs" -n 32 "$folder/ptx.sh" --judge "$work" "$fuzz_count" "$is_quick" \
    <"$work/chosen" >"$work/fates"

# What is listed may be of files that were not looked at.
while read -r file; do
    awk -f "$folder/c_text.awk" -f "$folder/ptx_mutants.awk" "$ptx/$file"
done <"$work/files" >"$work/mutants"
awk -f "$folder/equivalents.awk" "$work/mutants" "$work/fates" "$equivalents"
