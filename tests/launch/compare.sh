#!/bin/bash
# `kvspan run --compare`: every row once on every mesh, differences told where they are, and one that is
# made on purpose found.
#
# usage: compare.sh MPIEXEC KVSPAN [MPI-FLAG...]
set -u
mpiexec=$1 kvspan=$2
shift 2
flags=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run CODE RANKS OPTION...: the JSON in $work/out, what was said in $work/err.
run() {
    local code=0 expected=$1 ranks=$2
    shift 2
    timeout -k 5 60 "$mpiexec" "${flags[@]}" -n "$ranks" "$kvspan" run --requests 12 --pages 2048 \
        --threads 1 --token-budget 96 --compare reference --json "$@" >"$work/out" 2>"$work/err" || code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "FAILED: exit code $code, not $expected: $*"
        cat "$work/err"
        exit 1
    fi
}
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" "$work/out"; }

# Every row is compared by one rank: tokens × layers × query heads.
expect_rows() {
    local tokens
    tokens=$(($(field tokens_appended) - $(field tokens_recomputed)))
    if [ "$(field compare_rows)" -ne $((tokens * $1)) ]; then
        echo "FAILED: $(field compare_rows) rows compared of $tokens tokens × $1"
        exit 1
    fi
    echo "$(field compare_rows) rows, largest difference $(field compare_max_difference)"
}

run 0 1
expect_rows 32
run 0 4 --mesh tp:2,sp:2
expect_rows 32
run 0 4 --mesh dp:2,tp:2 --dtype float32
expect_rows 32
run 0 4 --kv-heads 2 --q-heads 8 --heads-policy split_sequence --kv-dtype int8 --window 40 --full-every 2
expect_rows 16
run 0 2 --requests 40 --slots 8 --pages 10 # sequences come again after preemptions
[ "$(field preemptions)" -gt 0 ] || { echo "FAILED: nothing was preempted"; exit 1; }

run 1 2 --verify 20 --test-flip-bit 1
grep -q "rows that differ from those compared with: [1-9]" "$work/err" ||
    { echo "FAILED: a damaged bit makes no difference"; cat "$work/err"; exit 1; }
grep -q '"compare_worst":"request [0-9]* position [0-9]* layer [01] head [0-9]* dim ' "$work/out" ||
    { echo "FAILED: no place in"; cat "$work/out"; exit 1; }
