#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kvspan/cache.h>
#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

#include "kernels/device.h"
#include "standin/cudart/runtime_check.h"
#include "support/ranks.h"
#include "support/stream_record.h"

/* Exchanges by NCCL overlap attention: what comes before what, and what ran, as the stand-in of
 * libcudart has recorded it. */

enum {
    WIDE_TOKENS = 512, /* a step in two passes */
    NARROW_TOKENS = 8, /* in one */
    STEPS = 2,
    KV_HEADS = 2,
    Q_HEADS = 4,
    DIM = 64,
    TENSOR_BYTES = WIDE_TOKENS * Q_HEADS * DIM * 4,
    ORDER_BYTES = 1024,
    WAIT_MS = 20000
};

/* A attention, X partial results that meet, M merging them, G gathering results, P placing them. */
static const stream_label labels[] = {
    { "mixed_kernel", "A" }, { "decode_kernel", "A" },  { "ncclAllGather", "G" },
    { "nccl", "X" },         { "merge_partials", "M" }, { "place_heads", "P" },
    { NULL, NULL }
};

/* The whole order: each operation with all that has to come before it. A wait too many makes one of
 * the lists longer, a wait too few shorter. */
typedef struct overlap_case {
    const char *mesh;
    uint32_t tokens;
    bool overlaps;
    const char *order;
} overlap_case;

static const overlap_case cases[] = {
    { "tp:2", WIDE_TOKENS, true,
      "A0() A1(A0) G0(A0) G1(A0 A1 G0) P0(A0 A1 G0) P1(A0 A1 G0 G1 P0) " },
    { "tp:2", NARROW_TOKENS, false, "A0() G0(A0) P0(A0 G0) " },
    { "sp:2", WIDE_TOKENS, true,
      "A0() A1(A0) X0(A0) X1(A0 A1 X0) M0(A0 A1 X0) M1(A0 A1 X0 X1 M0) G0(A0 A1 X0 X1 M0) "
      "G1(A0 A1 X0 X1 M0 M1 G0) P0(A0 A1 X0 X1 M0 M1 G0) P1(A0 A1 X0 X1 M0 M1 G0 G1 P0) " },
    { "sp:2", NARROW_TOKENS, false, "A0() X0(A0) M0(A0 X0) G0(A0 X0 M0) P0(A0 X0 M0 G0) " },
};

typedef struct overlap_rank {
    const overlap_case *it;
    kvspan_device *device;
    kvspan_cache *cache;
    kvspan_stream stream;
    kvspan_shard shard;
    void *memory[4]; /* of q, k, v, out */
    kvspan_sequence sequence;
    uint32_t overtakings;
    char order[ORDER_BYTES];
} overlap_rank;

