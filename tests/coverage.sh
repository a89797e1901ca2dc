#!/bin/sh
# Builds with gcov, runs the tests, and prints how many lines and branches of each folder they reach.
# Fails if a test does, or if one of the rooms below reaches less than its bar.
#
# usage: tests/coverage.sh [CTEST-ARGUMENT...]
set -eu
cd "$(dirname "$0")/.."
rooms='sharding runtime/ledger runtime/step comm kernels/reference'
least_lines=90    # per cent of a room
least_branches=80 # likewise
build=build/coverage

launch/install_packages.sh build
cmake --preset coverage
cmake --build --preset coverage --parallel "$(nproc)"
find "$build" -name '*.gcda' -delete
failed=0
ctest --preset coverage --label-exclude '^api$' "$@" || failed=1

# gcov tells, per object that was run or not, of each source "File 'x'" and then its figures.
find "$build" -name '*.gcno' ! -path '*/tests/*' -exec gcov --no-output \
    --branch-probabilities {} + 2>/dev/null |
    awk -v top="$PWD/" -v rooms="$rooms" -v least_lines="$least_lines" \
        -v least_branches="$least_branches" -F "'" '
        /^File / {
            folder = substr($2, length(top) + 1)
            known = index($2, top) == 1 && folder ~ /\.c$/
            sub(/\/[^\/]*$/, "", folder)
        }
        function add(sums,    figures) {
            # "Lines executed:93.75% of 16"
            split($0, figures, /[:%]| of /)
            sums[folder] += figures[2] * figures[4] / 100
            return figures[4]
        }
        known && /^Lines executed:/ { lines[folder] += add(reached) }
        known && /^Taken at least once:/ { branches[folder] += add(taken) }
        /^(No calls|Calls executed:)/ { known = 0 } # what follows the last source is a sum
        function share(part, whole) {
            return whole ? 100 * part / whole : 100
        }
        function judge(room) {
            if (!(room in lines)) {
                return "not measured"
            }
            if (share(reached[room], lines[room]) < least_lines) {
                return "too few lines"
            }
            if (share(taken[room], branches[room]) < least_branches) {
                return "too few branches"
            }
            return "holds"
        }
        END {
            count = split(rooms, names, " ")
            for (i = 1; i <= count; i++) {
                verdicts[names[i]] = judge(names[i])
                missed += verdicts[names[i]] != "holds"
            }
            printf "%-24s %8s %8s %9s %8s  %s\n", "folder", "lines", "reached", "branches",
                "taken", "bar"
            fflush()
            for (folder in lines) {
                printf "%-24s %8d %7.1f%% %9d %7.1f%%  %s\n", folder, lines[folder],
                    share(reached[folder], lines[folder]), branches[folder],
                    share(taken[folder], branches[folder]), verdicts[folder] | "sort"
            }
            close("sort")
            for (i = 1; i <= count; i++) {
                if (verdicts[names[i]] != "holds") {
                    printf "FAILED: %s: %s (%d %% of lines, %d %% of branches are the bar)\n",
                        names[i], verdicts[names[i]], least_lines, least_branches
                }
            }
            exit missed > 0
        }' || failed=1
[ "$failed" -eq 0 ]
