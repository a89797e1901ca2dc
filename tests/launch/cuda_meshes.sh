#!/bin/bash
# The main job on device cuda: rows verified on every mesh, the same output digest on those that do
# not split tokens, for streams that are eager, lazy and random, by NCCL and through the host.
#
# usage: cuda_meshes.sh MPIEXEC KVSPAN [MPI-FLAG...]; exits with 77 where there is no GPU
set -u
mpiexec=$1 kvspan=$2
shift 2
flags=("$@")
source "$(dirname "$0")/job.sh"

# check RANKS MESH EXPECTED-DIGEST ARGUMENT...: sets digest. An empty expectation takes any.
check() {
    local ranks=$1 mesh=$2 expected=$3
    shift 3
    run "$ranks" "${load[@]}" --mesh "$mesh" "$@"
    digest=$(value output_digest)
    echo "$mesh on $ranks, ${KVSPAN_STANDIN_STREAMS:-eager}: exit $code, digest $digest," \
        "verified $(value verify_rows), worst $(value verify_max_error) of $(value verify_bound)"
    [ "$code" -eq 0 ] || fail "$mesh: exit code $code: $(cat "$work/complaints")"
    [ "$(value requests_finished)" = 4 ] || fail "$mesh: $(value requests_finished) finished"
    [ "$(value verify_rows)" -ge 20 ] || fail "$mesh: $(value verify_rows) rows verified"
    [ -z "$expected" ] || [ "$digest" = "$expected" ] || fail "$mesh: digest is not $expected"
}

load=(--device cuda --workload short --requests 4 --layers 1 --head-dim 64 --page-tokens 16
    --pages 64 --verify 20)
wide=(--q-heads 16 --kv-heads 4)
narrow=(--q-heads 8 --kv-heads 2)

run 1 "${load[@]}" "${wide[@]}" --mesh tp:1
if grep -q KVSPAN_ERR_UNSUPPORTED "$work/complaints"; then
    cat "$work/complaints"
    exit 77
fi
export KVSPAN_STANDIN_STREAMS=eager
check 1 tp:1 "" "${wide[@]}" --compare reference
lone=$digest
for KVSPAN_STANDIN_STREAMS in lazy random:3; do
    check 2 tp:2 "$lone" "${wide[@]}"
    check 4 dp:2,tp:2 "$lone" "${wide[@]}" --exchange host
    check 4 tp:2,sp:2 "" "${wide[@]}"
done
check 2 tp:2 "$lone" "${wide[@]}" --exchange host
[ "$(grep -o '"index":[0-9]*,"isa":"sm_[0-9]*","model":"[^"]' "$work/report" | wc -l)" = 2 ] ||
    fail "the report names other GPUs than two: $(cat "$work/report")"
check 4 tp:4 "$lone" "${wide[@]}"
check 4 sp:4 "" "${wide[@]}"
check 1 tp:1 "" "${narrow[@]}"
check 8 tp:8 "$digest" "${narrow[@]}" --heads-policy replicate

# A byte damaged in the memory of one rank is seen.
run 2 "${load[@]}" "${wide[@]}" --mesh tp:2 --test-flip-bit 1
[ "$code" -eq 1 ] || fail "exit code $code with a flipped bit"
[ "$(value output_digest)" != "$lone" ] || fail "a flipped bit keeps the digest"
[ "$failures" -eq 0 ]
