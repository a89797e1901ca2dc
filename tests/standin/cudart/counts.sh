#!/bin/sh
# Checks what is counted of kernels, and that it becomes a table.
#
# usage: counts.sh PROGRAM, which is the suite of launches
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for _ in 1 2; do # appended to, and summed
    CK_VERBOSITY=silent CK_RUN_CASE=launch KVSPAN_STANDIN_COUNTS=$scratch/counts "$1" 2>/dev/null
done
awk -f "$here/counts.awk" "$scratch/counts" >"$scratch/table"
cat "$scratch/table"

# Each thread of the reversal reads and writes 4 bytes: a block of 100 threads, of which the last
# warp has 4, touches 13 sectors of 32 bytes in 4 requests.
awk '
    $NF ~ /reverse/ {
        found++
        if ($1 % 2 != 0 || $5 != $1 * 400 || $8 != $1 * 400 || $3 != "3.25" || $4 != "1.00" ||
            $6 != "3.25" || $7 != "1.00" || $9 != "1.00") {
            print "counts: wrong: " $0
            wrong = 1
        }
    }
    END { exit wrong || found != 1 }
' "$scratch/table" || { echo "counts: the reversal is not counted right" >&2; exit 1; }
