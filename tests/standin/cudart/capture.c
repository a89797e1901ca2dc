#include "standin/cudart/capture.h"

#include <pthread.h>
#include <stdlib.h>

#include "standin/cudart/call.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/graph.h"
#include "standin/cudart/progress.h"
#include "standin/cudart/settings.h"

typedef struct capture {
    struct capture *next; /* of those that have not ended */
    uint64_t id;
    enum cudaStreamCaptureMode mode;
    pthread_t thread;
    stream_queue *origin;
    bool is_invalid;
    graph *made;
} capture;

static capture *captures;
static uint64_t capture_count;
static _Thread_local enum cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

static capture *capture_find(uint64_t id)
{
    capture *each = captures;

    while (each != NULL && each->id != id) {
        each = each->next;
    }
    return each;
}

static bool is_upset_by_this_thread(const capture *judged)
{
    if (thread_mode == cudaStreamCaptureModeRelaxed) {
        return false;
    }
    if (pthread_equal(judged->thread, pthread_self())) {
        return judged->mode != cudaStreamCaptureModeRelaxed;
    }
    return judged->mode == cudaStreamCaptureModeGlobal &&
           thread_mode == cudaStreamCaptureModeGlobal;
}

cudaError_t capture_refuse_unsafe(const char *name)
{
    cudaError_t error = cudaSuccess;

    for (capture *each = captures; each != NULL; each = each->next) {
        if (is_upset_by_this_thread(each)) {
            complain("%s during a stream capture, which is invalid from here", name);
            each->is_invalid = true;
            error = cudaErrorStreamCaptureUnsupported;
        }
    }
    return error;
}

cudaError_t capture_refuse_wait(stream_queue *waited)
{
    if (waited->capture == NULL) {
        return cudaSuccess;
    }
    waited->capture->is_invalid = true;
    return cudaErrorStreamCaptureUnsupported;
}

cudaError_t capture_refuse_null(stream_queue *queue)
{
    cudaError_t error = cudaSuccess;

    if (queue != &queue->device->null_stream) {
        return cudaSuccess;
    }
    for (stream_queue *each = queue->device->streams; each != NULL; each = each->next) {
        if (each->capture != NULL && each->is_blocking) {
            each->capture->is_invalid = true;
            error = cudaErrorStreamCaptureImplicit;
        }
    }
    return error;
}

static cudaError_t node_append(stream_queue *queue, graph_node *awaited, work *what,
                               const char *name)
{
    if (queue->capture->is_invalid) {
        return cudaErrorStreamCaptureInvalidated;
    }
    if (what != NULL && what->is_collective) {
        queue->capture->is_invalid = true;
        return cudaErrorStreamCaptureUnsupported; /* it cannot be run twice */
    }
    queue->captured =
        graph_add_node(queue->capture->made, queue->lane, queue->captured, awaited, what, name);
    return cudaSuccess;
}

cudaError_t capture_submit(stream_queue *queue, work *what, const char *name)
{
    cudaError_t error = capture_refuse_null(queue);

    if (error == cudaSuccess && queue->capture != NULL) {
        error = node_append(queue, NULL, what, name);
    } else if (error == cudaSuccess) {
        error = progress_enqueue(queue, what, name, NULL, 0);
    }
    work_give(what);
    return error;
}

void capture_record_event(stream_queue *queue, event_mark *recorded)
{
    node_append(queue, NULL, NULL, "event_record");
    recorded->captured = queue->captured;
    recorded->capture_id = queue->capture->id;
}

static cudaError_t capture_join(stream_queue *queue, capture *joined)
{
    const uint32_t lane = graph_add_lane(joined->made, queue->device);

    if (queue == &queue->device->null_stream) {
        joined->is_invalid = true;
        return cudaErrorStreamCaptureImplicit;
    }
    if (lane == UINT32_MAX) {
        complain_and_abort("a capture of more than %d streams", GRAPH_LANE_LIMIT);
    }
    queue->capture = joined;
    queue->captured = NULL;
    queue->lane = lane;
    return cudaSuccess;
}

cudaError_t capture_wait_event(stream_queue *queue, event_mark *awaited)
{
    capture *of_event = capture_find(awaited->capture_id);

    if (awaited->capture_id == 0) {
        queue->capture->is_invalid = true;
        return cudaErrorStreamCaptureIsolation;
    }
    if (of_event == NULL) {
        return cudaErrorCapturedEvent;
    }
    if (queue->capture == NULL) {
        const cudaError_t error = capture_join(queue, of_event);

        if (error != cudaSuccess) {
            return error;
        }
    }
    if (queue->capture != of_event) {
        queue->capture->is_invalid = true;
        of_event->is_invalid = true;
        return cudaErrorStreamCaptureMerge;
    }
    return node_append(queue, awaited->captured, NULL, "event_wait");
}

