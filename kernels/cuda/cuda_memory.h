/** @file
 * Memory of a GPU, and of the host for it: entries of its kvspan_device_ops.
 */
#ifndef KVSPAN_KERNELS_CUDA_CUDA_MEMORY_H
#define KVSPAN_KERNELS_CUDA_CUDA_MEMORY_H

#include "kernels/cuda/cuda_device.h"

kvspan_status kvspan_cuda_memory_query(kvspan_device *device, kvspan_device_memory *memory_out,
                                       kvspan_error *error);
kvspan_status kvspan_cuda_memory_allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                                          kvspan_error *error);
void kvspan_cuda_memory_release(kvspan_device *device, void *data, uint64_t bytes);
kvspan_status kvspan_cuda_memory_allocate_pinned(kvspan_device *device, uint64_t bytes,
                                                 void **data_out, kvspan_error *error);
void kvspan_cuda_memory_release_pinned(kvspan_device *device, void *data, uint64_t bytes);

#endif
