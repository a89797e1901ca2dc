#include <stdlib.h>

#include "standin/cudart/call.h"
#include "standin/cudart/capture.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/progress.h"
#include "standin/cudart/settings.h"

enum {
    GREATEST_PRIORITY = -5
};

static cudaError_t stream_make(cudaStream_t *stream_out, unsigned flags, int priority)
{
    if (stream_out == NULL || (flags & ~(unsigned)cudaStreamNonBlocking) != 0) {
        return cudaErrorInvalidValue;
    }
    *stream_out = (cudaStream_t)stream_create(device_current(), flags, priority, false);
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_ALLOCATES);

    if (error == cudaSuccess) {
        error = stream_make(stream_out, cudaStreamDefault, 0);
    }
    return call_end(error);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream_out, unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_ALLOCATES);

    if (error == cudaSuccess) {
        error = stream_make(stream_out, flags, 0);
    }
    return call_end(error);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream_out, unsigned flags, int priority)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_ALLOCATES);

    if (error == cudaSuccess) {
        const int lowered = priority > 0 ? 0 : priority;

        error = stream_make(stream_out, flags,
                            lowered < GREATEST_PRIORITY ? GREATEST_PRIORITY : lowered);
    }
    return call_end(error);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least_out, int *greatest_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        *least_out = 0;
        *greatest_out = GREATEST_PRIORITY;
    }
    return call_end(error);
}

static cudaError_t stream_end(cudaStream_t handle)
{
    stream_queue *ended = stream_find(handle);

    if (ended == NULL || ended == &ended->device->null_stream) {
        return cudaErrorInvalidResourceHandle;
    }
    if (capture_refuse_wait(ended) != cudaSuccess) {
        return cudaErrorStreamCaptureUnsupported;
    }
    stream_destroy(ended);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_GIVES_BACK);

    if (error == cudaSuccess) {
        error = stream_end(stream);
    }
    return call_end(error);
}

static cudaError_t stream_query(cudaStream_t handle)
{
    stream_queue *asked = stream_find(handle);
    cudaError_t error;

    if (asked == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    error = capture_refuse_wait(asked);
    if (error == cudaSuccess) {
        error = capture_refuse_null(asked);
    }
    if (error != cudaSuccess) {
        return error;
    }
    if (asked->head != NULL) {
        progress_step(asked->last);
    }
    if (asked->device->sticky != cudaSuccess) {
        return asked->device->sticky;
    }
    if (asked->head == NULL && asked->denial_count >= settings_get()->not_ready_count) {
        return cudaSuccess;
    }
    asked->denial_count++;
    return cudaErrorNotReady;
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = stream_query(stream);
    }
    return call_end(error);
}

static cudaError_t stream_synchronize(cudaStream_t handle)
{
    stream_queue *waited = stream_find(handle);
    cudaError_t error;

    if (waited == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    error = capture_refuse_wait(waited);
    if (error == cudaSuccess) {
        error = capture_refuse_null(waited);
    }
    if (error != cudaSuccess) {
        return error;
    }
    waited->denial_count = settings_get()->not_ready_count;
    return progress_wait_stream(waited);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = stream_synchronize(stream);
    }
    return call_end(error);
}

cudaError_t cudaDeviceSynchronize(void)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);

    if (error == cudaSuccess) {
        error = progress_wait_device(device_current());
    }
    return call_end(error);
}

static cudaError_t stream_wait_event(cudaStream_t handle, cudaEvent_t event_handle, unsigned flags)
{
    stream_queue *waiting = stream_find(handle);
    event_mark *awaited = event_find(event_handle);

    if (waiting == NULL || awaited == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    if (flags != cudaEventWaitDefault) {
        complain_not_implemented("cudaStreamWaitEvent with flags");
    }
    if (waiting->capture != NULL || awaited->capture_id != 0) {
        return capture_wait_event(waiting, awaited);
    }
    if (awaited->recorded == NULL) {
        return cudaSuccess;
    }
    return progress_enqueue(waiting, NULL, "event_wait", &awaited->recorded, 1);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = stream_wait_event(stream, event, flags);
    }
    return call_end(error);
}

typedef struct host_call {
    cudaHostFn_t function;
    void *data;
} host_call;

static cudaError_t host_call_run(void *context, uint32_t device)
{
    const host_call *called = context;

    (void)device;
    called->function(called->data);
    return cudaSuccess;
}

static cudaError_t host_call_submit(cudaStream_t handle, cudaHostFn_t function, void *data)
{
    stream_queue *queue = stream_find(handle);
    host_call *called;
    work *what;

    if (queue == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    if (function == NULL) {
        return cudaErrorInvalidValue;
    }
    called = malloc(sizeof(*called));
    if (called == NULL) {
        complain_and_abort("out of memory");
    }
    *called = (host_call){ .function = function, .data = data };
    what = work_create(host_call_run, free, called, "host_function");
    return capture_submit(queue, what, what->name);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = host_call_submit(stream, function, data);
    }
    return call_end(error);
}
