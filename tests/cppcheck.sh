#!/bin/sh
# Checks all C sources with cppcheck; then that it would have found what is wrong.
#
# usage: tests/cppcheck.sh
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# check FOLDER...
check() {
    cppcheck --std=c11 --quiet --error-exitcode=1 --enable=warning,portability,performance \
        --suppressions-list=tests/cppcheck.suppressions --inline-suppr \
        -D_POSIX_C_SOURCE=200809L -I include -I . -I tests -j "$(nproc)" "$@"
}

check include sharding kernels comm runtime launch tests docs

# refuse TEXT
refuse() {
    printf '%s\n' "$1" >"$scratch/planted.c"
    if check "$scratch" 2>/dev/null; then
        echo "cppcheck: not refused: $1" >&2
        exit 1
    fi
}

refuse 'int planted(void) { int numbers[4] = { 0 }; return numbers[4]; }'
refuse 'int planted(void) { int number; return number; }'
refuse 'float *planted(unsigned char *bytes) { return (float *)bytes; }'
