#include "standin/cudart/stream.h"

#include <pthread.h>
#include <stdlib.h>

#include "standin/cudart/complain.h"
#include "standin/cudart/record.h"
#include "standin/cudart/settings.h"
#include "standin/cudart/state.h"
#include "standin/cudart/zeroed.h"

static gpu gpus[SETTINGS_DEVICE_LIMIT];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local uint32_t current_device;
static uint32_t stream_count;
static uint64_t number;

static void devices_init(void)
{
    for (uint32_t i = 0; i < SETTINGS_DEVICE_LIMIT; i++) {
        gpu *each = &gpus[i];

        each->index = i;
        each->random = (settings_get()->seed + 1) * 0x9e3779b97f4a7c15ull + i;
        each->streams = &each->null_stream;
        each->null_stream.device = each;
    }
}

gpu *device_at(uint32_t index)
{
    pthread_once(&once, devices_init);
    return &gpus[index];
}

gpu *device_current(void)
{
    return device_at(current_device);
}

void device_set_current(uint32_t index)
{
    current_device = index;
}

stream_queue *stream_find(cudaStream_t handle)
{
    if (handle == NULL || handle == cudaStreamLegacy) {
        return &device_current()->null_stream;
    }
    if (handle == cudaStreamPerThread) {
        complain_not_implemented("cudaStreamPerThread");
    }
    for (uint32_t i = 0; i < settings_get()->device_count; i++) {
        for (stream_queue *each = device_at(i)->streams; each != NULL; each = each->next) {
            if (each == (stream_queue *)handle && !each->is_destroyed && !each->is_hidden) {
                return each;
            }
        }
    }
    complain("%p is no stream, or a destroyed one", (void *)handle);
    return NULL;
}

stream_queue *stream_create(gpu *owner, unsigned flags, int priority, bool is_hidden)
{
    stream_queue *fresh = zeroed_allocate(1, sizeof(*fresh));
    stream_queue **end = &owner->streams;

    fresh->device = owner;
    fresh->id = ++stream_count;
    fresh->is_blocking = (flags & cudaStreamNonBlocking) == 0 && !is_hidden;
    fresh->priority = priority;
    fresh->is_hidden = is_hidden;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = fresh;
    return fresh;
}

static void stream_free(stream_queue *ended)
{
    stream_queue **link = &ended->device->streams;

    while (*link != ended) {
        link = &(*link)->next;
    }
    *link = ended->next;
    operation_give(ended->last);
    free(ended);
}

void stream_destroy(stream_queue *ended)
{
    ended->is_destroyed = true;
    if (ended->head == NULL) {
        stream_free(ended);
    }
}

void stream_reset(gpu *owner)
{
    stream_queue *each = owner->null_stream.next;

    while (each != NULL) {
        stream_queue *next = each->next;

        if (!each->is_hidden) {
            stream_destroy(each);
        }
        each = next;
    }
}

uint32_t stream_report_leaks(void)
{
    uint32_t leak_count = 0;

    for (uint32_t i = 0; i < settings_get()->device_count; i++) {
        for (stream_queue *each = device_at(i)->streams; each != NULL; each = each->next) {
            if (each == &device_at(i)->null_stream || each->is_hidden || each->is_destroyed) {
                continue;
            }
            leak_count++;
            complain("leak: stream %u of device %u", each->id, i);
        }
    }
    return leak_count;
}

static bool queue_touches(const stream_queue *queue, uint64_t begin, uint64_t end)
{
    for (const operation *each = queue->head; each != NULL; each = each->next) {
        const work *what = each->work;

        if (what != NULL && (what->touches == NULL || what->touches(what->context, begin, end))) {
            return true;
        }
    }
    return false;
}

bool stream_touches(uint64_t begin, uint64_t end)
{
    for (uint32_t i = 0; i < settings_get()->device_count; i++) {
        for (const stream_queue *each = device_at(i)->streams; each != NULL; each = each->next) {
            if (queue_touches(each, begin, end)) {
                return true;
            }
        }
    }
    return false;
}

