/* Every collective against a naive computation. */
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "standin/nccl/operation.h"
#include "standin/nccl/world.h"

enum {
    COUNT_MAX = 40000 /* more than two chunks of a mailbox */
};

/* Small integers: exact in every type, whatever the order of additions. */
static float value(operation_kind kind, int rank, size_t index)
{
    return (float)((int)((size_t)(rank * 31 + (int)kind) + index * 7) % 23 + 1);
}

static float reduced(operation_kind kind, int rank_count, size_t index, ncclRedOp_t reduction)
{
    float result = value(kind, 0, index);

    for (int rank = 1; rank < rank_count; rank++) {
        const float next = value(kind, rank, index);

        switch (reduction) {
        case ncclProd: result *= next; break;
        case ncclMax: result = next > result ? next : result; break;
        case ncclMin: result = next < result ? next : result; break;
        default: result += next; break;
        }
    }
    return reduction == ncclAvg ? result / (float)rank_count : result;
}

/* What element @p index of a rank's receive buffer is after the collective. */
static float expected(operation_kind kind, const world_rank *self, size_t index, size_t count,
                      int root)
{
    const int block = count ? (int)(index / count) : 0;
    const size_t in_block = count ? index % count : 0;
    const size_t mine = (size_t)self->rank * count;

    switch (kind) {
    case OPERATION_ALL_GATHER:
    case OPERATION_GATHER: return value(kind, block, in_block);
    case OPERATION_ALL_TO_ALL: return value(kind, block, mine + in_block);
    case OPERATION_BROADCAST: return value(kind, root, index);
    case OPERATION_SCATTER: return value(kind, root, mine + index);
    case OPERATION_REDUCE_SCATTER: return reduced(kind, self->rank_count, mine + index, ncclSum);
    default: return reduced(kind, self->rank_count, index, ncclSum);
    }
}

static ncclResult_t call(const operation_kind kind, const void *send, void *receive, size_t count,
                         int root, ncclComm_t comm, cudaStream_t stream)
{
    switch (kind) {
    case OPERATION_ALL_GATHER:
        return ncclAllGather(send, receive, count, ncclFloat32, comm, stream);
    case OPERATION_ALL_REDUCE:
        return ncclAllReduce(send, receive, count, ncclFloat32, ncclSum, comm, stream);
    case OPERATION_REDUCE_SCATTER:
        return ncclReduceScatter(send, receive, count, ncclFloat32, ncclSum, comm, stream);
    case OPERATION_BROADCAST:
        return ncclBroadcast(send, receive, count, ncclFloat32, root, comm, stream);
    case OPERATION_REDUCE:
        return ncclReduce(send, receive, count, ncclFloat32, ncclSum, root, comm, stream);
    case OPERATION_ALL_TO_ALL: return ncclAlltoAll(send, receive, count, ncclFloat32, comm, stream);
    case OPERATION_GATHER: return ncclGather(send, receive, count, ncclFloat32, root, comm, stream);
    default: return ncclScatter(send, receive, count, ncclFloat32, root, comm, stream);
    }
}

/* The buffers of a case; in place one of them lies in the other. */
typedef struct case_buffers {
    operation_spans spans;
    float *send;
    float *receive;
    void *owned[2];
} case_buffers;

static case_buffers buffers_make(const world_rank *self, operation_kind kind, size_t count,
                                 int root, bool is_in_place, const float *host)
{
    const nccl_operation asked = {
        .kind = kind, .count = count, .type = ncclFloat32, .peer = root
    };
    case_buffers made = { 0 };
    const size_t mine = (size_t)self->rank * count;

    operation_measure(&asked, self->rank, self->rank_count, &made.spans);
    if (!is_in_place) {
        made.owned[0] = world_upload(host, made.spans.send_bytes);
        cudaMalloc(&made.owned[1], made.spans.receive_bytes + 1);
        made.send = made.owned[0];
        made.receive = made.owned[1];
    } else if (made.spans.send_bytes > made.spans.receive_bytes) {
        made.owned[0] = world_upload(host, made.spans.send_bytes);
        made.send = made.owned[0];
        made.receive = made.send + mine;
    } else {
        cudaMalloc(&made.owned[0], made.spans.receive_bytes + 1);
        made.receive = made.owned[0];
        made.send =
            made.receive +
            (made.spans.receive_bytes > made.spans.send_bytes && made.spans.send_bytes ? mine : 0);
        world_write(made.send, host, made.spans.send_bytes);
    }
    return made;
}

