/** @file
 * NVIDIA GPUs as devices. In a library of its own (libkvspan_cuda), so that nobody else needs a
 * CUDA runtime.
 */
#ifndef KVSPAN_CUDA_H
#define KVSPAN_CUDA_H

#include <kvspan/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Counts the GPUs that this process sees.
 *
 * Not collective.
 *
 * @param[out] count_out  at least 1
 * @param[out] error  may be NULL; native holds the cudaError_t
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (count_out is NULL); KVSPAN_ERR_UNSUPPORTED (no driver, no
 *         GPU); KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_cuda_count(uint32_t *count_out, kvspan_error *error);

/**
 * Opens a GPU: kernels for compute capability 8.0 and above, and its memory. Page memory, tensors
 * and what else lies "on the cache's device" are then addresses that the GPU can use, and every
 * kvspan_stream is a cudaStream_t of this GPU; NULL is the legacy default stream. Calls make the
 * GPU the calling thread's current device and leave it so. One caller at a time. libkvspan_cuda and
 * libkvspan have to be of the same version.
 *
 * Not collective.
 *
 * @param index  as cudaSetDevice() counts the GPUs that this process sees, 0-based
 * @param[out] device_out  closed with kvspan_device_close()
 * @param[out] error  may be NULL; native holds the cudaError_t, if a call of the CUDA runtime said
 *             no
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (device_out is NULL; there are GPUs, but none of this
 *         index); KVSPAN_ERR_UNSUPPORTED (no driver, no GPU, one before compute capability 8.0,
 *         another version of libkvspan); KVSPAN_ERR_MEMORY; KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_device_open_cuda(uint32_t index, kvspan_device **device_out,
                                                 kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
