#!/bin/bash
# Stops one of four ranks at a random moment: the other three must end within the deadline and two
# seconds, each naming that rank and the same epoch, with an exit code that is not 0.
#
# usage: stopped_rank.sh MPIEXEC KVSPAN TRIALS [MPI-FLAG...]
set -u
mpiexec=$1 kvspan=$2 trials=$3
shift 3
deadline_ms=1500
seed=${KVSPAN_TEST_SEED:-20261124}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "seed $seed"
RANDOM=$seed
source "$(dirname "$0")/processes.sh"

# one_trial VICTIM DELAY_MS ARGUMENT...: prints why it fails.
one_trial() {
    local victim=$1 delay_ms=$2 code=0 others pid named
    shift 2
    KVSPAN_TEST_JOB=$work timeout -k 5 60 "$mpiexec" -n 4 "${flags[@]}" -x KVSPAN_TEST_JOB "$kvspan" \
        run --requests 1000000 --deadline-ms "$deadline_ms" "$@" >"$work/out" 2>"$work/err" &
    local job=$!
    sleep "$((delay_ms / 1000)).$(printf %03d $((delay_ms % 1000)))"
    pid=$(pid_of "$victim")
    others=$(pids_of_others "$victim")
    if [ -z "$pid" ] || ! kill -STOP "$pid"; then
        echo "rank $victim does not run:"
        cat "$work/err"
        return 1
    fi
    # shellcheck disable=SC2086 # one word per process
    wait_for_end $((deadline_ms + 2000)) "the stop" $others || {
        cat "$work/err"
        kill -KILL "$job"
        return 1
    }
    wait "$job" || code=$?
    [ "$code" -ne 0 ] || { echo "exit code 0"; return 1; }
    for rank in 0 1 2 3; do
        [ "$rank" = "$victim" ] && continue
        grep -q "^kvspan: rank $rank: KVSPAN_ERR_LATE: rank $victim is late" "$work/err" ||
            { echo "rank $rank does not name rank $victim:"; cat "$work/err"; return 1; }
    done
    named=$(grep -o "is late.*epoch [0-9]*" "$work/err" | grep -o "epoch [0-9]*" | sort -u | wc -l)
    # Two at most: the last one heard of, and the one that waits.
    if [ "$named" -lt 1 ] || [ "$named" -gt 2 ]; then
        echo "epochs differ:"
        cat "$work/err"
        return 1
    fi
}

flags=("$@")
failures=0
for trial in $(seq 1 "$trials"); do
    victim=$((RANDOM % 4)) delay_ms=$((1200 + RANDOM % 800))
    case $((trial % 3)) in
    0) arguments=(--mesh tp:4) ;;
    1) arguments=(--no-attention --pages 5000 --slots 64) ;;
    2) arguments=(--mesh 'tp:2,sp:2') ;;
    esac
    if why=$(one_trial "$victim" "$delay_ms" "${arguments[@]}"); then
        echo "trial $trial: rank $victim stopped after $delay_ms ms (${arguments[*]}): named by all"
    else
        echo "trial $trial: rank $victim stopped after $delay_ms ms (${arguments[*]}): $why"
        failures=$((failures + 1))
    fi
done
echo "$((trials - failures)) of $trials"
[ "$failures" -eq 0 ]
