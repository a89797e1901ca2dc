#!/bin/sh
# The command's words and exit codes where no run starts: command.sh KVSPAN
set -u
kvspan=$1
failures=0

# expect CODE STREAM TEXT arguments...: runs the command and compares exit code and output.
expect()
{
    code=$1
    stream=$2
    text=$3
    shift 3
    if [ "$stream" = out ]; then
        output=$("$kvspan" "$@" 2>/dev/null)
    else
        output=$("$kvspan" "$@" 2>&1 >/dev/null)
    fi
    got=$?
    if [ "$got" -ne "$code" ]; then
        echo "kvspan $*: exit code $got, not $code" >&2
        failures=$((failures + 1))
    fi
    case $output in
    *"$text"*) ;;
    *)
        echo "kvspan $*: no \"$text\" in: $output" >&2
        failures=$((failures + 1))
        ;;
    esac
}

# silent arguments...: fails if the command says anything on either stream.
silent()
{
    output=$("$kvspan" "$@" 2>&1)
    if [ -n "$output" ]; then
        echo "kvspan $*: should be silent, says: $output" >&2
        failures=$((failures + 1))
    fi
}

unset OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK SLURM_PROCID
expect 0 out "kvspan 0." --version
expect 0 out "kvspan run [OPTION...]" --help
expect 0 out "kvspan bench attention|append|ledger" --help
expect 0 out "--token-budget=N" run --help
expect 0 out "mpirun -n 4 kvspan run --verify 200" run --help
expect 0 out "Exit codes: 0 good" run --help
expect 2 err "what to do is missing"
expect 2 err "none of run, bench, --version, --help" walk
expect 2 err "--pages is 1, not in [2, 2147483647]" run --pages 1
expect 2 err "\"--nothing\"" run --nothing
case $("$kvspan" run --help) in
*flip*)
    echo "kvspan run --help: shows the tests' own option" >&2
    failures=$((failures + 1))
    ;;
esac
if [ -e /dev/full ]; then
    "$kvspan" --version >/dev/full 2>/dev/null
    if [ $? -ne 5 ]; then
        echo "kvspan --version >/dev/full: exit code is not 5" >&2
        failures=$((failures + 1))
    fi
fi

# Of a job's processes only the first speaks.
for name in OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK SLURM_PROCID; do
    export "$name=3"
    silent --version
    silent run --pages 1
    silent run --help
    export "$name=0"
    expect 2 err "--pages is 1" run --pages 1
    unset "$name"
done

if [ "$failures" -gt 0 ]; then
    echo "$failures expectations failed" >&2
    exit 1
fi
