# Prints the lines of a KVSPAN_STANDIN_COUNTS file as a table, kernels summed over processes.
#
# usage: awk -f counts.awk FILE...
#
# s/req: sectors of 32 bytes per request; over: those over the fewest that could hold the bytes that
# a request asks for; conflict: wavefronts of shared memory over those without bank conflicts.
function ratio(part, whole) {
    return whole > 0 ? sprintf("%.2f", part / whole) : "-"
}

NF != 21 {
    printf "%s:%d: not 21 fields\n", FILENAME, FNR > "/dev/stderr"
    exit_status = 1
    next
}

{
    if (!($1 in launches)) {
        order[++kernel_count] = $1
    }
    launches[$1] += $2
    for (i = 3; i <= NF; i++) {
        sums[$1, i] += $i
    }
}

END {
    printf "%9s %14s %9s %6s %14s %9s %6s %14s %9s %11s %10s  %s\n", "launches", "warp_instr",
        "ld_s/req", "over", "ld_bytes", "st_s/req", "over", "st_bytes", "conflict", "mma",
        "barriers", "kernel"
    for (k = 1; k <= kernel_count; k++) {
        name = order[k]
        printf "%9d %14d %9s %6s %14d %9s %6s %14d %9s %11d %10d  %s\n", launches[name],
            sums[name, 3], ratio(sums[name, 6], sums[name, 5]),
            ratio(sums[name, 6], sums[name, 7]), sums[name, 8],
            ratio(sums[name, 14], sums[name, 13]), ratio(sums[name, 14], sums[name, 15]),
            sums[name, 16], ratio(sums[name, 18] + sums[name, 19], sums[name, 18]),
            sums[name, 20], sums[name, 21], name
    }
    exit exit_status
}
