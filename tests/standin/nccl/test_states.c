/* Nonblocking communicators, errors that come later, aborts, and what a version has. */
#include "support/suite.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "standin/nccl/world.h"

static const char *const always[] = { "KVSPAN_NCCL_IN_PROGRESS=always", NULL };
static const char *const never[] = { "KVSPAN_NCCL_IN_PROGRESS=never", NULL };
static const char *const soon[] = { "KVSPAN_NCCL_DEADLINE_MS=300", NULL };

static int32_t *buffer_make(int32_t first)
{
    const int32_t host[8] = { first, first + 1, first + 2, first + 3 };

    return world_upload(host, sizeof(host));
}

static int32_t first_of(const int32_t *device)
{
    int32_t host = 0;

    world_download(&host, device, sizeof(host));
    return host;
}

/* Settles the communicator, then waits for its stream. */
static ncclResult_t finish(world_rank *self, ncclComm_t comm)
{
    const ncclResult_t result = world_settle(comm);

    if (result == ncclSuccess && cudaStreamSynchronize(self->stream) != cudaSuccess) {
        return ncclUnhandledCudaError;
    }
    return result;
}

static void in_progress(world_rank *self)
{
    ncclComm_t comm = world_nonblocking_comm(self);
    int32_t *to = buffer_make(self->rank * 10 + 1);
    int count = 0;

    world_check(self, ncclBcast(to, 4, ncclInt32, 1, comm, self->stream) == ncclInProgress);
    /* Before it is done nothing else may be asked of the communicator. */
    world_check(self, ncclBcast(to, 4, ncclInt32, 1, comm, self->stream) == ncclInvalidUsage);
    world_check(self, ncclCommCount(comm, &count) == ncclInvalidUsage);
    world_check(self, ncclCommFinalize(comm) == ncclInvalidUsage);
    /* And the stream knows nothing of it yet. */
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, first_of(to) == self->rank * 10 + 1);
    world_check(self, finish(self, comm) == ncclSuccess);
    world_check(self, first_of(to) == 11);
    /* A group, too. */
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclInProgress);
    world_check(self, finish(self, comm) == ncclSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclInvalidUsage);
    world_check(self, ncclCommFinalize(comm) == ncclInProgress);
    world_check(self, world_settle(comm) == ncclSuccess);
    world_check(self, ncclBcast(to, 4, ncclInt32, 1, comm, self->stream) == ncclInvalidUsage);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
    world_check(self, ncclCommAbort(comm) == ncclInvalidUsage);
    cudaFree(to);
}

START_TEST(a_nonblocking_communicator_is_in_progress_until_it_is_polled)
{
    world_tells(WORLD_THREADS, 2, in_progress, always, "while ncclBroadcast is in progress");
    world_tells(WORLD_THREADS, 2, in_progress, always,
                "ncclCommAbort: the communicator was "
                "destroyed before");
    world_tells(WORLD_PROCESSES, 2, in_progress, always, "without ncclCommFinalize");
}
END_TEST

/* A copy gets between a broadcast and its stream. */
static void overtake(world_rank *self)
{
    ncclComm_t comm = world_nonblocking_comm(self);
    int32_t *to = buffer_make(self->rank);

    world_check(self, ncclBcast(to, 4, ncclInt32, 1, comm, self->stream) == ncclInProgress);
    world_check(self, cudaMemsetAsync(to, 0, 4, self->stream) == cudaSuccess);
    world_check(self, world_settle(comm) == ncclInvalidUsage);
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
    cudaFree(to);
}

START_TEST(work_on_the_stream_of_what_is_in_progress_is_refused)
{
    world_tells(WORLD_THREADS, 2, overtake, always,
                "something was put on the stream of ncclBroadcast while that was in progress");
}
END_TEST

/* How many of twenty operations were in progress. */
static void count_in_progress(world_rank *self)
{
    ncclComm_t comm = world_nonblocking_comm(self);
    int32_t *to = buffer_make(self->rank);
    int late = 0;

    for (int i = 0; i < 20; i++) {
        const ncclResult_t result = ncclBcast(to, 4, ncclInt32, 0, comm, self->stream);

        late += result == ncclInProgress;
        world_check(self, result == ncclSuccess || result == ncclInProgress);
        world_check(self, finish(self, comm) == ncclSuccess);
    }
    self->shared[self->rank] = late;
    world_check(self, getenv("KVSPAN_NCCL_IN_PROGRESS") ? late == 0 : late > 3 && late < 17);
}

START_TEST(how_often_operations_are_in_progress_is_drawn)
{
    world_pass(WORLD_THREADS, 2, count_in_progress, NULL);
    world_pass(WORLD_THREADS, 2, count_in_progress, never);
}
END_TEST

