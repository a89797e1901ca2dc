#!/bin/sh
# Random functions, compiled by nvcc to PTX and by the host's compiler: fuzz.sh BUILD [SEED [COUNT]].
# Skipped without nvcc. Other seeds than that of the day: fuzz.sh BUILD SEED.
set -eu
build=$1
seed=${2:-$(date +%j)}
count=${3:-40}
sources=$(cd "$(dirname "$0")" && pwd)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
if [ ! -x "$nvcc" ]; then
    echo "no nvcc: skipped"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "seed $seed, $count functions"
"$build/ptx_fuzz_generate" "$seed" "$count" >"$scratch/expressions.h"
printf '#include "%s/fuzz_meaning.h"\n#include "expressions.h"\n' "$sources" >"$scratch/fuzz.cu"
cp "$scratch/fuzz.cu" "$scratch/fuzz.cpp"
# Arithmetic that neither side may rearrange or fuse.
"${CXX:-c++}" -std=c++17 -O1 -w -ffp-contract=off -fwrapv -shared -fPIC \
    -o "$scratch/fuzz.so" "$scratch/fuzz.cpp"
"$nvcc" -std=c++17 -O2 -w -fmad=false -ptx -arch=compute_89 -o "$scratch/fuzz.ptx" "$scratch/fuzz.cu"
"$build/ptx_fuzz_compare" "$scratch/fuzz.ptx" "$scratch/fuzz.so" "$count" "$seed"
