#!/bin/bash
# Kills one of four ranks at a random moment: the other three must end within the deadline and two
# seconds, each naming that rank. Open MPI kills the survivors too unless it is told not to, and
# then its exit code is always 0: what each rank wrote is all there is to judge by.
#
# usage: killed_rank.sh MPIEXEC KVSPAN TRIALS cpu|cuda [MPI-FLAG...]
source "$(dirname "$0")/trials.sh"

victim_of() { victim=$(($1 % 4)); }

one_trial() {
    local victim=$1 delay_ms=$2
    shift 2
    strike KILL "$victim" "$delay_ms" --enable-recovery "$@" && all_name "$victim"
}

run_trials killed
