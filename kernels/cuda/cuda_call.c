#include "kernels/cuda/cuda_call.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
    WAIT_SECONDS = 60,
    LONGEST_NAP_NS = 100000,
    MOST_BLOCKS = 2147483647,
    FREE_SHARED_BYTES = 48 * 1024 /* that a kernel may have without asking */
};

kvspan_status kvspan_cuda_fail(kvspan_error *error, kvspan_status status, cudaError_t code,
                               const char *call)
{
    (void)kvspan_fail(error, status, "%s: %s (%s)", call, cudaGetErrorName(code),
                      cudaGetErrorString(code));
    if (error) {
        error->native = (int32_t)code;
    }
    (void)cudaGetLastError();
    return status;
}

kvspan_status kvspan_cuda_judge(cudaError_t code, const char *call, kvspan_error *error)
{
    if (code == cudaSuccess) {
        return KVSPAN_OK;
    }
    return kvspan_cuda_fail(
        error, code == cudaErrorMemoryAllocation ? KVSPAN_ERR_MEMORY : KVSPAN_ERR_CUDA, code, call);
}

void kvspan_cuda_forget(cudaError_t code)
{
    if (code != cudaSuccess) {
        (void)cudaGetLastError();
    }
}

kvspan_status kvspan_cuda_select(kvspan_device *device, kvspan_error *error)
{
    return kvspan_cuda_judge(cudaSetDevice(kvspan_cuda_device_of(device)->index), "cudaSetDevice",
                             error);
}

kvspan_status kvspan_cuda_allow_shared(kvspan_device *device, const void *kernel,
                                       uint32_t shared_bytes, kvspan_error *error)
{
    kvspan_status status;
    cudaError_t code;

    if (shared_bytes <= FREE_SHARED_BYTES) {
        return KVSPAN_OK;
    }
    status = kvspan_cuda_select(device, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    code = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                (int)shared_bytes);
    return code == cudaSuccess
               ? KVSPAN_OK
               : kvspan_cuda_fail(error, KVSPAN_ERR_CUDA, code, "cudaFuncSetAttribute");
}

kvspan_status kvspan_cuda_launch_run(kvspan_device *device, const kvspan_cuda_launch *launch,
                                     const void *argument, kvspan_stream stream,
                                     kvspan_error *error)
{
    const dim3 threads = { launch->thread_count, 1, 1 };
    void *arguments[1];
    kvspan_status status;
    cudaError_t code;

    if (launch->block_count == 0) {
        return KVSPAN_OK;
    }
    if (!launch->kernel || launch->block_count > MOST_BLOCKS) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "there is no kernel %s for these types, or not of %" PRIu64 " blocks",
                           launch->name, launch->block_count);
    }
    status = kvspan_cuda_select(device, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    memcpy(arguments, &argument, sizeof(argument)); /* read only, though the type does not say so */
    code = cudaLaunchKernel(launch->kernel, (dim3){ (unsigned)launch->block_count, 1, 1 }, threads,
                            arguments, launch->shared_bytes, (cudaStream_t)stream);
    if (code != cudaSuccess) {
        char call[64];

        (void)snprintf(call, sizeof(call), "cudaLaunchKernel of %s", launch->name);
        return kvspan_cuda_fail(error, KVSPAN_ERR_CUDA, code, call);
    }
    return KVSPAN_OK;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

kvspan_status kvspan_cuda_wait(kvspan_device *device, kvspan_stream stream, kvspan_error *error)
{
    const uint64_t deadline = now_ns() + (uint64_t)WAIT_SECONDS * 1000000000u;
    struct timespec nap = { .tv_nsec = 1000 };
    kvspan_status status = kvspan_cuda_select(device, error);
    cudaError_t code;

    if (status != KVSPAN_OK) {
        return status;
    }
    for (;;) {
        code = cudaStreamQuery((cudaStream_t)stream);
        if (code != cudaErrorNotReady) {
            return kvspan_cuda_judge(code, "cudaStreamQuery", error);
        }
        kvspan_cuda_forget(code); /* an answer, not an error */
        if (now_ns() > deadline) {
            status = kvspan_cuda_fail(NULL, KVSPAN_ERR_CUDA, code, "cudaStreamQuery");
            (void)kvspan_fail(error, status, "a stream is not done after %d s", WAIT_SECONDS);
            if (error) {
                error->native = (int32_t)code;
            }
            return status;
        }
        (void)nanosleep(&nap, NULL);
        nap.tv_nsec = nap.tv_nsec < LONGEST_NAP_NS ? 2 * nap.tv_nsec : nap.tv_nsec;
    }
}