work *work_create(cudaError_t (*run)(void *context, uint32_t device),
                  void (*release)(void *context), void *context, const char *name)
{
    work *fresh = zeroed_allocate(1, sizeof(*fresh));

    fresh->references = 1;
    fresh->run = run;
    fresh->release = release;
    fresh->context = context;
    fresh->name = name;
    return fresh;
}

void work_take(work *taken)
{
    taken->references++;
}

void work_give(work *given)
{
    if (given == NULL || --given->references != 0) {
        return;
    }
    if (given->release != NULL) {
        given->release(given->context);
    }
    free(given);
}

operation *operation_take(operation *taken)
{
    if (taken != NULL) {
        taken->references++;
    }
    return taken;
}

static void waits_drop(operation *owner)
{
    for (uint32_t i = 0; i < owner->wait_count; i++) {
        operation_give(owner->waits[i]);
    }
    free(owner->waits);
    owner->waits = NULL;
    owner->wait_count = 0;
}

void operation_give(operation *given)
{
    if (given == NULL || --given->references != 0) {
        return;
    }
    waits_drop(given);
    work_give(given->work);
    free(given);
}

static void wait_add(operation *waiting, operation *awaited)
{
    if (awaited != NULL && !awaited->is_done) {
        waiting->waits[waiting->wait_count++] = operation_take(awaited);
    }
}

/* The null stream waits for all streams that block, and they for it. */
static void null_stream_waits_add(operation *waiting, stream_queue *queue)
{
    stream_queue *null_stream = &queue->device->null_stream;

    if (queue->is_blocking) {
        wait_add(waiting, null_stream->last);
    }
    if (queue != null_stream) {
        return;
    }
    for (stream_queue *each = queue->device->streams; each != NULL; each = each->next) {
        if (each->is_blocking) {
            wait_add(waiting, each->last);
        }
    }
}

static uint32_t stream_count_of(const gpu *owner)
{
    uint32_t count = 0;

    for (const stream_queue *each = owner->streams; each != NULL; each = each->next) {
        count++;
    }
    return count;
}

operation *stream_append(stream_queue *queue, work *what, const char *name, operation *const *waits,
                         uint32_t wait_count)
{
    const uint32_t wait_limit = wait_count + stream_count_of(queue->device) + 1;
    operation *fresh = zeroed_allocate(1, sizeof(*fresh));
    operation **end = &queue->head;

    /* NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers */
    fresh->waits = zeroed_allocate(wait_limit, sizeof(*fresh->waits));
    fresh->references = 2; /* of the queue, and as the last */
    fresh->work = what;
    if (what != NULL) {
        work_take(what);
    }
    fresh->name = name;
    fresh->stream = queue;
    fresh->enqueued = stream_next_number();
    fresh->after = wait_count == 1 && waits[0] != NULL ? waits[0]->enqueued : 0;
    for (uint32_t i = 0; i < wait_count; i++) {
        wait_add(fresh, waits[i]);
    }
    null_stream_waits_add(fresh, queue);
    if (queue->head != NULL) {
        end = &queue->last->next;
    }
    *end = fresh;
    operation_give(queue->last);
    queue->last = fresh;
    queue->denial_count = 0;
    return fresh;
}

operation *operation_undone_wait(const operation *waiting)
{
    for (uint32_t i = 0; i < waiting->wait_count; i++) {
        if (!waiting->waits[i]->is_done) {
            return waiting->waits[i];
        }
    }
    return NULL;
}

void operation_complete(operation *done)
{
    stream_queue *queue = done->stream;

    done->is_done = true;
    done->done_ms = state_time_ms();
    queue->head = done->next;
    done->next = NULL;
    done->stream = NULL;
    waits_drop(done);
    if (done->begun != 0) { /* else its device failed */
        record_operation(queue->device->index, queue->id, done);
    }
    work_give(done->work);
    done->work = NULL;
    operation_give(done);
    if (queue->head == NULL && queue->is_destroyed) {
        stream_free(queue);
    }
}

uint64_t stream_next_number(void)
{
    return ++number;
}
