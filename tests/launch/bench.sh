#!/bin/sh
# `kvspan bench` as a whole: exit codes, and the shape of what it writes. No figure is judged.
#
# usage: bench.sh KVSPAN
set -u
kvspan=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK SLURM_PROCID
. "$(dirname "$0")/bench_checks.sh"

small="--q-heads 4 --kv-heads 2 --head-dim 32 --layers 2"
# shellcheck disable=SC2086 # several words
{
    measure attention $small --context 100 --device reference
    settings '"case":"attention"' '"layout":"page-first"' '"device":"reference"' '"isa":"portable"' \
        '"threads":1' '"clock":"thread"' '"layers":2' '"context_tokens":100' '"new_tokens":1' '"rounds":2' \
        '"kv_bytes":51712' # 101 tokens, 2 heads, 2 planes, 32 dims, 2 bytes, 2 layers
    figures seconds kv_gigabytes_per_second gigaflops_per_second memory_read_gigabytes_per_second \
        ratio_to_memory_read

    measure attention $small --context 100 --window 11 --value-dim 16 --kv-dtype int8 --new 3 \
        --soft-cap 20 --sequences 2 --layout layer-first
    settings '"layout":"layer-first"' '"kv_dtype":"int8"' '"window_tokens":11' '"value_dim":16' \
        '"sequences":2' '"context_tokens":200' '"new_tokens":6' \
        '"kv_bytes":5824' # 2 · (11 + 2) tokens, 2 heads, 32 + 16 + 2 · 4 bytes, 2 layers

    printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6,%s\n2023-11-16 18:15:47,%s\n2023-11-16 18:15:48,%s\n' \
        40,11 7,4 9,9 >"$scratch/trace.csv"
    measure attention $small --lengths-from "$scratch/trace.csv" --sequences 2
    settings '"sequences":2' '"context_tokens":60'
    measure attention $small --lengths-from "$scratch/trace.csv"
    settings '"sequences":3' '"context_tokens":77'

    measure append $small --new 64
    settings '"case":"append"' '"new_tokens":64' '"written_bytes":32768'
    figures seconds written_gigabytes_per_second copy_gigabytes_per_second ratio_to_copy

    measure ledger --sequences 8
    settings '"case":"ledger"' '"sequences":8'
    figures nanoseconds_per_page microseconds_per_decode_step

    expect 0 'ratio_to_memory_read ' attention $small --context 64 --rounds 1
    expect 5 "/nowhere: cannot be opened" attention --lengths-from /nowhere
}
expect 0 "kvspan bench attention --threads 1" --help
expect 2 "the case is missing"
expect 2 "not one of: attention, append, ledger" walk
expect 2 "--rounds is 0, not in [1, 1000]" ledger --rounds 0
expect 2 "has one thread" attention --device reference --threads 2
expect 2 "page" attention --context 16000000 --kv-heads 32 --layers 4000
printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n' >"$scratch/empty.csv"
expect 5 "no request in it" attention --lengths-from "$scratch/empty.csv"
if [ -e /dev/full ]; then
    "$kvspan" bench ledger --rounds 1 >/dev/full 2>/dev/null
    [ $? -eq 5 ] || complain "a full disk is not exit code 5"
fi

# Of a job's processes only the first measures.
OMPI_COMM_WORLD_RANK=1
export OMPI_COMM_WORLD_RANK
[ -z "$("$kvspan" bench ledger --rounds 1 2>&1)" ] || complain "rank 1 says something"

[ "$failures" -eq 0 ]
