#include "standin/nccl/comm.h"

#include "standin/nccl/call.h"
#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ncclComm_t all;

void comms_lock(void)
{
    pthread_mutex_lock(&lock);
}

void comms_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

const void *thread_token(void)
{
    static _Thread_local char token;

    return &token;
}

ncclComm_t comm_create(int rank, int rank_count, int device, bool is_blocking)
{
    ncclComm_t self = calloc(1, sizeof(*self));

    if (!self) {
        abort();
    }
    self->rank = rank;
    self->rank_count = rank_count;
    self->device = device;
    self->is_blocking = is_blocking;
    self->random = (settings_get()->seed * 64 + (uint64_t)rank + 1) * 0x9e3779b97f4a7c15u;
    comms_lock();
    self->next = all;
    all = self;
    comms_unlock();
    return self;
}

void comm_undo(ncclComm_t comm)
{
    comms_lock();
    comm->life = COMM_DESTROYED;
    if (comm->seat) {
        seat_leave(comm->seat, MEMBER_ABORTED);
        seat_give(comm->seat);
        comm->seat = NULL;
    }
    comms_unlock();
}

ncclComm_t comm_next_alive(ncclComm_t previous)
{
    ncclComm_t next = previous ? previous->next : all;

    while (next && next->life != COMM_LIVES) {
        next = next->next;
    }
    return next;
}

ncclResult_t comm_check(ncclComm_t comm, const char *function)
{
    ncclComm_t known = all;

    if (!comm) {
        return report_misuse(ncclInvalidArgument, -1, "%s: the communicator is NULL", function);
    }
    while (known && known != comm) {
        known = known->next;
    }
    if (!known) {
        return report_misuse(ncclInvalidArgument, -1, "%s: %p is no communicator", function,
                             (void *)comm);
    }
    if (comm->life != COMM_LIVES) {
        return report_misuse(ncclInvalidUsage, comm->rank, "%s: the communicator was %s before",
                             function, comm->life == COMM_ABORTED ? "aborted" : "destroyed");
    }
    return ncclSuccess;
}

/* What the communicator's state allows. */
static ncclResult_t comm_state_check(ncclComm_t comm, const char *function, comm_use use)
{
    const int32_t error = comm->seat ? atomic_load(&comm->seat->error) : ncclSuccess;

    if (error != ncclSuccess && use != COMM_USE_RECOVER) {
        report(comm->rank, "%s: the communicator has an error: only ncclCommAbort is left",
               function);
        return (ncclResult_t)error;
    }
    if (comm->result == ncclInProgress) {
        return report_misuse(ncclInvalidUsage, comm->rank,
                             "%s while %s is in progress: ncclCommGetAsyncError did not return "
                             "ncclSuccess yet",
                             function, comm->job ? comm->job->name : "a job");
    }
    if (comm->result != ncclSuccess) {
        report(comm->rank, "%s: the communicator has an error: only ncclCommAbort is left",
               function);
        return comm->result;
    }
    if (!comm->is_ready) {
        return report_misuse(ncclInvalidUsage, comm->rank, "%s: the communicator is not ready",
                             function);
    }
    if (use == COMM_USE_OPERATION && (comm->is_finalizing || comm->is_revoked)) {
        return report_misuse(ncclInvalidUsage, comm->rank, "%s after ncclComm%s", function,
                             comm->is_revoked ? "Revoke" : "Finalize");
    }
    return ncclSuccess;
}

static ncclResult_t comm_claim(ncclComm_t comm, const char *function)
{
    const void *nobody = NULL;

    if (comm->group_owner && comm->group_owner != thread_token()) {
        return report_misuse(ncclInvalidUsage, comm->rank,
                             "%s: another thread has an open group with this communicator",
                             function);
    }
    if (!atomic_compare_exchange_strong(&comm->user, &nobody, thread_token())) {
        return report_misuse(ncclInvalidUsage, comm->rank,
                             "%s: another thread is in a call with this communicator", function);
    }
    return ncclSuccess;
}

ncclResult_t comm_enter(ncclComm_t comm, const char *function, comm_use use)
{
    int device = -1;
    ncclResult_t result;

    if (use == COMM_USE_OPERATION && cudaGetDevice(&device) != cudaSuccess) {
        return ncclUnhandledCudaError;
    }
    comms_lock();
    result = comm_check(comm, function);
    if (result == ncclSuccess) {
        result = comm_state_check(comm, function, use);
    }
    if (result == ncclSuccess && use == COMM_USE_OPERATION && device != comm->device) {
        result = report_misuse(ncclInvalidUsage, comm->rank,
                               "%s: the thread's device is %d, the communicator's is %d", function,
                               device, comm->device);
    }
    if (result == ncclSuccess) {
        result = comm_claim(comm, function);
    }
    comms_unlock();
    return result;
}

void comm_leave(ncclComm_t comm)
{
    atomic_store(&comm->user, NULL);
}

static uint64_t comm_random(ncclComm_t comm)
{
    comm->random ^= comm->random << 13;
    comm->random ^= comm->random >> 7;
    comm->random ^= comm->random << 17;
    return comm->random >> 16;
}

uint32_t comm_draw_polls(ncclComm_t comm)
{
    return (uint32_t)(comm_random(comm) % 4);
}

bool comm_draw_in_progress(ncclComm_t comm)
{
    const in_progress_choice choice = settings_get()->in_progress;

    return choice == IN_PROGRESS_ALWAYS ||
           (choice == IN_PROGRESS_RANDOM && comm_random(comm) % 2 == 1);
}

/* Segments that never were complete lose their names; says what was left if it was asked to. */
__attribute__((destructor)) static void comms_fini(void)
{
    int living = 0;

    for (ncclComm_t comm = comm_next_alive(NULL); comm; comm = comm_next_alive(comm)) {
        living++;
        if (comm->seat && seat_member(comm->seat, comm->rank)->process == (int32_t)getpid()) {
            seat_leave(comm->seat, MEMBER_ATTACHED);
        }
    }
    if (settings_get()->reports_at_exit) {
        (void)fprintf(stderr,
                      "kvspan-nccl: %llu calls, %d communicators neither destroyed nor aborted\n",
                      (unsigned long long)call_count(), living);
    }
}
