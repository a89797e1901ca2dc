#!/bin/sh
# `kvspan bench` on device cuda: what is counted, and the shape of what it writes. No figure is
# judged: on stand-ins none means anything.
#
# usage: bench_cuda.sh KVSPAN; exits with 77 where there is no GPU
set -u
kvspan=$1
unset OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK SLURM_PROCID
. "$(dirname "$0")/bench_checks.sh"

small="--device cuda --q-heads 8 --kv-heads 2 --head-dim 64 --layers 2"
# shellcheck disable=SC2086 # several words
case $("$kvspan" bench append $small --new 1 --rounds 1 2>&1) in
*KVSPAN_ERR_UNSUPPORTED*) exit 77 ;;
esac

# shellcheck disable=SC2086
{
    measure attention $small --context 100
    settings '"case":"attention"' '"device":"cuda"' '"device_index":0' '"clock":"wall"' \
        '"layers":2' '"rounds":2' \
        '"kv_bytes":103424' # 101 tokens, 2 heads, 2 planes, 64 dims, 2 bytes, 2 layers
    case $json in
    *'"isa":"sm_'*'"device_model":"'[!\"]*) ;;
    *) complain "neither architecture nor model in $json" ;;
    esac
    figures seconds kv_gigabytes_per_second gigaflops_per_second device_copy_gigabytes_per_second \
        ratio_to_device_copy matrix_product_gigaflops_per_second ratio_to_matrix_product
    # Both are of the same seconds. 4 · 64 · 101 operations of each of 8 heads over 2 layers' bytes:
    # 2 · 8 / 2 / 2 = 4 to a byte, in the median of two rounds as in each.
    ratio=$(printf '%s\n' "$json" | sed 's/.*"kv_gigabytes_per_second":{"median":\([^,]*\),.*"gigaflops_per_second":{"median":\([^,]*\),"min.*/\1 \2/' |
        awk '{ printf "%.3f", $2 / $1 }')
    [ "$ratio" = 4.000 ] || complain "$ratio operations to a byte in $json"

    measure attention $small --context 40 --new 24 --kv-dtype int8
    settings '"kv_dtype":"int8"' '"new_tokens":24' '"kv_bytes":34816' # 64 · 2 · (2 · 64 + 8) · 2
    figures gigaflops_per_second ratio_to_matrix_product

    measure append $small --new 64
    settings '"case":"append"' '"device":"cuda"' '"new_tokens":64' '"written_bytes":65536'
    figures seconds written_gigabytes_per_second device_copy_gigabytes_per_second \
        ratio_to_device_copy
    expect 0 'ratio_to_matrix_product ' attention $small --context 64 --rounds 1
    expect 2 "has one thread" attention --device cuda --threads 2
}
[ "$failures" -eq 0 ]
