#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include <cuda_runtime_api.h>
#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

#include "runtime/mesh_case.h"
#include "support/ranks.h"

/* The mesh cases on device "cuda", a GPU for each rank, with exchanges through the host and by
 * NCCL.
 */

enum {
    GATHER_MS = 20000
};

static uint32_t gpu_count;

static kvspan_status open_gpu(kvspan_comm *comm, kvspan_device **device_out, kvspan_error *error)
{
    return kvspan_device_open_cuda(kvspan_comm_rank(comm) % gpu_count, device_out, error);
}

static kvspan_status open_with_nccl(kvspan_comm *comm, kvspan_device **device_out,
                                    kvspan_error *error)
{
    const kvspan_status status = open_gpu(comm, device_out, error);

    return status == KVSPAN_OK ? kvspan_comm_use_nccl(comm, NULL, NULL, error) : status;
}

/* A communicator of the caller's, of all ranks; made once, and still good at the end. */
static ncclComm_t adopted;

static kvspan_status settle(ncclComm_t handle, ncclResult_t result, kvspan_error *error)
{
    while (result == ncclInProgress) {
        if (ncclCommGetAsyncError(handle, &result) != ncclSuccess) {
            break;
        }
    }
    return result == ncclSuccess ? KVSPAN_OK
                                 : kvspan_fail(error, KVSPAN_ERR_NCCL, "the test's own");
}

static kvspan_status make_adopted(kvspan_comm *comm, kvspan_error *error)
{
    ncclUniqueId ids[8] = { { { 0 } } };
    ncclUniqueId mine;
    kvspan_status status;

    if (ncclGetUniqueId(&mine) != ncclSuccess) {
        return kvspan_fail(error, KVSPAN_ERR_NCCL, "no id");
    }
    status = kvspan_comm_all_gather(comm, &mine, sizeof(mine), ids, GATHER_MS, error);
    return status == KVSPAN_OK
               ? settle(adopted,
                        ncclCommInitRank(&adopted, (int)kvspan_comm_rank_count(comm), ids[0],
                                         (int)kvspan_comm_rank(comm)),
                        error)
               : status;
}

static kvspan_status open_with_adopted(kvspan_comm *comm, kvspan_device **device_out,
                                       kvspan_error *error)
{
    kvspan_status status = open_gpu(comm, device_out, error);

    if (status == KVSPAN_OK) {
        status = make_adopted(comm, error);
    }
    return status == KVSPAN_OK ? kvspan_comm_use_nccl(comm, NULL, adopted, error) : status;
}

/* The GPUs that this process sees; 0: there is none. */
static uint32_t count_gpus(void)
{
    uint32_t count = 0;
    kvspan_device *device = NULL;

    while (count < 16 && kvspan_device_open_cuda(count, &device, NULL) == KVSPAN_OK) {
        kvspan_device_close(device);
        count++;
    }
    return count;
}

static int graph_begin(kvspan_stream stream)
{
    return cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess;
}

static int graph_end(kvspan_stream stream, void **graph_out)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    const int is_good = cudaStreamEndCapture(stream, &graph) == cudaSuccess &&
                        cudaGraphInstantiate(&exec, graph, 0) == cudaSuccess;

    *graph_out = exec;
    return is_good && cudaGraphDestroy(graph) == cudaSuccess;
}

static int graph_launch(void *graph, kvspan_stream stream)
{
    return cudaGraphLaunch(graph, stream) == cudaSuccess;
}

static int graph_destroy(void *graph)
{
    return cudaGraphExecDestroy(graph) == cudaSuccess;
}

static const mesh_graphs cuda_graphs = {
    .begin = graph_begin, .end = graph_end, .launch = graph_launch, .destroy = graph_destroy
};

/* A mesh for every number of ranks: the one where the most happens. */
static const char *mesh_of(uint32_t rank_count)
{
    switch (rank_count) {
    case 2: return "tp:2";
    case 3: return "sp:3";
    case 4: return "tp:2,sp:2";
    case 8: return "dp:2,tp:2,sp:2";
    default: return NULL;
    }
}

static mesh_case base_case(const ranks_self *self, mesh_open open)
{
    return (mesh_case){ .mesh = mesh_of(self->rank_count),
                        .rank_count = self->rank_count,
                        .kv_heads = 2,
                        .q_heads = 8,
                        .key_dim = 16,
                        .value_dim = 24,
                        .page_tokens = 4,
                        .dtype = KVSPAN_BF16,
                        .q_place = KVSPAN_HEADS_EVEN,
                        .out_place = KVSPAN_HEADS_ALL,
                        .has_sinks = 1,
                        .wants_lse = 1,
                        .open = open };
}

/* 0 if the case fails or some row differs from what all have. */
static int run_and_join(ranks_self *self, const mesh_case *mesh, mesh_rows *all)
{
    mesh_rows *const rows = malloc(sizeof(*rows));
    char text[300] = "no memory";
    int is_good = rows && mesh_case_run(mesh, self->comm, rows, text, sizeof(text));

    if (!is_good) {
        ranks_note(self, __FILE__, __LINE__, "%s", text);
    } else if (!mesh_rows_join(all, rows)) {
        is_good = 0;
        ranks_note(self, __FILE__, __LINE__, "a row has other bits");
    }
    free(rows);
    return is_good;
}

