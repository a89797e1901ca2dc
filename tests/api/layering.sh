#!/bin/sh
# Checks who includes whom, against the law in layering.awk; then that the check sees a violation
# of each kind, planted into a copy of the tree.
#
# usage: layering.sh SOURCE-FOLDER
set -eu
law=$(cd "$(dirname "$0")" && pwd)/layering.awk
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# judge TREE: prints the violations of a tree; fails if there is one.
judge() (
    cd "$1"
    find include sharding kernels comm runtime launch tests docs -name '*.[ch]' -o -name '*.cpp' \
        -o -name '*.cu' -o -name '*.cuh' |
        grep -v '^tests/api/consumer/' | LC_ALL=C sort | xargs awk -f "$law"
)

if ! judge "$1"; then
    echo "layering: the tree breaks the law (above)" >&2
    exit 1
fi

cp -R "$1/include" "$1/sharding" "$1/kernels" "$1/comm" "$1/runtime" "$1/launch" "$1/tests" \
    "$1/docs" "$copy"
# Headers that every folder has in the copy, whatever they are called in the tree.
for folder in sharding kernels comm runtime/ledger runtime/step runtime/config runtime/cache \
    runtime/scheduler launch tests/support; do
    mkdir -p "$copy/$folder"
    : >"$copy/$folder/planted_header.h"
done
: >"$copy/include/kvspan/planted_header.h"
planted=0

# judge_planted FILE LINE: the judgement of the copy with a FILE that has just this LINE.
judge_planted() {
    printf '%s\n' "$2" >"$copy/$1"
    verdict=0
    report=$(judge "$copy") || verdict=1
    rm "$copy/$1"
    planted=$((planted + 1))
}

# refuse FILE LINE: the check has to blame this file, and nothing but it.
refuse() {
    judge_planted "$1" "$2"
    if [ $verdict -eq 0 ] || printf '%s\n' "$report" | grep -qv "^$1:1: "; then
        echo "layering: planted in $1: $2: not seen, or more was: $report" >&2
        exit 1
    fi
}

# accept FILE LINE: the check has to find nothing.
accept() {
    judge_planted "$1" "$2"
    if [ $verdict -ne 0 ]; then
        echo "layering: allowed in $1: $2: but blamed: $report" >&2
        exit 1
    fi
}

# forbid FOLDER TARGET...: no file of FOLDER may include a header of a TARGET folder.
forbid() {
    from=$1
    shift
    for target in "$@"; do
        refuse "$from/planted.c" "#include \"$target/planted_header.h\""
    done
}

forbid include/kvspan sharding kernels comm runtime/ledger runtime/step runtime/config \
    runtime/cache runtime/scheduler launch tests/support
forbid sharding kernels comm runtime/ledger runtime/step runtime/config runtime/cache \
    runtime/scheduler launch tests/support
forbid kernels sharding comm runtime/ledger runtime/step runtime/config runtime/cache \
    runtime/scheduler launch tests/support
forbid comm sharding kernels runtime/ledger runtime/step runtime/config runtime/cache \
    runtime/scheduler launch tests/support
forbid runtime sharding kernels comm runtime/ledger runtime/step runtime/config runtime/cache \
    runtime/scheduler launch tests/support
forbid runtime/ledger sharding kernels comm runtime/step runtime/config runtime/cache \
    runtime/scheduler launch tests/support
forbid runtime/config kernels comm runtime/ledger runtime/step runtime/cache runtime/scheduler \
    launch tests/support
forbid runtime/step sharding kernels comm runtime/config runtime/cache runtime/scheduler launch \
    tests/support
forbid runtime/scheduler sharding kernels comm runtime/ledger runtime/step runtime/config \
    runtime/cache launch tests/support
forbid runtime/cache runtime/scheduler launch tests/support
forbid launch sharding kernels comm runtime/ledger runtime/step runtime/config runtime/cache \
    runtime/scheduler tests/support
