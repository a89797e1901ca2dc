#!/bin/sh
# Checks that every public call that takes a pointer is tried with NULL: that its name is called in
# tests/runtime/test_null_arguments.c. kvspan_comm_create_mpi() needs MPI and is tried in
# tests/comm/test_mpi.c, kvspan_cache_create() needs ranks and is tried in
# tests/runtime/test_cache_create.c, kvspan_device_open_cuda() and the kvspan_cuda_…() are tried
# in tests/kernels/cuda/test_device.c, kvspan_comm_use_nccl() in
# tests/runtime/test_cache_mesh_cuda.c, kvspan_comm_set_nccl_watchdog() in
# tests/runtime/test_cache_watchdog_cuda.c.
#
# usage: null_arguments.sh SOURCE-FOLDER
set -eu
cd "$1"
calls=$(cat include/kvspan/*.h | tr '\n' ' ' | grep -o 'KVSPAN_API [^;(]*([^;]*\*[^;]*);' |
    sed 's/ *(.*//; s/.*[ *]//' | sort -u)
[ "$(echo "$calls" | wc -l)" -gt 50 ] # or the headers are not read right
missing=0
for call in $calls; do
    case $call in
    kvspan_cache_create) file=tests/runtime/test_cache_create.c ;;
    kvspan_device_open_cuda) file=tests/kernels/cuda/test_device.c ;;
    kvspan_cuda_measure_products) file=tests/kernels/cuda/test_device.c ;;
    kvspan_cuda_count) file=tests/kernels/cuda/test_device.c ;;
    kvspan_comm_use_nccl) file=tests/runtime/test_cache_mesh_cuda.c ;;
    kvspan_comm_set_nccl_watchdog) file=tests/runtime/test_cache_watchdog_cuda.c ;;
    kvspan_comm_create_mpi) file=tests/comm/test_mpi.c ;;
    *) file=tests/runtime/test_null_arguments.c ;;
    esac
    if ! grep -q "$call(.*" "$file"; then
        echo "null_arguments: $call is not tried in $file" >&2
        missing=1
    fi
done
[ $missing -eq 0 ]
echo "null_arguments: $(echo "$calls" | wc -l) calls"
