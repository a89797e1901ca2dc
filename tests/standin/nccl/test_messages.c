/* Sends, receives and groups. */
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "standin/nccl/world.h"

static const char *const eager[] = { "KVSPAN_STANDIN_STREAMS=eager", NULL };
static const char *const lazy[] = { "KVSPAN_STANDIN_STREAMS=lazy", NULL };
static const char *const random_order[] = { "KVSPAN_STANDIN_STREAMS=random:3", NULL };
static const char *const *const orders[] = { eager, lazy, random_order };

static int32_t value(int from, int to, size_t index)
{
    return (int32_t)((size_t)(from * 1000 + to * 100) + index % 91);
}

/* A device buffer with what a rank sends to another. */
static int32_t *message_make(int from, int to, size_t count)
{
    int32_t *host = malloc((count + 1) * sizeof(*host));
    int32_t *device;

    for (size_t i = 0; i < count; i++) {
        host[i] = value(from, to, i);
    }
    device = world_upload(host, count * sizeof(*host));
    free(host);
    return device;
}

static bool message_is(const int32_t *device, int from, int to, size_t count)
{
    int32_t *host = malloc((count + 1) * sizeof(*host));
    bool is_same = true;

    world_download(host, device, count * sizeof(*host));
    for (size_t i = 0; i < count; i++) {
        is_same &= host[i] == value(from, to, i);
    }
    free(host);
    return is_same;
}

/* To the next, from the one before; alone, to itself. */
static void ring(world_rank *self)
{
    static const size_t counts[] = { 0, 1, 13, 50000 };
    const int next = (self->rank + 1) % self->rank_count;
    const int before = (self->rank + self->rank_count - 1) % self->rank_count;
    ncclComm_t comm = world_comm(self);

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int32_t *from = message_make(self->rank, next, counts[i]);
        int32_t *to = message_make(9, 9, counts[i]);

        world_check(self, ncclGroupStart() == ncclSuccess);
        world_check(self,
                    ncclSend(from, counts[i], ncclInt32, next, comm, self->stream) == ncclSuccess);
        world_check(self,
                    ncclRecv(to, counts[i], ncclInt32, before, comm, self->stream) == ncclSuccess);
        world_check(self, ncclGroupEnd() == ncclSuccess);
        world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
        world_check(self, message_is(to, before, self->rank, counts[i]));
        cudaFree(from);
        cudaFree(to);
    }
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
}

START_TEST(messages_go_round_a_ring)
{
    for (int rank_count = 1; rank_count <= 3; rank_count++) {
        world_pass(WORLD_THREADS, rank_count, ring, orders[_i]);
    }
    world_pass(WORLD_PROCESSES, 2, ring, orders[_i]);
}
END_TEST

/* Two messages to every rank, itself too, of different sizes, in one group with a collective, on
 * two communicators and two streams. */
static void everything(world_rank *self)
{
    enum {
        LONG = 20000,
        SHORT = 5
    };
    ncclComm_t comms[2] = { world_comm(self), NULL };
    int32_t *from[WORLD_RANKS_MAX];
    int32_t *to[WORLD_RANKS_MAX][2];
    int32_t *shared = message_make(0, self->rank, SHORT);
    cudaStream_t second;

    cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
    world_check(self, ncclCommSplit(comms[0], 0, self->rank, &comms[1], NULL) == ncclSuccess);
    world_check(self, ncclGroupStart() == ncclSuccess);
    for (int peer = 0; peer < self->rank_count; peer++) {
        from[peer] = message_make(self->rank, peer, LONG);
        to[peer][0] = message_make(9, 9, LONG);
        to[peer][1] = message_make(9, 9, SHORT);
        world_check(self, ncclSend(from[peer], LONG, ncclInt32, peer, comms[0], self->stream) ==
                              ncclSuccess);
        world_check(self,
                    ncclSend(from[peer], SHORT, ncclInt32, peer, comms[0], second) == ncclSuccess);
        world_check(self, ncclRecv(to[peer][0], LONG, ncclInt32, peer, comms[0], self->stream) ==
                              ncclSuccess);
        world_check(self,
                    ncclRecv(to[peer][1], SHORT, ncclInt32, peer, comms[0], second) == ncclSuccess);
    }
    world_check(self, ncclBcast(shared, SHORT, ncclInt32, 1, comms[1], second) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclSuccess);
    world_check(self, cudaStreamSynchronize(second) == cudaSuccess);
    world_check(self, message_is(shared, 0, 1, SHORT));
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    for (int peer = 0; peer < self->rank_count; peer++) {
        world_check(self, message_is(to[peer][0], peer, self->rank, LONG));
        world_check(self, message_is(to[peer][1], peer, self->rank, SHORT));
        cudaFree(from[peer]);
        cudaFree(to[peer][0]);
        cudaFree(to[peer][1]);
    }
    cudaFree(shared);
    world_check(self, ncclCommDestroy(comms[1]) == ncclSuccess);
    world_check(self, ncclCommDestroy(comms[0]) == ncclSuccess);
}

