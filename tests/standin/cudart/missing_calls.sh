#!/bin/sh
# Prints C for every call of the real libcudart that the stand-in's objects lack: each ends the
# process with its name.
#
# usage: missing_calls.sh NM REAL-LIBRARY OBJECT...
set -eu
nm=$1
real=$2
shift 2
names=$(mktemp)
trap 'rm -f "$names"' EXIT

"$nm" --defined-only "$@" | awk '$2 == "T" { print $3 }' >"$names"
cat <<'END'
#include <stdnoreturn.h>

#include "standin/cudart/complain.h"
END
"$nm" -D --defined-only "$real" |
    awk -v made="$names" '
        BEGIN {
            while ((getline name < made) > 0) {
                is_made[name] = 1
            }
        }
        $2 ~ /^[TW]$/ {
            name = $3
            sub(/@.*/, "", name)
            if (!(name in is_made)) {
                printf "\nnoreturn void %s(void);\nnoreturn void %s(void)\n", name, name
                printf "{\n    complain_not_implemented(\"%s\");\n}\n", name
            }
        }'
