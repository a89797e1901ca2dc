/** @file
 * Launches of kernels: what the runtime refuses is refused at the call; what a kernel does wrong is
 * found when it runs, and is the device's error from then on.
 */
#ifndef KVSPAN_STANDIN_CUDART_LAUNCH_H
#define KVSPAN_STANDIN_CUDART_LAUNCH_H

#include <cuda_runtime_api.h>

#include "standin/cudart/fat_binary.h"

typedef struct launch_shape {
    dim3 grid;
    dim3 block;
    size_t dynamic_shared_bytes;
    cudaStream_t stream;
} launch_shape;

/* The arguments are copied. kernel NULL: cudaErrorInvalidDeviceFunction. */
cudaError_t launch_enqueue(const registered_kernel *kernel, const launch_shape *shape,
                           void *const *arguments);

/* Bytes of dynamic shared memory that a launch may ask for on a device. */
uint32_t launch_dynamic_shared_limit(const registered_kernel *kernel, uint32_t device,
                                     uint32_t static_shared_bytes);

#endif
