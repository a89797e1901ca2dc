#!/bin/bash
# The control plane through a whole recorded trace on four ranks: every request and token is
# accounted for, with plenty of pages and with few.
#
# usage: full_trace.sh MPIEXEC KVSPAN [MPI-FLAG...]; needs KVSPAN_TEST_DATA
set -u
[ -n "${KVSPAN_TEST_DATA:-}" ] || { echo "KVSPAN_TEST_DATA is not set"; exit 77; }
mpiexec=$1 kvspan=$2
shift 2
flags=("$@")
report=$(mktemp)
trap 'rm -f "$report"' EXIT

value() { sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' "$report"; }

# check KEY COMPARISON NUMBER
check() {
    if ! test "$(value "$1")" "$2" "$3"; then
        echo "FAILED: $1 is $(value "$1"), not $2 $3"
        exit 1
    fi
}

for pages in 120000 12000; do
    timeout -k 5 400 "$mpiexec" -n 4 "${flags[@]}" "$kvspan" run \
        --trace "$KVSPAN_TEST_DATA/traces/mooncake_fast25_conversation.jsonl" --no-attention \
        --pages $pages --page-tokens 32 --slots 256 --token-budget 2048 --mesh tp:4 --json \
        >"$report" || { echo "FAILED: exit code $?"; exit 1; }
    cat "$report"
    check requests_finished -eq 12031
    check requests_refused -eq 0
    check prompt_tokens -eq 144793823
    check generated_tokens -eq 4122048
    check pages_in_use -eq 0
    check broadcast_bytes_p50 -le 700
    once=$(($(value tokens_appended) - $(value tokens_recomputed)))
    [ $once -eq 148903840 ] || { echo "FAILED: $once tokens appended once"; exit 1; }
    if [ $pages -eq 12000 ]; then
        check preemptions -gt 0
        check tokens_recomputed -le 30000000
    fi
done
