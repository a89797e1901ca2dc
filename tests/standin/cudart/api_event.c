#include <stdlib.h>

#include "standin/cudart/call.h"
#include "standin/cudart/capture.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/event.h"
#include "standin/cudart/progress.h"
#include "standin/cudart/settings.h"

static event_mark *events;
static uint32_t event_count;

event_mark *event_find(cudaEvent_t handle)
{
    event_mark *each = events;

    while (each != NULL && each != (event_mark *)handle) {
        each = each->next;
    }
    if (each == NULL) {
        complain("%p is no event, or a destroyed one", (void *)handle);
    }
    return each;
}

uint32_t event_report_leaks(void)
{
    uint32_t leak_count = 0;

    for (const event_mark *each = events; each != NULL; each = each->next) {
        leak_count++;
        complain("leak: event %u of device %u", each->id, each->device->index);
    }
    return leak_count;
}

static cudaError_t event_create(cudaEvent_t *event_out, unsigned flags)
{
    const unsigned known = cudaEventBlockingSync | cudaEventDisableTiming;
    event_mark *fresh;

    if (event_out == NULL || (flags & ~(known | cudaEventInterprocess)) != 0) {
        return cudaErrorInvalidValue;
    }
    if (flags & cudaEventInterprocess) {
        complain_not_implemented("cudaEventInterprocess");
    }
    fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL) {
        complain_and_abort("out of memory");
    }
    fresh->device = device_current();
    fresh->flags = flags;
    fresh->id = ++event_count;
    fresh->next = events;
    events = fresh;
    *event_out = (cudaEvent_t)fresh;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_ALLOCATES);

    if (error == cudaSuccess) {
        error = event_create(event_out, cudaEventDefault);
    }
    return call_end(error);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event_out, unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_ALLOCATES);

    if (error == cudaSuccess) {
        error = event_create(event_out, flags);
    }
    return call_end(error);
}

void event_reset(const gpu *owner)
{
    event_mark **link = &events;

    while (*link != NULL) {
        event_mark *each = *link;

        if (each->device != owner) {
            link = &each->next;
            continue;
        }
        *link = each->next;
        operation_give(each->recorded);
        free(each);
    }
}

static cudaError_t event_destroy(cudaEvent_t handle)
{
    event_mark *ended = event_find(handle);
    event_mark **link = &events;

    if (ended == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    while (*link != ended) {
        link = &(*link)->next;
    }
    *link = ended->next;
    operation_give(ended->recorded);
    free(ended);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    cudaError_t error = call_begin(__func__, CALL_GIVES_BACK);

    if (error == cudaSuccess) {
        error = event_destroy(event);
    }
    return call_end(error);
}

static cudaError_t event_record(cudaEvent_t handle, cudaStream_t stream_handle)
{
    event_mark *recorded = event_find(handle);
    stream_queue *queue = stream_find(stream_handle);
    cudaError_t error;
    operation *place;

    if (recorded == NULL || queue == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    if (recorded->device != queue->device) {
        complain("event of device %u recorded in a stream of device %u", recorded->device->index,
                 queue->device->index);
        return cudaErrorInvalidResourceHandle;
    }
    error = capture_refuse_null(queue);
    if (error != cudaSuccess) {
        return error;
    }
    recorded->denial_count = 0;
    if (queue->capture != NULL) {
        capture_record_event(queue, recorded);
        return cudaSuccess;
    }
    recorded->capture_id = 0;
    place = operation_take(stream_append(queue, NULL, "event_record", NULL, 0));
    operation_give(recorded->recorded);
    recorded->recorded = place;
    progress_allow(place);
    return queue->device->sticky;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = event_record(event, stream);
    }
    return call_end(error);
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (flags != cudaEventRecordDefault) {
        complain_not_implemented("cudaEventRecordWithFlags with flags");
    }
    if (error == cudaSuccess) {
        error = event_record(event, stream);
    }
    return call_end(error);
}

static cudaError_t event_query(cudaEvent_t handle)
{
    event_mark *asked = event_find(handle);

    if (asked == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    if (asked->capture_id != 0) {
        return cudaErrorCapturedEvent;
    }
    if (asked->recorded == NULL) {
        return cudaSuccess;
    }
    if (!asked->recorded->is_done) {
        progress_step(asked->recorded);
    }
    if (asked->device->sticky != cudaSuccess) {
        return asked->device->sticky;
    }
    if (asked->recorded->is_done && asked->denial_count >= settings_get()->not_ready_count) {
        return cudaSuccess;
    }
    asked->denial_count++;
    return cudaErrorNotReady;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);

    if (error == cudaSuccess) {
        error = event_query(event);
    }
    return call_end(error);
}

static cudaError_t event_synchronize(cudaEvent_t handle)
{
    event_mark *awaited = event_find(handle);

    if (awaited == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    if (awaited->capture_id != 0) {
        return cudaErrorCapturedEvent;
    }
    awaited->denial_count = settings_get()->not_ready_count;
    progress_wait(awaited->recorded);
    return awaited->device->sticky;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);

    if (error == cudaSuccess) {
        error = event_synchronize(event);
    }
    return call_end(error);
}

static cudaError_t event_elapsed(float *elapsed_ms_out, cudaEvent_t start, cudaEvent_t end)
{
    const event_mark *first = event_find(start);
    const event_mark *second = event_find(end);

    if (first == NULL || second == NULL || first->device != second->device ||
        first->recorded == NULL || second->recorded == NULL ||
        ((first->flags | second->flags) & cudaEventDisableTiming) != 0) {
        return cudaErrorInvalidResourceHandle;
    }
    if (!first->recorded->is_done || !second->recorded->is_done) {
        return cudaErrorNotReady;
    }
    *elapsed_ms_out = (float)(second->recorded->done_ms - first->recorded->done_ms);
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *elapsed_ms_out, cudaEvent_t start, cudaEvent_t end)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = event_elapsed(elapsed_ms_out, start, end);
    }
    return call_end(error);
}
