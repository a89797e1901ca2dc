#!/bin/sh
# Installs what is needed, builds, and runs every test and check; docs/testing.md tells them all.
# The last line says how many passed, failed and were skipped; the exit code is 0 if none failed.
#
# usage: tests/run.sh [format] [release] [asan] [tsan] [fuzz] [tidy] [cppcheck] [doxygen]
#        nothing named: all of them; mutation_ptx, mutation_host and mutation_kernels have to be named
#
# KVSPAN_TEST_DATA     folder with recorded traces; tests that need one are skipped without it
# KVSPAN_MUTATION_EVERY  one mutant of so many is tried by mutation_ptx (default 40), mutation_host
#                      (default 8) and mutation_kernels (default 1: all of them)
# KVSPAN_REQUIRE_DATA  1: a skipped test counts as failed, but for those of instruction sets and GPUs
#                      that the machine lacks
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)
day=$(($(date +%s) / 86400)) # of parts of mutants another one is tried every day
passed=0
failed=0
skipped=0
durations=
wrapper=

# count COMMAND...: runs one check and sums it up.
count() {
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $*"
        failed=$((failed + 1))
    fi
}

# build PRESET: a broken build counts as one failure, a good one shows in its tests.
build() {
    if ! cmake --preset "$1" || ! cmake --build --preset "$1" --parallel "$jobs"; then
        echo "FAILED: build $1"
        failed=$((failed + 1))
        return 1
    fi
}

# cases REPORT PATTERN: how many test cases of a JUnit report match.
cases() {
    grep -c "$2" "$1" || true
}

# run_tests PRESET CTEST-ARGUMENT...: runs tests and sums up what CTest reports of them.
run_tests() {
    preset=$1
    shift
    report=$PWD/build/$preset/report.xml
    rm -f "$report"
    status=0
    # shellcheck disable=SC2086 # a command and its options, or nothing
    $wrapper ctest --preset "$preset" --parallel "$jobs" --output-junit "$report" "$@" || status=$?
    if [ ! -f "$report" ]; then
        echo "FAILED: ctest $preset $* left no report"
        failed=$((failed + 1))
        return
    fi
    run_passed=$(cases "$report" '<testcase .*status="run"')
    run_total=$(cases "$report" '<testcase ')
    run_skipped=$(cases "$report" '<skipped message="SKIP_RETURN_CODE')
    run_failed=$((run_total - run_passed - run_skipped))
    if [ "$status" -ne 0 ] && [ "$run_failed" -eq 0 ]; then
        run_failed=1
    fi
    # No data helps a machine to an instruction set or a GPU that it lacks.
    lacking=$(cases "$report" \
        '<testcase name="\(kernels[^"]*cpu[.][^"]*\|[^"]*[.]gpu\)".*status="notrun"')
    if [ "${KVSPAN_REQUIRE_DATA:-0}" = 1 ] && [ "$run_skipped" -gt "$lacking" ]; then
        echo "FAILED: $((run_skipped - lacking)) skipped although KVSPAN_REQUIRE_DATA is 1"
        run_failed=$((run_failed + run_skipped - lacking))
        run_skipped=$lacking
    fi
    passed=$((passed + run_passed))
    failed=$((failed + run_failed))
    skipped=$((skipped + run_skipped))
}

stage_release() {
    build release || return 0
    run_tests release
}

# Open MPI leaks from plugins that it has unloaded by exit, so no suppression can name them.
stage_asan() {
    build asan || return 0
    export UBSAN_OPTIONS=print_stacktrace=1
    run_tests asan --label-regex '^(unit|ranks)$'
    # Of what an interpreter executes, not every schedule and every number of ranks again.
    run_tests asan --label-regex '^standin$' --exclude-regex \
        'attend_(pages|bits|trees|guards)[.]cuda[.](sequential|reversed|races)|np8|cuda_meshes|np[1234][.](eager|lazy)|adopted|faults_cuda[.](ranks|nccl)'
    export ASAN_OPTIONS=detect_leaks=0
    run_tests asan --label-regex '^mpi$'
    unset ASAN_OPTIONS UBSAN_OPTIONS
}

