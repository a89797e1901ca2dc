/* What ranks do differently is named, with both values and both ranks. */
#include "support/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "standin/nccl/world.h"

enum {
    ELEMENTS = 64
};

static const char *const soon[] = { "KVSPAN_NCCL_DEADLINE_MS=300", NULL };

static float *buffer_make(void)
{
    static const float zeros[ELEMENTS * WORLD_RANKS_MAX];

    return world_upload(zeros, sizeof(zeros));
}

/* The communicator tells of the disagreement; an abort gives the stream back. */
static void expect_error(world_rank *self, ncclComm_t comm, ncclResult_t expected)
{
    ncclResult_t result = ncclSuccess;

    for (int i = 0; i < 5000 && result == ncclSuccess; i++) {
        cudaStreamQuery(self->stream);
        world_check(self, ncclCommGetAsyncError(comm, &result) == ncclSuccess);
        world_nap(1);
    }
    world_check(self, result == expected);
    world_check(self, cudaStreamQuery(self->stream) == cudaErrorNotReady);
    world_meet(self);
    world_check(self, ncclCommAbort(comm) == ncclSuccess);
    world_check(self, world_stream_ends(self->stream, 2000));
}

/* A disagreement: what rank 0 calls, what the others call. */
typedef enum disagreement {
    DIFFERENT_COUNT,
    DIFFERENT_TYPE,
    DIFFERENT_OPERATION,
    DIFFERENT_REDUCTION,
    DIFFERENT_ROOT,
    ZERO_AND_NOT_ZERO,
    SEND_MEETS_COLLECTIVE,
    DIFFERENT_MESSAGE_COUNT,
    DIFFERENT_MESSAGE_TYPE,
    DISAGREEMENTS
} disagreement;

static disagreement disagreeing; /* inherited by the forked child */

static ncclResult_t call_of_rank(disagreement what, int rank, float *from, float *to,
                                 ncclComm_t comm, cudaStream_t stream)
{
    const bool is_first = rank == 0;

    switch (what) {
    case DIFFERENT_COUNT:
        return ncclAllGather(from, to, is_first ? 8 : 7, ncclFloat32, comm, stream);
    case DIFFERENT_TYPE:
        return ncclAllGather(from, to, 8, is_first ? ncclFloat32 : ncclInt32, comm, stream);
    case DIFFERENT_OPERATION:
        return is_first ? ncclAllGather(from, to, 8, ncclFloat32, comm, stream)
                        : ncclAllReduce(from, to, 8, ncclFloat32, ncclSum, comm, stream);
    case DIFFERENT_REDUCTION:
        return ncclAllReduce(from, to, 8, ncclFloat32, is_first ? ncclSum : ncclMax, comm, stream);
    case DIFFERENT_ROOT:
        return ncclBroadcast(from, to, 8, ncclFloat32, is_first ? 0 : 1, comm, stream);
    case ZERO_AND_NOT_ZERO:
        return ncclAllGather(from, to, is_first ? 0 : 8, ncclFloat32, comm, stream);
    case SEND_MEETS_COLLECTIVE:
        return is_first ? ncclSend(from, 8, ncclFloat32, 1, comm, stream)
                        : ncclAllGather(from, to, 8, ncclFloat32, comm, stream);
    case DIFFERENT_MESSAGE_COUNT:
        return is_first ? ncclSend(from, 8, ncclFloat32, 1, comm, stream)
                        : ncclRecv(to, 9, ncclFloat32, 0, comm, stream);
    default:
        return is_first ? ncclSend(from, 8, ncclFloat32, 1, comm, stream)
                        : ncclRecv(to, 8, ncclInt32, 0, comm, stream);
    }
}

static void disagree(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    float *from = buffer_make();
    float *to = buffer_make();
    const bool is_late = disagreeing == SEND_MEETS_COLLECTIVE;
    const bool is_told = disagreeing < SEND_MEETS_COLLECTIVE || self->rank == 1;

    world_check(self,
                call_of_rank(disagreeing, self->rank, from, to, comm, self->stream) == ncclSuccess);
    /* The sender of what does not fit is not told: its message is never taken. */
    expect_error(self, comm, is_told && !is_late ? ncclInvalidUsage : ncclSystemError);
}

