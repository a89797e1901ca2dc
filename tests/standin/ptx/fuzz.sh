#!/bin/sh
# Random functions, compiled by nvcc to PTX and by the host's compiler, and compared.
# Skipped without nvcc. Other seeds than that of the day: fuzz.sh BUILD SEED.
#
# usage: fuzz.sh BUILD [SEED [COUNT]]
#        fuzz.sh --prepare FOLDER SEED COUNT   leaves fuzz.ptx and fuzz.so there, for fuzz_compare
set -eu
is_preparing=
if [ "$1" = --prepare ]; then
    is_preparing=1
    shift
fi
folder=$1
seed=${2:-$(date +%j)}
count=${3:-40}
sources=$(cd "$(dirname "$0")" && pwd)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
if [ ! -x "$nvcc" ]; then
    echo "no nvcc: skipped"
    exit 77
fi
if [ "$is_preparing" ]; then
    scratch=$folder
    generate=$scratch/generate
    cc -std=c11 -O1 -I"$sources/../.." -o "$generate" "$sources/fuzz_generate.c"
else
    scratch=$(mktemp -d)
    generate=$folder/ptx_fuzz_generate
    trap 'rm -rf "$scratch"' EXIT
fi
echo "seed $seed, $count functions"
"$generate" "$seed" "$count" >"$scratch/expressions.h"
printf '#include "%s/fuzz_meaning.h"\n#include "expressions.h"\n' "$sources" >"$scratch/fuzz.cu"
cp "$scratch/fuzz.cu" "$scratch/fuzz.cpp"
# Arithmetic that neither side may rearrange or fuse.
"${CXX:-c++}" -std=c++17 -O1 -w -ffp-contract=off -fwrapv -shared -fPIC \
    -o "$scratch/fuzz.so" "$scratch/fuzz.cpp"
"$nvcc" -std=c++17 -O2 -w -fmad=false -ptx -arch=compute_89 -o "$scratch/fuzz.ptx" "$scratch/fuzz.cu"
if [ ! "$is_preparing" ]; then
    "$folder/ptx_fuzz_compare" "$scratch/fuzz.ptx" "$scratch/fuzz.so" "$count" "$seed"
fi
