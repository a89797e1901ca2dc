#!/bin/sh
# Checks that each public header compiles alone, as C11 and as C++17, and each internal header
# alone, as C11; then that headers which cannot are refused.
#
# usage: headers.sh SOURCE-FOLDER C-COMPILER C++-COMPILER [FLAG...]
#   FLAG  where the headers of what is built lie: MPI, CUDA
set -eu
source=$1 cc=$2 cxx=$3
shift 3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# alone LANGUAGE HEADER COMPILER OPTION...: includes it first, and twice, so that its guard is tried
# too. Preprocessed apart, and our lines marked as ours: what comes of a macro of the system's, as
# UINT32_MAX does, would be passed over.
alone() {
    language=$1
    header=$2
    shift 2
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$scratch/alone.source"
    if ! "$@" -x "$language" -E "$scratch/alone.source" >"$scratch/alone.seen" ||
        ! sed -e "s|^\(# [0-9]* \"$source/.*\"\) 3.*|\1|" \
            -e "s|^\(# [0-9]* \"$scratch/.*\"\) 3.*|\1|" "$scratch/alone.seen" >"$scratch/alone.ours" ||
        ! "$@" -x "$(output_of "$language")" -Wall -Wextra -Wshadow -Wpointer-arith \
            -pedantic-errors -Werror -fsyntax-only "$scratch/alone.ours"; then
        echo "headers: $header does not compile alone with: $*" >&2
        return 1
    fi
}

# output_of LANGUAGE: the compiler's name of it, preprocessed.
output_of() {
    case $1 in
    c) echo cpp-output ;;
    c++) echo c++-cpp-output ;;
    esac
}

# check_public INCLUDE-FOLDER OPTION...: every header that is there.
check_public() {
    folder=$1
    shift
    verdict=0
    for header in "$folder"/kvspan/*.h; do
        name=${header#"$folder"/}
        alone c "$name" "$cc" -std=c11 -Wstrict-prototypes -I "$folder" "$@" || verdict=1
        alone c++ "$name" "$cxx" -std=c++17 -I "$folder" "$@" || verdict=1
        count=$((count + 1))
    done
    return $verdict
}

# finds HEADER FLAG...: whether somebody else's header is there.
finds() {
    name=$1
    shift
    printf '#include <%s>\n' "$name" | "$cc" -E "$@" -x c - >"$scratch/found" 2>&1
}

# Headers that are made for what is not built have nothing to include.
mkdir -p "$scratch/include/kvspan"
cp "$source"/include/kvspan/*.h "$scratch/include/kvspan"
if ! finds mpi.h "$@"; then
    rm -f "$scratch/include/kvspan/mpi.h"
fi
if ! finds nccl.h "$@"; then
    rm -f "$scratch/include/kvspan/nccl.h"
fi
has_cuda=0
if finds cuda_runtime_api.h "$@"; then
    has_cuda=1
fi

count=0
broken=0
check_public "$scratch/include" "$@" || broken=1
# Parts of the files of one instruction set cannot: they are what such a file is made of.
is_part() {
    case $1 in
    kernels/cpu/vector_*.h | kernels/cpu/pairs_*.h | kernels/cpu/*_body.h) return 0 ;;
    esac
    return 1
}

# needs_cuda HEADER: it includes what only a CUDA toolkit has.
needs_cuda() {
    case $1 in
    kernels/cuda/* | comm/nccl*) return 0 ;;
    esac
    return 1
}

for header in $(cd "$source" && find sharding kernels comm runtime launch -name '*.h'); do
    is_part "$header" && continue
    if [ $has_cuda -eq 0 ] && needs_cuda "$header"; then
        continue
    fi
    alone c "$header" "$cc" -std=c11 -D_POSIX_C_SOURCE=200809L -I "$source/include" -I "$source" \
        "$@" || broken=1
    count=$((count + 1))
done
[ $broken -eq 0 ]

# refuse TEXT: a public header of this text has to fail.
refuse() {
    rm -rf "$scratch/planted"
    mkdir -p "$scratch/planted/kvspan"
    printf '%s\n' "$1" >"$scratch/planted/kvspan/planted.h"
    if check_public "$scratch/planted" 2>/dev/null; then
        echo "headers: not refused: $1" >&2
        exit 1
    fi
}

refuse 'static inline uint32_t planted(void) { return 0; }'
refuse 'typedef struct planted { int x; } planted; struct planted_twice { int x; };'
refuse 'static inline int *planted(void) { return (void *)0; }' # C, but not C++
refuse 'struct planted; static inline int planted(struct planted &p);' # C++, but not C
refuse '#include <stdint.h>
enum { PLANTED = UINT32_MAX };' # C++, but no ISO C

echo "headers: $count compile alone"
