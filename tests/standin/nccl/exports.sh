#!/bin/sh
# Writes what a stand-in needs to export every C name of the real library.
#
# usage: exports.sh LIBRARY STUBS.C ALIASES.LD
#
# STUBS.C ends the process by name for each function; weak, so that what is implemented replaces it.
# ALIASES.LD makes each pncclX another name of ncclX.
set -eu
names=$(nm -D --defined-only "$1" | awk '$3 ~ /^p?nccl[A-Z]/ { print $3 }' | LC_ALL=C sort -u)

{
    echo '_Noreturn void report_unimplemented(const char *what);'
    for name in $names; do
        case $name in
        nccl*) printf 'void %s(void);\n__attribute__((weak)) void %s(void)\n{\n    report_unimplemented("%s");\n}\n' \
            "$name" "$name" "$name" ;;
        esac
    done
} >"$2"

for name in $names; do
    case $name in
    pnccl*) echo "$name = ${name#p};" ;;
    esac
done >"$3"
