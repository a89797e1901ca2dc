#!/bin/sh
# The command starts where libcudart and libnccl are absent, and says what device cuda lacks, on one
# rank or all. Loaders pass over a library that is not there to look elsewhere, where this machine
# may have one; a file that is no library ends their search.
#
# usage: without_cuda.sh MPIEXEC KVSPAN KVSPAN-LIBRARY STANDINS [MPI-FLAG...]
#   STANDINS  library path of the stand-ins of libcudart and libnccl
set -u
mpiexec=$1 kvspan=$2 library=$3 standins=$4
shift 4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

complain() {
    echo "without_cuda: $*" >&2
    failures=$((failures + 1))
}

for file in "$kvspan" "$library"; do
    needed=$(readelf --dynamic "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    case $needed in
    *libcudart* | *libnccl* | *libkvspan_cuda*) complain "$file needs one of" "$needed" ;;
    *libc.so*) ;;
    *) complain "what $file needs is not known" ;;
    esac
done

# expect CODE TEXT COMMAND...: runs it without the files in $scratch/lib
expect() {
    code=$1 text=$2
    shift 2
    output=$(LD_LIBRARY_PATH=$scratch/lib:${library%/*} timeout -k 5 60 "$@" 2>&1)
    got=$?
    [ "$got" -eq "$code" ] || complain "$*: exit code $got, not $code: $output"
    case $output in
    *"$text"*) ;;
    *) complain "$*: no \"$text\" in: $output" ;;
    esac
}

small="--requests 1 --layers 1 --q-heads 2 --kv-heads 2 --head-dim 16"
for absent in libcudart.so.13 libnccl.so.2 libkvspan_cuda.so.0; do
    rm -rf "${scratch:?}/lib"
    mkdir "$scratch/lib"
    : >"$scratch/lib/$absent"
    unopened="KVSPAN_ERR_UNSUPPORTED: device \"cuda\" needs libkvspan_cuda.so.0: $scratch/lib/$absent"
    # shellcheck disable=SC2086 # several words
    expect 2 "$unopened" "$kvspan" run $small --device cuda
done
# shellcheck disable=SC2086
{
    expect 0 '' "$kvspan" run $small --device cpu
    expect 2 "$unopened" "$kvspan" bench append --device cuda
    expect 2 "$unopened" "$mpiexec" -n 2 "$@" "$kvspan" run $small --device cuda
    expect 2 "$unopened" "$mpiexec" "$@" -n 1 env LD_LIBRARY_PATH="$standins" "$kvspan" run $small \
        --device cuda : -n 1 "$kvspan" run $small --device cuda
}
[ "$failures" -eq 0 ]
