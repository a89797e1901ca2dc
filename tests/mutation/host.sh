#!/bin/sh
# Takes the calls that order, await, ask, tell or end something out of the host path, one at a time
# (host_mutants.awk says which), and runs the suites that come to that call until one fails. What no
# suite notices has to stand in host_equivalents.txt with the reason why nobody can.
#
# All mutants are in one build, a copy of BUILD beside it in which the files of the host path are
# compiled anew; KVSPAN_HOST_REMOVE chooses one when a test starts. Each suite is run once without
# any: it has to pass, and shows which calls it comes to and how long it takes.
#
# usage: tests/mutation/host.sh BUILD [I/N [PATTERN]]
#        BUILD    folder of a build of everything, with the stand-ins, by Ninja
#        I/N      of all mutants the I-th of each N (0/1, all)
#        PATTERN  of these the ones whose names match this extended regular expression
#
# KVSPAN_MUTATION_COPY  folder beside BUILD for the copy, which then stays, and with it what is
#                       known of its suites: to look at single mutants
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
part=${2:-0/1}
pattern=${3:-.}
copy=${KVSPAN_MUTATION_COPY:-$build.mutants}
jobs=$(nproc)
# The transports under it are other things' business, and what is measured nobody waits for.
files=$(cd "$root" && echo comm/*.c runtime/cache/*.c kernels/cuda/*.c |
    tr ' ' '\n' | grep -Ev '^comm/(local|mpi)[.]c$')
# But for those that take long, or mind how fast a machine is, and look for nothing that others do
# not.
suites='^(comm[.]|runtime[.](cache_|dense|worked)|kernels_cuda[.]|kernels[.]device)'
left_out='[.]gpu$|[.]cache_mesh$|mesh_cuda[.]np([138]|.[.]eager)|mesh_mpi[.]np[138]|^comm[.]mpi'

mutants_of() {
    awk -f "$here/c_text.awk" -f "$here/host_mutants.awk" -v types="$copy/types" -v name="$1" \
        -v header="${2:-}" "$root/$1"
}

# A copy whose files of the host path come from its folder `source`. Beside BUILD, as dependencies
# may be written relative to it; of a BUILD that is up to date, as its rules would make that anew.
make_copy() {
    compile "$build"
    cp -a "$build" "$copy"
    (cd "$root" && cat comm/*.[ch] runtime/cache/*.[ch] kernels/*.h kernels/cuda/*.[ch]) |
        awk -f "$here/host_types.awk" | sort -u >"$copy/types"
    for file in $files; do
        mutants_of "$file" >"$copy/mutants_of_file"
        [ -s "$copy/mutants_of_file" ] || continue
        cat "$copy/mutants_of_file" >>"$copy/mutants"
        mkdir -p "$copy/source/${file%/*}"
        mutants_of "$file" "$here/host_removal.h" >"$copy/source/$file"
        echo "/^build [^:]*: C_COMPILER__/s#$root/$file\\>#$copy/source/$file#"
    done >"$copy/edits"
    sed -i -f "$copy/edits" "$copy/build.ninja"
    compile "$copy"
}

# compile FOLDER
compile() {
    nice ninja -C "$1" -j "$jobs" >"$build/mutants.log" || {
        tail -n 30 "$build/mutants.log"
        exit 1
    }
}

# The suites, and how to start each of them on the copy.
find_suites() {
    mkdir -p "$copy/reach" "$copy/start"
    ctest --test-dir "$build" -N -L '^(unit|ranks|mpi|standin)$' |
        sed -n 's/^ *Test *#[0-9]*: //p' | grep -E "$suites" | grep -vE "$left_out" >"$copy/names"
    find "$copy" -name CTestTestfile.cmake -exec sed -i "s#$build/#$copy/#g" {} +
    find "$copy" -name CTestTestfile.cmake -exec \
        awk -v names="$copy/names" -v folder="$copy/start" -f "$here/test_commands.awk" {} +
}

# run_suite NAME SECONDS REACHED: whether it passes within that time; $status is 124 if it took
# longer. The first test that fails ends it: Check tells of each at once in its other log.
run_suite() {
    trace=$copy/run.$$
    TEST_SECONDS=$2 TEST_SLOT=.$$ KVSPAN_HOST_REACHED=$3 CK_TAP_LOG_FILE_NAME=$trace.tap \
        sh "$copy/start/$1" >"$trace.log" 2>&1 &
    suite_process=$!
    status=
    while kill -0 "$suite_process" 2>/dev/null; do
        if grep -q '^not ok' "$trace.tap" 2>/dev/null; then
            kill "$suite_process" 2>/dev/null || true
            status=1
            break
        fi
        sleep 0.2
    done
    ended=0
    { wait "$suite_process"; } 2>/dev/null || ended=$? # the shell would tell who was ended
    status=${status:-$ended}
    unwanted=$(sed -n 's/^# FAIL "\(.*\)"$/\1/p' "$copy/start/$1")
    if [ -n "$unwanted" ] && grep -Eq "$unwanted" "$trace.log"; then
        status=1
    fi
    rm -f "$trace.tap" "$copy"/tests/*/*.record.$$
    [ "$status" -eq 0 ] || [ "$status" -eq 77 ]
}

