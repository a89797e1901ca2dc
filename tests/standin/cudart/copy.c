#include "standin/cudart/copy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "standin/cudart/capture.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/progress.h"

typedef struct copy {
    copy_shape shape;
    bool is_fill;
    int value;
    memory_place target_place;
    memory_place source_place;
    uint32_t device_mask; /* of both places */
    void *staged;         /* NULL: the source itself is read */
} copy;

static size_t extent_of(size_t pitch, size_t width, size_t height)
{
    return pitch * (height - 1) + width;
}

/* Checked again when the copy runs: memory may have been freed in between. */
static bool is_whole(const void *address, size_t extent, const char *role)
{
    char text[MEMORY_TEXT_BYTES];

    if (memory_find((uint64_t)address, extent).place != MEMORY_NOWHERE) {
        return true;
    }
    memory_describe((uint64_t)address, text);
    complain("a copy's %s of %zu bytes is outside of live memory: %s", role, extent, text);
    return false;
}

static bool is_copy_whole(const copy *checked)
{
    const copy_shape *shape = &checked->shape;

    if (!is_whole(shape->target, extent_of(shape->target_pitch, shape->width, shape->height),
                  "target")) {
        return false;
    }
    return checked->is_fill || checked->staged != NULL ||
           is_whole(shape->source, extent_of(shape->source_pitch, shape->width, shape->height),
                    "source");
}

static cudaError_t copy_run(void *context, uint32_t device)
{
    const copy *what = context;
    const copy_shape *shape = &what->shape;

    (void)device;
    if (!is_copy_whole(what)) {
        return cudaErrorIllegalAddress;
    }
    for (size_t row = 0; row < shape->height; row++) {
        char *target = (char *)shape->target + row * shape->target_pitch;

        if (what->is_fill) {
            memset(target, what->value, shape->width);
        } else if (what->staged != NULL) {
            memcpy(target, (const char *)what->staged + row * shape->width, shape->width);
        } else {
            memmove(target, (const char *)shape->source + row * shape->source_pitch, shape->width);
        }
    }
    return cudaSuccess;
}

static void copy_release(void *context)
{
    copy *ended = context;

    free(ended->staged);
    free(ended);
}

static void *bytes_allocate(size_t bytes)
{
    void *fresh = malloc(bytes);

    if (fresh == NULL) {
        complain_and_abort("out of memory");
    }
    return fresh;
}

/* Reads pageable memory now, as the runtime may. */
static void source_stage(copy *staging)
{
    const copy_shape *shape = &staging->shape;

    staging->staged = bytes_allocate(shape->width * shape->height);
    for (size_t row = 0; row < shape->height; row++) {
        memcpy((char *)staging->staged + row * shape->width,
               (const char *)shape->source + row * shape->source_pitch, shape->width);
    }
}

static bool is_host(memory_place place)
{
    return place != MEMORY_DEVICE;
}

static bool is_kind_right(const copy *judged, enum cudaMemcpyKind kind)
{
    const bool from_host = is_host(judged->source_place);
    const bool to_host = is_host(judged->target_place);
    bool is_right = true;

    switch (kind) {
    case cudaMemcpyHostToHost: is_right = from_host && to_host; break;
    case cudaMemcpyHostToDevice: is_right = from_host && !to_host; break;
    case cudaMemcpyDeviceToHost: is_right = !from_host && to_host; break;
    case cudaMemcpyDeviceToDevice: is_right = !from_host && !to_host; break;
    case cudaMemcpyDefault: break;
    default: return false;
    }
    if (!is_right) {
        complain("a copy of kind %d goes from %s to %s memory", (int)kind,
                 from_host ? "host" : "device", to_host ? "host" : "device");
    }
    return is_right;
}

static const char *name_of(const copy *named)
{
    if (named->is_fill) {
        return "fill";
    }
    if (is_host(named->source_place)) {
        return is_host(named->target_place) ? "copy_host_to_host" : "copy_host_to_device";
    }
    return is_host(named->target_place) ? "copy_device_to_host" : "copy_device_to_device";
}

