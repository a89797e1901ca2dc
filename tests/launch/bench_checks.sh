# What scripts over `kvspan bench` check with: $kvspan is the command. Sourced.
# shellcheck shell=sh
failures=0

complain()
{
    echo "${0##*/}: $*" >&2
    failures=$((failures + 1))
}

# expect CODE TEXT arguments...: the exit code, and a text on either stream.
expect()
{
    code=$1
    text=$2
    shift 2
    output=$("$kvspan" bench "$@" 2>&1)
    got=$?
    [ "$got" -eq "$code" ] || complain "$*: exit code $got, not $code: $output"
    case $output in
    *"$text"*) ;;
    *) complain "$*: no \"$text\" in: $output" ;;
    esac
}

# figures KEY...: the last JSON has each with a median, and none of them is 0 or no number.
figures()
{
    for key in "$@"; do
        printf '%s\n' "$json" | grep -Eq "\"$key\":\{\"median\":[0-9.e+-]+,\"min\":[0-9.e+-]+,\"max\":[0-9.e+-]+\}" ||
            complain "no figure \"$key\" in $json"
        if printf '%s\n' "$json" | grep -Eq "\"$key\":\{\"median\":0(\.0)?,"; then
            complain "figure \"$key\" is 0 in $json"
        fi
    done
}

# settings "KEY":VALUE...
settings()
{
    for text in "$@"; do
        case $json in
        *"$text"[,}]*) ;;
        *) complain "no $text in $json" ;;
        esac
    done
}

measure()
{
    json=$("$kvspan" bench "$@" --json --rounds 2) || complain "$*: failed"
    [ "$(printf '%s\n' "$json" | wc -l)" -eq 1 ] || complain "$*: more than one line: $json"
}
