/** @file
 * Calls of the CUDA runtime and what they answer.
 */
#ifndef KVSPAN_KERNELS_CUDA_CUDA_CALL_H
#define KVSPAN_KERNELS_CUDA_CUDA_CALL_H

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda_device.h"

/* Reports a failed call: its name and the runtime's error, which is taken back so that the caller's
 * next look at cudaGetLastError() is about the caller's calls. Returns `status`. */
kvspan_status kvspan_cuda_fail(kvspan_error *error, kvspan_status status, cudaError_t code,
                               const char *call);

/* OK, MEMORY or CUDA. */
kvspan_status kvspan_cuda_judge(cudaError_t code, const char *call, kvspan_error *error);

/* The end of a call that gives back: there is nobody to tell. Such a call finds its device by what
 * it is given, so that it is made even where the device cannot be selected. */
void kvspan_cuda_forget(cudaError_t code);

/* Makes the device the thread's current one. Every call begins with it: other libraries change a
 * thread's device too. CUDA. */
kvspan_status kvspan_cuda_select(kvspan_device *device, kvspan_error *error);

#endif