/* The last rank never comes. */
static void wait_for_ever(world_rank *self)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclComm_t comm = NULL;
    ncclResult_t result = ncclSuccess;

    if (self->rank == self->rank_count - 1) {
        return;
    }
    config.blocking = 0;
    world_check(self, ncclCommInitRankConfig(&comm, self->rank_count, self->id, self->rank,
                                             &config) == ncclInProgress);
    for (int i = 0; i < 500; i++) {
        world_check(self, ncclCommGetAsyncError(comm, &result) == ncclSuccess);
        world_check(self, result == ncclInProgress);
        world_nap(1);
    }
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
    world_check(self, ncclCommAbort(comm) == ncclInvalidUsage);
}

static void wait_blocking(world_rank *self)
{
    ncclComm_t comm = NULL;

    if (self->rank == 0) {
        world_check(self, ncclCommInitRank(&comm, 2, self->id, 0) == ncclSystemError);
    }
}

START_TEST(a_rank_that_never_comes_is_waited_for)
{
    world_tells(WORLD_THREADS, 3, wait_for_ever, soon, "the communicator was aborted before");
    world_pass(WORLD_PROCESSES, 3, wait_for_ever, soon);
    world_tells(WORLD_THREADS, 2, wait_blocking, soon,
                "ncclCommInitRank waits for more than 300 ms: not all ranks have called it");
}
END_TEST

/* Rank 1 does not take part: the others are stuck in the middle. */
static void abort_in_the_middle(world_rank *self)
{
    ncclComm_t comm = world_nonblocking_comm(self);
    int32_t *to = buffer_make(self->rank);
    ncclResult_t result = ncclSuccess;

    if (self->rank != 1) {
        const ncclResult_t called = ncclBcast(to, 4, ncclInt32, 0, comm, self->stream);

        world_check(self, called == ncclSuccess || called == ncclInProgress);
        world_check(self, world_settle(comm) == ncclSuccess);
        world_check(self, !world_stream_ends(self->stream, 100));
    } else {
        world_check(self, ncclCommAbort(comm) == ncclSuccess);
    }
    world_meet(self);
    if (self->rank != 1) {
        /* Another rank's abort is not told. */
        world_check(self, !world_stream_ends(self->stream, 100));
        world_check(self, ncclCommGetAsyncError(comm, &result) == ncclSuccess);
        world_check(self, result == ncclSuccess);
        world_check(self, ncclCommAbort(comm) == ncclSuccess);
        world_check(self, world_stream_ends(self->stream, 1000));
        world_check(self, cudaGetLastError() == cudaSuccess);
        world_check(self, first_of(to) == self->rank);
        cudaFree(to);
    }
}

START_TEST(an_abort_ends_what_waits_at_once_and_only_here)
{
    world_pass(WORLD_THREADS, 3, abort_in_the_middle, NULL);
    world_pass(WORLD_PROCESSES, 3, abort_in_the_middle, NULL);
}
END_TEST

static void injected(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    int32_t *to = buffer_make(self->rank);
    ncclResult_t result = ncclSuccess;

    world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, !world_stream_ends(self->stream, 100));
    world_check(self, ncclCommGetAsyncError(comm, &result) == ncclSuccess);
    world_check(self, result == (self->rank == 1 ? ncclSystemError : ncclSuccess));
    if (self->rank == 1) {
        world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSystemError);
        world_check(self, ncclCommDestroy(comm) == ncclSystemError);
    }
    world_meet(self);
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
    world_check(self, world_stream_ends(self->stream, 1000));
}

START_TEST(an_asynchronous_error_is_told_where_it_was_asked_for)
{
    static const char *const system_error[] = { "KVSPAN_NCCL_ASYNC_ERROR=1:2:system", NULL };

    world_tells(WORLD_THREADS, 2, injected, system_error, "rank 1: operation 2 fails as asked");
}
END_TEST

/* Rank 1 is killed in the middle of what the others do. */
static void killed(world_rank *self)
{
    const char *choice = getenv("KVSPAN_NCCL_DEAD");
    const bool is_told = choice && strcmp(choice, "error") == 0;
    ncclComm_t comm = world_comm(self);
    int32_t *to = buffer_make(self->rank);
    ncclResult_t result = ncclSuccess;

    if (self->rank == 1) {
        world_nap(50);
        kill(getpid(), SIGKILL);
    }
    world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, !world_stream_ends(self->stream, 700));
    world_check(self, ncclCommGetAsyncError(comm, &result) == ncclSuccess);
    world_check(self, result == (is_told ? ncclRemoteError : ncclSuccess));
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
    world_check(self, world_stream_ends(self->stream, 1000));
}

START_TEST(operations_with_a_dead_process_hang_or_are_an_error)
{
    static const char *const hang[] = { "KVSPAN_NCCL_DEADLINE_MS=300", "KVSPAN_NCCL_DEAD=hang",
                                        NULL };
    static const char *const error[] = { "KVSPAN_NCCL_DEAD=error", NULL };

    world_tells(WORLD_PROCESSES, 3, killed, hang, "rank 1 is dead");
    world_tells(WORLD_PROCESSES, 3, killed, error, "rank 1 is dead");
}
END_TEST

