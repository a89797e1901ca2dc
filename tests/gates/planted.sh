#!/bin/bash
# Proves that the gate closes: kernels made to break each limit are refused by name, architecture,
# figure and limit, and one that keeps them passes.
#
# usage: planted.sh GATES OBJECT    (the object of planted_kernels.cu)
set -u
gates=$1
object=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# refused KERNEL LIMIT FIGURE: on every architecture, for this figure.
refused() {
    local arch
    printf '* * stack=any\nplanted_* * threads=128\n%s * %s\n' "$1" "$2" >"$work/limits"
    "$gates" --limits "$work/limits" "$object" >"$work/table" 2>"$work/refusals"
    local exit_code=$?
    for arch in sm_80 sm_90 sm_100; do
        if [ $exit_code -ne 1 ] || ! grep -q "^$1 $arch: $3 " "$work/refusals"; then
            echo "FAILED: $1 $arch with $2: exit code $exit_code, no word of $3"
            failures=$((failures + 1))
        fi
    done
    if grep -v "^$1 " "$work/refusals"; then
        echo "FAILED: $1 with $2: others are refused"
        failures=$((failures + 1))
    fi
}

refused planted_spill stack=0 stack
refused planted_spill local_stores=0 local_stores
refused planted_spill local_in_loops=0 local_in_loops
refused planted_spill registers=31 registers
refused planted_local_array stack=127 stack
refused planted_local_array local_in_loops=0 local_in_loops
refused planted_narrow_loads narrow_loads=2 narrow_loads
refused planted_narrow_loads instructions_512=32 instructions_512
refused planted_narrow_loads copies=1 copies
refused planted_copies narrow_copies=0 narrow_copies
refused planted_call calls_in_loops=0 calls_in_loops
refused planted_ring mma_ratio=0.4 mma_ratio
refused planted_ring path_512=7 path_512
refused planted_ring mma=17 mma
refused planted_ring dynamic=65536\ flight=200000 flight
refused planted_shared blocks=17 blocks

cat >"$work/limits" <<'LIMITS'
* * stack=0 local_stores=0 local_in_loops=0 calls_in_loops=0 indirect_branches=0 narrow_copies=0
planted_* * stack=any local_stores=any local_in_loops=any calls_in_loops=any narrow_copies=any
planted_ring * stack=0 local_stores=0 local_in_loops=0 calls_in_loops=0 narrow_copies=0 narrow_loads=0
planted_ring * dynamic=65536 flight=98304 copies=8 mma=16 inner_loops=0 path_512=11 path_mma_ratio=0.70
planted_ring sm_[91]* path_512=8 path_mma_ratio=0.5 flight=147456
LIMITS
if ! "$gates" --limits "$work/limits" "$object" >"$work/table"; then
    echo "FAILED: what keeps its limits is refused"
    failures=$((failures + 1))
fi
[ $failures -eq 0 ] && echo "every limit that was broken was told, and none that was kept"