mkdir -p "$copy/docs/examples"
forbid docs/examples sharding kernels comm runtime/ledger runtime/step runtime/config \
    runtime/cache runtime/scheduler launch tests/support

# Ways to write it that a search for folder names would miss.
refuse sharding/planted.c '#include "../comm/planted_header.h"'
refuse sharding/planted.c '#  include "comm/planted_header.h"'
refuse sharding/planted.c '  #	include <comm/planted_header.h>'
refuse sharding/planted.c '%:include "comm/planted_header.h"'
refuse sharding/planted.c '#include <kvspan/../../comm/planted_header.h>'
refuse sharding/planted.h '#include "../runtime/cache/planted_header.h"'
refuse runtime/ledger/planted.c '#include "../step/planted_header.h"'
refuse launch/planted.c '#include "../runtime/ledger/planted_header.h"'
refuse kernels/reference/planted.c '#include "../../comm/planted_header.h"'
refuse comm/planted.c '#include PLANTED'
refuse comm/planted.c '#include "no_such_header.h"'

# Each library has its one place.
for file in include/kvspan/planted.h sharding/planted.c kernels/planted.c comm/planted.c \
    runtime/planted.c runtime/cache/planted.c runtime/ledger/planted.c; do
    refuse $file '#include <mpi.h>'
done
for file in sharding/planted.c comm/mpi_planted.c runtime/planted.c runtime/cache/planted.c \
    launch/planted.c tests/support/planted.c; do
    refuse $file '#include <jansson.h>'
    refuse $file '#include <xxhash.h>'
done
for file in include/kvspan/planted.h sharding/planted.c kernels/planted.c kernels/cpu/planted.c \
    comm/planted.c runtime/cache/planted.c launch/planted.c; do
    refuse $file '#include <cuda_runtime_api.h>'
done
refuse kernels/cuda/planted.cu '#include "comm/planted_header.h"'
refuse kernels/cuda/planted.cuh '#include "runtime/cache/planted_header.h"'
accept kernels/cuda/planted.cu '#include <cuda_runtime_api.h>'
for file in include/kvspan/planted.h sharding/planted.c runtime/planted.c launch/planted.c; do
    refuse $file '#include <check.h>'
done
for file in include/kvspan/planted.h kernels/planted.c comm/planted.c runtime/cache/planted.c; do
    refuse $file '#include <hwloc.h>'
    refuse $file '#include <cuda.h>'
    refuse $file '#include <cuda_runtime.h>'
    refuse $file '#include <nccl.h>'
done
for file in include/kvspan/planted.h sharding/planted.c kernels/planted.c \
    kernels/reference/planted.c comm/planted.c runtime/planted.c tests/planted.c; do
    refuse $file '#include <immintrin.h>'
    refuse $file '#include <cpuid.h>'
done
refuse runtime/cache/planted.c '#include <argp.h>'
refuse launch/planted.c '#include <dlfcn.h>'
refuse runtime/planted.c '#include <elf.h>'
refuse tests/gates/planted.c '#include <elf.h>'
refuse include/kvspan/planted.h '#include <pthread.h>'

# What is allowed stays allowed.
for folder in include/kvspan sharding kernels comm runtime runtime/ledger runtime/step \
    runtime/scheduler runtime/cache launch tests docs/examples; do
    accept $folder/planted.c '#include <kvspan/planted_header.h>'
    accept $folder/planted.c '#include <stdint.h>'
done
for target in sharding kernels comm runtime/ledger runtime/step runtime/config; do
    accept runtime/cache/planted.c "#include \"$target/planted_header.h\""
done
accept runtime/step/planted.c '#include "runtime/ledger/planted_header.h"'
accept sharding/planted.c '#include "planted_header.h"'
accept launch/planted.c '#include "runtime/json.h"'
accept launch/planted.c '#include <mpi.h>'
accept comm/mpi_planted.c '#include <mpi.h>'
accept kernels/cpu/planted.h '#include <immintrin.h>'
accept tests/planted.c '#include "support/planted_header.h"'

echo "layering: the tree keeps the law; $planted planted includes were judged right"
