#!/bin/bash
# Proves that the fuzzer sees: takes one bound of a length out of a copy of the step decoder; the
# fuzzer, beginning at the inputs kept, has to find it within a minute. Nothing planted, nothing
# found.
#
# usage: planted.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build NAME [FILE SED-COMMAND]: the fuzzer of a copy of the sources, changed.
build() {
    local tree=$work/$1
    mkdir -p "$tree/tests" "$tree/found"
    cp -r include runtime "$tree"
    cp -r tests/fuzz "$tree/tests"
    if [ $# -gt 1 ]; then
        sed -i "$3" "$tree/$2"
        if cmp -s "$2" "$tree/$2"; then
            echo "FAILED: $1: $2 has no such bound any more"
            return 1
        fi
    fi
    (cd "$tree" && clang-14 -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address -Iinclude \
        -I. runtime/step/*.c tests/fuzz/fuzz_step_message.c -o fuzz)
}

# fuzz NAME SECONDS
fuzz() {
    "$work/$1/fuzz" -max_total_time="$2" -max_len=700 -artifact_prefix="$work/$1/" \
        "$work/$1/found" tests/fuzz/corpus/step_message >"$work/$1/log" 2>&1
}

# plant NAME FILE SED-COMMAND
plant() {
    local start=$SECONDS
    build "$@" || return 1
    if fuzz "$1" 60 || ! grep -q 'ERROR: AddressSanitizer: heap-buffer-overflow' "$work/$1/log"; then
        echo "FAILED: $1 in $2 was not found"
        tail -5 "$work/$1/log"
        return 1
    fi
    echo "$1 in $2: found after $((SECONDS - start)) s, building included"
}

failures=0
if ! build nothing || ! fuzz nothing 5; then
    echo "FAILED: nothing is planted and something found"
    failures=1
fi
plant unbounded_stretch runtime/step/reader.c 's/most < 2 ? 0 : most - 1/UINT32_MAX/' ||
    failures=$((failures + 1))
plant unbounded_row_count runtime/step/header.c 's/kvspan_step_max_rows(limits) }/UINT32_MAX }/' ||
    failures=$((failures + 1))
[ "$failures" -eq 0 ]
