#!/bin/bash
# Traces of the other formats through the main job: the same output digest on two meshes, whether
# requests wait for their recorded times or not, every verified row within its bound, and every
# request and token accounted for.
#
# usage: traces.sh MPIEXEC KVSPAN [MPI-FLAG...]; needs KVSPAN_TEST_DATA
set -u
[ -n "${KVSPAN_TEST_DATA:-}" ] || { echo "KVSPAN_TEST_DATA is not set"; exit 77; }
mpiexec=$1 kvspan=$2
shift 2
flags=("$@")
traces=$KVSPAN_TEST_DATA/traces
source "$(dirname "$0")/job.sh"

# check RANKS MESH ARGUMENT...: a run of `load`, of which `requests`, `prompts` and `outputs` are
# known. Sets steps; the first run of a load, with digest empty, sets digest.
check() {
    local ranks=$1 mesh=$2 once
    shift 2
    run "$ranks" "${load[@]}" --mesh "$mesh" --q-heads 4 --kv-heads 2 --head-dim 16 --verify 100 "$@"
    steps=$(value steps)
    once=$(($(value tokens_appended) - $(value tokens_recomputed)))
    echo "$mesh $*: exit $code, digest $(value output_digest), $steps steps," \
        "verified $(value verify_rows)"
    [ "$code" -eq 0 ] || fail "$mesh $*: exit code $code"
    [ "$(value requests_finished)" = "$requests" ] || fail "$(value requests_finished) finished"
    [ "$(value prompt_tokens)" = "$prompts" ] || fail "$(value prompt_tokens) prompt tokens"
    [ "$(value generated_tokens)" = "$outputs" ] || fail "$(value generated_tokens) generated"
    [ "$once" -eq $((prompts + outputs - requests)) ] || fail "$once tokens appended once"
    [ "$(value pages_in_use)" = 0 ] || fail "$(value pages_in_use) pages in use"
    [ "$(value verify_rows)" -ge 100 ] || fail "$(value verify_rows) rows verified"
    [ "$(value output_digest)" = "${digest:=$(value output_digest)}" ] || fail "not digest $digest"
}

# check_load: on two meshes, at once and by the clock.
check_load() {
    digest=
    check 1 tp:1
    at_once=$steps
    check 2 tp:2
    check 2 tp:2 --arrivals
    by_clock=$steps
    [ "$by_clock" -gt "$at_once" ] || fail "by the clock in $by_clock steps, at once in $at_once"
    check 2 dp:2 --arrivals
    # Slow steps bring more requests together, and fast ones fewer.
    check 1 tp:1 --arrivals --step-ms 2000
    [ "$steps" -lt "$by_clock" ] || fail "steps of 2000 ms: $steps, of 30 ms: $by_clock"
}

requests=40 prompts=1729 outputs=259
load=(--trace "$traces/azure2023_conv.csv" --requests 40 --scale 16)
check_load

requests=53 prompts=2549 outputs=64
load=(--trace "$traces/agentic/trace_0277.json" --scale 1000)
check_load

[ "$failures" -eq 0 ]
