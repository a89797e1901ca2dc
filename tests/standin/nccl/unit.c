#include "standin/nccl/unit.h"

#include "standin/nccl/clock.h"
#include "standin/nccl/description.h"
#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

#include "standin/cudart/device_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNIT_STREAMS = 16,
    LIVENESS_INTERVAL_MS = 50
};

typedef struct collective {
    nccl_operation operation;
    nccl_description description;
    uint64_t compared; /* bit r: rank r has come and agrees */
    bool is_published;
    bool is_moving;
} collective;

struct nccl_unit {
    nccl_seat *seat;
    _Atomic uint32_t holds;
    _Atomic bool is_done;
    atomic_flag is_taken; /* by the thread that advances it */
    bool is_captured;     /* by a graph, which runs it any number of times, or never */
    uint64_t ticket;
    uint64_t collectives_before; /* that this rank has begun */
    uint32_t stream_count;
    cudaStream_t streams[UNIT_STREAMS];
    _Atomic uint32_t arrived;
    size_t collective_count;
    size_t collective_cursor;
    collective *collectives;
    size_t message_count;
    nccl_message *messages;
    bool has_begun;
    bool has_begun_messages;
    bool is_stalled; /* it will never be done; the error is the seat's */
    bool is_late;    /* was reported */
    uint64_t waiting_since_ms;
    uint64_t liveness_checked_ms;
    nccl_transfer transfer;
};

/* A unit on one of its streams. */
typedef struct unit_arrival {
    nccl_unit *unit;
    bool has_arrived;
} unit_arrival;

static void *grow(void *array, size_t count, size_t item_bytes)
{
    void *grown = realloc(array, (count + 1) * item_bytes);

    if (!grown) {
        abort();
    }
    return grown;
}

nccl_unit *unit_create(nccl_seat *seat)
{
    nccl_unit *self = calloc(1, sizeof(*self));

    if (!self) {
        abort();
    }
    seat_take(seat);
    self->seat = seat;
    self->holds = 1;
    atomic_flag_clear(&self->is_taken);
    return self;
}

static void stream_add(nccl_unit *self, cudaStream_t stream)
{
    for (uint32_t i = 0; i < self->stream_count; i++) {
        if (self->streams[i] == stream) {
            return;
        }
    }
    if (self->stream_count == UNIT_STREAMS) {
        report_unimplemented("a group over more than 16 streams of one communicator");
    }
    self->streams[self->stream_count++] = stream;
}

void unit_add(nccl_unit *self, const nccl_operation *operation, const nccl_description *description)
{
    operation_spans spans = { 0 };

    stream_add(self, operation->stream);
    if (operation_is_collective(operation->kind)) {
        self->collectives =
            grow(self->collectives, self->collective_count, sizeof(self->collectives[0]));
        self->collectives[self->collective_count++] =
            (collective){ .operation = *operation, .description = *description };
    } else {
        operation_measure(operation, self->seat->rank, self->seat->rank_count, &spans);
        self->messages = grow(self->messages, self->message_count, sizeof(self->messages[0]));
        self->messages[self->message_count++] =
            (nccl_message){ .operation = *operation, .bytes = spans.block_bytes };
    }
}

void unit_destroy(nccl_unit *self)
{
    seat_give(self->seat);
    free(self->collectives);
    free(self->messages);
    free(self);
}

/* Appends who keeps a collective waiting, and with what. */
static void blame(const nccl_unit *self, char *text, size_t text_bytes)
{
    const nccl_seat *seat = self->seat;
    size_t used = 0;

    for (int rank = 0; rank < seat->rank_count && used + 1 < text_bytes; rank++) {
        char activity[128];

        if (rank == seat->rank) {
            continue;
        }
        if (self->collective_cursor < self->collective_count &&
            atomic_load(&seat_member(seat, rank)->published) >=
                self->collectives_before + self->collective_cursor + 1 &&
            seat_peer_is_alive(seat, rank)) {
            continue;
        }
        seat_activity_text(seat, rank, activity, sizeof(activity));
        used += (size_t)snprintf(text + used, text_bytes - used, "; %s", activity);
    }
}

static bool has_gone_peer(const nccl_unit *self)
{
    for (int rank = 0; rank < self->seat->rank_count; rank++) {
        if (atomic_load(&seat_member(self->seat, rank)->state) == MEMBER_ABORTED ||
            !seat_peer_is_alive(self->seat, rank)) {
            return true;
        }
    }
    return false;
}

static void liveness_check(nccl_unit *self, uint64_t now_ms)
{
    if (now_ms - self->liveness_checked_ms < LIVENESS_INTERVAL_MS) {
        return;
    }
    self->liveness_checked_ms = now_ms;
    for (int rank = 0; rank < self->seat->rank_count; rank++) {
        if (!seat_peer_is_alive(self->seat, rank)) {
            report(self->seat->rank, "rank %d is dead (process %d)", rank,
                   seat_member(self->seat, rank)->process);
            seat_fail(self->seat, ncclRemoteError);
            self->is_stalled = true;
            return;
        }
    }
}