START_TEST(disagreements_are_named)
{
    static const char *const texts[DISAGREEMENTS] = {
        [DIFFERENT_COUNT] = "count differs: 8 on rank 0, 7 on rank 1",
        [DIFFERENT_TYPE] = "type differs: ncclFloat32 on rank 0, ncclInt32 on rank 1",
        [DIFFERENT_OPERATION] = "the operation differs: ncclAllGather on rank 0, ncclAllReduce on",
        [DIFFERENT_REDUCTION] = "the reduction differs: ncclSum on rank 0, ncclMax on rank 1",
        [DIFFERENT_ROOT] = "root differs: 0 on rank 0, 1 on rank 1",
        [ZERO_AND_NOT_ZERO] = "count differs: 0 on rank 0, 8 on rank 1",
        [SEND_MEETS_COLLECTIVE] = "rank 0 is at ncclSend with rank 1",
        [DIFFERENT_MESSAGE_COUNT] = "rank 0 sends 8 ncclFloat32, rank 1 receives 9 ncclFloat32",
        [DIFFERENT_MESSAGE_TYPE] = "rank 0 sends 8 ncclFloat32, rank 1 receives 8 ncclInt32",
    };

    disagreeing = (disagreement)_i;
    world_tells(WORLD_THREADS, 2, disagree, soon, texts[_i]);
    world_tells(WORLD_PROCESSES, 2, disagree, soon, texts[_i]);
}
END_TEST

/* Two communicators on one device, used in different order: on a device, each rank's first kernel
 * may keep the other's from running. */
static void cross(world_rank *self)
{
    ncclComm_t one = world_comm(self);
    ncclComm_t other = NULL;
    float *to = buffer_make();
    cudaStream_t second;

    world_check(self, ncclCommSplit(one, 0, self->rank, &other, NULL) == ncclSuccess);
    cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
    for (int turn = 0; turn < 2; turn++) {
        const bool is_one = (turn == 0) == (self->rank == 0);

        world_check(self, ncclBcast(to, 8, ncclFloat32, 0, is_one ? one : other,
                                    is_one ? self->stream : second) == ncclSuccess);
    }
    expect_error(self, one, ncclInvalidUsage);
    world_check(self, ncclCommAbort(other) == ncclSuccess);
}

START_TEST(communicators_in_different_order_are_named)
{
    world_tells(WORLD_THREADS, 2, cross, soon, "the order of communicators, which can deadlock");
}
END_TEST

static void absent(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    float *to = buffer_make();

    if (self->rank == 0) {
        world_check(self, ncclBcast(to, 8, ncclFloat32, 0, comm, self->stream) == ncclSuccess);
        expect_error(self, comm, ncclSystemError);
    } else {
        world_meet(self);
    }
}

START_TEST(who_never_comes_is_named)
{
    world_tells(WORLD_THREADS, 2, absent, soon,
                "rank 0: ncclBroadcast waits for more than 300 ms: a deadlock; rank 1 has begun "
                "nothing");
}
END_TEST

/* Each waits for the other to receive, as without buffers. */
static void send_both_ways(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    float *from = buffer_make();
    float *to = buffer_make();

    world_check(self,
                ncclSend(from, 8, ncclFloat32, 1 - self->rank, comm, self->stream) == ncclSuccess);
    world_check(self,
                ncclRecv(to, 8, ncclFloat32, 1 - self->rank, comm, self->stream) == ncclSuccess);
    expect_error(self, comm, ncclSystemError);
}

START_TEST(sends_that_wait_for_each_other_are_a_deadlock)
{
    world_tells(WORLD_THREADS, 2, send_both_ways, soon, "rank 0 is at ncclSend with rank 1");
}
END_TEST