# reach SUITE: prints how long it takes if it comes to any of the mutants, and notes to which.
reach() {
    begin=$(date +%s)
    if ! run_suite "$1" 600 "$copy/reach/$1"; then
        cat "$copy/run.$$.log" >&2
        echo "FAILED $1"
    elif [ -s "$copy/reach/$1" ]; then
        echo "$(($(date +%s) - begin)) $1"
        sort -u "$copy/reach/$1" -o "$copy/reach/$1"
    fi
    rm -f "$copy/run.$$.log"
}

# is_noticed MUTANT SUITE SECONDS: whether the suite fails in that time.
is_noticed() {
    rm -f "$copy/run.$$.reached"
    if run_suite "$2" "$3" "$copy/run.$$.reached"; then
        return 1
    fi
    if [ ! -s "$copy/run.$$.reached" ]; then
        echo "$2 fails, but does not come to $1 this time:" >&2
        cat "$copy/run.$$.log" >&2
        return 1
    fi
}

# suites_of MUTANT: the suites that come to it, each with its seconds: those that have killed most
# mutants of its file, then by time.
suites_of() {
    awk -v mutant="$1" -v folder="$copy/reach/" '
        function comes_to(suite,    name, found) {
            while (!found && (getline name < (folder suite)) > 0) {
                found = name == mutant
            }
            close(folder suite)
            return found
        }
        BEGIN { file = substr(mutant, 1, index(mutant, ":")) }
        FILENAME ~ /kills$/ { kills[$2] += index($1, file) == 1; next }
        comes_to($2) { print kills[$2] + 0, $1, $2 }' "$copy/kills" "$copy/suites" |
        sort -k 1,1nr -k 2,2n | cut -d' ' -f2-
}

# try MUTANT: prints its fate, and the suite that killed it. What takes too long is killed, too.
try() {
    export KVSPAN_HOST_REMOVE="$1"
    fate="unreached $1"
    for each in $(suites_of "$1" | tr ' ' :); do
        suite=${each#*:}
        seconds=$((30 + 4 * ${each%%:*}))
        fate="survived $1"
        # Twice, unless it hangs: one failure may be an accident.
        if is_noticed "$1" "$suite" "$seconds" &&
            { [ "$status" = 124 ] || is_noticed "$1" "$suite" "$seconds"; }; then
            fate="killed $1 $suite"
            echo "$1 $suite" >>"$copy/kills"
            break
        fi
    done
    rm -f "$copy/run.$$.reached" "$copy/run.$$.log"
    echo "$fate"
}

case $part in
--reach | --try)
    "${part#--}" "$pattern"
    exit
    ;;
esac

[ -n "${KVSPAN_MUTATION_COPY:-}" ] || trap 'rm -rf "$copy"' EXIT
[ -f "$copy/mutants" ] || make_copy
if [ ! -f "$copy/suites" ]; then
    find_suites
    xargs -P "$jobs" -n 1 "$0" "$build" --reach <"$copy/names" >"$copy/reached"
    if grep FAILED "$copy/reached"; then
        exit 1 # without any mutant
    fi
    : >"$copy/kills"
    sort -n "$copy/reached" >"$copy/suites"
fi

cut -d' ' -f1 "$copy/mutants" | grep -E "$pattern" | awk -v part="$part" \
    '{ split(part, of, "/") } (NR - 1) % of[2] == of[1]' >"$copy/chosen"
xargs -P "$jobs" -n 1 "$0" "$build" --try <"$copy/chosen" | tee "$copy/fates"
awk -f "$here/equivalents.awk" "$copy/mutants" "$copy/fates" "$here/host_equivalents.txt"