static void one_case(world_rank *self, ncclComm_t comm, operation_kind kind, size_t count, int root,
                     bool is_in_place)
{
    const size_t elements = count * (size_t)self->rank_count + 1;
    float *host = malloc(elements * sizeof(float));
    case_buffers made;

    for (size_t i = 0; i < elements; i++) {
        host[i] = value(kind, self->rank, i);
    }
    made = buffers_make(self, kind, count, root, is_in_place, host);
    world_check(self, call(kind, made.send, made.receive, count, root, comm, self->stream) ==
                          ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_download(host, made.receive, made.spans.receive_bytes);
    for (size_t i = 0; i < made.spans.receive_bytes / sizeof(float); i++) {
        if (host[i] != expected(kind, self, i, count, root)) {
            world_note(self, operation_name(kind), (int)count, "the result differs");
            break;
        }
    }
    cudaFree(made.owned[0]);
    cudaFree(made.owned[1]);
    free(host);
}

static void every_collective(world_rank *self)
{
    static const size_t counts[] = { 0, 1, 7, 1023, COUNT_MAX };
    const int root = self->rank_count - 1;
    ncclComm_t comm = world_comm(self);

    for (operation_kind kind = 0; kind <= OPERATION_SCATTER; kind++) {
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && !self->has_failed; i++) {
            one_case(self, comm, kind, counts[i], root, false);
            if (kind != OPERATION_ALL_TO_ALL && !self->has_failed) {
                one_case(self, comm, kind, counts[i], 0, true);
            }
        }
    }
    world_check(self, !self->has_failed);
    world_check(self, ncclCommFinalize(comm) == ncclSuccess);
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
}

static const char *const eager[] = { "KVSPAN_STANDIN_STREAMS=eager", NULL };
static const char *const lazy[] = { "KVSPAN_STANDIN_STREAMS=lazy", NULL };
static const char *const random_order[] = { "KVSPAN_STANDIN_STREAMS=random:7", NULL };
static const char *const *const orders[] = { eager, lazy, random_order };

START_TEST(every_collective_is_right_in_every_stream_order)
{
    for (int rank_count = 1; rank_count <= 4; rank_count++) {
        world_pass(WORLD_THREADS, rank_count, every_collective, orders[_i]);
    }
}
END_TEST

START_TEST(every_collective_is_right_between_processes)
{
    world_pass(WORLD_PROCESSES, 3, every_collective, eager);
}
END_TEST

/* The bits of a small integer in an element type. */
static uint64_t bits_of(ncclDataType_t type, float number)
{
    uint32_t word;
    uint64_t bits = 0;
    double wide = number;

    memcpy(&word, &number, sizeof(word));
    switch (type) {
    case ncclFloat32: return word;
    case ncclFloat64: memcpy(&bits, &wide, sizeof(bits)); return bits;
    case ncclBfloat16: return word >> 16;
    case ncclFloat16: return ((word >> 13) - ((127 - 15) << 10)) & 0xffff;
    default: return (uint64_t)number;
    }
}

static const struct {
    ncclDataType_t type;
    size_t bytes;
} element_types[] = { { ncclInt8, 1 },    { ncclUint8, 1 },    { ncclInt32, 4 },
                      { ncclUint32, 4 },  { ncclInt64, 8 },    { ncclUint64, 8 },
                      { ncclFloat16, 2 }, { ncclBfloat16, 2 }, { ncclFloat32, 4 },
                      { ncclFloat64, 8 } };

static void reduce_case(world_rank *self, ncclComm_t comm, size_t at, ncclRedOp_t reduction)
{
    enum {
        ELEMENTS = 7
    };
    const ncclDataType_t type = element_types[at].type;
    const size_t bytes = element_types[at].bytes;
    /* rank 0 and rank 1 */
    static const float pairs[ELEMENTS][2] = { { 1, 3 },  { 4, 2 },  { 5, 5 }, { 0, 8 },
                                              { 9, 11 }, { 6, 10 }, { 2, 0 } };
    unsigned char host[ELEMENTS * 8] = { 0 };
    void *device;

    for (size_t i = 0; i < ELEMENTS; i++) {
        const uint64_t bits = bits_of(type, pairs[i][self->rank]);

        memcpy(host + i * bytes, &bits, bytes);
    }
    for (size_t i = 0; type == ncclFloat16 && i < ELEMENTS; i++) {
        if (pairs[i][self->rank] == 0) {
            memset(host + i * bytes, 0, bytes);
        }
    }
    device = world_upload(host, ELEMENTS * bytes);
    world_check(self, ncclAllReduce(device, device, ELEMENTS, type, reduction, comm,
                                    self->stream) == ncclSuccess);
    world_check(self, cudaStreamSynchronize(self->stream) == cudaSuccess);
    world_download(host, device, ELEMENTS * bytes);
    cudaFree(device);
    for (size_t i = 0; i < ELEMENTS; i++) {
        const float a = pairs[i][0];
        const float b = pairs[i][1];
        const float results[] = { a + b, a * b, a > b ? a : b, a < b ? a : b, (a + b) / 2 };
        const bool is_zero = results[reduction] == 0 && type == ncclFloat16;
        const uint64_t wanted = is_zero ? 0 : bits_of(type, results[reduction]);
        uint64_t got = 0;

        memcpy(&got, host + i * bytes, bytes);
        world_check(self, got == wanted);
    }
}

