#!/bin/sh
# Tests the tests of the PTX interpreter: changes one operator, constant or statement of
# tests/standin/ptx at a time, and expects its tests, and then the comparison with the host's compiler,
# to notice. Mutants that change nothing stand in ptx_equivalents.txt with the reason; one that
# survives and is not there, and one there that is killed or gone, fail.
#
# usage: ptx.sh [--every K] [--first N] [--jobs J] [FILE.c …]
#   --every K  each K-th mutant only, from the N-th on (default: all of them, which takes hours)
#   FILE.c     of these files only
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
tests=$(dirname "$folder")
ptx=$tests/standin/ptx
# What was not set is visible; a function that forgets to return is no mutant.
flags="-std=c11 -D_POSIX_C_SOURCE=200809L -I$tests -fPIC -Werror=return-type
    -ftrivial-auto-var-init=pattern"
sanitizers="-g1 -fsanitize=address,undefined -fno-sanitize-recover=all"

# compile OPTIONS SOURCE OBJECT
compile() {
    rounding=
    case $2 in */rounding.c) rounding=-frounding-math ;; esac
    # shellcheck disable=SC2086 # lists of options
    cc $flags $1 $rounding -c "$2" -o "$3" 2>/dev/null
}

# is_noticed MUTANT.o KIND FOLDER: whether a test fails with the mutated object in the library.
is_noticed() {
    options=
    [ "$2" = plain ] || options=$sanitizers
    objects=$1
    for unchanged in "$work/$2"/*.o; do
        [ "${unchanged##*/}" = "${1##*/}" ] || objects="$objects $unchanged"
    done
    # shellcheck disable=SC2086 # lists of options and of objects
    cc -shared $options -o "$3/libstandin_ptx.so" $objects -lm 2>/dev/null
    for program in "$work/$2"/test_*; do
        LD_LIBRARY_PATH=$3 timeout 20 "$program" >/dev/null 2>&1 || return 0
    done
    [ "$2" = plain ] || return 1
    [ -f "$work/fuzz.ptx" ] || return 1
    ! LD_LIBRARY_PATH=$3 timeout 20 "$work/fuzz_compare" "$work/fuzz.ptx" "$work/fuzz.so" \
        "$fuzz_count" 1 >/dev/null 2>&1
}

# judge NAME: prints its fate.
judge() {
    file=${1%%:*}
    object=${file%.c}.o
    place=$(mktemp -d "$work/mutant.XXXXXX")
    fate=survived
    awk -v want="$1" -f "$folder/c_text.awk" -f "$folder/ptx_mutants.awk" "$ptx/$file" \
        >"$place/$file"
    if ! compile -O0 "$place/$file" "$place/$object"; then
        fate=invalid
    elif is_noticed "$place/$object" plain "$place"; then
        fate=killed
    elif compile -O2 "$place/$file" "$place/$object" && (cd "$place" && strip "$object") &&
        cmp -s "$place/$object" "$work/optimised/$object"; then
        fate=same # machine code
    elif compile "-O1 $sanitizers" "$place/$file" "$place/$object" &&
        is_noticed "$place/$object" sanitized "$place"; then
        fate=killed
    fi
    rm -r "$place"
    echo "$fate $1"
}

if [ "${1:-}" = --judge ]; then
    work=$2
    fuzz_count=$3
    judge "$4"
    exit
fi

every=1
first=1
jobs=$(nproc)
while [ $# -gt 0 ]; do
    case $1 in
    --every) every=$2 ;;
    --first) first=$2 ;;
    --jobs) jobs=$2 ;;
    *) break ;;
    esac
    shift 2
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is not mutated, once without and once with sanitizers, and optimised to compare with.
mkdir "$work/plain" "$work/sanitized" "$work/optimised"
check=$(pkg-config --cflags --libs check)
for source in "$ptx"/*.c; do
    name=$(basename "$source" .c)
    case $name in test_* | fuzz_* | ptx_bench*) continue ;; esac
    compile -O2 "$source" "$work/plain/$name.o"
    cp "$work/plain/$name.o" "$work/optimised"
    strip "$work/optimised/$name.o"
    compile "-O1 $sanitizers" "$source" "$work/sanitized/$name.o"
    basename "$source" >>"$work/files"
done
for kind in plain sanitized; do
    options=-O1
    [ "$kind" = plain ] || options="-O1 $sanitizers"
    # shellcheck disable=SC2086
    cc -shared $options -o "$work/libstandin_ptx.so" "$work/$kind"/*.o -lm 2>/dev/null
    for source in "$ptx"/test_ptx_*.c; do
        program=$work/$kind/test_$(basename "$source" .c)
        # shellcheck disable=SC2086
        cc $flags $options -o "$program" "$source" "$ptx"/ptx_bench.c "$tests/support/suite.c" \
            -L"$work" -lstandin_ptx $check 2>/dev/null
        LD_LIBRARY_PATH=$work "$program" >"$work/log" 2>&1 || {
            cat "$work/log"
            echo "FAILED: $source without any mutant"
            exit 1
        }
    done
done
fuzz_count=30
if "$ptx/fuzz.sh" --prepare "$work" 1 "$fuzz_count"; then
    # shellcheck disable=SC2086
    cc $flags -O1 -o "$work/fuzz_compare" "$ptx/fuzz_compare.c" -L"$work" -lstandin_ptx -ldl
fi

# shellcheck disable=SC2046 # a list of files
[ $# -gt 0 ] || set -- $(cat "$work/files")
for file in "$@"; do
    awk -f "$folder/c_text.awk" -f "$folder/ptx_mutants.awk" "$ptx/$file"
done >"$work/mutants"
awk -v every="$every" -v first="$first" 'NR % every == first % every { print $1 }' \
    "$work/mutants" >"$work/chosen"
echo "$(wc -l <"$work/mutants") mutants, $(wc -l <"$work/chosen") of them chosen"
xargs -P "$jobs" -n 1 "$folder/ptx.sh" --judge "$work" "$fuzz_count" <"$work/chosen" >"$work/fates"

# What is listed may be of files that were not looked at.
while read -r file; do
    awk -f "$folder/c_text.awk" -f "$folder/ptx_mutants.awk" "$ptx/$file"
done <"$work/files" >"$work/mutants"
awk -f "$folder/equivalents.awk" "$work/mutants" "$work/fates" "$folder/ptx_equivalents.txt"
