#include "support/suite.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cuda_runtime_api.h>
#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

#include "comm/clock.h"
#include "comm/nccl_parts.h"
#include "kernels/device.h"
#include "runtime/cache/cache_parts.h"
#include "runtime/nccl_case.h"
#include "support/strict_mutex.h"

/* Exchanges that never end while the caller sits in cudaStreamSynchronize(): with a watchdog it
 * comes back, and the cache says whose fault it was. */

enum {
    TOKENS = 8,
    Q_HEADS = 4,
    DIM = 16,
    TENSOR_BYTES = TOKENS * Q_HEADS * DIM * 2,
    PATIENCE_MS = 500,        /* with an absent rank */
    TELLING_MS = 4000,        /* patience in which another rank tells what it has */
    LONG_PATIENCE_MS = 60000, /* that no slow machine uses up */
    ABSENCE_MS = 5000,        /* of rank 1 */
    LONGEST_MS = 60000,
    WAIT_MS = 120000
};

typedef struct watched_rank {
    kvspan_device *device;
    kvspan_cache *cache;
    kvspan_shard shard;
    kvspan_stream stream;
    void *memory[4]; /* of q, k, v, out */
} watched_rank;

static kvspan_status open_cache(watched_rank *rank, kvspan_comm *comm, uint32_t patience_ms,
                                kvspan_error *error)
{
    const kvspan_layer_group group = { .layer_count = 1,
                                       .q_heads = Q_HEADS,
                                       .plane_count = 2,
                                       .planes = { { KVSPAN_KEY, 2, DIM, KVSPAN_BF16, 0 },
                                                   { KVSPAN_VALUE, 2, DIM, KVSPAN_BF16, 0 } } };
    const kvspan_cache_config config = { .size = sizeof(config),
                                         .group_count = 1,
                                         .groups = &group,
                                         .page_tokens = 8,
                                         .slot_count = 2,
                                         .max_sequence_tokens = 64,
                                         .max_step_tokens = TOKENS,
                                         .page_count = 16,
                                         .memory_limit_bytes = 64u << 20,
                                         .deadline_ms = WAIT_MS };
    kvspan_status status = kvspan_device_open_cuda(kvspan_comm_rank(comm), &rank->device, error);

    if (status == KVSPAN_OK) {
        status = kvspan_comm_set_nccl_watchdog(comm, patience_ms, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cache_create(&config, rank->device, comm, &rank->cache, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cache_shard(rank->cache, 0, &rank->shard, error);
    }
    if (status == KVSPAN_OK) {
        status = rank->device->ops->create_stream(rank->device, &rank->stream, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < 4; i++) {
        status = rank->device->ops->allocate(rank->device, TENSOR_BYTES, &rank->memory[i], error);
    }
    return status;
}

static void close_rank(ranks_self *self, watched_rank *rank)
{
    kvspan_cache_destroy(rank->cache);
    for (uint32_t i = 0; i < 4; i++) {
        rank->device->ops->release(rank->device, rank->memory[i], TENSOR_BYTES);
    }
    rank->device->ops->destroy_stream(rank->device, rank->stream);
    kvspan_device_close(rank->device);
    ranks_check(self, strict_mutex_violations() == 0);
}

static kvspan_status begin_step(watched_rank *rank, kvspan_error *error)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(rank->cache);
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = 1 };
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_status status = KVSPAN_OK;

    if (ledger) {
        status = kvspan_sequence_create(ledger, &config, &sequence, NULL, error);
        if (status == KVSPAN_OK) {
            status = kvspan_step_open(ledger, &step, error);
        }
        if (status == KVSPAN_OK) {
            status = kvspan_step_add(step, sequence, TOKENS, NULL, error);
        }
    }
    return status == KVSPAN_OK
               ? kvspan_step_begin(rank->cache, step, rank->stream, WAIT_MS, &view, error)
               : status;
}

static kvspan_tensor tensor_of(const watched_rank *rank, uint32_t number, uint32_t heads)
{
    return (kvspan_tensor){ .data = rank->memory[number],
                            .dtype = KVSPAN_BF16,
                            .heads = heads,
                            .dim = DIM,
                            .tokens = TOKENS,
                            .token_stride = (int64_t)heads * DIM,
                            .head_stride = DIM };
}

static kvspan_status attend(watched_rank *rank, kvspan_error *error)
{
    const kvspan_tensor q = tensor_of(rank, 0, rank->shard.q_heads_of_kv.count);
    const kvspan_tensor planes[2] = { tensor_of(rank, 1, rank->shard.kv_heads.count),
                                      tensor_of(rank, 2, rank->shard.kv_heads.count) };
    const kvspan_attention attention = { .size = sizeof(attention), .out_heads = KVSPAN_HEADS_ALL };
    kvspan_tensor out = tensor_of(rank, 3, Q_HEADS);
    kvspan_status status;

    for (uint32_t i = 0; i < 3; i++) {
        (void)cudaMemsetAsync(rank->memory[i], 0, TENSOR_BYTES, (cudaStream_t)rank->stream);
    }
    status = kvspan_cache_append(rank->cache, 0, planes, rank->stream, error);
    return status == KVSPAN_OK
               ? kvspan_cache_attend(rank->cache, 0, &q, &attention, &out, rank->stream, error)
               : status;
}

static void be_elsewhere(uint32_t ms)
{
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

    (void)nanosleep(&time, NULL);
}

/* Rank 1 never attends: what rank 0 has issued cannot end. */
static void run_absence(ranks_self *self)
{
    watched_rank rank = { .device = NULL };
    kvspan_error error = { .status = KVSPAN_OK };
    uint64_t begun_ns;
    kvspan_status status;

    ranks_check_status(self, open_cache(&rank, self->comm, PATIENCE_MS, &error), KVSPAN_OK, &error);
    ranks_check_status(self, begin_step(&rank, &error), KVSPAN_OK, &error);
    if (self->rank == 1) {
        be_elsewhere(ABSENCE_MS);
    } else {
        begun_ns = kvspan_clock_ns();
        ranks_check_status(self, attend(&rank, &error), KVSPAN_OK, &error);
        ranks_check_status(self, kvspan_step_end(rank.cache, rank.stream, &error), KVSPAN_OK,
                           &error);
        (void)cudaStreamSynchronize((cudaStream_t)rank.stream);
        ranks_check(self, kvspan_clock_ns() - begun_ns < (uint64_t)LONGEST_MS * KVSPAN_NS_PER_MS);
        ranks_check_status(self, kvspan_cache_wait(rank.cache, rank.stream, WAIT_MS, &error),
                           KVSPAN_ERR_LATE, &error);
        ranks_check(self, error.rank == 1);
    }
    do {
        status = kvspan_cache_wait(rank.cache, rank.stream, 1000, &error);
    } while (status == KVSPAN_OK || status == KVSPAN_ERR_TIMEOUT);
    ranks_check_status(self, status, KVSPAN_ERR_LATE, &error);
    ranks_check(self, error.rank == 1);
    close_rank(self, &rank);
}

/* NCCL fails on rank 1, by KVSPAN_NCCL_ASYNC_ERROR. Rank 0 comes back when its patience ends. */
static void run_error(ranks_self *self)
{
    const uint32_t patience_ms = self->rank == 1 ? LONG_PATIENCE_MS : TELLING_MS;
    watched_rank rank = { .device = NULL };
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status;

    ranks_check_status(self, open_cache(&rank, self->comm, patience_ms, &error), KVSPAN_OK, &error);
    ranks_check_status(self, begin_step(&rank, &error), KVSPAN_OK, &error);
    status = attend(&rank, &error);
    if (status == KVSPAN_OK) {
        status = kvspan_step_end(rank.cache, rank.stream, &error);
    }
    if (status == KVSPAN_OK) {
        (void)cudaStreamSynchronize((cudaStream_t)rank.stream);
        status = kvspan_cache_wait(rank.cache, rank.stream, WAIT_MS, &error);
    }
    if (self->rank == 1) {
        ranks_check_status(self, status, KVSPAN_ERR_NCCL, &error);
        ranks_check(self, error.native == (int32_t)ncclSystemError);
    } else {
        ranks_check_status(self, status, KVSPAN_ERR_PEER, &error);
    }
    ranks_check(self, error.rank == 1);
    close_rank(self, &rank);
}

static kvspan_status open_device(kvspan_comm *comm, kvspan_device **device_out, kvspan_error *error)
{
    const kvspan_status status = kvspan_device_open_cuda(kvspan_comm_rank(comm), device_out, error);

    return status == KVSPAN_OK ? kvspan_comm_set_nccl_watchdog(comm, WAIT_MS, error) : status;
}

static void run_rows(ranks_self *self)
{
    nccl_case_check_rows(self, open_device, "tp:2", 0);
}

/* Off unless asked for, gone with the cache, refused without a communicator. */
static void run_thread(ranks_self *self)
{
    watched_rank rank = { .device = NULL };
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_nccl_comm *nccl;

    ranks_check_status(self, kvspan_comm_set_nccl_watchdog(NULL, 1, &error), KVSPAN_ERR_ARGUMENT,
                       &error);
    ranks_check_status(self, open_cache(&rank, self->comm, LONG_PATIENCE_MS, &error), KVSPAN_OK,
                       &error);
    nccl = (const kvspan_nccl_comm *)(const void *)rank.cache->device_comm;
    ranks_check(self, nccl->watchdog);
    close_rank(self, &rank);
    ranks_check_status(self, kvspan_comm_set_nccl_watchdog(self->comm, 0, &error), KVSPAN_OK,
                       &error);
}

START_TEST(a_caller_that_waits_for_an_absent_rank_comes_back)
{
    ranks_run_mpi(run_absence, NULL);
}
END_TEST

START_TEST(an_error_of_nccl_ends_the_wait_too)
{
    ranks_run_mpi(run_error, NULL);
}
END_TEST

START_TEST(rows_are_right_under_a_watchdog)
{
    ranks_run_mpi(run_rows, NULL);
}
END_TEST

START_TEST(its_thread_lives_as_long_as_the_cache)
{
    ranks_run_mpi(run_thread, NULL);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("runtime/cache_watchdog_cuda");
    TCase *mpi = tcase_create("mpi");

    if (!getenv("KVSPAN_STANDIN_STREAMS")) {
        return TEST_SKIPPED; /* a GPU would be left with work that never ends */
    }
    tcase_set_timeout(mpi, 0);
    if (getenv("KVSPAN_NCCL_ASYNC_ERROR")) {
        tcase_add_test(mpi, an_error_of_nccl_ends_the_wait_too);
    } else {
        tcase_add_test(mpi, its_thread_lives_as_long_as_the_cache);
        tcase_add_test(mpi, rows_are_right_under_a_watchdog);
        tcase_add_test(mpi, a_caller_that_waits_for_an_absent_rank_comes_back);
    }
    suite_add_tcase(suite, mpi);
    return suite_run_mpi(suite, &argc, &argv);
}
