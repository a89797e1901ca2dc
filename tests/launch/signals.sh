#!/bin/bash
# A signal to the job, or to any one rank, ends a run at the next step boundary with a summary.
#
# usage: signals.sh MPIEXEC KVSPAN [MPI-FLAG...]
set -u
mpiexec=$1 kvspan=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

source "$(dirname "$0")/processes.sh"

# check SIGNAL TARGET: a rank, or "job".
check() {
    local signal=$1 target=$2 pid
    KVSPAN_TEST_JOB=$work timeout -k 5 40 "$mpiexec" -n 4 "${flags[@]}" -x KVSPAN_TEST_JOB \
        "$kvspan" run --requests 1000000 --no-attention --pages 5000 --json >"$work/report" \
        2>"$work/complaints" &
    local job=$!
    sleep 2
    pid=$(pgrep -P "$job" -x mpirun || pgrep -P "$job")
    [ "$target" = job ] || pid=$(pid_of "$target")
    kill "-$signal" "$pid"
    wait "$job"
    if ! grep -q '"requests_finished":[0-9]*,.*"version"' "$work/report"; then
        echo "FAILED: SIG$signal to $target leaves no summary"
        cat "$work/report" "$work/complaints"
        exit 1
    fi
    echo "SIG$signal to $target: $(grep -o '"requests_finished":[0-9]*' "$work/report")"
}

flags=("$@")
check USR1 job
check TERM job
check USR1 2
check INT 0
