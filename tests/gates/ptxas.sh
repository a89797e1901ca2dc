#!/bin/bash
# Compares what gates reads in machine code with what ptxas -v told when it made it: registers,
# stack, static shared memory; bytes of spills are among those stored to local memory.
#
# usage: ptxas.sh GATES OBJECT PTXAS-TEXT [OBJECT PTXAS-TEXT]...
set -u
gates=$1
shift
objects=()
texts=()
while [ $# -ge 2 ]; do
    objects+=("$1")
    texts+=("$2")
    shift 2
done

rows=$("$gates" "${objects[@]}") || exit 1
cat "${texts[@]}" | awk -v rows="$rows" '
    BEGIN {
        line_count = split(rows, lines, "\n")
        for (line = 1; line <= line_count; line++) {
            column_count = split(lines[line], column, " ")
            if (column[1] ~ /^sm_/) {
                key = column[column_count] " " column[1]
                row[key] = column[2] " " column[3] " " column[6]
                stored[key] = column[4]
            }
        }
        key = ""
    }
    /Compiling entry function/ { split($0, part, "\047"); key = part[2] " " part[4] }
    /bytes stack frame/ && key != "" { stack = $1; spilled = $5 }
    /: Used / {
        match($0, /Used [0-9]+ registers/)
        split(substr($0, RSTART, RLENGTH), word, " ")
        shared = match($0, /[0-9]+ bytes smem/) ? substr($0, RSTART, RLENGTH) + 0 : 0
        told = word[2] " " stack " " shared
        if (told != row[key]) {
            print "FAILED: " key ": ptxas tells " told ", gates read \"" row[key] "\""
            failures++
        } else if (spilled > stored[key]) {
            print "FAILED: " key ": " spilled " bytes of spills, " stored[key] " stored"
            failures++
        }
        compared++
    }
    END {
        print compared + 0 " kernels compared with what ptxas told"
        exit failures > 0 || compared == 0
    }'
