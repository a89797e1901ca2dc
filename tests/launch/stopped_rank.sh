#!/bin/bash
# Stops one of four ranks at a random moment: the other three must end within the deadline and two
# seconds, each naming that rank and the same epoch, with an exit code that is not 0.
#
# usage: stopped_rank.sh MPIEXEC KVSPAN TRIALS cpu|cuda [MPI-FLAG...]
source "$(dirname "$0")/trials.sh"

victim_of() { victim=$((RANDOM % 4)); }

one_trial() {
    local victim=$1 delay_ms=$2 code named
    shift 2
    strike STOP "$victim" "$delay_ms" "" "$@" || return 1
    [ "$code" -ne 0 ] || { echo "exit code 0"; return 1; }
    all_name "$victim" || return 1
    named=$(grep -o "is late.*epoch [0-9]*" "$work/err" | grep -o "epoch [0-9]*" | sort -u | wc -l)
    # Two at most: the last one heard of, and the one that waits.
    if [ "$named" -lt 1 ] || [ "$named" -gt 2 ]; then
        echo "epochs differ:"
        cat "$work/err"
        return 1
    fi
}

run_trials stopped
