#!/bin/sh
# Does what the documentation says: runs every block fenced as ```sh run, each in an empty folder
# with the built command first in PATH, and compiles every block fenced as ```c compile.
# docs/errors.md quotes sentences: each has to be in the sources. docs/coming-from-easydel.md names
# tests: each has to be there.
#
# usage: doc_commands.sh SOURCE-FOLDER BUILD-FOLDER C-COMPILER [C-FLAG...]
set -eu
source=$1 build=$2 cc=$3
shift 3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
PATH=$build/launch:$PATH
export PATH

# extract FENCE FOLDER FILE...: each block as FOLDER/NUMBER, its first line a comment with its place.
extract() {
    fence=$1 folder=$2
    shift 2
    mkdir -p "$folder"
    awk -v fence="\`\`\`$fence" -v folder="$folder" '
        inside && /^```/ { inside = 0; close(path); next }
        inside { print >path }
        $0 == fence {
            inside = 1
            path = sprintf("%s/%03d", folder, ++count)
            print FILENAME ":" FNR >(path ".place")
            close(path ".place")
        }' "$@"
}

# run_blocks FOLDER: every block that fails is told; the exit code is 0 if none did.
run_blocks() {
    verdict=0
    for block in "$1"/???; do
        [ -e "$block" ] || continue
        rm -rf "$scratch/here"
        mkdir "$scratch/here"
        if ! (cd "$scratch/here" && timeout -k 5 120 sh -eu "$block") >"$scratch/log" 2>&1; then
            echo "doc_commands: $(cat "$block.place"): this command fails:" >&2
            cat "$block" "$scratch/log" >&2
            verdict=1
        fi
    done
    return $verdict
}

# compile_blocks FOLDER C-FLAG...
compile_blocks() {
    folder=$1 verdict=0
    shift
    for block in "$folder"/???; do
        [ -e "$block" ] || continue
        if ! "$cc" -std=c11 -Wall -Wextra -Werror -I "$source/include" "$@" -fsyntax-only -x c \
            "$block" 2>"$scratch/log"; then
            echo "doc_commands: $(cat "$block.place"): this does not compile:" >&2
            cat "$scratch/log" >&2
            verdict=1
        fi
    done
    return $verdict
}

# check_sentences FILE: the longest piece of each sentence between its wildcards is in a source once
# format directives and the seams of string literals are taken out.
check_sentences() {
    (cd "$source" && cat $(find sharding kernels comm runtime launch -name '*.c')) | tr '\n' ' ' |
        sed -e 's/" *PRI[a-z0-9A-Z]* *"/u/g' -e 's/" *PRI[a-z0-9A-Z]*/u/g' -e 's/" *"//g' \
            -e 's/\\"/"/g' -e 's/%#*[.0-9]*[a-z]*[uds]/\n/g' -e 's/%#*u/\n/g' >"$scratch/sentences"
    sed -n '/^## Sentences/,$s/^| [A-Z_]* | `\(.*\)` |$/\1/p' "$1" >"$scratch/quoted"
    [ -s "$scratch/quoted" ] || return 1
    verdict=0
    while read -r sentence; do
        piece=$(printf '%s\n' "$sentence" | sed 's/…/#/g' | tr '#' '\n' |
            awk 'length($0) > length(best) { best = $0 } END { print best }')
        if ! grep -qF -- "$piece" "$scratch/sentences"; then
            echo "doc_commands: $1: no source says: $sentence (\"$piece\")" >&2
            verdict=1
        fi
    done <"$scratch/quoted"
    return $verdict
}

# check_tests FILE: the last column of a table names test_FILE: `test`, …; every test named exists.
check_tests() {
    (cd "$source" && sed -n 's/^START_TEST(\(.*\))$/\1/p' $(find tests -name 'test_*.c')) >"$scratch/tests"
    awk -F'|' 'NF == 5 && $4 ~ /test_/ { print $4 }' "$1" | grep -o '`[a-z_0-9]*`' | tr -d '`' |
        sort -u >"$scratch/named"
    [ -s "$scratch/named" ] || return 1
    verdict=0
    while read -r name; do
        if ! grep -qx -- "$name" "$scratch/tests"; then
            echo "doc_commands: $1: there is no test $name" >&2
            verdict=1
        fi
    done <"$scratch/named"
    return $verdict
}

pages=$(find "$source/docs" -maxdepth 2 -name '*.md' | sort)
[ ! -e "$source/README.md" ] || pages="$source/README.md $pages"
# shellcheck disable=SC2086 # names without spaces
{
    extract 'sh run' "$scratch/sh" $pages
    extract 'c compile' "$scratch/c" $pages
}
broken=0
run_blocks "$scratch/sh" || broken=1
compile_blocks "$scratch/c" "$@" || broken=1
check_sentences "$source/docs/errors.md" || broken=1
check_tests "$source/docs/coming-from-easydel.md" || broken=1
[ $broken -eq 0 ]
sentences=$(wc -l <"$scratch/quoted")

# What must be seen.
printf '```sh run\ntrue\nfalse\n```\n```c compile\nint planted(void) { return undeclared; }\n```\n' \
    >"$scratch/planted.md"
printf '| a | b | test_planted: `a_planted_test` |\n' >"$scratch/planted_tests.md"
printf '## Sentences\n| IO | `the planted sentence of # words` |\n' >>"$scratch/planted.md"
extract 'sh run' "$scratch/planted_sh" "$scratch/planted.md"
extract 'c compile' "$scratch/planted_c" "$scratch/planted.md"
if run_blocks "$scratch/planted_sh" 2>/dev/null || compile_blocks "$scratch/planted_c" "$@" 2>/dev/null ||
    check_sentences "$scratch/planted.md" 2>/dev/null ||
    check_tests "$scratch/planted_tests.md" 2>/dev/null; then
    echo "doc_commands: a planted block, sentence or test was not refused" >&2
    exit 1
fi
count() { find "$1" -name '*.place' | wc -l; }
echo "doc_commands: $(count "$scratch/sh") commands, $(count "$scratch/c") pieces of C, $sentences sentences"
