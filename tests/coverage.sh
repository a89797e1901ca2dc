#!/bin/sh
# Builds with gcov, runs the tests, and prints how many lines and branches of each folder they reach.
#
# usage: tests/coverage.sh [CTEST-ARGUMENT...]
set -eu
cd "$(dirname "$0")/.."
launch/install_packages.sh build
cmake --preset coverage
cmake --build --preset coverage --parallel "$(nproc)"
find build/coverage -name '*.gcda' -delete
ctest --preset coverage --label-exclude '^api$' "$@" ||
    echo "coverage: tests failed; the figures say what was reached all the same" >&2

# gcov tells, per object that was run or not, of each source "File 'x'" and then its figures.
find build/coverage -name '*.gcno' ! -path '*/tests/*' -exec gcov --no-output \
    --branch-probabilities {} + 2>/dev/null |
    awk -v top="$PWD/" -F "'" '
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
        END {
            printf "%-24s %8s %8s %9s %8s\n", "folder", "lines", "reached", "branches", "taken"
            for (folder in lines) {
                printf "%-24s %8d %7.1f%% %9d %7.1f%%\n", folder, lines[folder],
                    100 * reached[folder] / lines[folder], branches[folder],
                    branches[folder] ? 100 * taken[folder] / branches[folder] : 100 | "sort"
            }
        }'
