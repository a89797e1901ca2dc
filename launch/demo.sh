#!/bin/sh
# The main job on four ranks of this machine: installs what is needed, builds, and drives the cache
# through the built-in workload, or through the first requests of a recorded trace, comparing rows
# of the output with an oracle on the way.
#
# usage: launch/demo.sh [TRACE]
set -eu
if [ $# -gt 1 ]; then
    echo "usage: launch/demo.sh [TRACE]" >&2
    exit 2
fi
top=$(cd "$(dirname "$0")/.." && pwd)
trace=
if [ $# -eq 1 ]; then
    trace=$(realpath -- "$1")
fi

cd "$top"
launch/install_packages.sh build
cmake --preset release
cmake --build --preset release --target kvspan_command

# Open MPI refuses root and more ranks than cores unless told, wastes the cores that ranks share by
# waiting busily, and warns where a container forbids its way of copying between processes.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none

# Recorded prompts are thousands of tokens long, too long for a demonstration.
if [ -n "$trace" ]; then
    set -- --trace "$trace" --requests 64 --scale 64
else
    set -- --requests 256
fi
set -- "$@" --layers 2 --q-heads 16 --kv-heads 4 --head-dim 64 --page-tokens 16 --pages 4096 \
    --mesh tp:4 --verify 200
echo "mpirun -n 4 build/release/launch/kvspan run $*"
exec mpirun -n 4 build/release/launch/kvspan run "$@"