static kvspan_status open_cache(overlap_rank *rank, kvspan_comm *comm, kvspan_error *error)
{
    const kvspan_layer_group group = { .layer_count = 1,
                                       .q_heads = Q_HEADS,
                                       .plane_count = 2,
                                       .planes = {
                                           { KVSPAN_KEY, KV_HEADS, DIM, KVSPAN_BF16, 0 },
                                           { KVSPAN_VALUE, KV_HEADS, DIM, KVSPAN_BF16, 0 } } };
    const kvspan_cache_config config = { .size = sizeof(config),
                                         .group_count = 1,
                                         .groups = &group,
                                         .page_tokens = 8,
                                         .slot_count = 2,
                                         .max_sequence_tokens = WIDE_TOKENS,
                                         .max_step_tokens = WIDE_TOKENS,
                                         .page_count = 128,
                                         .memory_limit_bytes = 64u << 20,
                                         .mesh = rank->it->mesh,
                                         .deadline_ms = WAIT_MS };
    kvspan_status status = kvspan_device_open_cuda(kvspan_comm_rank(comm), &rank->device, error);

    if (status == KVSPAN_OK) {
        status = kvspan_comm_use_nccl(comm, NULL, NULL, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cache_create(&config, rank->device, comm, &rank->cache, error);
    }
    return status == KVSPAN_OK ? kvspan_cache_shard(rank->cache, 0, &rank->shard, error) : status;
}

/* Tensors of zeros: what is computed is for other tests. */
static kvspan_status open_tensors(overlap_rank *rank, kvspan_error *error)
{
    const kvspan_device_ops *const ops = rank->device->ops;
    void *zeros = NULL;
    kvspan_status status = ops->create_stream(rank->device, &rank->stream, error);

    if (status == KVSPAN_OK) {
        status = ops->allocate_pinned(rank->device, TENSOR_BYTES, &zeros, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    memset(zeros, 0, TENSOR_BYTES);
    for (uint32_t i = 0; status == KVSPAN_OK && i < 4; i++) {
        status = ops->allocate(rank->device, TENSOR_BYTES, &rank->memory[i], error);
        if (status == KVSPAN_OK) {
            status =
                ops->copy(rank->device, rank->memory[i], zeros, TENSOR_BYTES, rank->stream, error);
        }
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cache_wait(rank->cache, rank->stream, WAIT_MS, error);
    }
    ops->release_pinned(rank->device, zeros, TENSOR_BYTES);
    return status;
}

static void close_rank(overlap_rank *rank)
{
    kvspan_cache_destroy(rank->cache);
    for (uint32_t i = 0; i < 4; i++) {
        if (rank->memory[i]) {
            rank->device->ops->release(rank->device, rank->memory[i], TENSOR_BYTES);
        }
    }
    if (rank->stream) {
        rank->device->ops->destroy_stream(rank->device, rank->stream);
    }
    kvspan_device_close(rank->device);
}

static kvspan_tensor tensor_of(const overlap_rank *rank, uint32_t number, uint32_t heads)
{
    return (kvspan_tensor){ .data = rank->memory[number],
                            .dtype = KVSPAN_BF16,
                            .heads = heads,
                            .dim = DIM,
                            .tokens = rank->it->tokens,
                            .token_stride = (int64_t)heads * DIM,
                            .head_stride = DIM };
}

/* A new sequence in every step, so that all steps are alike. */
static kvspan_status plan(overlap_rank *rank, kvspan_step **step_out, kvspan_error *error)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(rank->cache);
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = 1 };
    kvspan_status status = KVSPAN_OK;

    if (!ledger) {
        return KVSPAN_OK;
    }
    if (rank->sequence) {
        status = kvspan_sequence_free(ledger, rank->sequence, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_sequence_create(ledger, &config, &rank->sequence, NULL, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_open(ledger, step_out, error);
    }
    return status == KVSPAN_OK
               ? kvspan_step_add(*step_out, rank->sequence, rank->it->tokens, NULL, error)
               : status;
}

static kvspan_status run_step(overlap_rank *rank, kvspan_error *error)
{
    const kvspan_tensor q = tensor_of(rank, 0, rank->shard.q_heads_of_kv.count);
    const kvspan_tensor planes[2] = { tensor_of(rank, 1, rank->shard.kv_heads.count),
                                      tensor_of(rank, 2, rank->shard.kv_heads.count) };
    const kvspan_attention attention = { .size = sizeof(attention), .out_heads = KVSPAN_HEADS_ALL };
    kvspan_tensor out = tensor_of(rank, 3, Q_HEADS);
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_status status = plan(rank, &step, error);

    if (status == KVSPAN_OK) {
        status = kvspan_step_begin(rank->cache, step, rank->stream, WAIT_MS, &view, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cache_append(rank->cache, 0, planes, rank->stream, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cache_attend(rank->cache, 0, &q, &attention, &out, rank->stream, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_end(rank->cache, rank->stream, error);
    }
    return status == KVSPAN_OK ? kvspan_cache_wait(rank->cache, rank->stream, WAIT_MS, error)
                               : status;
}

static bool read_step(overlap_rank *rank, uint64_t from, stream_record *record)
{
    const bool is_good = stream_record_read(record, from, labels);

    rank->overtakings += stream_record_overtakings(record, "G", "A");
    rank->overtakings += stream_record_overtakings(record, "X", "A");
    stream_record_order(record, rank->order, sizeof(rank->order));
    return is_good;
}

/* Where streams run first what was asked for last, one exchange of a step in two passes comes
 * before attention that it does not need. In other orders it may. */
static bool is_as_early_as_it_may(const overlap_rank *rank)
{
    return !streams_are("latest") || rank->overtakings == (rank->it->overlaps ? STEPS : 0);
}

static void run_steps(ranks_self *self, overlap_rank *rank, stream_record *record)
{
    kvspan_error error = { .status = KVSPAN_OK };

    for (uint32_t i = 0; i < STEPS; i++) {
        const uint64_t from = stream_record_end();

        ranks_check_status(self, run_step(rank, &error), KVSPAN_OK, &error);
        ranks_check(self, read_step(rank, from, record));
        if (strcmp(rank->order, rank->it->order) != 0) {
            ranks_note(self, __FILE__, __LINE__, "%s, %u tokens: \"%s\" instead of \"%s\"",
                       rank->it->mesh, rank->it->tokens, rank->order, rank->it->order);
            return;
        }
    }
    ranks_check(self, is_as_early_as_it_may(rank));
}

static void run_rank(ranks_self *self)
{
    static stream_record record; /* too large for the stack */
    overlap_rank rank = { .it = self->context };
    kvspan_error error = { .status = KVSPAN_OK };

    ranks_check_status(self, open_cache(&rank, self->comm, &error), KVSPAN_OK, &error);
    ranks_check_status(self, open_tensors(&rank, &error), KVSPAN_OK, &error);
    run_steps(self, &rank, &record);
    close_rank(&rank);
}

START_TEST(an_exchange_waits_for_what_it_exchanges_and_for_nothing_else)
{
    overlap_case it = cases[_i];

    ranks_run_mpi(run_rank, &it);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("runtime/cache_overlap_cuda");
    TCase *mpi = tcase_create("mpi");
    const char *const record = getenv("KVSPAN_STANDIN_RECORD");
    int result;

    if (!record || !getenv("KVSPAN_STANDIN_STREAMS")) {
        return TEST_SKIPPED; /* a GPU keeps no record */
    }
    tcase_set_timeout(mpi, 0);
    tcase_add_loop_test(mpi, an_exchange_waits_for_what_it_exchanges_and_for_nothing_else, 0,
                        (int)(sizeof(cases) / sizeof(cases[0])));
    suite_add_tcase(suite, mpi);
    result = suite_run_mpi(suite, &argc, &argv);
    (void)unlink(record);
    return result;
}
