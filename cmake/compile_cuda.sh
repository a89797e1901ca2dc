#!/bin/sh
# Runs a compiler and keeps what it tells in a file; shows that only if it is more than a report of
# registers.
#
# usage: compile_cuda.sh REPORT COMMAND [ARGUMENT...]
set -eu
report=$1
shift
if ! "$@" >"$report" 2>&1; then
    cat "$report" >&2
    exit 1
fi
grep -i 'warning' "$report" >&2 || true