static void every_reduction(world_rank *self)
{
    ncclComm_t comm = world_comm(self);

    for (size_t at = 0; at < sizeof(element_types) / sizeof(element_types[0]); at++) {
        for (int reduction = ncclSum; reduction <= ncclAvg && !self->has_failed; reduction++) {
            reduce_case(self, comm, at, (ncclRedOp_t)reduction);
        }
    }
    world_check(self, ncclCommDestroy(comm) == ncclSuccess);
}

START_TEST(every_reduction_of_every_type_is_right)
{
    world_pass(WORLD_THREADS, 2, every_reduction, NULL);
}
END_TEST

enum {
    ONE_THREADS_RANKS = 4,
    ONE_THREADS_COUNT = 3
};

typedef struct one_threads_rank {
    ncclComm_t comm;
    cudaStream_t stream;
    float *buffer;
} one_threads_rank;

static void gather_begin(world_rank *self, one_threads_rank *now, int rank)
{
    float host[ONE_THREADS_RANKS * ONE_THREADS_COUNT];

    for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
        host[i] = value(OPERATION_ALL_GATHER, rank, i % ONE_THREADS_COUNT);
    }
    cudaSetDevice(rank);
    cudaStreamCreate(&now->stream);
    now->buffer = world_upload(host, sizeof(host));
    world_check(self, ncclAllGather(now->buffer + (size_t)rank * ONE_THREADS_COUNT, now->buffer,
                                    ONE_THREADS_COUNT, ncclFloat32, now->comm,
                                    now->stream) == ncclSuccess);
}

static void gather_end(world_rank *self, const one_threads_rank *now, int rank)
{
    float host[ONE_THREADS_RANKS * ONE_THREADS_COUNT];

    cudaSetDevice(rank);
    world_check(self, cudaStreamSynchronize(now->stream) == cudaSuccess);
    world_download(host, now->buffer, sizeof(host));
    for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
        world_check(self, host[i] == value(OPERATION_ALL_GATHER, (int)(i / ONE_THREADS_COUNT),
                                           i % ONE_THREADS_COUNT));
    }
    world_check(self, ncclCommDestroy(now->comm) == ncclSuccess);
}

/* One thread, a device per rank, as in a single-process program. */
static void one_thread_for_all(world_rank *self)
{
    one_threads_rank ranks[ONE_THREADS_RANKS];
    ncclComm_t comms[ONE_THREADS_RANKS];

    world_check(self, ncclCommInitAll(comms, ONE_THREADS_RANKS, NULL) == ncclSuccess);
    world_check(self, ncclGroupStart() == ncclSuccess);
    for (int rank = 0; rank < ONE_THREADS_RANKS; rank++) {
        ranks[rank].comm = comms[rank];
        gather_begin(self, &ranks[rank], rank);
    }
    world_check(self, ncclGroupEnd() == ncclSuccess);
    for (int rank = 0; rank < ONE_THREADS_RANKS; rank++) {
        gather_end(self, &ranks[rank], rank);
    }
}

START_TEST(one_thread_may_have_all_devices)
{
    world_pass(WORLD_THREADS, 1, one_thread_for_all, orders[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nccl collectives");
    TCase *right = tcase_create("right");

    tcase_add_loop_test(right, every_collective_is_right_in_every_stream_order, 0, 3);
    tcase_add_test(right, every_collective_is_right_between_processes);
    tcase_add_test(right, every_reduction_of_every_type_is_right);
    tcase_add_loop_test(right, one_thread_may_have_all_devices, 0, 3);
    suite_add_tcase(suite, right);
    return suite_run(suite);
}
