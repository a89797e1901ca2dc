#!/bin/bash
# The main job on a recorded trace: the same output digest on every mesh that does not split tokens,
# every verified row within its bound on all, and a single flipped bit found on each.
#
# usage: meshes.sh MPIEXEC KVSPAN [MPI-FLAG...]; needs KVSPAN_TEST_DATA
set -u
[ -n "${KVSPAN_TEST_DATA:-}" ] || { echo "KVSPAN_TEST_DATA is not set"; exit 77; }
mpiexec=$1 kvspan=$2
shift 2
flags=("$@")
trace=$KVSPAN_TEST_DATA/traces/mooncake_fast25_conversation.jsonl
source "$(dirname "$0")/job.sh"

# check RANKS MESH EXPECTED-DIGEST ARGUMENT...: sets digest. An empty expectation takes any.
check() {
    local ranks=$1 mesh=$2 expected=$3
    shift 3
    run "$ranks" "${load[@]}" --verify 200 --mesh "$mesh" "$@"
    digest=$(value output_digest)
    echo "$mesh on $ranks: exit $code, digest $digest, verified $(value verify_rows)," \
        "worst $(value verify_max_error) of $(value verify_bound)"
    [ "$code" -eq 0 ] || fail "$mesh: exit code $code"
    [ "$(value requests_refused)" = 0 ] || fail "$mesh: $(value requests_refused) refused"
    [ "$(value requests_finished)" = "$requests" ] || fail "$mesh: $(value requests_finished) finished"
    [ "$(value verify_rows)" -ge 200 ] || fail "$mesh: $(value verify_rows) rows verified"
    [ -z "$expected" ] || [ "$digest" = "$expected" ] || fail "$mesh: digest is not $expected"

    run "$ranks" "${load[@]}" --verify 200 --mesh "$mesh" --test-flip-bit $((ranks - 1)) "$@"
    [ "$code" -eq 1 ] || fail "$mesh: exit code $code with a flipped bit"
    [ "$(value output_digest)" != "$digest" ] || fail "$mesh: a flipped bit keeps the digest"
    grep -q "beyond their bound" "$work/complaints" || fail "$mesh: a flipped bit passes --verify"
}

requests=64
load=(--trace "$trace" --requests 64 --scale 64 --layers 2 --head-dim 64 --page-tokens 16
    --pages 4096)
wide=(--q-heads 16 --kv-heads 4)
check 1 tp:1 "" "${wide[@]}"
lone=$digest
check 2 tp:2 "$lone" "${wide[@]}"
check 4 tp:4 "$lone" "${wide[@]}"
check 4 dp:2,tp:2 "$lone" "${wide[@]}"
for threads in 1 2 4; do
    check 1 tp:1 "$lone" "${wide[@]}" --threads $threads
done
check 2 tp:2 "$lone" "${wide[@]}" --threads 2
check 4 tp:2,sp:2 "" "${wide[@]}"
check 4 sp:4 "" "${wide[@]}"
narrow=(--q-heads 8 --kv-heads 2 --heads-policy replicate)
check 1 tp:1 "" "${narrow[@]}"
check 4 tp:4 "$digest" "${narrow[@]}"

# Results that stay where they are computed are the same results.
check 4 tp:4 "$lone" "${wide[@]}" --gather none

# Few pages: what is preempted and computed again has the same bytes, in the same digest.
requests=60
load=(--workload short --requests 60 --layers 2 --head-dim 16 --page-tokens 1)
check 2 tp:2 "" --pages 8192
plenty=$digest
check 2 tp:2 "$plenty" --pages 600
[ "$(value preemptions)" -gt 0 ] || fail "600 pages: no preemption"
check 4 tp:2,sp:2 "" --pages 300
[ "$(value preemptions)" -gt 0 ] || fail "300 pages on two token members: no preemption"

[ "$failures" -eq 0 ]
