#!/bin/sh
# Takes barriers, waits, masks and guards out of the CUDA kernels, all instances of one place of the
# source at a time (tests/standin/ptx/removal.h says which), and runs suites until one fails. What
# no suite notices has to stand in kernel_equivalents.txt with the reason why nobody can.
#
# usage: tests/mutation/kernels.sh BUILD [I/N [PATTERN]]
#        BUILD    folder of a build whose tests of label standin are built
#        I/N      of all mutants the I-th of each N (0/1, all)
#        PATTERN  of these the ones whose names match this extended regular expression
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
part=${2:-0/1}
pattern=${3:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LD_LIBRARY_PATH="$build/tests/standin/lib" KVSPAN_TEST_COLUMN=cuda

KVSPAN_STANDIN_MUTANTS=$work/listed "$build/tests/kernels/test_kernels_patch_table_cuda" >/dev/null
sort -u "$work/listed" | grep -E "$pattern" | awk -v part="$part" \
    '{ split(part, of, "/") } (NR - 1) % of[2] == of[1]' >"$work/mutants"

# The suites that see a mutant, SUITE:SCHEDULE:PART in the order in which they are tried.
cat >"$work/suites_of" <<'END'
case $1 in
*append_tokens.cu* | *element_pieces* | *number_formats*)
    echo append_tokens:races:0/1 append_tokens:random:0/1 quantise:races:0/1 ;;
*copy_pages.cu* | *transcode_pages.cu* | *checksum_pages.cu* | *words.cuh*)
    echo copy_pages:races:0/1 cuda/cuda_pages:races:0/1 cuda/cuda_pages:reversed:0/1 \
        append_tokens:races:0/1 ;;
*fill_pages.cu*) echo fill_pages:races:0/1 ;;
*merge_partials.cu*) echo merge_partials:races:0/1 merge_partials:reversed:0/1 ;;
*patch_table.cu*) echo patch_table:races:0/1 patch_table:reversed:0/1 ;;
*place_heads.cu*) echo place_heads:races:0/1 ;;
*move_tokens.cu*) echo move_tokens:races:0/1 move_tokens:reversed:0/1 ;;
*attend_plain.cu*)
    echo attend_closed_forms:races:0/1 attend_trees:races:0/4 attend_pages:races:5/16 \
        attend_pages:sequential:0/8 attend_bits:races:5/8 attend_pages:random:3/8 ;;
*)
    echo attend_closed_forms:races:0/1 attend_pages:races:5/16 attend_pages:sequential:0/16 \
        attend_pages:reversed:1/16 attend_bits:races:5/8 attend_pages:races:13/16 \
        attend_pages:random:3/8 attend_pages:sequential:2/8 ;;
esac
END

cat >"$work/try" <<'END'
mutant=$1
schedule() {
    case $1 in
    sequential) echo KVSPAN_PTX_ORDER=sequential KVSPAN_PTX_COPIES=late ;;
    reversed) echo KVSPAN_PTX_ORDER=reversed KVSPAN_PTX_COPIES=early KVSPAN_STANDIN_STREAMS=lazy ;;
    random) echo KVSPAN_PTX_ORDER=random:1 KVSPAN_PTX_COPIES=random KVSPAN_STANDIN_STREAMS=random:1 ;;
    races) echo KVSPAN_PTX_ORDER=random:2 KVSPAN_PTX_COPIES=early KVSPAN_PTX_RACES=1 ;;
    esac
}
for each in $(sh "$work/suites_of" "$mutant"); do
    suite=${each%%:*}
    part=${each##*:}
    order=${each#*:}
    folder=.
    [ "${suite#*/}" = "$suite" ] || folder=${suite%/*}
    # Word splitting is meant: settings.
    # shellcheck disable=SC2046
    if ! env $(schedule "${order%:*}") KVSPAN_TEST_PART="$part" KVSPAN_STANDIN_REMOVE="$mutant" \
        timeout -k 5 600 "$build/tests/kernels/$folder/test_kernels_${suite##*/}_cuda" >"$work/log.$$" 2>&1; then
        if ! grep -q 'is taken out' "$work/log.$$"; then
            echo "broken $mutant $suite fails without it too, or never has it"
            cat "$work/log.$$" >&2
        else
            echo "killed $mutant by $each"
        fi
        rm -f "$work/log.$$"
        exit 0
    fi
done
rm -f "$work/log.$$"
echo "survived $mutant"
END
export build work
xargs -P "$(nproc)" -n 1 sh "$work/try" <"$work/mutants" | tee "$work/results"

sed 's/^[a-z]* //; s/@.*//' "$work/results" | sort | uniq -c
awk -f "$here/equivalents.awk" "$work/listed" "$work/results" "$here/kernel_equivalents.txt"
