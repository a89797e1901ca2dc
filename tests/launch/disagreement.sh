#!/bin/bash
# Ranks that were given other settings: one line naming the rank and both numbers, and no hang.
#
# usage: disagreement.sh MPIEXEC KVSPAN [MPI-FLAG...]
set -u
mpiexec=$1 kvspan=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check WORDS OPTION VALUE OTHER-VALUE: rank 3 alone gets the other value.
check() {
    local words=$1 option=$2 value=$3 other=$4 code=0
    timeout -k 5 30 "$mpiexec" "${flags[@]}" -n 3 "$kvspan" run --requests 4 "$option" "$value" : \
        -n 1 "$kvspan" run --requests 4 "$option" "$other" >"$work/out" 2>"$work/err" || code=$?
    grep "^kvspan:" "$work/err" >"$work/lines"
    cat "$work/lines"
    if [ "$code" -ne 2 ] || [ "$(wc -l <"$work/lines")" -ne 1 ]; then
        echo "FAILED: exit code $code, $(wc -l <"$work/lines") lines"
        cat "$work/err"
        exit 1
    fi
    for word in $words; do
        grep -q "$word" "$work/lines" || { echo "FAILED: \"$word\" is missing"; exit 1; }
    done
}

flags=("$@")
check "page_tokens 16 32 rank.3" --page-tokens 16 32
check "heads 4 2 rank.3" --kv-heads 4 2
check "mesh rank.3" --mesh tp:4 tp:2,sp:2
