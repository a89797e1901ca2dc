#!/bin/sh
# Installs kvspan, moves the installed tree, and builds and runs programs on it that find it by
# CMake and by pkg-config. Says also what a build without MPI or CUDA must not install.
#
# usage: install.sh SOURCE-FOLDER BUILD-FOLDER C-COMPILER C++-COMPILER HAS-CUDA [MPIEXEC]
#   HAS-CUDA ON or OFF, as the build was made
#   MPIEXEC  given if the build has MPI
set -eu
source=$1 build=$2 cc=$3 cxx=$4 has_cuda=$5 mpiexec=${6:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
consumer=$source/tests/api/consumer
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

fail() {
    echo "install: $*" >&2
    exit 1
}

# on_two_ranks COMMAND...
on_two_ranks() {
    OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 \
        timeout -k 5 60 "$mpiexec" -n 2 "$@"
}

cmake --install "$build" --prefix "$scratch/first" >"$scratch/log"
mv "$scratch/first" "$scratch/moved"
prefix=$scratch/moved
if grep -rlF "$scratch/first" "$prefix"; then
    fail "the files above hold the prefix they were installed to"
fi
# Debug information may name the folder; what is read at run time or by other builds may not.
if grep -rIlF "$build" "$prefix" ||
    find "$prefix" -name 'lib*.so' -exec readelf --dynamic {} + | grep -F "$build"; then
    fail "the files above hold the folder they were built in"
fi
for header in "$source"/include/kvspan/*.h; do
    installed=$prefix/include/kvspan/${header##*/}
    if [ "${header##*/}" = mpi.h ] && [ -z "$mpiexec" ]; then
        [ ! -e "$installed" ] || fail "mpi.h was installed by a build without MPI"
    elif { [ "${header##*/}" = cuda.h ] || [ "${header##*/}" = nccl.h ]; } && [ "$has_cuda" = OFF ]; then
        [ ! -e "$installed" ] || fail "${header##*/} was installed by a build without CUDA"
    else
        cmp "$header" "$installed"
    fi
done

cmake -S "$consumer" -B "$scratch/consumer" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" >"$scratch/log" || {
    cat "$scratch/log"
    fail "find_package"
}
cmake --build "$scratch/consumer" >"$scratch/log" || {
    cat "$scratch/log"
    fail "a program on the CMake package does not build"
}
"$scratch/consumer/consumer_c"
"$scratch/consumer/consumer_cpp"

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name kvspan.pc)")
export PKG_CONFIG_PATH
library_path=$(pkg-config --variable=libdir kvspan)
# shellcheck disable=SC2046 # lists of options
{
    "$cc" -std=c11 "$consumer/consumer.c" -o "$scratch/by_pkgconfig_c" \
        $(pkg-config --cflags --libs kvspan)
    "$cxx" -std=c++17 "$consumer/consumer.cpp" -o "$scratch/by_pkgconfig_cpp" \
        $(pkg-config --cflags --libs kvspan)
}
[ "$(pkg-config --modversion kvspan)" = "$(sed -n 's/.*VERSION_TEXT *"\([^"]*\)".*/\1/p' \
    "$source/include/kvspan/export.h")" ] || fail "the version of kvspan.pc is not the header's"
LD_LIBRARY_PATH=$library_path "$scratch/by_pkgconfig_c"
LD_LIBRARY_PATH=$library_path "$scratch/by_pkgconfig_cpp"

if [ -n "$mpiexec" ]; then
    on_two_ranks "$scratch/consumer/consumer_mpi"
    # shellcheck disable=SC2046 # lists of options
    "$cc" -std=c11 "$consumer/consumer_mpi.c" -o "$scratch/by_pkgconfig_mpi" \
        $(pkg-config --cflags --libs kvspan_mpi)
    LD_LIBRARY_PATH=$library_path
    export LD_LIBRARY_PATH
    on_two_ranks "$scratch/by_pkgconfig_mpi"
    unset LD_LIBRARY_PATH
    # The command finds its libraries next to itself: a usage error is its own, 127 the loader's.
    status=0
    "$prefix/bin/kvspan" --no-such-option >"$scratch/log" 2>&1 || status=$?
    [ $status -eq 2 ] || fail "kvspan --no-such-option ended with $status, not 2"
else
    [ ! -e "$scratch/consumer/consumer_mpi" ] || fail "component mpi was found without MPI"
    ! pkg-config --exists kvspan_mpi 2>/dev/null || fail "kvspan_mpi.pc of a build without MPI"
fi

# Without a GPU the answer is a status: what is tried is that the libraries are found, the CUDA
# runtime among them.
if [ "$has_cuda" = ON ]; then
    "$scratch/consumer/consumer_cuda"
    # shellcheck disable=SC2046 # lists of options
    "$cc" -std=c11 "$consumer/consumer_cuda.c" -o "$scratch/by_pkgconfig_cuda" \
        $(pkg-config --cflags --libs kvspan_cuda)
    LD_LIBRARY_PATH=$library_path "$scratch/by_pkgconfig_cuda"
    # A library path goes before what was built in, so that a stand-in can be used.
    mkdir "$scratch/standin"
    printf 'int planted;\n' | "$cc" -shared -fPIC -x c - -Wl,-soname,libcudart.so.13 \
        -o "$scratch/standin/$(readelf --dynamic "$prefix"/lib*/libkvspan_cuda.so |
            sed -n 's/.*NEEDED.*\[\(libcudart[^]]*\)\].*/\1/p')"
    if LD_LIBRARY_PATH=$scratch/standin "$scratch/consumer/consumer_cuda" 2>/dev/null; then
        fail "an empty libcudart in the library path was passed over"
    fi
    if [ -n "$mpiexec" ]; then
        # The command starts on it, and opens the library next to itself when a GPU is asked for.
        status=0
        LD_LIBRARY_PATH=$scratch/standin "$prefix/bin/kvspan" run --device cuda 2>"$scratch/log" ||
            status=$?
        [ $status -eq 2 ] || fail "kvspan run --device cuda ended with $status, not 2"
        grep -q "needs libkvspan_cuda.*: undefined symbol" "$scratch/log" ||
            fail "on an empty libcudart the command says: $(cat "$scratch/log")"
    fi
else
    [ ! -e "$scratch/consumer/consumer_cuda" ] || fail "component cuda was found without CUDA"
    ! pkg-config --exists kvspan_cuda 2>/dev/null || fail "kvspan_cuda.pc of a build without CUDA"
fi
