#!/bin/bash
# One of four ranks is killed or stopped inside a call of NCCL: while communicators are made, and in
# mid-step. The other three must end, each naming that rank (judged by what each wrote): within the
# deadline and two seconds in mid-step, where all of them wait; while communicators are made the
# deadline of each begins when it has come there itself.
#
# usage: struck_rank.sh MPIEXEC KVSPAN [MPI-FLAG...]; needs the stand-in of libnccl
set -u
mpiexec=$1 kvspan=$2
shift 2
flags=("$@")
deadline_ms=1500
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source "$(dirname "$0")/processes.sh"
failures=0
# Chosen by rank: only the victim's stand-in strikes.
cat >"$work/rank.sh" <<'END'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" = "$KVSPAN_TEST_VICTIM" ] || unset KVSPAN_NCCL_STRIKE
exec "$@"
END
chmod +x "$work/rank.sh"
small=(--device cuda --layers 1 --head-dim 64 --q-heads 8 --kv-heads 4 --page-tokens 16 --pages 200
    --slots 4 --requests 1000000)

# wait_for_strike: until the victim has said that it is struck.
wait_for_strike() {
    local start
    start=$(now_ms)
    until grep -q "strikes as asked" "$work/err"; do
        [ $(($(now_ms) - start)) -gt 60000 ] && { echo "nobody is struck"; return 1; }
        sleep 0.02
    done
}

# ends_well JOB: the others end in time, and name the victim.
ends_well() {
    local others rank
    wait_for_strike || return 1
    # shellcheck disable=SC2086 # one word per process
    others=$(pids_of_others "$KVSPAN_TEST_VICTIM")
    [ -z "$others" ] || wait_for_end "$most_ms" strike $others || return 1
    wait "$1"
    for rank in 0 1 2 3; do
        [ "$rank" = "$KVSPAN_TEST_VICTIM" ] && continue
        grep -q "^kvspan: rank $rank: KVSPAN_ERR_LATE: rank $KVSPAN_TEST_VICTIM is late" \
            "$work/err" || { echo "rank $rank does not name it"; return 1; }
    done
}

# strike VICTIM kill|stop:FUNCTION:N ARGUMENT...
strike() {
    local job why most_ms=$((deadline_ms + 2000))
    case $2 in *:ncclAllGather:* | *:ncclGroupEnd:*) ;; *) most_ms=15000 ;; esac
    export KVSPAN_TEST_VICTIM=$1 KVSPAN_NCCL_STRIKE=$2 KVSPAN_TEST_JOB=$work
    shift 2
    timeout -k 5 100 "$mpiexec" --enable-recovery -n 4 "${flags[@]}" -x KVSPAN_TEST_JOB \
        -x KVSPAN_TEST_VICTIM -x KVSPAN_NCCL_STRIKE "$work/rank.sh" "$kvspan" run \
        --deadline-ms "$deadline_ms" "${small[@]}" "$@" >"$work/out" 2>"$work/err" &
    job=$!
    if why=$(ends_well "$job"); then
        echo "rank $KVSPAN_TEST_VICTIM, $KVSPAN_NCCL_STRIKE: named by all"
    else
        echo "rank $KVSPAN_TEST_VICTIM, $KVSPAN_NCCL_STRIKE: $why"
        cat "$work/err"
        failures=$((failures + 1))
        kill -KILL "$job" 2>/dev/null
    fi
    kill -KILL $(rank_pids | awk '{ print $2 }') 2>/dev/null # the stopped one
}

strike 2 kill:ncclCommInitRankConfig:1 --mesh tp:4
strike 0 stop:ncclCommInitRankConfig:1 --mesh tp:4
strike 0 kill:ncclGetUniqueId:1 --mesh tp:4
strike 3 stop:ncclMemAlloc:1 --mesh tp:4
strike 1 kill:ncclCommWindowRegister:1 --mesh tp:4
strike 1 kill:ncclAllGather:9 --mesh tp:4
strike 0 stop:ncclAllGather:14 --mesh tp:4
strike 3 stop:ncclGroupEnd:7 --mesh tp:2,sp:2
[ "$failures" -eq 0 ]
