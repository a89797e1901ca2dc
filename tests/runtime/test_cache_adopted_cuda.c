#include "support/suite.h"

#include <mpi.h>
#include <string.h>
#include <time.h>

#include <cuda_runtime_api.h>
#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

#include "comm/nccl_parts.h"
#include "runtime/cache/cache_parts.h"
#include "runtime/nccl_case.h"

/* Communicators of the caller's on meshes of two axes and four ranks: used where they are the ranks
 * that exchange, left alone elsewhere, refused where they cannot be what they are said to be; and
 * good for the caller whatever happens to a cache. */

enum {
    RANK_COUNT = 4,
    WAIT_MS = 20000,
    MAX_ADOPTIONS = 2
};

/* Which ranks a communicator has: (0 1)(2 3), (0 2)(1 3), all; or in the other order. */
typedef enum extent {
    EXTENT_NONE,
    EXTENT_LAST_AXIS,
    EXTENT_FIRST_AXIS,
    EXTENT_ALL,
    EXTENT_LAST_AXIS_REVERSED
} extent;

typedef struct adoption {
    const char *axis; /* NULL: all ranks */
    extent extent;
} adoption;

typedef struct adoption_case {
    const char *mesh;
    adoption adoptions[MAX_ADOPTIONS];
    uint32_t used; /* the number of the one that is used, MAX_ADOPTIONS: none is */
    kvspan_status status;
    const char *text; /* of the refusal */
} adoption_case;

static const adoption_case good[] = {
    { .mesh = "dp:2,tp:2", .adoptions = { { "tp", EXTENT_LAST_AXIS } }, .used = 0 },
    { .mesh = "dp:2,sp:2", .adoptions = { { "sp", EXTENT_LAST_AXIS } }, .used = 0 },
    { .mesh = "dp:2,tp:2",
      .adoptions = { { NULL, EXTENT_ALL }, { "tp", EXTENT_LAST_AXIS } },
      .used = 1 },
    { .mesh = "dp:2,tp:2",
      .adoptions = { { "dp", EXTENT_FIRST_AXIS }, { NULL, EXTENT_ALL } },
      .used = 1 },
    /* Results travel among the ranks of both axes: only a communicator of all will do. */
    { .mesh = "tp:2,sp:2",
      .adoptions = { { "tp", EXTENT_FIRST_AXIS }, { "sp", EXTENT_LAST_AXIS } },
      .used = MAX_ADOPTIONS },
    { .mesh = "tp:2,sp:2",
      .adoptions = { { "tp", EXTENT_FIRST_AXIS }, { NULL, EXTENT_ALL } },
      .used = 1 },
};

static const adoption_case refused[] = {
    { .mesh = "dp:2,tp:2",
      .adoptions = { { "tp", EXTENT_ALL } },
      .status = KVSPAN_ERR_ARGUMENT,
      .text = "has rank 0 of 4 on rank 0, 0 of 2 is needed" },
    { .mesh = "dp:2,tp:2",
      .adoptions = { { "tp", EXTENT_LAST_AXIS_REVERSED } },
      .status = KVSPAN_ERR_ARGUMENT,
      .text = "has rank 1 of 2 on rank 0, 0 of 2 is needed" },
    { .mesh = "tp:2,sp:2",
      .adoptions = { { NULL, EXTENT_LAST_AXIS } },
      .status = KVSPAN_ERR_ARGUMENT,
      .text = "has rank 0 of 2 on rank 0, 0 of 4 is needed" },
};

/* ---- the caller's communicators -------------------------------------------------------------- */

static ncclComm_t whole; /* of all ranks */
static ncclComm_t handles[MAX_ADOPTIONS];
static const adoption_case *current;

static bool make_whole(const ranks_self *self)
{
    ncclUniqueId ids[RANK_COUNT];
    ncclUniqueId mine;
    kvspan_error error;

    memset(ids, 0, sizeof(ids));
    return ncclGetUniqueId(&mine) == ncclSuccess &&
           kvspan_comm_all_gather(self->comm, &mine, sizeof(mine), ids, WAIT_MS, &error) ==
               KVSPAN_OK &&
           cudaSetDevice((int)self->rank) == cudaSuccess &&
           ncclCommInitRank(&whole, RANK_COUNT, ids[0], (int)self->rank) == ncclSuccess;
}

