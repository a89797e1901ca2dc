#include "standin/cudart/device_work.h"

#include <stdlib.h>

#include "standin/cudart/call.h"
#include "standin/cudart/capture.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/progress.h"
#include "standin/cudart/state.h"

static cudaError_t foreign_run(void *context, uint32_t device)
{
    const device_work *foreign = context;

    switch (foreign->run(foreign->context)) {
    case DEVICE_WORK_DONE: return cudaSuccess;
    case DEVICE_WORK_WAITS: return cudaErrorNotReady;
    default: break;
    }
    complain("device %u: %s failed", device, foreign->name);
    return cudaErrorLaunchFailure;
}

static void foreign_release(void *context)
{
    device_work *foreign = context;

    if (foreign->release != NULL) {
        foreign->release(foreign->context);
    }
    free(foreign);
}

static cudaError_t foreign_submit(cudaStream_t handle, const device_work *foreign)
{
    stream_queue *queue = stream_find(handle);
    device_work *copy = malloc(sizeof(*copy));
    work *what;

    if (copy == NULL) {
        complain_and_abort("out of memory");
    }
    *copy = *foreign;
    what = work_create(foreign_run, foreign_release, copy, foreign->name);
    if (queue == NULL || queue->device != device_current()) {
        complain("%s on no stream of the current device", foreign->name);
        work_give(what);
        return cudaErrorInvalidResourceHandle;
    }
    what->device_mask = UINT32_MAX; /* it may move data between devices */
    what->is_collective = true;
    return capture_submit(queue, what, what->name);
}

cudaError_t device_work_enqueue(cudaStream_t stream, const device_work *foreign)
{
    cudaError_t error = call_begin(NULL, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = foreign_submit(stream, foreign);
    } else if (foreign->release != NULL) {
        foreign->release(foreign->context);
    }
    return call_end(error);
}

bool device_work_is_device_memory(const void *address, size_t bytes, bool is_any_device)
{
    const memory_range range = memory_find((uint64_t)address, bytes);

    return range.place == MEMORY_DEVICE &&
           (is_any_device || range.device == device_current()->index);
}
