/* What is made from communicators: splits, smaller ones, windows; and revoking them. */
#include "support/suite.h"

#include <stdlib.h>

#include "standin/nccl/world.h"

static const char *const soon[] = { "KVSPAN_NCCL_DEADLINE_MS=300", NULL };
static const char *const always[] = { "KVSPAN_NCCL_IN_PROGRESS=always", NULL };

static int32_t *buffer_make(int32_t first)
{
    const int32_t host[4] = { first, first + 1, first + 2, first + 3 };

    return world_upload(host, sizeof(host));
}

static int32_t first_of(const int32_t *device)
{
    int32_t host = 0;

    world_download(&host, device, sizeof(host));
    return host;
}

/* The sum of all ranks' values over a communicator, blocking or not; -1: it failed. */
static int32_t sum_over(ncclComm_t comm, int32_t mine, cudaStream_t stream)
{
    int32_t *buffer = buffer_make(mine);
    int32_t result = -1;
    const ncclResult_t called = ncclAllReduce(buffer, buffer, 1, ncclInt32, ncclSum, comm, stream);

    if ((called == ncclSuccess || called == ncclInProgress) && world_settle(comm) == ncclSuccess &&
        cudaStreamSynchronize(stream) == cudaSuccess) {
        result = first_of(buffer);
    }
    cudaFree(buffer);
    return result;
}