static bool make_handle(const ranks_self *self, extent kind, ncclComm_t *out)
{
    const int rank = (int)self->rank;
    int color = 0;
    int key = rank;

    switch (kind) {
    case EXTENT_NONE: *out = NULL; return true;
    case EXTENT_ALL: break;
    case EXTENT_FIRST_AXIS:
        color = rank % 2;
        key = rank / 2;
        break;
    case EXTENT_LAST_AXIS:
        color = rank / 2;
        key = rank % 2;
        break;
    case EXTENT_LAST_AXIS_REVERSED:
        color = rank / 2;
        key = 1 - rank % 2;
        break;
    }
    return ncclCommSplit(whole, color, key, out, NULL) == ncclSuccess;
}

static bool make_all(const ranks_self *self, const adoption_case *it)
{
    bool is_good = make_whole(self);

    current = it;
    for (uint32_t i = 0; is_good && i < MAX_ADOPTIONS; i++) {
        is_good = make_handle(self, it->adoptions[i].extent, &handles[i]);
    }
    return is_good;
}

/* One all-reduce of the caller's own. */
static bool works(ncclComm_t handle)
{
    const size_t bytes = 256;
    cudaStream_t stream = NULL;
    unsigned char *data = NULL;
    bool is_good = cudaStreamCreate(&stream) == cudaSuccess &&
                   cudaMalloc((void **)&data, bytes) == cudaSuccess;

    is_good = is_good && cudaMemsetAsync(data, 0, bytes, stream) == cudaSuccess &&
              ncclAllReduce(data, data, bytes, ncclUint8, ncclSum, handle, stream) == ncclSuccess &&
              cudaStreamSynchronize(stream) == cudaSuccess;
    (void)cudaFree(data);
    (void)cudaStreamDestroy(stream);
    return is_good;
}

/* They work, and end as the caller ends them: one that was ended before could not. */
static bool end_all(void)
{
    bool is_good = true;

    for (uint32_t i = 0; i < MAX_ADOPTIONS; i++) {
        is_good &= !handles[i] || (works(handles[i]) && ncclCommDestroy(handles[i]) == ncclSuccess);
        handles[i] = NULL;
    }
    return is_good && works(whole) && ncclCommDestroy(whole) == ncclSuccess;
}

static kvspan_status open_device(kvspan_comm *comm, kvspan_device **device_out, kvspan_error *error)
{
    kvspan_status status = kvspan_device_open_cuda(kvspan_comm_rank(comm), device_out, error);

    for (uint32_t i = 0; status == KVSPAN_OK && i < MAX_ADOPTIONS; i++) {
        if (handles[i]) {
            status = kvspan_comm_use_nccl(comm, current->adoptions[i].axis, handles[i], error);
        }
    }
    return status;
}

/* ---- caches over them ------------------------------------------------------------------------ */

static kvspan_status open_cache(const ranks_self *self, kvspan_device **device_out,
                                kvspan_cache **cache_out, kvspan_error *error)
{
    return nccl_case_open_cache(open_device, current->mesh, self->comm, device_out, cache_out,
                                error);
}

static void run_good(ranks_self *self)
{
    const adoption_case *const it = self->context;

    ranks_check(self, make_all(self, it));
    nccl_case_check_rows(self, open_device, it->mesh, 1);
    ranks_check(self, end_all());
}

