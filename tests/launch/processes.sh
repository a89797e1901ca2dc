# shellcheck shell=bash
# Sourced by the scripts that do something to a rank of their job. The job's processes have
# KVSPAN_TEST_JOB=$work in their environment.

# rank_pids: "rank pid" of each rank of the job.
rank_pids() {
    local environ rank
    for environ in /proc/[0-9]*/environ; do
        rank=$(tr '\0' '\n' 2>/dev/null <"$environ" |
            awk -F= -v job="$work" '$1 == "KVSPAN_TEST_JOB" && $2 == job { mine = 1 }
                $1 == "OMPI_COMM_WORLD_RANK" { rank = $2 } END { if (mine) print rank }')
        [ -n "$rank" ] && echo "$rank $(basename "$(dirname "$environ")")"
    done
}

# pid_of RANK
pid_of() { rank_pids | awk -v rank="$1" '$1 == rank { print $2 }'; }

# pids_of_others RANK
pids_of_others() { rank_pids | awk -v rank="$1" '$1 != rank { print $2 }'; }

now_ms() { date +%s%3N; }

# is_running PID: it exists and is not a zombie that the launcher has not looked at yet.
is_running() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) && [[ ${stat##*) } != Z* ]]
}

# wait_for_end MOST_MS WHAT PID...: until all have ended; says so if one has not, MOST_MS after
# WHAT.
wait_for_end() {
    local most_ms=$1 what=$2 start pid
    shift 2
    start=$(now_ms)
    [ $# -gt 0 ] || return 0
    while for pid in "$@"; do is_running "$pid" && break; done; do
        [ $(($(now_ms) - start)) -gt "$most_ms" ] && {
            echo "rank of process $pid has not ended $most_ms ms after $what"
            return 1
        }
        sleep 0.02
    done
}
