#!/bin/sh
# Takes barriers, waits, fences, masks and guards out of the CUDA kernels, all instances of one place
# of the source at a time (tests/standin/ptx/removal.h says which), and runs suites until one fails.
# What no suite notices has to stand in kernel_equivalents.txt with the reason why nobody can. A guard
# that stands there is then always obeyed, which again a suite must notice, or that stands there, too.
#
# usage: tests/mutation/kernels.sh BUILD [I/N [PATTERN]]
#        BUILD    folder of a build whose tests of label standin are built; what killed a mutant
#                 there is noted, and tried first next time
#        I/N      of all mutants the I-th of each N (0/1, all)
#        PATTERN  of these the ones whose names match this extended regular expression
#
# KVSPAN_MUTATION_JOBS  how many are tried at a time (as many as there are processors)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernels=$(cd "$here/../../kernels" && pwd)
build=$(cd "$1" && pwd)
part=${2:-0/1}
pattern=${3:-.}
killers=$build/tests/kernel_mutant_killers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A kernel that does not end is stopped soon: none of the suites has so many instructions.
export LD_LIBRARY_PATH="$build/tests/standin/lib" KVSPAN_TEST_COLUMN=cuda \
    KVSPAN_PTX_INSTRUCTIONS=200000000

KVSPAN_STANDIN_MUTANTS=$work/all "$build/tests/kernels/test_kernels_patch_table_cuda" >/dev/null
sort -u "$work/all" >"$work/skips"
sed -n 's/^skip@/jump@/p' "$work/skips" >"$work/jumps"
touch "$killers"

# What a mutant is called in kernel_equivalents.txt, where line numbers would not last: its name and
# what is written there, NAME, tab, KIND@FILE: TEXT, and < FILE: TEXT where that was inlined. TEXT (2)
# is the second line of the file that is the same.
cat "$work/skips" "$work/jumps" | awk -v kernels="$kernels" '
    function read_file(file, line, number, text, seen, command, path) {
        command = "find " kernels " -name " file
        if ((command | getline path) > 0) {
            while ((getline text <path) > 0) {
                gsub(/^[ \t]+|[ \t]+$/, "", text)
                texts[file, ++number] = text (++seen[text] > 1 ? " (" seen[text] ")" : "")
            }
            close(path)
        }
        close(command)
        is_read[file] = 1
    }
    function text_of(place, parts) {
        split(place, parts, ":")
        if (!(parts[1] in is_read)) {
            read_file(parts[1])
        }
        return parts[1] ": " ((parts[1], parts[2]) in texts ? texts[parts[1], parts[2]] : parts[2])
    }
    {
        split($0, parts, /[@<]/)
        print $0 "\t" parts[1] "@" text_of(parts[2]) (parts[3] ? " < " text_of(parts[3]) : "")
    }' >"$work/texts"

# The file of equivalents: mutant at the start of a line, its caller behind " < " in the next, the
# reason indented by four spaces. Becomes TEXT, tab, reason.
awk '
    function finish() {
        if (text != "") {
            print text "\t" reason
        }
        text = reason = ""
    }
    /^#/ || NF == 0 { finish(); next }
    /^    / { sub(/^ +/, ""); reason = reason (reason == "" ? "" : " ") $0; next }
    /^  < / { text = text " " substr($0, 3); next }
    { finish(); text = $0 }
    END { finish() }' "$here/kernel_equivalents.txt" >"$work/equivalents"

# Jumps of those skips alone that are listed.
awk -F '\t' '
    FILENAME ~ /equivalents$/ { is_listed[$1] = 1; next }
    $1 ~ /^jump@/ {
        skip = $2
        sub(/^jump/, "skip", skip)
        if (!(skip in is_listed)) next
    }
    { print $1 }' "$work/equivalents" "$work/texts" >"$work/candidates"
grep -E "$pattern" "$work/candidates" | awk -v part="$part" \
    '{ split(part, of, "/") } (NR - 1) % of[2] == of[1]' >"$work/mutants"

# The suites that see a mutant, SUITE:SCHEDULE:PART in the order in which they are tried.
cat >"$work/suites_of" <<'END'
case $1 in
*append_tokens.cu* | *element_pieces* | *number_formats*)
    echo append_tokens:races:0/1 append_tokens:random:0/1 quantise:races:0/1 \
        append_planes:races:0/1 cuda/cuda_pages:races:0/1 ;;
*copy_pages.cu* | *transcode_pages.cu* | *checksum_pages.cu* | *words.cuh*)
    echo copy_pages:races:0/1 cuda/cuda_pages:races:0/1 cuda/cuda_pages:reversed:0/1 \
        append_tokens:races:0/1 ;;