/* The unit could not go on: is it so for too long? With peers that died or aborted it hangs, as on
 * a device. */
static void unit_wait(nccl_unit *self, bool has_moved)
{
    const uint64_t now_ms = clock_now_ms();
    char blamed[REPORT_BYTES / 2] = "";
    const char *name = "ncclSend/ncclRecv";

    if (has_moved || self->waiting_since_ms == 0) {
        self->waiting_since_ms = now_ms;
        return;
    }
    if (settings_get()->dead_peer_is_error) {
        liveness_check(self, now_ms);
    }
    if (self->is_late || now_ms - self->waiting_since_ms < settings_get()->deadline_ms) {
        return;
    }
    self->is_late = true;
    if (self->collective_cursor < self->collective_count) {
        name = operation_name(self->collectives[self->collective_cursor].operation.kind);
    }
    blame(self, blamed, sizeof(blamed));
    report(self->seat->rank, "%s waits for more than %llu ms: a deadlock%s", name,
           (unsigned long long)settings_get()->deadline_ms, blamed);
    if (!has_gone_peer(self)) {
        seat_fail(self->seat, ncclSystemError);
        self->is_stalled = true;
    }
}

/* Counts an operation that begins; stalls if it is the one that was asked to. */
static bool operation_is_struck(nccl_unit *self)
{
    const settings *wanted = settings_get();
    const uint64_t number = atomic_fetch_add(&self->seat->operations, 1) + 1;

    if (self->seat->rank != wanted->async_rank || number != wanted->async_operation) {
        return false;
    }
    report(self->seat->rank, "operation %llu fails as asked by KVSPAN_NCCL_ASYNC_ERROR",
           (unsigned long long)number);
    seat_fail(self->seat, wanted->async_result);
    self->is_stalled = true;
    return true;
}

static void collective_publish(collective *self, nccl_seat *seat)
{
    nccl_member *me = seat_member(seat, seat->rank);
    const uint64_t number = atomic_load(&me->published) + 1;

    self->description.number = number;
    me->descriptions[number % DESCRIPTIONS] = self->description;
    seat_activity_set(seat, self->operation.kind, -1, number);
    atomic_store_explicit(&me->published, number, memory_order_release);
    self->is_published = true;
    self->compared = (uint64_t)1 << seat->rank;
}

static progress collective_compare(collective *self, const nccl_seat *seat)
{
    progress result = PROGRESS_DONE;

    for (int rank = 0; rank < seat->rank_count; rank++) {
        const nccl_member *other = seat_member(seat, rank);
        const uint64_t bit = (uint64_t)1 << rank;

        if ((self->compared & bit) != 0) {
            continue;
        }
        if (atomic_load_explicit(&other->published, memory_order_acquire) <
            self->description.number) {
            result = PROGRESS_WAITS;
        } else if (description_compare(
                       &self->description, seat->rank,
                       &other->descriptions[self->description.number % DESCRIPTIONS], rank)) {
            self->compared |= bit;
        } else {
            return PROGRESS_FAILED;
        }
    }
    return result;
}

static progress collective_advance(nccl_unit *self, bool *has_moved)
{
    collective *now = &self->collectives[self->collective_cursor];

    if (!now->is_published) {
        if (operation_is_struck(self)) {
            return PROGRESS_FAILED;
        }
        collective_publish(now, self->seat);
        *has_moved = true;
    }
    if (!now->is_moving) {
        const progress compared = collective_compare(now, self->seat);

        if (compared != PROGRESS_DONE) {
            return compared;
        }
        transfer_begin(&self->transfer, self->seat, &now->operation, now->description.number);
        now->is_moving = true;
    }
    return transfer_advance(&self->transfer, self->seat, has_moved);
}

static progress messages_step(nccl_unit *self, bool *has_moved)
{
    if (self->message_count != 0 && !self->has_begun_messages) {
        const nccl_operation *first = &self->messages[0].operation;

        self->has_begun_messages = true;
        *has_moved = true;
        seat_activity_set(self->seat, first->kind, first->peer, 0);
        for (size_t i = 0; i < self->message_count; i++) {
            if (operation_is_struck(self)) {
                return PROGRESS_FAILED;
            }
        }
        for (size_t i = 0; i < self->message_count; i++) {
            self->messages[i].collectives = self->collectives_before;
        }
        messages_begin(self->messages, self->message_count, self->seat);
    }
    return messages_advance(self->messages, self->message_count, self->seat, has_moved);
}

static void unit_finish(nccl_unit *self)
{
    if (!atomic_exchange(&self->is_done, true)) {
        uint64_t turn = self->ticket;

        atomic_compare_exchange_strong(&self->seat->serving, &turn, self->ticket + 1);
        atomic_fetch_sub(&self->seat->pending, 1);
    }
}

