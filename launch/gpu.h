/** @file
 * GPUs, where libkvspan_cuda is built and can be opened: else every call answers UNSUPPORTED.
 */
#ifndef KVSPAN_LAUNCH_GPU_H
#define KVSPAN_LAUNCH_GPU_H

#include <kvspan/comm.h>
#include <kvspan/device.h>

/* How many this process sees. UNSUPPORTED: none. */
kvspan_status kvspan_gpu_count(uint32_t *count_out, kvspan_error *error);

kvspan_status kvspan_gpu_open(uint32_t index, kvspan_device **device_out, kvspan_error *error);

/* Operations per second of products of bf16 matrices. */
kvspan_status kvspan_gpu_measure_products(kvspan_device *device, double *operations_per_second_out,
                                          kvspan_error *error);

/* Caches on the communicator exchange by NCCL. */
kvspan_status kvspan_gpu_use_nccl(kvspan_comm *comm, kvspan_error *error);

#endif
