/* The ends of communicators: in order, and not. */
#include "standin/nccl/call.h"
#include "standin/nccl/clock.h"
#include "standin/nccl/comm.h"
#include "standin/nccl/group.h"
#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

#include <stdlib.h>

static bool finalize_advance(nccl_job *job, ncclResult_t *result_out)
{
    nccl_seat *seat = job->comms[0]->seat;

    if (atomic_load(&seat->error) != ncclSuccess) {
        *result_out = (ncclResult_t)atomic_load(&seat->error);
        return true;
    }
    if (atomic_load(&seat->pending) != 0) {
        return false;
    }
    seat_leave(seat, MEMBER_FINALIZED);
    for (int rank = 0; rank < seat->rank_count; rank++) {
        const int32_t state = atomic_load(&seat_member(seat, rank)->state);

        if (state != MEMBER_FINALIZED && state != MEMBER_DESTROYED) {
            return false;
        }
    }
    job->comms[0]->is_finalized = true;
    return true;
}

static ncclResult_t comm_job_start(ncclComm_t comm, const char *function,
                                   bool (*advance)(nccl_job *, ncclResult_t *))
{
    nccl_job *job = job_create(function, advance, NULL, NULL);

    job_add_comm(job, comm);
    return group_add_job(job);
}

ncclResult_t ncclCommFinalize(ncclComm_t comm)
{
    static const char function[] = "ncclCommFinalize";
    ncclResult_t result = call_begin(function);

    if (result == ncclSuccess) {
        result = comm_enter(comm, function, COMM_USE_MANAGE);
    }
    if (result != ncclSuccess) {
        return group_fail(result);
    }
    if (comm->is_finalizing || comm->is_revoked) {
        result = report_misuse(ncclInvalidUsage, comm->rank, "%s after ncclComm%s", function,
                               comm->is_revoked ? "Revoke" : "Finalize");
    } else {
        comm->is_finalizing = true;
        result = comm_job_start(comm, function, finalize_advance);
    }
    comm_leave(comm);
    return result == ncclInProgress ? result : group_fail(result);
}

/* Windows are deregistered before their communicator goes. */
static void registrations_drop(ncclComm_t comm)
{
    while (comm->registrations) {
        registration *first = comm->registrations;

        report(comm->rank, "ncclCommDestroy: %s of %zu bytes is still registered",
               first->number ? "a window" : "a buffer", first->bytes);
        comm->registrations = first->next;
        free(first);
    }
}

/* A blocking communicator may be destroyed without being finalized: it waits for its own work. */
static ncclResult_t destroy_wait(ncclComm_t comm)
{
    const uint64_t begin_ms = clock_now_ms();

    while (atomic_load(&comm->seat->pending) != 0) {
        if (clock_now_ms() - begin_ms >= settings_get()->deadline_ms) {
            report(comm->rank, "ncclCommDestroy waits for more than %llu ms for its operations",
                   (unsigned long long)settings_get()->deadline_ms);
            return ncclSystemError;
        }
        clock_nap();
    }
    return ncclSuccess;
}

static void comm_end(ncclComm_t comm, comm_life life, member_state state)
{
    nccl_seat *seat = comm->seat;

    comm->life = life;
    if (!seat) {
        return;
    }
    seat_leave(seat, state);
    if (atomic_load(&comm->user) == NULL) {
        comm->seat = NULL;
        seat_give(seat);
    } /* else another thread is in a call with it, and keeps it */
}

ncclResult_t ncclCommDestroy(ncclComm_t comm)
{
    static const char function[] = "ncclCommDestroy";
    ncclResult_t result = call_begin_giving_back(function);

    if (result != ncclSuccess || !comm) {
        return call_end(result);
    }
    result = comm_enter(comm, function, COMM_USE_MANAGE);
    if (result != ncclSuccess) {
        return call_end(result);
    }
    if (!comm->is_blocking && !comm->is_finalized && !comm->is_revoked) {
        result =
            report_misuse(ncclInvalidUsage, comm->rank,
                          "%s of a nonblocking communicator without ncclCommFinalize", function);
    } else {
        result = destroy_wait(comm);
    }
    comm_leave(comm);
    if (result == ncclSuccess) {
        comms_lock();
        registrations_drop(comm);
        comm_end(comm, COMM_DESTROYED, MEMBER_DESTROYED);
        comms_unlock();
    }
    return call_end(result);
}

/* After this no thread is inside work of the communicator, and none will be. */
static void seat_stop(nccl_seat *seat)
{
    atomic_store(&seat->is_stopped, true);
    while (atomic_load(&seat->running) != 0) {
        clock_nap();
    }
}

ncclResult_t ncclCommAbort(ncclComm_t comm)
{
    static const char function[] = "ncclCommAbort";
    ncclResult_t result = call_begin_giving_back(function);

    if (result != ncclSuccess || !comm) {
        return call_end(result);
    }
    comms_lock();
    result = comm_check(comm, function);
    if (result == ncclSuccess) {
        comm_drop_job(comm);
        if (comm->seat) {
            seat_stop(comm->seat);
        }
        while (comm->registrations) {
            registration *first = comm->registrations;

            comm->registrations = first->next;
            free(first);
        }
        comm_end(comm, COMM_ABORTED, MEMBER_ABORTED);
    }
    comms_unlock();
    return call_end(result);
}

static bool revoke_advance(nccl_job *job, ncclResult_t *result_out)
{
    (void)result_out;
    return atomic_load(&job->comms[0]->seat->running) == 0;
}

ncclResult_t ncclCommRevoke(ncclComm_t comm, int revokeFlags)
{
    static const char function[] = "ncclCommRevoke";
    ncclResult_t result = call_begin(function);

    if (result == ncclSuccess && revokeFlags != NCCL_REVOKE_DEFAULT) {
        result = report_misuse(ncclInvalidArgument, -1, "%s: flags %d", function, revokeFlags);
    }
    if (result == ncclSuccess) {
        result = comm_enter(comm, function, COMM_USE_RECOVER);
    }
    if (result != ncclSuccess) {
        return result;
    }
    comm->is_revoked = true;
    atomic_store(&comm->seat->is_stopped, true);
    atomic_store(&comm->seat->error, ncclSuccess); /* it is for what is stopped */
    result = comm_job_start(comm, function, revoke_advance);
    comm_leave(comm);
    return result;
}