static void unit_advance(nccl_unit *self)
{
    progress result = PROGRESS_DONE;
    bool has_moved = false;

    if (!self->has_begun) {
        self->has_begun = true;
        self->collectives_before =
            atomic_load(&seat_member(self->seat, self->seat->rank)->published);
    }

    while (!self->is_stalled && result == PROGRESS_DONE &&
           self->collective_cursor < self->collective_count) {
        result = collective_advance(self, &has_moved);
        self->collective_cursor += result == PROGRESS_DONE;
    }
    if (!self->is_stalled && result == PROGRESS_DONE) {
        result = messages_step(self, &has_moved);
    }
    if (self->is_stalled) {
        return;
    }
    if (result == PROGRESS_DONE) {
        unit_finish(self);
    } else if (result == PROGRESS_FAILED) {
        seat_fail(self->seat, ncclInvalidUsage);
        self->is_stalled = true;
    } else {
        unit_wait(self, has_moved);
    }
}

/* Takes the communicator's next turn, for the first time or again. */
static void unit_begin(nccl_unit *self)
{
    atomic_store(&self->is_done, false);
    self->has_begun = false;
    self->has_begun_messages = false;
    self->collective_cursor = 0;
    self->waiting_since_ms = 0;
    for (size_t i = 0; i < self->collective_count; i++) {
        self->collectives[i].is_published = false;
        self->collectives[i].is_moving = false;
    }
    for (size_t i = 0; i < self->message_count; i++) {
        self->messages[i].done = 0;
        self->messages[i].is_begun = false;
        self->messages[i].is_done = false;
    }
    atomic_fetch_add(&self->seat->pending, 1);
    self->ticket = atomic_fetch_add(&self->seat->next_ticket, 1);
}

static device_work_state arrival_run(void *context)
{
    unit_arrival *arrival = context;
    nccl_unit *self = arrival->unit;
    nccl_seat *seat = self->seat;

    if (!arrival->has_arrived) {
        arrival->has_arrived = true;
        atomic_fetch_add(&self->arrived, 1);
    }
    if (self->is_captured && atomic_load(&self->is_done)) {
        unit_begin(self);
    }
    atomic_fetch_add(&seat->running, 1);
    if (atomic_load(&seat->is_stopped)) {
        unit_finish(self);
    } else if (atomic_load(&self->arrived) == self->stream_count &&
               atomic_load(&seat->serving) == self->ticket && !atomic_load(&self->is_done) &&
               !atomic_flag_test_and_set(&self->is_taken)) {
        unit_advance(self);
        atomic_flag_clear(&self->is_taken);
    }
    atomic_fetch_sub(&seat->running, 1);
    return atomic_load(&self->is_done) ? DEVICE_WORK_DONE : DEVICE_WORK_WAITS;
}

static void unit_release(nccl_unit *self)
{
    if (atomic_fetch_sub(&self->holds, 1) == 1) {
        unit_finish(self); /* if its streams have gone with it */
        unit_destroy(self);
    }
}

static void arrival_release(void *context)
{
    unit_arrival *arrival = context;

    unit_release(arrival->unit);
    free(arrival);
}

static const char *unit_name(const nccl_unit *self)
{
    if (self->collective_count + self->message_count > 1) {
        return "ncclGroup";
    }
    return operation_name(self->collective_count ? self->collectives[0].operation.kind
                                                 : self->messages[0].operation.kind);
}

static bool is_capturing(cudaStream_t stream)
{
    enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;

    return cudaStreamIsCapturing(stream, &status) == cudaSuccess &&
           status == cudaStreamCaptureStatusActive;
}

ncclResult_t unit_enqueue(nccl_unit *self)
{
    const uint32_t stream_count = self->stream_count;
    ncclResult_t result = ncclSuccess;

    self->is_captured = is_capturing(self->streams[0]);
    if (self->is_captured && stream_count > 1) {
        report_unimplemented("a captured group over several streams of one communicator");
    }
    if (self->is_captured) {
        atomic_store(&self->is_done, true);
    } else {
        unit_begin(self);
    }
    for (uint32_t i = 0; i < stream_count && result == ncclSuccess; i++) {
        unit_arrival *arrival = calloc(1, sizeof(*arrival));
        const device_work work = { .run = arrival_run,
                                   .release = arrival_release,
                                   .context = arrival,
                                   .name = unit_name(self),
                                   .is_repeatable = true };
        cudaError_t error;

        if (!arrival) {
            abort();
        }
        arrival->unit = self;
        atomic_fetch_add(&self->holds, 1);
        error = device_work_enqueue(self->streams[i], &work);
        if (error != cudaSuccess) {
            report(self->seat->rank, "%s was not taken by its stream: %s", work.name,
                   cudaGetErrorString(error));
            result = ncclUnhandledCudaError;
        }
    }
    unit_release(self);
    return result;
}
