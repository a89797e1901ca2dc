#!/bin/sh
# Builds the reference of the public headers, any warning of Doxygen being an error, and looks for
# enum values without a word, which Doxygen lets pass. Then plants what it must refuse.
#
# usage: tests/doxygen.sh
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# silent_values FILE...: enum values whose line has no comment.
silent_values() {
    awk '
        /^(typedef )?enum( [a-z_]+)? \{$/ { inside = 1; next }
        /^\}/ { inside = 0 }
        inside && /^ +KVSPAN_/ && !/\/\*\*</ {
            print FILENAME ":" FNR ": an enum value without a word:" $0
            found = 1
        }
        END { exit !found }' "$@"
}

# check INCLUDE-FOLDER
check() {
    sed -e "s#@KVSPAN_HEADER_FOLDER@#$1#" -e "s#@KVSPAN_DOCS_FOLDER@#$scratch/docs#" \
        -e "s#@KVSPAN_VERSION@#checked#" docs/Doxyfile.in >"$scratch/Doxyfile"
    mkdir -p "$scratch/docs"
    doxygen "$scratch/Doxyfile" || return 1
    ! silent_values "$1"/kvspan/*.h
}

check "$PWD/include"

# refuse TEXT: a header of this text has to fail.
refuse() {
    rm -rf "$scratch/planted"
    mkdir -p "$scratch/planted/kvspan"
    printf '/** @file\n * Planted. */\n%s\n' "$1" >"$scratch/planted/kvspan/planted.h"
    if check "$scratch/planted" >/dev/null 2>&1; then
        echo "doxygen: not refused: $1" >&2
        exit 1
    fi
}

refuse 'KVSPAN_API int planted(void);'
refuse '/** Does. @param a  first @return what */
KVSPAN_API int planted(int a, int b);'
refuse '/** Does. @param a  first */
KVSPAN_API int planted(int a);'
refuse '/** Does. @param c  no such @return what */
KVSPAN_API int planted(int a);'
refuse '/** Holds. */
typedef struct planted {
    int a; /**< first */
    int b;
} planted;'
refuse '/** Names. */
typedef enum planted {
    KVSPAN_PLANTED = 1, /**< first */
    KVSPAN_SILENT = 2
} planted;'
