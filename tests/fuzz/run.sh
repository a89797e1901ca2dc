#!/bin/bash
# Fuzzes every target for some seconds, two at a time, beginning at the inputs kept in corpus/.
#
# usage: run.sh PROGRAMS SECONDS    (the folder with fuzz_NAME programs)
set -u
programs=$1 seconds=$2
corpus=$(cd "$(dirname "$0")" && pwd)/corpus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fuzz_one NAME: new inputs are not kept; one that breaks something is shown.
fuzz_one() {
    mkdir "$work/$1"
    if ! "$programs/fuzz_$1" -max_total_time="$seconds" -max_len=700 -timeout=10 \
        -artifact_prefix="$work/$1-" "$work/$1" "$corpus/$1" >"$work/$1.log" 2>&1; then
        echo "FAILED: fuzz_$1"
        tail -40 "$work/$1.log"
        for input in "$work/$1"-*; do
            [ -f "$input" ] && echo "$(basename "$input"), base64:" && base64 "$input"
        done
        touch "$work/failed"
    else
        grep DONE "$work/$1.log" | sed "s/^/fuzz_$1 /"
    fi
}

count=0
for program in "$programs"/fuzz_*; do
    if [ ! -f "$program" ] || [ ! -x "$program" ]; then continue; fi
    fuzz_one "$(basename "$program" | sed 's/^fuzz_//')" &
    count=$((count + 1))
    [ $((count % 2)) -ne 0 ] || wait
done
wait
[ "$count" -gt 0 ] && [ ! -e "$work/failed" ]
