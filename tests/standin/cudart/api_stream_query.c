/* What a stream says of itself. */
#include "standin/cudart/call.h"
#include "standin/cudart/stream.h"

cudaError_t cudaStreamGetDevice(cudaStream_t handle, int *device_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const stream_queue *asked = error == cudaSuccess ? stream_find(handle) : NULL;

    if (error == cudaSuccess && asked == NULL) {
        error = cudaErrorInvalidResourceHandle;
    } else if (error == cudaSuccess) {
        *device_out = (int)asked->device->index;
    }
    return call_end(error);
}

cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned *flags_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const stream_queue *asked = error == cudaSuccess ? stream_find(handle) : NULL;

    if (error == cudaSuccess && asked == NULL) {
        error = cudaErrorInvalidResourceHandle;
    } else if (error == cudaSuccess) {
        const bool is_default = asked->is_blocking || asked == &asked->device->null_stream;

        *flags_out = is_default ? cudaStreamDefault : cudaStreamNonBlocking;
    }
    return call_end(error);
}

cudaError_t cudaStreamGetPriority(cudaStream_t handle, int *priority_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const stream_queue *asked = error == cudaSuccess ? stream_find(handle) : NULL;

    if (error == cudaSuccess && asked == NULL) {
        error = cudaErrorInvalidResourceHandle;
    } else if (error == cudaSuccess) {
        *priority_out = asked->priority;
    }
    return call_end(error);
}

cudaError_t cudaStreamGetId(cudaStream_t handle, unsigned long long *id_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const stream_queue *asked = error == cudaSuccess ? stream_find(handle) : NULL;

    if (error == cudaSuccess && asked == NULL) {
        error = cudaErrorInvalidResourceHandle;
    } else if (error == cudaSuccess) {
        *id_out = asked->id;
    }
    return call_end(error);
}
