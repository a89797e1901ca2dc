# shellcheck shell=bash
# Sourced by the scripts that strike one of four ranks at a random moment, trial after trial. Called
# with MPIEXEC KVSPAN TRIALS DEVICE [MPI-FLAG...], DEVICE cpu or cuda; they define victim_of TRIAL and one_trial VICTIM
# DELAY_MS ARGUMENT..., which prints why it fails.
set -u
mpiexec=$1 kvspan=$2 trials=$3 device=$4
shift 4
flags=("$@")
deadline_ms=1500
seed=${KVSPAN_TEST_SEED:-20261124}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "seed $seed"
RANDOM=$seed
source "$(dirname "$0")/processes.sh"

# strike SIGNAL VICTIM DELAY_MS MPI-FLAGS ARGUMENT...: starts a job, sends the victim a signal after
# the delay, and sees that the others end in time. Leaves the job's exit code in code.
strike() {
    local signal=$1 victim=$2 delay_ms=$3 more_flags=$4 job others pid
    shift 4
    # shellcheck disable=SC2086 # one word per flag
    KVSPAN_TEST_JOB=$work timeout -k 5 60 "$mpiexec" $more_flags -n 4 "${flags[@]}" -x KVSPAN_TEST_JOB \
        "$kvspan" run --requests 1000000 --deadline-ms "$deadline_ms" "$@" >"$work/out" 2>"$work/err" &
    job=$!
    sleep "$((delay_ms / 1000)).$(printf %03d $((delay_ms % 1000)))"
    pid=$(pid_of "$victim")
    others=$(pids_of_others "$victim")
    if [ -z "$pid" ] || ! kill -"$signal" "$pid"; then
        echo "rank $victim does not run:"
        cat "$work/err"
        return 1
    fi
    # shellcheck disable=SC2086 # one word per process
    wait_for_end $((deadline_ms + 2000)) "$signal" $others || {
        cat "$work/err"
        kill -KILL "$job"
        return 1
    }
    code=0
    wait "$job" || code=$?
}

# all_name VICTIM: every other rank has named it.
all_name() {
    local victim=$1 rank
    for rank in 0 1 2 3; do
        [ "$rank" = "$victim" ] && continue
        grep -q "^kvspan: rank $rank: KVSPAN_ERR_LATE: rank $victim is late" "$work/err" ||
            { echo "rank $rank does not name rank $victim:"; cat "$work/err"; return 1; }
    done
}

small=(--layers 1 --head-dim 64 --q-heads 8 --kv-heads 4 --page-tokens 16 --pages 200 --slots 4)

# choose_arguments TRIAL: sets arguments.
choose_arguments() {
    case $device$(($1 % 3)) in
    cpu0) arguments=(--mesh tp:4) ;;
    cpu1) arguments=(--no-attention --pages 5000 --slots 64) ;;
    cpu2) arguments=(--mesh 'tp:2,sp:2') ;;
    cuda0) arguments=(--device cuda "${small[@]}" --mesh tp:4) ;;
    cuda1) arguments=(--device cuda "${small[@]}" --mesh tp:4 --exchange host) ;;
    cuda2) arguments=(--device cuda "${small[@]}" --mesh 'tp:2,sp:2') ;;
    esac
}

# run_trials WHAT: true if all are good.
run_trials() {
    local what=$1 failures=0 trial victim delay_ms arguments why
    for trial in $(seq 1 "$trials"); do
        victim_of "$trial"
        delay_ms=$((1200 + RANDOM % 800))
        arguments=()
        choose_arguments "$trial"
        if why=$(one_trial "$victim" "$delay_ms" "${arguments[@]}"); then
            why="named by all"
        else
            failures=$((failures + 1))
        fi
        echo "trial $trial: rank $victim $what after $delay_ms ms (${arguments[*]}): $why"
    done
    echo "$((trials - failures)) of $trials"
    [ "$failures" -eq 0 ]
}
