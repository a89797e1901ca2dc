#include "standin/cudart/progress.h"

#include <pthread.h>
#include <stdlib.h>

#include "standin/cudart/complain.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/settings.h"
#include "standin/cudart/state.h"

enum {
    STREAM_LIMIT = 4096,
    SHORTEST_WAIT_US = 20,
    LONGEST_WAIT_US = 1000
};

typedef enum step {
    STEP_RAN,
    STEP_WAITS, /* it ran, but waits for others */
    STEP_BUSY   /* the device runs something else */
} step;

static uint64_t random_next(gpu *owner)
{
    uint64_t value = owner->random += 0x9e3779b97f4a7c15ull;

    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
}

static uint32_t device_count(void)
{
    return settings_get()->device_count;
}

static void memory_open_masked(uint32_t device_mask)
{
    for (uint32_t i = 0; i < device_count(); i++) {
        if (device_mask >> i & 1) {
            memory_open(i);
        }
    }
}

void progress_close_memory(void)
{
    uint32_t used_mask = 0;

    memory_close_thread();
    for (uint32_t i = 0; i < device_count(); i++) {
        used_mask |= device_at(i)->is_busy ? device_at(i)->open_mask : 0;
    }
    for (uint32_t i = 0; i < device_count(); i++) {
        if (!(used_mask >> i & 1)) {
            memory_close(i);
        }
    }
}

static cudaError_t work_run(operation *running, gpu *owner)
{
    work *what = running->work;
    cudaError_t error;

    if (what == NULL) {
        return cudaSuccess;
    }
    work_take(what);
    owner->open_mask = what->device_mask;
    if (what->device_mask == 0) {
        progress_close_memory();
    }
    memory_open_masked(what->device_mask);
    state_unlock();
    error = what->run(what->context, owner->index);
    state_lock();
    work_give(what);
    return error;
}

static stream_queue *nonempty_stream(const gpu *owner)
{
    stream_queue *each = owner->streams;

    while (each != NULL && each->head == NULL) {
        each = each->next;
    }
    return each;
}

/* Nothing that is queued will run any more. */
static void device_fail(gpu *owner, cudaError_t error)
{
    stream_queue *each;

    owner->sticky = error;
    while ((each = nonempty_stream(owner)) != NULL) {
        operation_complete(each->head);
    }
}

/* Runs the first operation of a queue, which has to have nothing to wait for. */
static step operation_run(operation *running)
{
    gpu *owner = running->stream->device;
    cudaError_t error;

    if (owner->is_busy) {
        return STEP_BUSY;
    }
    if (running->begun == 0) {
        running->begun = stream_next_number();
    }
    owner->is_busy = true;
    error = work_run(running, owner);
    owner->is_busy = false;
    state_changed();
    running->is_waiting = error == cudaErrorNotReady;
    if (running->is_waiting) {
        return STEP_WAITS;
    }
    operation_complete(running);
    if (error != cudaSuccess) {
        device_fail(owner, error);
    }
    return STEP_RAN;
}

/* The operation that has to run next so that one gets done. */
static operation *needed_head(operation *wanted)
{
    for (;;) {
        operation *head = wanted->stream->head;
        operation *awaited = operation_undone_wait(head);

        if (awaited == NULL) {
            return head;
        }
        wanted = awaited;
    }
}

static bool is_ready_head(const operation *queued)
{
    return !queued->is_done && queued->stream->head == queued &&
           operation_undone_wait(queued) == NULL;
}

/* The heads of a device's queues that may run and do not wait. */
static uint32_t ready_heads(const gpu *owner, operation *heads_out[STREAM_LIMIT])
{
    uint32_t count = 0;

    for (stream_queue *each = owner->streams; each != NULL && count + 1 < STREAM_LIMIT;
         each = each->next) {
        if (each->head != NULL && is_ready_head(each->head) && !each->head->is_waiting) {
            heads_out[count++] = each->head;
        }
    }
    return count;
}

static operation *head_draw(operation *wanted)
{
    operation *heads[STREAM_LIMIT];
    gpu *owner = wanted->stream->device;
    uint32_t count = ready_heads(owner, heads);

    heads[count++] = needed_head(wanted);
    return heads[random_next(owner) % count];
}

static operation *head_latest(operation *wanted)
{
    operation *heads[STREAM_LIMIT];
    const uint32_t count = ready_heads(wanted->stream->device, heads);
    operation *latest = NULL;

    for (uint32_t i = 0; i < count; i++) {
        latest = latest == NULL || heads[i]->enqueued > latest->enqueued ? heads[i] : latest;
    }
    return latest == NULL ? needed_head(wanted) : latest;
}

static operation *head_choose(operation *wanted)
{
    switch (settings_get()->order) {
    case STREAM_ORDER_LATEST: return head_latest(wanted);
    case STREAM_ORDER_RANDOM: return head_draw(wanted);
    default: return needed_head(wanted);
    }
}

/* What has to run so that the first collective of each queue of a device goes on. */
static uint32_t collective_heads(const gpu *owner, operation *heads_out[STREAM_LIMIT])
{
    uint32_t count = 0;

    for (stream_queue *each = owner->streams; each != NULL && count < STREAM_LIMIT;
         each = each->next) {
        operation *queued = each->head;

        while (queued != NULL && (queued->work == NULL || !queued->work->is_collective)) {
            queued = queued->next;
        }
        if (queued != NULL) {
            heads_out[count++] = operation_take(needed_head(queued));
        }
    }
    return count;
}

