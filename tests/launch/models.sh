#!/bin/bash
# The main job with layer groups that slide, float16, and each quantised plane: for each the same
# output digest on every mesh that does not split tokens, every verified row within its bound on
# those that do as well, and a single flipped bit found.
#
# usage: models.sh MPIEXEC KVSPAN [MPI-FLAG...]
set -u
mpiexec=$1 kvspan=$2
shift 2
flags=("$@")
source "$(dirname "$0")/job.sh"
load=(--workload short --requests 24 --layers 2 --q-heads 8 --kv-heads 4 --head-dim 16
    --page-tokens 4 --pages 2000 --verify 60)

# check RANKS MESH EXPECTED-DIGEST ARGUMENT...: sets digest. An empty expectation takes any.
check() {
    local ranks=$1 mesh=$2 expected=$3
    shift 3
    run "$ranks" "${load[@]}" --mesh "$mesh" "$@"
    digest=$(value output_digest)
    echo "$mesh $*: exit $code, digest $digest, verified $(value verify_rows)," \
        "worst $(value verify_max_error) of $(value verify_bound)"
    [ "$code" -eq 0 ] || fail "$mesh $*: exit code $code"
    [ "$(value requests_finished)" = 24 ] || fail "$mesh $*: $(value requests_finished) finished"
    [ "$(value verify_rows)" -ge 60 ] || fail "$mesh $*: $(value verify_rows) rows verified"
    [ "$(value pages_in_use)" = 0 ] || fail "$mesh $*: $(value pages_in_use) pages in use"
    [ -z "$expected" ] || [ "$digest" = "$expected" ] || fail "$mesh $*: digest is not $expected"
}

# check_flip RANKS MESH ARGUMENT...: after check() of the same.
check_flip() {
    local ranks=$1 mesh=$2
    shift 2
    run "$ranks" "${load[@]}" --mesh "$mesh" --test-flip-bit $((ranks - 1)) "$@"
    [ "$code" -eq 1 ] || fail "$mesh $*: exit code $code with a flipped bit"
    [ "$(value output_digest)" != "$digest" ] || fail "$mesh $*: a flipped bit keeps the digest"
    grep -q "beyond their bound" "$work/complaints" || fail "$mesh $*: a flipped bit is not seen"
}

# check_meshes ARGUMENT...: of a model.
check_meshes() {
    local lone
    check 1 tp:1 "" "$@"
    lone=$digest
    check 2 tp:2 "$lone" "$@"
    check 4 dp:2,tp:2 "$lone" "$@"
    check 4 tp:4 "$lone" "$@"
    check_flip 4 tp:4 "$@"
    check 4 tp:4 "" "$@" --kv-heads 2 --heads-policy split_sequence
    check_flip 4 tp:4 "$@" --kv-heads 2 --heads-policy split_sequence
    check 4 tp:2,sp:2 "" "$@"
    [ "$digest" != "$lone" ] || fail "tp:2,sp:2 $*: the tokens were not split"
    digest=$lone
}

groups=(--layers 6 --window 24 --full-every 3)
check_meshes "${groups[@]}"
# Few pages: what is preempted and computed again has the same bytes.
check 2 tp:2 "$digest" "${groups[@]}" --pages 240
[ "$(value preemptions)" -gt 0 ] || fail "240 pages: no preemption"

check_meshes --dtype float16
# In float32, where the bound is narrow: an element of a page that is off by one step exceeds it. With
# few dims chance decides how narrow it is.
check_meshes --head-dim 64 --dtype float32 --kv-dtype int8
check_meshes --head-dim 64 --dtype float32 --kv-dtype float8_e4m3
check_meshes --head-dim 64 --dtype float32 --kv-dtype float8_e5m2

# All at once, from a file; K and V differ.
cat >"$work/config.json" <<'EOF'
{"model_type": "gemma3_text", "num_hidden_layers": 7, "num_attention_heads": 16,
 "num_key_value_heads": 4, "head_dim": 32, "hidden_size": 64, "sliding_window": 20,
 "sliding_window_pattern": 6, "query_pre_attn_scalar": 64, "attn_logit_softcapping": 5.0,
 "max_position_embeddings": 1000, "torch_dtype": "float16"}
EOF
load=(--workload short --requests 24 --page-tokens 4 --pages 4000 --verify 60)
check_meshes --model "$work/config.json" --value-dim 24 --kv-dtype int8

[ "$failures" -eq 0 ]