static void failing_call(world_rank *self)
{
    int version = 0;
    ncclUniqueId id;

    /* Two ids were made before. */
    world_check(self, ncclGetVersion(&version) == ncclSuccess);
    world_check(self, ncclGetVersion(&version) == ncclSystemError);
    world_check(self, ncclGetVersion(&version) == ncclSuccess);
    world_check(self, ncclGetUniqueId(&id) == ncclSuccess);
}

static void failing_in_group(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    int32_t *to = buffer_make(self->rank);

    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSystemError);
    world_check(self, ncclGroupEnd() == ncclSystemError);
    world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
}

static void failing_to_destroy(world_rank *self)
{
    ncclComm_t comm = world_comm(self);

    world_check(self, ncclCommDestroy(comm) == ncclSystemError);
}

START_TEST(the_call_that_was_asked_to_fail_does)
{
    static const char *const destroy[] = { "KVSPAN_NCCL_FAIL=ncclCommDestroy:1",
                                           "KVSPAN_NCCL_REPORT=1", NULL };
    static const char *const fourth[] = { "KVSPAN_NCCL_FAIL=4", NULL };
    static const char *const by_name[] = { "KVSPAN_NCCL_FAIL=ncclGetVersion:2", NULL };
    static const char *const in_group[] = { "KVSPAN_NCCL_FAIL=ncclBcast:1", "KVSPAN_NCCL_REPORT=1",
                                            NULL };

    world_pass(WORLD_THREADS, 1, failing_call, fourth);
    world_pass(WORLD_THREADS, 1, failing_call, by_name);
    world_tells(WORLD_THREADS, 1, failing_in_group, in_group, "fails as asked by");
    world_tells(WORLD_THREADS, 1, failing_in_group, in_group,
                "7 calls, 1 communicators neither destroyed nor aborted");
    world_tells(WORLD_THREADS, 1, failing_to_destroy, destroy,
                "0 communicators neither destroyed nor aborted");
}
END_TEST

static void old_version(world_rank *self)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclComm_t comm = NULL;
    int32_t *to = buffer_make(0);
    int version = 0;
    void *memory = NULL;

    world_check(self, ncclGetVersion(&version) == ncclSuccess);
    world_check(self, version == 21805);
    config.CTAPolicy = 77; /* which this version does not know */
    world_check(self, ncclCommInitRankConfig(&comm, 1, self->id, 0, &config) == ncclSuccess);
    world_check(self, ncclMemAlloc(&memory, 100) == ncclInvalidUsage);
    world_check(self,
                ncclAlltoAll(to, to + 4, 4, ncclInt32, comm, self->stream) == ncclInvalidUsage);
    world_check(self, ncclCommRevoke(comm, 0) == ncclInvalidUsage);
    world_check(self, ncclBcast(to, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
}

static void new_version(world_rank *self)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclConfig_t unset = { 0 };
    ncclComm_t comm = NULL;
    int version = 0;

    world_check(self, ncclGetVersion(&version) == ncclSuccess);
    world_check(self, version == NCCL_VERSION_CODE);
    config.CTAPolicy = 77;
    world_check(self,
                ncclCommInitRankConfig(&comm, 1, self->id, 0, &config) == ncclInvalidArgument);
    world_check(self, ncclCommInitRankConfig(&comm, 1, self->id, 0, &unset) == ncclInvalidArgument);
    world_check(self, strcmp(ncclGetErrorString(ncclInProgress), "operation in progress") == 0);
    world_check(self, strstr(ncclGetLastError(NULL), "NCCL_CONFIG_INITIALIZER") != NULL);
}

START_TEST(a_version_has_what_it_had)
{
    static const char *const old[] = { "KVSPAN_NCCL_VERSION=21805", NULL };

    world_tells(WORLD_THREADS, 1, old_version, old, "ncclAlltoAll needs 2.28.3, this is 2.18.5");
    world_tells(WORLD_THREADS, 1, new_version, NULL, "config.CTAPolicy is 77");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nccl states");
    TCase *states = tcase_create("states");

    tcase_add_test(states, a_nonblocking_communicator_is_in_progress_until_it_is_polled);
    tcase_add_test(states, work_on_the_stream_of_what_is_in_progress_is_refused);
    tcase_add_test(states, how_often_operations_are_in_progress_is_drawn);
    tcase_add_test(states, a_rank_that_never_comes_is_waited_for);
    tcase_add_test(states, an_abort_ends_what_waits_at_once_and_only_here);
    tcase_add_test(states, an_asynchronous_error_is_told_where_it_was_asked_for);
    tcase_add_test(states, operations_with_a_dead_process_hang_or_are_an_error);
    tcase_add_test(states, the_call_that_was_asked_to_fail_does);
    tcase_add_test(states, a_version_has_what_it_had);
    suite_add_tcase(suite, states);
    return suite_run(suite);
}