static cudaError_t capture_begin(cudaStream_t handle, enum cudaStreamCaptureMode mode)
{
    stream_queue *origin = stream_find(handle);
    capture *fresh;

    if (origin == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    if (origin == &origin->device->null_stream) {
        return cudaErrorStreamCaptureUnsupported;
    }
    if (origin->capture != NULL) {
        return cudaErrorIllegalState;
    }
    fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL) {
        complain_and_abort("out of memory");
    }
    fresh->id = ++capture_count;
    fresh->mode = mode;
    fresh->thread = pthread_self();
    fresh->origin = origin;
    fresh->made = graph_create();
    fresh->next = captures;
    captures = fresh;
    return capture_join(origin, fresh);
}

static void capture_leave(const capture *left)
{
    for (uint32_t i = 0; i < settings_get()->device_count; i++) {
        for (stream_queue *each = device_at(i)->streams; each != NULL; each = each->next) {
            if (each->capture == left) {
                each->capture = NULL;
                each->captured = NULL;
            }
        }
    }
}

static cudaError_t capture_end(cudaStream_t handle, cudaGraph_t *graph_out)
{
    stream_queue *origin = stream_find(handle);
    capture **link = &captures;
    capture *ended;
    cudaError_t error = cudaSuccess;

    if (origin == NULL || origin->capture == NULL) {
        return origin == NULL ? cudaErrorInvalidResourceHandle : cudaErrorIllegalState;
    }
    ended = origin->capture;
    if (ended->origin != origin) {
        ended->is_invalid = true;
        return cudaErrorStreamCaptureUnmatched;
    }
    if (ended->mode != cudaStreamCaptureModeRelaxed &&
        !pthread_equal(ended->thread, pthread_self())) {
        return cudaErrorStreamCaptureWrongThread;
    }
    if (ended->is_invalid) {
        error = cudaErrorStreamCaptureInvalidated;
    } else if (!graph_is_joined(ended->made, origin->captured)) {
        error = cudaErrorStreamCaptureUnjoined;
    }
    while (*link != ended) {
        link = &(*link)->next;
    }
    *link = ended->next;
    capture_leave(ended);
    if (error == cudaSuccess) {
        graph_keep(ended->made);
        *graph_out = (cudaGraph_t)ended->made;
    } else {
        graph_give(ended->made);
        *graph_out = NULL;
    }
    free(ended);
    return error;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = capture_begin(stream, mode);
    }
    return call_end(error);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = capture_end(stream, graph_out);
    }
    return call_end(error);
}

static enum cudaStreamCaptureStatus status_of(const stream_queue *judged)
{
    if (judged->capture == NULL) {
        return cudaStreamCaptureStatusNone;
    }
    return judged->capture->is_invalid ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
}

static cudaError_t capture_info(cudaStream_t handle, enum cudaStreamCaptureStatus *status_out,
                                unsigned long long *id_out)
{
    stream_queue *judged = stream_find(handle);

    if (judged == NULL) {
        return cudaErrorInvalidResourceHandle;
    }
    if (capture_refuse_null(judged) != cudaSuccess) {
        return cudaErrorStreamCaptureImplicit;
    }
    *status_out = status_of(judged);
    if (judged->capture != NULL && id_out != NULL) {
        *id_out = judged->capture->id;
    }
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = capture_info(stream, status_out, NULL);
    }
    return call_end(error);
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, enum cudaStreamCaptureStatus *status_out,
                                     unsigned long long *id_out, cudaGraph_t *graph_out,
                                     const cudaGraphNode_t **dependencies_out,
                                     const cudaGraphEdgeData **edges_out, size_t *count_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (graph_out != NULL || dependencies_out != NULL || edges_out != NULL || count_out != NULL) {
        complain_not_implemented("cudaStreamGetCaptureInfo of more than state and id");
    }
    if (error == cudaSuccess) {
        error = capture_info(stream, status_out, id_out);
    }
    return call_end(error);
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess) {
        const enum cudaStreamCaptureMode before = thread_mode;

        thread_mode = *mode;
        *mode = before;
    }
    return call_end(error);
}
