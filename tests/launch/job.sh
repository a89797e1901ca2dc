# shellcheck shell=bash
# Sourced by the scripts that judge jobs by their report. They set mpiexec, kvspan and flags.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# run RANKS ARGUMENT...: a job of `kvspan run`; leaves code, $work/report and $work/complaints.
run() {
    local ranks=$1
    shift
    code=0
    timeout -k 5 200 "$mpiexec" -n "$ranks" "${flags[@]}" "$kvspan" run --json "$@" \
        >"$work/report" 2>"$work/complaints" || code=$?
}

# value KEY: of the report.
value() { sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' "$work/report"; }

# fail WORDS...: tells them and what the job complained about; the script goes on.
fail() {
    echo "FAILED: $*"
    cat "$work/complaints"
    failures=$((failures + 1))
}