*fill_pages.cu*) echo fill_pages:races:0/1 ;;
*merge_partials.cu*) echo merge_partials:races:0/1 merge_partials:reversed:0/1 ;;
*patch_table.cu*) echo patch_table:races:0/1 patch_table:reversed:0/1 ;;
*place_heads.cu*) echo place_heads:races:0/1 ;;
*move_tokens.cu*) echo move_tokens:races:0/1 move_tokens:reversed:0/1 ;;
*attend_plain.cu*)
    echo attend_guards:races:0/1 attend_closed_forms:races:0/1 attend_trees:races:0/4 \
        attend_pages:races:5/16 ;;
*)
    echo attend_guards:races:0/1 attend_closed_forms:races:0/1 attend_pages:races:5/16 \
        attend_pages:sequential:0/16 attend_pages:reversed:1/16 attend_bits:races:5/16 ;;
esac
END

# run SUITE:SCHEDULE:PART MUTANT LOG: whether the suite passes; MUTANT may be empty. It is stopped at
# its first test that fails.
cat >"$work/run" <<'END'
schedule() {
    case $1 in
    sequential) echo KVSPAN_PTX_ORDER=sequential KVSPAN_PTX_COPIES=late ;;
    reversed) echo KVSPAN_PTX_ORDER=reversed KVSPAN_PTX_COPIES=early KVSPAN_STANDIN_STREAMS=lazy ;;
    random) echo KVSPAN_PTX_ORDER=random:1 KVSPAN_PTX_COPIES=random KVSPAN_STANDIN_STREAMS=random:1 ;;
    races) echo KVSPAN_PTX_ORDER=random:2 KVSPAN_PTX_COPIES=early KVSPAN_PTX_RACES=1 ;;
    esac
}
suite=${1%%:*}
order=${1#*:}
folder=.
[ "${suite#*/}" = "$suite" ] || folder=${suite%/*}
mkfifo "$3.tap"
exec 5<>"$3.tap" 6<"$3.tap"
# Word splitting is meant: settings.
# shellcheck disable=SC2046
env $(schedule "${order%:*}") KVSPAN_TEST_PART="${1##*:}" ${2:+KVSPAN_STANDIN_REMOVE="$2"} \
    CK_TAP_LOG_FILE_NAME="$3.tap" timeout -k 5 600 \
    "$build/tests/kernels/$folder/test_kernels_${suite##*/}_cuda" >"$3" 2>&1 6<&- &
exec 5>&-
if grep -q '^not ok' <&6; then
    kill $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    status=1
else
    status=0
    wait $! || status=$?
fi
rm "$3.tap"
exit "$status"
END

# try MUTANT: prints its fate, tab, its name, tab, the killer.
cat >"$work/try" <<'END'
log=$work/log.$$
fate=survived
text=$(awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$work/texts")
first=$(text="$text" awk -F '\t' '$1 == ENVIRON["text"] { print $2 }' "$killers" | tail -n 1)
for each in $first $(sh "$work/suites_of" "$1"); do
    status=0
    sh "$work/run" "$each" "$1" "$log" || status=$?
    if [ "$status" -ne 0 ]; then
        fate=killed
        # Too slow to tell, not in the suite at all, or no PTX any more.
        if [ "$status" -eq 124 ] || [ "$status" -eq 137 ] ||
            ! grep -q 'is taken out' "$log" || grep -q 'PTX of compute_' "$log"; then
            fate=broken
            cat "$log" >&2
        fi
        break
    fi
    each=
done
rm -f "$log"
printf '%s\t%s\t%s\t%s\n' "$fate" "$1" "$each" "$text"
echo "$fate $1 $each" >&3
END
export build work killers
xargs -P "${KVSPAN_MUTATION_JOBS:-$(nproc)}" -n 1 sh "$work/try" \
    <"$work/mutants" 3>&1 >"$work/results"

# Who killed has to pass without a mutant.
cut -f 3 "$work/results" | sort -u | while read -r each; do
    if [ -n "$each" ] && ! sh "$work/run" "$each" '' "$work/log"; then
        echo "$each"
        cat "$work/log" >&2
    fi
done >"$work/failing"
awk -F '\t' '$1 == "killed" { print $4 "\t" $3 }' "$work/results" | cat "$killers" - |
    awk -F '\t' '{ last[$1] = $2 } END { for (text in last) print text "\t" last[text] }' \
        >"$work/killers"
cp "$work/killers" "$killers"

# How many of each kind; then the judge, to whom a mutant's name is its text.
cut -f 2 "$work/results" | sed 's/@.*//' | sort | uniq -c
sed 's/^/FAILED: fails without a mutant: /' "$work/failing"
awk -F '\t' '{ print $2 "\t" $1 }' "$work/texts" >"$work/named"
awk -F '\t' '{ print $1 "\t" $4 }' "$work/results" >"$work/fates"
awk -F '\t' -f "$here/equivalents.awk" "$work/named" "$work/fates" "$work/equivalents" || exit 1
[ ! -s "$work/failing" ]