/* What a single rank does wrong is refused when it is called. */
static void wrong_alone(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    float *to = buffer_make();
    float *pinned = NULL;
    float pageable[ELEMENTS];

    cudaMallocHost((void **)&pinned, sizeof(pageable));
    world_check(self, ncclAllGather(pageable, to, 4, ncclFloat32, comm, self->stream) ==
                          ncclInvalidArgument);
    world_check(self, ncclAllGather(pinned, to, 4, ncclFloat32, comm, self->stream) ==
                          ncclInvalidArgument);
    world_check(self,
                ncclAllGather(NULL, to, 4, ncclFloat32, comm, self->stream) == ncclInvalidArgument);
    world_check(self,
                ncclAllGather(to + 1, to, 4, ncclFloat32, comm, self->stream) == ncclInvalidUsage);
    world_check(self, ncclAllReduce(to, to + 2, 4, ncclFloat32, ncclSum, comm, self->stream) ==
                          ncclInvalidUsage);
    world_check(self, ncclAlltoAll(to, to, 4, ncclFloat32, comm, self->stream) == ncclInvalidUsage);
    world_check(self, ncclAllReduce(to, to, 4, (ncclDataType_t)40, ncclSum, comm, self->stream) ==
                          ncclInvalidArgument);
    world_check(self, ncclAllReduce(to, to, 4, ncclFloat32, (ncclRedOp_t)9, comm, self->stream) ==
                          ncclInvalidArgument);
    world_check(self, ncclBcast(to, 4, ncclFloat32, 2, comm, self->stream) == ncclInvalidArgument);
    world_check(self, ncclBcast(to, SIZE_MAX / 2, ncclFloat32, 0, comm, self->stream) ==
                          ncclInvalidArgument);
    world_check(self,
                ncclBcast(to, 1 << 20, ncclFloat32, 0, comm, self->stream) == ncclInvalidArgument);
    world_check(self, ncclBcast(to, 4, ncclFloat32, 0, NULL, self->stream) == ncclInvalidArgument);
    world_check(self, ncclGroupEnd() == ncclInvalidUsage);
    cudaSetDevice(self->rank + 2);
    world_check(self, ncclBcast(to, 4, ncclFloat32, 0, comm, self->stream) == ncclInvalidUsage);
    cudaSetDevice(self->rank);
    /* None of it has counted: the ranks still agree. */
    world_check(self, ncclBcast(to, 4, ncclFloat32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
    cudaFreeHost(pinned);
}

START_TEST(what_one_rank_does_wrong_is_refused_and_has_no_effect)
{
    world_pass(WORLD_THREADS, 2, wrong_alone, NULL);
}
END_TEST

static void *other_thread(void *comm)
{
    float *to;

    cudaSetDevice(0);
    to = buffer_make();
    return (void *)(uintptr_t)ncclBcast(to, 4, ncclFloat32, 0, comm, NULL);
}

static void two_threads(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    float *to = buffer_make();
    pthread_t thread;
    void *result = NULL;

    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(to, 4, ncclFloat32, 0, comm, self->stream) == ncclSuccess);
    pthread_create(&thread, NULL, other_thread, comm);
    pthread_join(thread, &result);
    world_check(self, (uintptr_t)result == ncclInvalidUsage);
    world_check(self, ncclGroupEnd() == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
}

START_TEST(a_communicator_is_for_one_thread_at_a_time)
{
    world_tells(WORLD_THREADS, 1, two_threads, NULL, "another thread has an open group");
}
END_TEST

/* Ranks that do not fit each other. */
static void wrong_count(world_rank *self)
{
    ncclComm_t comm = NULL;
    const ncclResult_t result =
        ncclCommInitRank(&comm, self->rank == 0 ? 2 : 3, self->id, self->rank);

    world_check(self, result == ncclInvalidUsage || result == ncclSystemError);
    world_check(self, comm == NULL);
}

static void same_device(world_rank *self)
{
    ncclComm_t comm = NULL;

    cudaSetDevice(0);
    world_check(self, ncclCommInitRank(&comm, 2, self->id, self->rank) == ncclInvalidUsage);
}

static void same_rank(world_rank *self)
{
    ncclComm_t comm = NULL;
    const ncclResult_t result = ncclCommInitRank(&comm, 2, self->id, 0);

    world_check(self, result == ncclInvalidUsage || result == ncclSystemError);
}

static void used_id(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    ncclComm_t again = NULL;

    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
    world_check(self, ncclCommInitRank(&again, self->rank_count, self->id, self->rank) ==
                          ncclInvalidUsage);
}

START_TEST(ranks_that_do_not_fit_are_refused)
{
    world_tells(WORLD_THREADS, 2, wrong_count, soon, "joins a communicator of");
    world_tells(WORLD_THREADS, 2, same_device, soon, "ranks 0 and 1 are both on device 0");
    world_tells(WORLD_PROCESSES, 2, same_device, soon, "ranks 0 and 1 are both on device 0");
    world_tells(WORLD_PROCESSES, 2, same_rank, soon, "is this rank already");
    world_tells(WORLD_THREADS, 2, used_id, soon, "has been used by this rank before");
}
END_TEST

static void invalid(world_rank *self)
{
    (void)self;
    ncclGroupEnd();
}

static void lacking(world_rank *self)
{
    ncclRedOp_t reduction;
    float scalar = 2;

    ncclRedOpCreatePreMulSum(&reduction, &scalar, ncclFloat32, ncclScalarHostImmediate, NULL);
    (void)self;
}

START_TEST(misuse_can_end_the_process_and_what_is_lacking_does)
{
    static const char *const strict[] = { "KVSPAN_NCCL_MISUSE=abort", NULL };
    world_result result = world_run(WORLD_THREADS, 1, invalid, strict);

    ck_assert_int_eq(result.exit_code, 128 + SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.text, "ncclGroupEnd without ncclGroupStart"));
    result = world_run(WORLD_THREADS, 1, lacking, NULL);
    ck_assert_int_eq(result.exit_code, 128 + SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.text, "ncclRedOpCreatePreMulSum is not implemented"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nccl mismatches");
    TCase *named = tcase_create("named");

    tcase_add_loop_test(named, disagreements_are_named, 0, DISAGREEMENTS);
    tcase_add_test(named, communicators_in_different_order_are_named);
    tcase_add_test(named, who_never_comes_is_named);
    tcase_add_test(named, sends_that_wait_for_each_other_are_a_deadlock);
    tcase_add_test(named, what_one_rank_does_wrong_is_refused_and_has_no_effect);
    tcase_add_test(named, a_communicator_is_for_one_thread_at_a_time);
    tcase_add_test(named, ranks_that_do_not_fit_are_refused);
    tcase_add_test(named, misuse_can_end_the_process_and_what_is_lacking_does);
    suite_add_tcase(suite, named);
    return suite_run(suite);
}