static memory_place place_find(const void *address, uint32_t *device_mask)
{
    const memory_range range = memory_find((uint64_t)address, 1);

    if (range.place == MEMORY_DEVICE) {
        *device_mask |= 1u << range.device;
    }
    return range.place;
}

static cudaError_t copy_make(const copy_shape *shape, enum cudaMemcpyKind kind, bool is_fill,
                             copy *copy_out)
{
    copy made = { .shape = *shape, .is_fill = is_fill };

    if (shape->target_pitch < shape->width || (!is_fill && shape->source_pitch < shape->width)) {
        return cudaErrorInvalidPitchValue;
    }
    if (!is_copy_whole(&made)) {
        return cudaErrorInvalidValue;
    }
    made.target_place = place_find(shape->target, &made.device_mask);
    made.source_place = is_fill ? MEMORY_DEVICE : place_find(shape->source, &made.device_mask);
    if (!is_fill && !is_kind_right(&made, kind)) {
        return cudaErrorInvalidMemcpyDirection;
    }
    *copy_out = made;
    return cudaSuccess;
}

static cudaError_t copy_submit(const copy *submitted, stream_queue *queue, bool waits)
{
    copy *kept = bytes_allocate(sizeof(*kept));
    work *what;
    cudaError_t error;

    *kept = *submitted;
    what = work_create(copy_run, copy_release, kept, name_of(submitted));
    what->device_mask = submitted->device_mask | 1u << queue->device->index;
    error = capture_submit(queue, what, what->name);
    return error == cudaSuccess && waits ? progress_wait_stream(queue) : error;
}

static bool is_empty(const copy_shape *shape)
{
    return shape->width == 0 || shape->height == 0;
}

cudaError_t copy_on_stream(const copy_shape *shape, enum cudaMemcpyKind kind, cudaStream_t stream)
{
    stream_queue *queue = stream_find(stream);
    bool waits;
    copy made;
    cudaError_t error;

    if (queue == NULL || is_empty(shape)) {
        return queue == NULL ? cudaErrorInvalidResourceHandle : cudaSuccess;
    }
    error = copy_make(shape, kind, false, &made);
    if (error != cudaSuccess) {
        return error;
    }
    waits = made.target_place == MEMORY_PAGEABLE ||
            (is_host(made.target_place) && is_host(made.source_place));
    if (queue->capture != NULL) {
        return copy_submit(&made, queue, false);
    }
    if (made.source_place == MEMORY_PAGEABLE && !waits) {
        source_stage(&made);
    }
    return copy_submit(&made, queue, waits);
}

cudaError_t copy_now(const copy_shape *shape, enum cudaMemcpyKind kind)
{
    stream_queue *queue = stream_find(NULL);
    copy made;
    cudaError_t error;

    if (is_empty(shape)) {
        return cudaSuccess;
    }
    error = copy_make(shape, kind, false, &made);
    if (error != cudaSuccess) {
        return error;
    }
    if (made.source_place == MEMORY_PAGEABLE && !is_host(made.target_place)) {
        error = progress_wait_stream(queue);
        if (error != cudaSuccess) {
            return error;
        }
        source_stage(&made);
        return copy_submit(&made, queue, false);
    }
    return copy_submit(&made, queue, is_host(made.source_place) || is_host(made.target_place));
}

cudaError_t copy_fill(const copy_shape *shape, int value, cudaStream_t stream)
{
    stream_queue *queue = stream_find(stream);
    copy made;
    cudaError_t error;

    if (queue == NULL || is_empty(shape)) {
        return queue == NULL ? cudaErrorInvalidResourceHandle : cudaSuccess;
    }
    error = copy_make(shape, cudaMemcpyDefault, true, &made);
    if (error == cudaSuccess && made.target_place == MEMORY_PAGEABLE) {
        complain("a fill of memory that is neither of a device nor pinned");
        error = cudaErrorInvalidValue;
    }
    if (error != cudaSuccess) {
        return error;
    }
    made.value = value;
    return copy_submit(&made, queue, false);
}
