#include "standin/nccl/launch.h"

#include "standin/nccl/reduce.h"
#include "standin/nccl/report.h"
#include "standin/nccl/unit.h"

#include "standin/cudart/device_work.h"

#include <cuda_runtime_api.h>
#include <stdlib.h>
#include <string.h>

typedef struct launch_plan {
    nccl_operation *operations;
    size_t operation_count;
    uint64_t
        *marks; /* of each operation's stream when it was called; NULL: it is launched at once */
} launch_plan;

/* The n-th operation of a kind that a group has between a rank and itself. */
static const nccl_operation *self_message(const nccl_operation *operations, size_t operation_count,
                                          ncclComm_t comm, operation_kind kind, size_t n)
{
    for (size_t i = 0; i < operation_count; i++) {
        const nccl_operation *now = &operations[i];

        if (now->comm == comm && now->kind == kind && now->peer == comm->rank && n-- == 0) {
            return now;
        }
    }
    return NULL;
}

static ncclResult_t self_messages_check(const nccl_operation *operations, size_t operation_count,
                                        ncclComm_t comm)
{
    for (size_t n = 0;; n++) {
        const nccl_operation *send =
            self_message(operations, operation_count, comm, OPERATION_SEND, n);
        const nccl_operation *receive =
            self_message(operations, operation_count, comm, OPERATION_RECEIVE, n);

        if (!send && !receive) {
            return ncclSuccess;
        }
        if (!send || !receive) {
            return report_misuse(ncclInvalidUsage, comm->rank,
                                 "%s with itself has no %s in the same group",
                                 send ? "ncclSend" : "ncclRecv", send ? "ncclRecv" : "ncclSend");
        }
        if (send->count != receive->count || send->type != receive->type) {
            return report_misuse(ncclInvalidUsage, comm->rank,
                                 "message size differs: it sends itself %zu %s, receives %zu %s",
                                 send->count, type_name(send->type), receive->count,
                                 type_name(receive->type));
        }
    }
}

ncclResult_t launch_check(const nccl_operation *operations, size_t operation_count)
{
    for (size_t i = 0; i < operation_count; i++) {
        const nccl_operation *now = &operations[i];
        ncclResult_t result;

        comms_lock();
        result = comm_check(now->comm, "ncclGroupEnd"); /* it may be gone since */
        comms_unlock();
        if (result != ncclSuccess) {
            return result;
        }
        if (!operation_is_collective(now->kind) && now->peer == now->comm->rank) {
            result = self_messages_check(operations, operation_count, now->comm);
        }
        if (now->comm->is_blocking != operations[0].comm->is_blocking) {
            result = report_misuse(ncclInvalidArgument, now->comm->rank,
                                   "blocking and nonblocking communicators are in one group");
        }
        if (result != ncclSuccess) {
            return result;
        }
    }
    return ncclSuccess;
}

static window_place place_find(ncclComm_t comm, const void *buffer, size_t bytes)
{
    const char *begin = buffer;

    if (bytes == 0) {
        return (window_place){ .window = WINDOW_UNUSED };
    }
    for (const registration *window = comm->registrations; window; window = window->next) {
        if ((window->flags & NCCL_WIN_COLL_SYMMETRIC) != 0 && begin >= window->base &&
            begin + bytes <= window->base + window->bytes) {
            return (window_place){ .window = (int64_t)window->number,
                                   .offset = (uint64_t)(begin - window->base) };
        }
    }
    return (window_place){ .window = WINDOW_NONE };
}

/* In place, one buffer lies in the other at a place that differs by rank: the other stands for it.
 */
static void places_describe(const nccl_operation *operation, nccl_description *description)
{
    ncclComm_t comm = operation->comm;
    operation_spans spans = { 0 };
    bool is_of_send = false;
    const char *in_place;

    operation_measure(operation, comm->rank, comm->rank_count, &spans);
    description->send = place_find(comm, operation->send, spans.send_bytes);
    description->receive = place_find(comm, operation->receive, spans.receive_bytes);
    if (spans.send_bytes == 0 || spans.receive_bytes == 0) {
        return;
    }
    in_place = operation_in_place_address(operation, comm->rank, spans.block_bytes, &is_of_send);
    if (in_place && is_of_send && in_place == operation->send) {
        description->send.window = WINDOW_UNUSED;
    } else if (in_place && !is_of_send && in_place == operation->receive) {
        description->receive.window = WINDOW_UNUSED;
    }
}

/* How far the device's other communicators have come. */
static void order_describe(ncclComm_t comm, nccl_description *description)
{
    for (ncclComm_t other = comm_next_alive(NULL); other && description->order_count < ORDER_COMMS;
         other = comm_next_alive(other)) {
        if (other != comm && other->device == comm->device && other->seat && other->is_ready &&
            !other->is_revoked) {
            description->order[description->order_count].comm = other->seat->hash;
            description->order[description->order_count].collectives = other->collectives;
            description->order_count++;
        }
    }
}