/* Even and odd ranks, in descending order. */
static void split(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    const int color = self->rank % 2;
    ncclComm_t half = NULL;
    ncclComm_t none = comm;
    int rank = -1;
    int count = 0;

    world_check(self, ncclCommSplit(comm, color, -self->rank, &half, NULL) == ncclSuccess);
    world_check(self, ncclCommUserRank(half, &rank) == ncclSuccess);
    world_check(self, ncclCommCount(half, &count) == ncclSuccess);
    world_check(self, count == 2);
    world_check(self, rank == (self->rank < 2 ? 1 : 0));
    world_check(self, ncclCommCuDevice(half, &rank) == ncclSuccess);
    world_check(self, rank == self->rank);
    world_check(self, sum_over(half, 1 << self->rank, self->stream) == (color ? 10 : 5));
    world_check(self, sum_over(comm, 1 << self->rank, self->stream) == 15);
    /* Again, and one of them in none. */
    world_check(self, ncclCommSplit(comm, self->rank == 3 ? NCCL_SPLIT_NOCOLOR : 7, 0, &none,
                                    NULL) == ncclSuccess);
    world_check(self, (none == NULL) == (self->rank == 3));
    if (none) {
        world_check(self, sum_over(none, 1 << self->rank, self->stream) == 7);
        world_check(self, ncclCommDestroy(none) == ncclSuccess);
    }
    world_check(self, ncclCommDestroy(half) == ncclSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
}

static void split_nonblocking(world_rank *self)
{
    ncclComm_t comm = world_nonblocking_comm(self);
    ncclComm_t half = NULL;

    world_check(self, ncclCommSplit(comm, self->rank % 2, 0, &half, NULL) == ncclInProgress);
    world_check(self, ncclCommFinalize(comm) == ncclInvalidUsage);
    world_check(self, world_settle(comm) == ncclSuccess);
    world_check(self, world_settle(half) == ncclSuccess);
    world_check(self, sum_over(half, 1 << self->rank, self->stream) == (self->rank % 2 ? 10 : 5));
    world_check(self, ncclCommFinalize(half) == ncclInProgress);
    world_check(self, world_settle(half) == ncclSuccess);
    world_check(self, ncclCommDestroy(half) == ncclSuccess);
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
}

START_TEST(a_split_has_the_ranks_of_its_color_by_key)
{
    world_pass(WORLD_THREADS, 4, split, NULL);
    world_pass(WORLD_PROCESSES, 4, split, NULL);
    world_pass(WORLD_THREADS, 4, split_nonblocking, always);
}
END_TEST

/* A split while something is not done; then one that rank 1 does not join. */
static void split_wrong(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    ncclComm_t half = NULL;
    int32_t *buffer = buffer_make(1);

    if (self->rank == 0) {
        world_check(self, ncclBcast(buffer, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
        world_check(self, ncclCommSplit(comm, 0, 0, &half, NULL) == ncclInvalidUsage);
    }
    world_meet(self);
    if (self->rank == 1) {
        world_check(self, ncclBcast(buffer, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    }
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, ncclCommSplit(comm, -2, 0, &half, NULL) == ncclInvalidArgument);
    world_meet(self);
    if (self->rank == 0) {
        world_check(self, ncclCommSplit(comm, 0, 0, &half, NULL) == ncclSystemError);
        world_check(self, half == NULL);
    }
    cudaFree(buffer);
}

START_TEST(a_split_needs_a_quiet_communicator_and_all_ranks)
{
    world_tells(WORLD_THREADS, 2, split_wrong, soon, "has operations that are not done");
    world_tells(WORLD_THREADS, 2, split_wrong, soon,
                "ncclCommSplit waits for more than 300 ms: not all ranks have called it");
}
END_TEST

/* Rank 1 is gone in the middle of a collective; the others go on without it. */
static void shrink(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    ncclComm_t rest = NULL;
    int excluded[] = { 1 };
    int32_t *buffer = buffer_make(1);

    if (self->rank == 1) {
        world_check(self, ncclCommAbort(comm) == ncclSuccess);
        return;
    }
    world_check(self, ncclBcast(buffer, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, ncclCommShrink(comm, excluded, 1, &rest, NULL, NCCL_SHRINK_DEFAULT) ==
                          ncclInvalidUsage);
    world_check(self,
                ncclCommShrink(comm, excluded, 1, &rest, NULL, NCCL_SHRINK_ABORT) == ncclSuccess);
    world_check(self, world_stream_ends(self->stream, 1000));
    world_check(self, sum_over(rest, 1 << self->rank, self->stream) == 5);
    world_check(self, ncclCommDestroy(rest) == ncclSuccess);
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
    cudaFree(buffer);
}

static void revoke(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    ncclComm_t again = NULL;
    int32_t *buffer = buffer_make(1);

    if (self->rank == 0) {
        world_check(self, ncclBcast(buffer, 4, ncclInt32, 0, comm, self->stream) == ncclSuccess);
        world_check(self, !world_stream_ends(self->stream, 50));
    }
    world_check(self, ncclCommRevoke(comm, 3) == ncclInvalidArgument);
    world_check(self, ncclCommRevoke(comm, NCCL_REVOKE_DEFAULT) == ncclSuccess);
    world_check(self, world_stream_ends(self->stream, 1000));
    world_check(self, ncclBcast(buffer, 4, ncclInt32, 0, comm, self->stream) == ncclInvalidUsage);
    world_check(self, ncclCommFinalize(comm) == ncclInvalidUsage);
    world_check(self, ncclCommSplit(comm, 0, 0, &again, NULL) == ncclSuccess);
    world_check(self, sum_over(again, 1 << self->rank, self->stream) == 3);
    world_check(self, ncclCommDestroy(again) == ncclSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
    cudaFree(buffer);
}

START_TEST(those_who_are_left_go_on)
{
    world_pass(WORLD_THREADS, 3, shrink, NULL);
    world_pass(WORLD_PROCESSES, 3, shrink, NULL);
    world_tells(WORLD_THREADS, 2, revoke, NULL, "ncclBcast after ncclCommRevoke");
}
END_TEST

enum {
    WINDOW_BYTES = 3 * NCCL_WIN_REQUIRED_ALIGNMENT
};

static void windows(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    ncclWindow_t window = NULL;
    char *memory = NULL;
    int32_t *plain = buffer_make(1);

    world_check(self, ncclMemAlloc((void **)&memory, WINDOW_BYTES) == ncclSuccess);
    world_check(self, (uintptr_t)memory % NCCL_WIN_REQUIRED_ALIGNMENT == 0);
    world_check(self, ncclCommWindowRegister(comm, memory + 8, 64, &window,
                                             NCCL_WIN_COLL_SYMMETRIC) == ncclInvalidArgument);
    world_check(self, ncclCommWindowRegister(comm, memory, WINDOW_BYTES + 1, &window,
                                             NCCL_WIN_COLL_SYMMETRIC) == ncclInvalidUsage);
    world_check(self, ncclCommWindowRegister(comm, memory, WINDOW_BYTES, &window,
                                             NCCL_WIN_COLL_SYMMETRIC) == ncclSuccess);
    world_check(self, window != NULL);
    /* In place, the send buffer's offset is another on every rank. */
    world_check(self, ncclAllGather(memory + (size_t)self->rank * 4, memory, 1, ncclInt32, comm,
                                    self->stream) == ncclSuccess);
    world_check(self, ncclAllGather(memory + 64, memory + 128, 1, ncclInt32, comm, self->stream) ==
                          ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, ncclMemFree(memory) == ncclInvalidUsage);
    world_check(self, ncclCommWindowDeregister(comm, window) == ncclSuccess);
    world_check(self, ncclCommWindowDeregister(comm, window) == ncclInvalidArgument);
    world_check(self, ncclMemFree(memory) == ncclSuccess);
    world_check(self, ncclMemFree(plain) == ncclInvalidArgument);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
    cudaFree(plain);
}

/* One rank's buffer lies elsewhere in its window. */
static void offset_differs(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    ncclWindow_t window = NULL;
    char *memory = NULL;
    ncclResult_t result = ncclSuccess;

    world_check(self, ncclMemAlloc((void **)&memory, WINDOW_BYTES) == ncclSuccess);
    world_check(self, ncclCommWindowRegister(comm, memory, WINDOW_BYTES, &window,
                                             NCCL_WIN_COLL_SYMMETRIC) == ncclSuccess);
    world_check(self, ncclAllGather(memory + (size_t)self->rank * 256, memory + 1024, 1, ncclInt32,
                                    comm, self->stream) == ncclSuccess);
    for (int i = 0; i < 2000 && result == ncclSuccess; i++) {
        world_check(self, ncclCommGetAsyncError(comm, &result) == ncclSuccess);
        world_nap(1);
    }
    world_check(self, result == ncclInvalidUsage);
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
}

static void registered(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    int32_t *buffer = buffer_make(1);
    int32_t host = 0;
    void *handle = NULL;

    world_check(self, ncclCommRegister(comm, &host, 4, &handle) == ncclInvalidArgument);
    world_check(self, ncclCommRegister(comm, buffer, 16, &handle) == ncclSuccess);
    world_check(self, ncclCommDeregister(comm, &host) == ncclInvalidArgument);
    world_check(self, ncclCommDeregister(comm, handle) == ncclSuccess);
    world_check(self, ncclCommRegister(comm, buffer, 16, &handle) == ncclSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
    cudaFree(buffer);
}

START_TEST(windows_have_their_rules)
{
    world_tells(WORLD_THREADS, 2, windows, NULL, "is still registered");
    world_pass(WORLD_PROCESSES, 2, windows, NULL);
    world_tells(WORLD_THREADS, 2, offset_differs, NULL,
                "the send buffer's offset in a symmetric window differs: 0 in window 1 on rank 0, "
                "256 in window 1 on rank 1");
    world_tells(WORLD_THREADS, 2, registered, NULL, "a buffer of 16 bytes is still registered");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nccl derived");
    TCase *derived = tcase_create("derived");

    tcase_add_test(derived, a_split_has_the_ranks_of_its_color_by_key);
    tcase_add_test(derived, a_split_needs_a_quiet_communicator_and_all_ranks);
    tcase_add_test(derived, those_who_are_left_go_on);
    tcase_add_test(derived, windows_have_their_rules);
    suite_add_tcase(suite, derived);
    return suite_run(suite);
}
