#!/bin/sh
# Holds the column "from" of docs/errors.md against the public headers: a function stands in a
# status's row if, and only if, its @return names that status. ARGUMENT is left out.
#
# usage: error_codes.sh SOURCE-FOLDER
set -eu
source=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# header_pairs FILE...: "STATUS function" of every @return that stands before a function's name.
header_pairs() {
    awk '
        /^\/\*\*/ { in_return = 0; codes = "" }
        /@return/ { in_return = 1 }
        in_return {
            line = $0
            while (match(line, /KVSPAN_ERR_[A-Z_]+/)) {
                codes = codes " " substr(line, RSTART + 11, RLENGTH - 11)
                line = substr(line, RSTART + RLENGTH)
            }
        }
        /\*\/$/ { in_return = 0 }
        /^KVSPAN_API kvspan_status kvspan_/ {
            name = $3
            sub(/\(.*/, "", name)
            count = split(codes, list, " ")
            for (i = 1; i <= count; i++) {
                print list[i], name
            }
            codes = ""
        }' "$@" | grep -v '^ARGUMENT ' | sort -u
}

# doc_pairs FILE: the same of the table; a name in backticks within the last column is a function.
doc_pairs() {
    awk -F'|' '
        /^\| `KVSPAN_ERR_/ {
            status = $2
            gsub(/[ `]|KVSPAN_ERR_/, "", status)
            line = $5
            while (match(line, /`kvspan_[a-z_]+`/)) {
                print status, substr(line, RSTART + 1, RLENGTH - 2)
                line = substr(line, RSTART + RLENGTH)
            }
        }' "$1" | grep -v '^ARGUMENT ' | sort -u
}

header_pairs "$source"/include/kvspan/*.h >"$scratch/headers"
doc_pairs "$source/docs/errors.md" >"$scratch/document"
[ -s "$scratch/headers" ]
if ! diff "$scratch/headers" "$scratch/document" >"$scratch/difference"; then
    echo "error_codes: < in a header only, > in docs/errors.md only:" >&2
    grep '^[<>]' "$scratch/difference" >&2
    exit 1
fi

# What must be seen: a code that only a header names, and one that only the document does.
printf '/**\n * @return KVSPAN_OK,\n *         KVSPAN_ERR_IO\n */\nKVSPAN_API kvspan_status kvspan_planted(int a);\n' \
    >"$scratch/planted.h"
[ "$(header_pairs "$scratch/planted.h")" = "IO kvspan_planted" ]
printf '| `KVSPAN_ERR_IO` | a | b | `kvspan_planted`, `kvspan_other`; the command |\n' >"$scratch/planted.md"
[ "$(doc_pairs "$scratch/planted.md" | tr '\n' ' ')" = "IO kvspan_other IO kvspan_planted " ]
echo "error_codes: $(wc -l <"$scratch/headers") pairs of status and function"