START_TEST(a_group_may_have_messages_collectives_communicators_and_streams)
{
    world_pass(WORLD_THREADS, 3, everything, orders[_i]);
}
END_TEST

enum {
    REPLAY_COUNT = 8
};

typedef struct replay_buffers {
    int32_t *from;
    int32_t *to;
    int32_t *mine;
} replay_buffers;

/* A graph of a broadcast from the last rank and a message to oneself. */
static void replay_capture(world_rank *self, ncclComm_t comm, const replay_buffers *buffers,
                           cudaGraphExec_t *runnable_out)
{
    const int root = self->rank_count - 1;
    cudaGraph_t graph;

    world_check(self, cudaStreamBeginCapture(self->stream, cudaStreamCaptureModeThreadLocal) ==
                          cudaSuccess);
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(buffers->to, REPLAY_COUNT, ncclInt32, root, comm, self->stream) ==
                          ncclSuccess);
    world_check(self, ncclSend(buffers->from, REPLAY_COUNT, ncclInt32, self->rank, comm,
                               self->stream) == ncclSuccess);
    world_check(self, ncclRecv(buffers->mine, REPLAY_COUNT, ncclInt32, self->rank, comm,
                               self->stream) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclSuccess);
    world_check(self, cudaStreamEndCapture(self->stream, &graph) == cudaSuccess);
    world_check(self, cudaGraphInstantiate(runnable_out, graph, 0) == cudaSuccess);
    world_check(self, cudaGraphDestroy(graph) == cudaSuccess);
    world_check(self, message_is(buffers->to, self->rank, 0, REPLAY_COUNT));
}

/* The root sends bytes that differ by run; before it, the communicator is used without a graph. */
static void replay_once(world_rank *self, ncclComm_t comm, const replay_buffers *buffers,
                        cudaGraphExec_t runnable, int run)
{
    const size_t bytes = REPLAY_COUNT * sizeof(int32_t);
    int32_t last = 0;

    world_check(self, ncclBcast(buffers->to, REPLAY_COUNT, ncclInt32, 0, comm, self->stream) ==
                          ncclSuccess);
    world_check(self, cudaMemsetAsync(buffers->mine, 0, bytes, self->stream) == cudaSuccess);
    if (self->rank == self->rank_count - 1) {
        world_check(self, cudaMemsetAsync(buffers->to, run, bytes, self->stream) == cudaSuccess);
    }
    world_check(self, cudaGraphLaunch(runnable, self->stream) == cudaSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, message_is(buffers->mine, self->rank, self->rank, REPLAY_COUNT));
    world_download(&last, buffers->to + REPLAY_COUNT - 1, sizeof(last));
    world_check(self, last == 0x01010101 * run);
}

