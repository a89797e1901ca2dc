#!/bin/sh
# Configures and builds kvspan without MPI and CUDA, and puts the result through install.sh.
#
# usage: install_without_mpi.sh SOURCE-FOLDER C-COMPILER C++-COMPILER
set -eu
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake -S "$1" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DKVSPAN_WITH_MPI=OFF \
    -DKVSPAN_WITH_CUDA=OFF -DBUILD_TESTING=OFF -DCMAKE_C_COMPILER="$2" -DCMAKE_CXX_COMPILER="$3" >"$build/log" || {
    cat "$build/log"
    exit 1
}
cmake --build "$build" --parallel 2 >"$build/log" || {
    cat "$build/log"
    exit 1
}
"$(dirname "$0")/install.sh" "$1" "$build" "$2" "$3" OFF
