#!/bin/bash
# Compares what gates reads in machine code with what ptxas -v told when it made it: registers,
# stack, static shared memory; bytes of spills are among those stored to local memory.
#
# usage: ptxas.sh GATES OBJECT PTXAS-TEXT [OBJECT PTXAS-TEXT]...
set -u
gates=$1
shift
failures=0
compared=0

while [ $# -ge 2 ]; do
    rows=$("$gates" "$1") || exit 1
    report=$(awk '
        NR == FNR {
            if ($1 ~ /^sm_/) {
                row[$NF " " $1] = $2 " " $3 " " $6
                stored[$NF " " $1] = $4
            }
            next
        }
        /Compiling entry function/ { split($0, part, "\047"); key = part[2] " " part[4] }
        /bytes stack frame/ && key != "" { stack = $1; spilled = $5 }
        /: Used / {
            match($0, /Used [0-9]+ registers/)
            split(substr($0, RSTART, RLENGTH), word, " ")
            shared = 0
            if (match($0, /[0-9]+ bytes smem/)) {
                shared = substr($0, RSTART, RLENGTH) + 0
            }
            told = word[2] " " stack " " shared
            if (told != row[key]) {
                print "FAILED: " key ": ptxas tells " told ", gates read " row[key]
            } else if (spilled > stored[key]) {
                print "FAILED: " key ": " spilled " bytes of spills, " stored[key] " stored"
            } else {
                print "same"
            }
            key = ""
        }' <(echo "$rows") "$2")
    grep FAILED <<<"$report" && failures=$((failures + 1))
    compared=$((compared + $(grep -c '^same' <<<"$report")))
    shift 2
done
echo "$compared kernels are as ptxas tells"
[ "$failures" -eq 0 ] && [ "$compared" -gt 0 ]
