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
# KVSPAN_MUTATION_KEEP=1  the copy stays, and what is known of its suites holds for the next run
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
part=${2:-0/1}
pattern=${3:-.}
copy=$build.mutants
jobs=$(nproc)
# The transports under it are other things' business, and what is measured nobody waits for.
files=$(cd "$root" && echo comm/*.c runtime/cache/*.c kernels/cuda/*.c |
    tr ' ' '\n' | grep -Ev '^comm/(local|mpi)[.]c$')
suites='^(comm|runtime|kernels[.](cuda_|device|checksum))'

mutants_of() {
    awk -f "$here/c_text.awk" -f "$here/host_mutants.awk" -v types="$copy/types" -v name="$1" \
        -v header="${2:-}" "$root/$1"
}

# A copy whose files of the host path come from its folder `source`, and whose tests take their
# limits from HOST_SECONDS and write records of their own.
make_copy() {
    rm -rf "$copy"
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
    find "$copy" -name CTestTestfile.cmake -exec sed -i -e "s#$build/#$copy/#g" \
        -e 's/ TIMEOUT "[0-9]*"/ TIMEOUT "$ENV{HOST_SECONDS}"/' \
        -e 's/^\(add_test([^ ]*\) "timeout" "-k" "5" "[0-9]*"/\1 "timeout" "-k" "5" "$ENV{HOST_SECONDS}"/' \
        -e 's#[.]record"#.record$ENV{HOST_SLOT}"#' {} +
    sed -i "s#^BuildDirectory: .*#BuildDirectory: $copy#" "$copy/DartConfiguration.tcl"
    nice ninja -C "$copy" -j "$jobs" >"$copy/log" || {
        tail -n 30 "$copy/log"
        exit 1
    }
}

# run_suite NAME SECONDS REACHED: whether it passes within that time.
run_suite() {
    # Dots of names are no wildcards.
    HOST_SECONDS=$2 HOST_SLOT=.$$ KVSPAN_HOST_REACHED=$3 \
        ctest --test-dir "$copy" -R "^$(echo "$1" | sed 's/[.]/[.]/g')\$" \
        --output-on-failure -O "$3.log" >/dev/null 2>&1
    status=$?
    rm -f "$copy"/tests/*/*.record.$$
    return "$status"
}

# reach SUITE: prints how long it takes if it comes to any of the mutants, and notes to which.
reach() {
    begin=$(date +%s)
    if ! run_suite "$1" 600 "$copy/reach/$1"; then
        echo "FAILED $1"
    elif [ -s "$copy/reach/$1" ]; then
        echo "$(($(date +%s) - begin)) $1"
        sort -u "$copy/reach/$1" -o "$copy/reach/$1"
    fi
}

# try MUTANT: prints its fate, and the suite that killed it. What takes too long is killed, too.
try() {
    export KVSPAN_HOST_REMOVE="$1"
    fate=unreached
    suite=
    for each in $(tr ' ' : <"$copy/suites"); do
        suite=${each#*:}
        grep -qxF "$1" "$copy/reach/$suite" || continue
        if run_suite "$suite" "$((30 + 4 * ${each%%:*}))" "$copy/run.$$"; then
            fate=survived
        elif [ -s "$copy/run.$$" ]; then
            fate=killed
        else
            fate=broken
            cat "$copy/run.$$.log" >&2
        fi
        rm -f "$copy/run.$$" "$copy/run.$$.log"
        [ "$fate" = survived ] || break
    done
    [ "$fate" = killed ] || suite=
    echo "$fate $1 $suite"
}

case $part in
--reach | --try)
    "${part#--}" "$pattern"
    exit
    ;;
esac

if [ "${KVSPAN_MUTATION_KEEP:-0}" != 1 ]; then
    trap 'rm -rf "$copy"' EXIT
    make_copy
elif [ ! -d "$copy/reach" ]; then
    make_copy
fi
if [ ! -f "$copy/suites" ]; then
    mkdir -p "$copy/reach"
    ctest --test-dir "$copy" -N -L '^(unit|ranks|mpi|standin)$' |
        sed -n 's/^ *Test *#[0-9]*: //p' | grep -E "$suites" >"$copy/names"
    xargs -P "$jobs" -n 1 "$0" "$build" --reach <"$copy/names" | sort -n >"$copy/reached"
    if grep FAILED "$copy/reached"; then
        exit 1 # without any mutant
    fi
    mv "$copy/reached" "$copy/suites"
fi

cut -d' ' -f1 "$copy/mutants" | grep -E "$pattern" | awk -v part="$part" \
    '{ split(part, of, "/") } (NR - 1) % of[2] == of[1]' >"$copy/chosen"
xargs -P "$jobs" -n 1 "$0" "$build" --try <"$copy/chosen" | tee "$copy/fates"
awk -f "$here/equivalents.awk" "$copy/mutants" "$copy/fates" "$here/host_equivalents.txt"
