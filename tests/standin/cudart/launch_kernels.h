/** @file
 * Kernels for test_launch.c, compiled by nvcc; each launches on a stream and says what the launch
 * said.
 */
#ifndef KVSPAN_STANDIN_CUDART_LAUNCH_KERNELS_H
#define KVSPAN_STANDIN_CUDART_LAUNCH_KERNELS_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* values[i] += added, with threads beyond count idle. */
cudaError_t kernel_add(int *values, int added, unsigned count, cudaStream_t stream);
/* The same without a check of the index. */
cudaError_t kernel_add_unchecked(int *values, int added, unsigned threads, cudaStream_t stream);
/* values reversed through dynamic shared memory, one block, and shared_bytes of it. */
cudaError_t kernel_reverse(int *values, unsigned count, size_t shared_bytes, cudaStream_t stream);
/* *architecture_out = that which the PTX was compiled for, 800 or 900. */
cudaError_t kernel_architecture(int *architecture_out, cudaStream_t stream);
/* *out = the __device__ variable times the __constant__ one; the variable goes up. */
cudaError_t kernel_variables(int *out, cudaStream_t stream);
/* A kernel of at most 64 threads. */
cudaError_t kernel_bounded(unsigned threads, cudaStream_t stream);

/* For calls that take the address of a kernel or a variable. */
const void *kernel_reverse_address(void);
const void *kernel_add_address(void);
const void *variable_device_address(void);
const void *variable_constant_address(void);

#ifdef __cplusplus
}
#endif

#endif