static void replay(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    const replay_buffers buffers = { .from = message_make(self->rank, self->rank, REPLAY_COUNT),
                                     .to = message_make(self->rank, 0, REPLAY_COUNT),
                                     .mine = message_make(9, 9, REPLAY_COUNT) };
    cudaGraphExec_t runnable = NULL;

    replay_capture(self, comm, &buffers, &runnable);
    for (int run = 1; run <= 3 && !self->has_failed; run++) {
        replay_once(self, comm, &buffers, runnable, run);
    }
    world_check(self, !self->has_failed);
    world_check(self, cudaGraphExecDestroy(runnable) == cudaSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
}

START_TEST(a_graph_runs_its_operations_again_and_again)
{
    world_pass(WORLD_THREADS, 2, replay, orders[_i]);
    world_pass(WORLD_PROCESSES, 2, replay, orders[_i]);
}
END_TEST

/* Nothing of a group begins before it ends. */
static void group_holds(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    int32_t *to = message_make(self->rank, 0, 8);

    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(to, 8, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_meet(self);
    world_check(self, message_is(to, self->rank, 0, 8));
    world_meet(self);
    world_check(self, ncclGroupEnd() == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, message_is(to, 0, 0, 8));
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
    cudaFree(to);
}

START_TEST(a_group_begins_when_its_outermost_end_is_called)
{
    world_pass(WORLD_THREADS, 2, group_holds, eager);
}
END_TEST

static void group_fails(world_rank *self)
{
    ncclComm_t comm = world_comm(self);
    int32_t *to = message_make(self->rank, 0, 8);
    ncclComm_t never = NULL;

    /* A call that failed. */
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(to, 8, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, ncclBcast(NULL, 8, ncclInt32, 0, comm, self->stream) == ncclInvalidArgument);
    world_check(self, ncclGroupEnd() == ncclInvalidArgument);
    /* A message to oneself that nobody receives, and one of another size. */
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclSend(to, 8, ncclInt32, self->rank, comm, self->stream) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclInvalidUsage);
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclSend(to, 4, ncclInt32, self->rank, comm, self->stream) == ncclSuccess);
    world_check(self,
                ncclRecv(to + 4, 3, ncclInt32, self->rank, comm, self->stream) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclInvalidUsage);
    /* A communicator that is gone when the group ends. */
    world_check(self, ncclCommSplit(comm, 0, 0, &never, NULL) == ncclSuccess);
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(to, 8, ncclInt32, 0, never, self->stream) == ncclSuccess);
    world_check(self, ncclCommAbort(never) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclInvalidUsage);
    /* Operations and communicators in one group. */
    world_check(self, ncclGroupStart() == ncclSuccess);
    world_check(self, ncclBcast(to, 8, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self,
                ncclCommInitRank(&never, self->rank_count, self->spare, self->rank) == ncclSuccess);
    world_check(self, ncclGroupEnd() == ncclInvalidUsage);
    /* What a simulated group has is not launched. */
    {
        ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;

        world_check(self, ncclGroupStart() == ncclSuccess);
        world_check(self, ncclBcast(to, 8, ncclInt32, 0, comm, self->stream) == ncclSuccess);
        world_check(self, ncclGroupSimulateEnd(&info) == ncclSuccess);
        world_check(self, info.estimatedTime > 0);
    }
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, message_is(to, self->rank, 0, 8));
    world_check(self, ncclBcast(to, 8, ncclInt32, 0, comm, self->stream) == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_check(self, message_is(to, 0, 0, 8));
    cudaFree(to);
}

START_TEST(a_group_with_a_failure_launches_nothing)
{
    world_pass(WORLD_THREADS, 2, group_fails, eager);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nccl messages");
    TCase *messages = tcase_create("messages");

    tcase_add_loop_test(messages, messages_go_round_a_ring, 0, 3);
    tcase_add_loop_test(messages, a_group_may_have_messages_collectives_communicators_and_streams,
                        0, 3);
    tcase_add_loop_test(messages, a_graph_runs_its_operations_again_and_again, 0, 3);
    tcase_add_test(messages, a_group_begins_when_its_outermost_end_is_called);
    tcase_add_test(messages, a_group_with_a_failure_launches_nothing);
    suite_add_tcase(suite, messages);
    return suite_run(suite);
}