/* Counts the operation as launched. Under the lock. */
static nccl_description describe(const nccl_operation *operation)
{
    ncclComm_t comm = operation->comm;
    nccl_description result = { .splits = comm->splits,
                                .count = operation->count,
                                .kind = (int32_t)operation->kind,
                                .type = (int32_t)operation->type,
                                .reduction = (int32_t)operation->reduction,
                                .root = operation->peer };

    comm->collectives++;
    places_describe(operation, &result);
    order_describe(comm, &result);
    return result;
}

/* All operations of one communicator as a unit; they are taken out of the plan. Under the lock. */
static nccl_unit *unit_take(launch_plan *plan, ncclComm_t comm)
{
    nccl_unit *result = unit_create(comm->seat);

    for (size_t i = 0; i < plan->operation_count; i++) {
        nccl_operation *now = &plan->operations[i];
        nccl_description described = { 0 };

        if (now->comm == comm) {
            if (operation_is_collective(now->kind)) {
                described = describe(now);
            }
            unit_add(result, now, &described);
            now->comm = NULL;
        }
    }
    return result;
}

/* Reads the mark of every operation's stream into the plan, or compares it with what was read: the
 * first operation whose stream has got something since, or NULL. */
static const nccl_operation *marks_visit(launch_plan *plan, bool is_compared)
{
    const nccl_operation *found = NULL;
    int device = 0;

    cudaGetDevice(&device);
    for (size_t i = 0; i < plan->operation_count && !found; i++) {
        const nccl_operation *now = &plan->operations[i];
        uint64_t mark;

        cudaSetDevice(now->comm->device);
        mark = device_work_mark(now->stream);
        if (!is_compared) {
            plan->marks[i] = mark;
        } else if (mark != plan->marks[i]) {
            found = now;
        }
    }
    cudaSetDevice(device);
    return found;
}

/* Nothing may have come between a call that was in progress and its launch. */
static ncclResult_t streams_check(launch_plan *plan)
{
    const nccl_operation *overtaken = plan->marks ? marks_visit(plan, true) : NULL;

    if (!overtaken) {
        return ncclSuccess;
    }
    return report_misuse(ncclInvalidUsage, overtaken->comm->rank,
                         "something was put on the stream of %s while that was in progress: it "
                         "comes before it",
                         operation_name(overtaken->kind));
}

static bool launch_advance(nccl_job *job, ncclResult_t *result_out)
{
    launch_plan *plan = job->context;
    int device = 0;

    if (cudaGetDevice(&device) != cudaSuccess) {
        *result_out = ncclUnhandledCudaError;
        return true;
    }
    *result_out = streams_check(plan);
    for (size_t i = 0; i < plan->operation_count && *result_out == ncclSuccess; i++) {
        ncclComm_t comm = plan->operations[i].comm;
        nccl_unit *unit;

        if (!comm) {
            continue; /* went with an earlier one of its communicator */
        }
        comms_lock();
        unit = unit_take(plan, comm);
        comms_unlock();
        cudaSetDevice(comm->device);
        *result_out = unit_enqueue(unit);
    }
    cudaSetDevice(device);
    return true;
}

static void plan_release(void *context)
{
    launch_plan *plan = context;

    free(plan->operations);
    free(plan->marks);
    free(plan);
}

static launch_plan *plan_create(const nccl_operation *operations, size_t operation_count)
{
    launch_plan *self = calloc(1, sizeof(*self));
    nccl_operation *copies = malloc(operation_count * sizeof(operations[0]));

    if (!self || !copies) {
        abort();
    }
    memcpy(copies, operations, operation_count * sizeof(operations[0]));
    self->operations = copies;
    self->operation_count = operation_count;
    return self;
}

ncclResult_t launch(const nccl_operation *operations, size_t operation_count)
{
    launch_plan *plan = plan_create(operations, operation_count);
    nccl_job *job =
        job_create(operation_name(operations[0].kind), launch_advance, plan_release, plan);
    ncclResult_t result = ncclSuccess;

    for (size_t i = 0; i < operation_count; i++) {
        job_add_comm(job, operations[i].comm);
    }
    if (!operations[0].comm->is_blocking && comm_draw_in_progress(operations[0].comm)) {
        plan->marks = calloc(operation_count, sizeof(plan->marks[0]));
        if (!plan->marks) {
            abort();
        }
        marks_visit(plan, false);
        return jobs_start(&job, 1);
    }
    launch_advance(job, &result);
    job_discard(job, result);
    return result;
}