# The run-time library of gcc 12 cannot live with all layouts of randomised addresses.
stage_tsan() {
    build tsan || return 0
    if setarch --addr-no-randomize true 2>/dev/null; then
        wrapper='setarch --addr-no-randomize'
    fi
    # The deferred device takes too long here; ASan runs it.
    run_tests tsan --label-regex '^ranks$' --exclude-regex '^runtime[.]cache_deferred$'
    run_tests tsan --tests-regex '^kernels_cpu[.](attend_pages|pool)$'
    wrapper=
}

# A minute for every target, two at a time; then the proof that a minute is enough.
stage_fuzz() {
    build fuzz || return 0
    count tests/fuzz/run.sh build/fuzz/tests/fuzz 60
    count tests/fuzz/planted.sh
}

check_format() {
    find include sharding kernels comm runtime launch tests docs -name '*.[ch]' -o -name '*.cpp' \
        -o -name '*.cu' -o -name '*.cuh' | sort | xargs clang-format-14 --dry-run -Werror
}

stage_format() {
    count check_format
}

# shellcheck disable=SC2016 # the inner shell is to expand it
# One process per file; only what a file is blamed for is shown.
check_tidy() {
    sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build/debug/compile_commands.json |
        grep -v "^$PWD/build/" | grep '\.c$' | sort -u |
        xargs -P "$jobs" -n 1 sh -c \
            'report=$(clang-tidy-14 --quiet -p build/debug "$0" 2>&1) || { echo "$report"; exit 1; }'
}

# With the assertions in, which tell the analyser what cannot be.
stage_tidy() {
    if ! cmake --preset debug >/dev/null; then
        failed=$((failed + 1))
        return
    fi
    count check_tidy
}

stage_cppcheck() {
    count tests/cppcheck.sh
}

stage_doxygen() {
    count tests/doxygen.sh
}

# A part of the mutants of the PTX interpreter.
stage_mutation_ptx() {
    count tests/mutation/ptx.sh --every "${KVSPAN_MUTATION_EVERY:-40}" --first "$day"
}

# Mutants of the CUDA kernels, on the stand-ins.
stage_mutation_kernels() {
    build release || return 0
    every=${KVSPAN_MUTATION_EVERY:-1}
    count tests/mutation/kernels.sh build/release "$((day % every))/$every"
}

# A part of the mutants of the host path.
stage_mutation_host() {
    build release || return 0
    every=${KVSPAN_MUTATION_EVERY:-8}
    count tests/mutation/host.sh build/release "$((day % every))/$every"
}

# run_stage NAME: runs a stage and notes how long it took.
run_stage() {
    printf '\n==== %s\n' "$1"
    start=$(date +%s)
    "stage_$1"
    durations="$durations$(printf '%-8s %5d s' "$1" $(($(date +%s) - start)))
"
}

[ $# -gt 0 ] || set -- format release asan tsan fuzz tidy cppcheck doxygen
lint=''
fuzz=''
for stage in "$@"; do
    case $stage in
    release | asan | tsan | mutation_ptx | mutation_host | mutation_kernels) ;;
    format | tidy | cppcheck | doxygen) lint=lint ;;
    fuzz) fuzz=fuzz ;;
    *)
        echo "tests/run.sh: no such stage: $stage" \
            "(format, release, asan, tsan, fuzz, tidy, cppcheck, doxygen, mutation_ptx," \
            "mutation_host, mutation_kernels)" >&2
        exit 2
        ;;
    esac
done
if [ -n "${KVSPAN_TEST_DATA:-}" ]; then
    KVSPAN_TEST_DATA=$(cd "$KVSPAN_TEST_DATA" && pwd) # tests run in folders of their own
    export KVSPAN_TEST_DATA
fi

# Word splitting is meant: a name or nothing.
# shellcheck disable=SC2086
launch/install_packages.sh build $lint $fuzz
for stage in "$@"; do
    run_stage "$stage"
done

printf '\n==== durations\n%s\n' "$durations"
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
