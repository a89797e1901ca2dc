#!/bin/bash
# Proves that the gate of counts closes: kernels made to break each limit are refused by name, case,
# figure and limit, and what keeps them passes.
#
# usage: planted_counts.sh COUNT_KERNELS
set -u
count_kernels=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# hold LINE...: holds the planted kernels against these limits.
hold() {
    printf '%s\n' "$@" >"$work/limits"
    "$count_kernels" --planted --limits "$work/limits" >"$work/table" 2>"$work/refusals"
}

# refused KERNEL FIGURE COMPLAINT LINE...: this one alone is, for this figure alone.
refused() {
    local kernel=$1 figure=$2 complaint=$3
    shift 3
    hold "$@"
    [ $? -eq 1 ] || fail "$kernel with $*: not the exit code of a refusal"
    grep -q "^$kernel planted: $figure $complaint " "$work/refusals" ||
        fail "$kernel with $*: no word of $figure"
    if grep -v "^$kernel planted: $figure " "$work/refusals"; then
        fail "$kernel with $*: more is refused"
    fi
}

refused planted_twice kv_reads '2 is more than' 'planted_* * kv_reads=1.00'
refused planted_strided sectors '4 is more than' 'planted_* * sectors=1.00'
refused planted_strided all_sectors '4 is more than' 'planted_* * all_sectors=1.01'
refused planted_conflict conflicts '8 is more than' 'planted_* * conflicts=1.05'
refused planted_conflict all_conflicts '8 is more than' 'planted_* * all_conflicts=1.05'
refused planted_even kv_reads_least '1 is less than' 'planted_* * kv_reads_least=any' \
    'planted_even * kv_reads_least=1.01'
refused planted_strided loop_512 '1[0-9] is more than' 'planted_* * loop_512=16'
refused planted_strided loop_mma '2[.0-9]* is more than' 'planted_* * loop_mma=2'

hold 'planted_* planted kv_reads=1.00 sectors=1.00 all_sectors=1.01 conflicts=1.05 loop_512=16' \
    'planted_twice planted kv_reads=2.00' \
    'planted_strided planted sectors=4 all_sectors=4 loop_512=20' \
    'planted_conflict planted conflicts=any' || fail "what keeps its limits is refused"
cat "$work/table" "$work/refusals"

hold 'planted_even * kv_reads=1'
[ "$(grep -c ' planted: no line of limits names it' "$work/refusals")" -eq 3 ] ||
    fail "kernels without limits pass"
if hold 'planted_* * kv_reads=2 sectors=4' 'planted_gone * sectors=1' ||
    ! grep -q 'limits line 2: no kernel is planted_gone' "$work/refusals"; then
    fail "a limit of no kernel passes"
fi

[ $failures -eq 0 ] && echo "every limit that was broken was told, and none that was kept"