/* Takes each collective of a device a step further. true: something ran to its end. */
static bool collectives_step_device(gpu *owner)
{
    operation *heads[STREAM_LIMIT];
    const uint32_t count = collective_heads(owner, heads);
    bool has_run = false;

    for (uint32_t i = 0; i < count; i++) {
        if (!heads[i]->is_done && is_ready_head(heads[i])) {
            has_run |= operation_run(heads[i]) == STEP_RAN;
        }
        operation_give(heads[i]);
    }
    return has_run;
}

static bool collectives_step(void)
{
    bool has_run = false;

    for (uint32_t i = 0; i < device_count(); i++) {
        has_run |= collectives_step_device(device_at(i));
    }
    return has_run;
}

static void ready_run(gpu *owner, uint32_t limit)
{
    operation *heads[STREAM_LIMIT];

    for (uint32_t i = 0; i < limit && !owner->is_busy; i++) {
        const uint32_t count = ready_heads(owner, heads);

        if (count == 0 || operation_run(heads[random_next(owner) % count]) == STEP_BUSY) {
            return;
        }
    }
}

static bool has_collective(const gpu *owner)
{
    operation *heads[STREAM_LIMIT];
    const uint32_t count = collective_heads(owner, heads);

    for (uint32_t i = 0; i < count; i++) {
        operation_give(heads[i]);
    }
    return count != 0;
}

static void *worker_run(void *context)
{
    gpu *owner = context;
    const bool is_eager = settings_get()->order == STREAM_ORDER_EAGER;
    const uint32_t idle_ms = is_eager ? 1 : settings_get()->idle_ms;
    double idle_since = state_time_ms();

    state_lock();
    for (;;) {
        state_wait(idle_ms * 1000);
        if (!has_collective(owner)) {
            idle_since = state_time_ms();
        }
        if (state_time_ms() - idle_since < idle_ms) {
            continue;
        }
        collectives_step_device(owner);
        if (is_eager) {
            ready_run(owner, UINT32_MAX);
        }
        progress_close_memory();
        idle_since = state_time_ms();
    }
    return NULL;
}

static void worker_start(gpu *owner)
{
    pthread_t worker;

    if (owner->has_worker) {
        return;
    }
    owner->has_worker = true;
    if (pthread_create(&worker, NULL, worker_run, owner) != 0) {
        complain_and_abort("no thread for a device");
    }
    pthread_detach(worker);
}

/* Runs towards an operation until it is done or waits for others. */
static void eager_run(operation *wanted)
{
    while (!wanted->is_done) {
        const step ran = operation_run(needed_head(wanted));

        if (ran == STEP_WAITS) {
            return;
        }
        if (ran == STEP_BUSY) {
            state_wait(LONGEST_WAIT_US);
        }
    }
}

void progress_allow(operation *fresh)
{
    gpu *owner = fresh->stream->device;

    operation_take(fresh);
    switch (settings_get()->order) {
    case STREAM_ORDER_EAGER: eager_run(fresh); break;
    case STREAM_ORDER_LAZY:
    case STREAM_ORDER_LATEST: break;
    case STREAM_ORDER_RANDOM: ready_run(owner, (uint32_t)(random_next(owner) % 3)); break;
    }
    operation_give(fresh);
}

cudaError_t progress_enqueue(stream_queue *queue, work *what, const char *name,
                             operation *const *waits, uint32_t wait_count)
{
    gpu *owner = queue->device;

    if (what != NULL && what->is_collective) {
        worker_start(owner);
    }
    progress_allow(stream_append(queue, what, name, waits, wait_count));
    return owner->sticky;
}

static void deadline_check(const operation *awaited, double begun_ms)
{
    if (state_time_ms() - begun_ms > (double)settings_get()->deadline_ms) {
        const operation *head = needed_head((operation *)awaited);

        complain_and_abort("waited too long for %s in stream %u of device %u, where %s %s",
                           awaited->name, awaited->stream->id, awaited->stream->device->index,
                           head->name, head->is_waiting ? "waits for others" : "runs");
    }
}

cudaError_t progress_wait(operation *awaited)
{
    uint32_t wait_us = SHORTEST_WAIT_US;
    double begun_ms = state_time_ms();
    gpu *owner;

    if (awaited == NULL || awaited->is_done) {
        return cudaSuccess;
    }
    owner = awaited->stream->device;
    operation_take(awaited);
    while (!awaited->is_done) {
        const step ran = operation_run(head_choose(awaited));

        if (ran == STEP_RAN || (ran == STEP_WAITS && collectives_step())) {
            wait_us = SHORTEST_WAIT_US;
            begun_ms = state_time_ms();
            continue;
        }
        if (!awaited->is_done) {
            deadline_check(awaited, begun_ms);
            progress_close_memory();
            state_wait(wait_us);
            wait_us = wait_us * 2 < LONGEST_WAIT_US ? wait_us * 2 : LONGEST_WAIT_US;
        }
    }
    operation_give(awaited);
    return owner->sticky;
}

cudaError_t progress_wait_stream(stream_queue *queue)
{
    gpu *owner = queue->device;

    if (queue->head != NULL) {
        progress_wait(queue->last);
    }
    return owner->sticky;
}

cudaError_t progress_wait_device(gpu *owner)
{
    const stream_queue *each;

    while ((each = nonempty_stream(owner)) != NULL) {
        progress_wait(each->last);
    }
    return owner->sticky;
}

void progress_step(operation *wanted)
{
    if (operation_run(head_choose(wanted)) == STEP_WAITS) {
        collectives_step();
    }
}