/* NCCL wants a GPU for each rank. */
static bool can_open(const ranks_self *self, mesh_open open)
{
    return open == open_gpu || self->rank_count <= gpu_count;
}

/* Replays of other steps than was captured, and the same steps call by call. */
static void run_rank_twice(ranks_self *self)
{
    const mesh_open *const open = self->context;
    mesh_case mesh = base_case(self, *open);
    mesh_rows *all = NULL;

    if (!can_open(self, *open)) {
        return;
    }
    all = calloc(1, sizeof(*all));
    ranks_check(self, all);
    if (all && run_and_join(self, &mesh, all)) {
        const uint64_t count = all->count;

        mesh.graphs = &cuda_graphs;
        ranks_check(self, run_and_join(self, &mesh, all));
        ranks_check(self, all->count == 2 * count);
    }
    free(all);
}

static void run_rank(ranks_self *self)
{
    const mesh_open *const open = self->context;
    const mesh_case mesh = base_case(self, *open);
    mesh_rows *rows = NULL;
    uint64_t orders[8] = { 0 };
    kvspan_error error = { .status = KVSPAN_OK };
    char text[300] = "";

    if (!can_open(self, *open)) {
        return;
    }
    rows = malloc(sizeof(*rows));
    ranks_check(self, rows);
    if (!mesh_case_run(&mesh, self->comm, rows, text, sizeof(text))) {
        ranks_note(self, __FILE__, __LINE__, "%s", text);
        free(rows);
        return;
    }
    orders[self->rank] = rows->order;
    free(rows);
    ranks_check_status(self,
                       kvspan_comm_all_gather(self->comm, &orders[self->rank], sizeof(uint64_t),
                                              orders, GATHER_MS, &error),
                       KVSPAN_OK, &error);
    /* Ranks of one step group: all but with dp, where each half of the ranks is one. */
    for (uint32_t i = 0; i < self->rank_count; i++) {
        const uint32_t first = self->rank_count == 8 ? i / 4 * 4 : 0;

        ranks_check(self, orders[i] == orders[first]);
    }
}

START_TEST(rows_are_right_with_exchanges_through_the_host)
{
    mesh_open open = open_gpu;

    ranks_run_mpi(run_rank, &open);
}
END_TEST

START_TEST(rows_are_right_with_exchanges_by_nccl)
{
    mesh_open open = open_with_nccl;

    ranks_run_mpi(run_rank, &open);
}
END_TEST

START_TEST(rows_are_right_with_a_communicator_of_the_callers)
{
    mesh_open open = open_with_adopted;
    ncclResult_t state = ncclInternalError;

    ranks_run_mpi(run_rank, &open);
    if (adopted) {
        ck_assert_int_eq(ncclCommGetAsyncError(adopted, &state), ncclSuccess);
        ck_assert_int_eq(state, ncclSuccess);
        ck_assert_int_eq(ncclCommDestroy(adopted), ncclSuccess);
    }
}
END_TEST

START_TEST(replays_of_a_captured_step_are_right_for_other_steps)
{
    mesh_open open = open_with_nccl;

    ranks_run_mpi(run_rank_twice, &open);
}
END_TEST

/* Exchanges through the host go on while the stream does: no replay could. */
static void capture_through_host(ranks_self *self)
{
    mesh_case mesh = base_case(self, open_gpu);
    mesh_rows *const rows = malloc(sizeof(*rows));
    char text[300] = "";

    mesh.graphs = &cuda_graphs;
    ranks_check(self, rows);
    if (self->rank_count > 1) {
        ranks_check(self, !mesh_case_run(&mesh, self->comm, rows, text, sizeof(text)));
        ranks_check(self, strstr(text, "\"staged\" cannot be captured") != NULL);
    }
    free(rows);
}

START_TEST(exchanges_through_the_host_cannot_be_captured)
{
    ranks_run_mpi(capture_through_host, NULL);
}
END_TEST

static void call_wrongly(ranks_self *self)
{
    kvspan_error error = { .status = KVSPAN_OK };

    ranks_check_status(self, kvspan_comm_use_nccl(NULL, NULL, NULL, &error), KVSPAN_ERR_ARGUMENT,
                       &error);
    ranks_check_status(self, kvspan_comm_use_nccl(self->comm, "tp", NULL, &error),
                       KVSPAN_ERR_ARGUMENT, &error);
}

START_TEST(wrong_arguments_are_refused)
{
    ranks_run_mpi(call_wrongly, NULL);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("runtime/cache_mesh_cuda");
    TCase *mpi = tcase_create("mpi");

    gpu_count = count_gpus();
    if (gpu_count == 0) {
        return 77;
    }
    tcase_set_timeout(mpi, 0);
    tcase_add_test(mpi, rows_are_right_with_exchanges_through_the_host);
    tcase_add_test(mpi, rows_are_right_with_exchanges_by_nccl);
    tcase_add_test(mpi, rows_are_right_with_a_communicator_of_the_callers);
    tcase_add_test(mpi, replays_of_a_captured_step_are_right_for_other_steps);
    tcase_add_test(mpi, exchanges_through_the_host_cannot_be_captured);
    tcase_add_test(mpi, wrong_arguments_are_refused);
    suite_add_tcase(suite, mpi);
    return suite_run_mpi(suite, &argc, &argv);
}