/* A failure on one rank of every step group spends the handles of all: exchanges are aborted. */
static void fail_cache(ranks_self *self, kvspan_cache *cache)
{
    const kvspan_group *const group = &cache->geometry.step;
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status = KVSPAN_OK;

    if (group->member == 0) {
        (void)kvspan_fail(&error, KVSPAN_ERR_CUDA, "the test's own");
        error.rank = -1; /* whoever is to be named */
        (void)kvspan_cache_spend(cache, KVSPAN_ERR_CUDA, &error);
        return;
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < WAIT_MS; i++) {
        status = kvspan_cache_wait(cache, NULL, 1, &error);
        (void)nanosleep(&(const struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    ranks_check_status(self, status, KVSPAN_ERR_PEER, &error);
    /* Of whichever step group: alarms reach all ranks. */
    ranks_check(self, strstr(error.message, "the test's own"));
}

static void run_failure(ranks_self *self)
{
    const adoption_case *const it = self->context;
    kvspan_device *device = NULL;
    kvspan_cache *cache = NULL;
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_nccl_comm *nccl;

    ranks_check(self, make_all(self, it));
    ranks_check_status(self, open_cache(self, &device, &cache, &error), KVSPAN_OK, &error);
    nccl = (const kvspan_nccl_comm *)(const void *)cache->device_comm;
    ranks_check(self, nccl->is_adopted == (it->used < MAX_ADOPTIONS));
    ranks_check(self, it->used == MAX_ADOPTIONS || nccl->handle == handles[it->used]);
    ranks_check(self, MPI_Barrier(MPI_COMM_WORLD) == MPI_SUCCESS); /* all have theirs */
    fail_cache(self, cache);
    ranks_check(self, !nccl->handle); /* it has been given up */
    kvspan_cache_destroy(cache);
    kvspan_device_close(device);
    ranks_check(self, end_all());
}

/* Said to all ranks alike, and nothing happens to what was refused. */
static void run_refused(ranks_self *self)
{
    const adoption_case *const it = self->context;
    kvspan_device *device = NULL;
    kvspan_cache *cache = NULL;
    kvspan_error error = { .status = KVSPAN_OK };

    ranks_check(self, make_all(self, it));
    ranks_check_status(self, open_cache(self, &device, &cache, &error), it->status, &error);
    if (!strstr(error.message, it->text)) {
        ranks_note(self, __FILE__, __LINE__, "\"%s\" lacks \"%s\"", error.message, it->text);
        return;
    }
    ranks_check(self, error.rank == 0 && !cache);
    kvspan_device_close(device);
    ranks_check(self, end_all());
}

/* Rank 3 has said nothing of a communicator. */
static void run_lacking(ranks_self *self)
{
    const adoption_case *const it = self->context;
    ncclComm_t kept[MAX_ADOPTIONS];
    kvspan_device *device = NULL;
    kvspan_cache *cache = NULL;
    kvspan_error error = { .status = KVSPAN_OK };

    ranks_check(self, make_all(self, it));
    memcpy(kept, handles, sizeof(kept));
    if (self->rank == RANK_COUNT - 1) {
        memset(handles, 0, sizeof(handles));
        ranks_check_status(self, kvspan_comm_use_nccl(self->comm, NULL, NULL, &error), KVSPAN_OK,
                           &error);
    }
    ranks_check_status(self, open_cache(self, &device, &cache, &error), KVSPAN_ERR_MISMATCH,
                       &error);
    ranks_check(self, strstr(error.message, "adopted on rank 2 but not on rank 3"));
    kvspan_device_close(device);
    memcpy(handles, kept, sizeof(kept));
    ranks_check(self, end_all());
}

START_TEST(rows_are_right_whoever_made_the_communicator)
{
    adoption_case it = good[_i];

    ranks_run_mpi(run_good, &it);
}
END_TEST

START_TEST(a_communicator_of_the_callers_outlives_a_cache_that_failed)
{
    adoption_case it = good[_i];

    ranks_run_mpi(run_failure, &it);
}
END_TEST

START_TEST(one_of_other_ranks_is_refused_with_both_values)
{
    adoption_case it = refused[_i];

    ranks_run_mpi(run_refused, &it);
}
END_TEST

START_TEST(one_that_a_rank_lacks_is_refused)
{
    adoption_case it = good[0];

    ranks_run_mpi(run_lacking, &it);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("runtime/cache_adopted_cuda");
    TCase *mpi = tcase_create("mpi");
    int device_count = 0;

    if (cudaGetDeviceCount(&device_count) != cudaSuccess || device_count < RANK_COUNT) {
        return TEST_SKIPPED;
    }
    tcase_set_timeout(mpi, 0);
    tcase_add_loop_test(mpi, rows_are_right_whoever_made_the_communicator, 0,
                        (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_loop_test(mpi, a_communicator_of_the_callers_outlives_a_cache_that_failed, 0,
                        (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_loop_test(mpi, one_of_other_ranks_is_refused_with_both_values, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(mpi, one_that_a_rank_lacks_is_refused);
    suite_add_tcase(suite, mpi);
    return suite_run_mpi(suite, &argc, &argv);
}
