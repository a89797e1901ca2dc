/* Communicators from unique ids. */
#include "standin/nccl/call.h"
#include "standin/nccl/comm.h"
#include "standin/nccl/config.h"
#include "standin/nccl/group.h"
#include "standin/nccl/report.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ids that this process has attached to, so that none serves twice. */
typedef struct used_id {
    struct used_id *next;
    int rank;
    char name[SEGMENT_NAME_BYTES];
} used_id;

static used_id *used_ids;

/* Under the lock. */
static bool id_use(const char *name, int rank)
{
    used_id *now = used_ids;

    while (now && (now->rank != rank || strcmp(now->name, name) != 0)) {
        now = now->next;
    }
    if (now) {
        return false;
    }
    now = calloc(1, sizeof(*now));
    if (!now) {
        abort();
    }
    now->rank = rank;
    (void)snprintf(now->name, sizeof(now->name), "%s", name);
    now->next = used_ids;
    used_ids = now;
    return true;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *uniqueId)
{
    ncclResult_t result = call_begin("ncclGetUniqueId");

    if (result == ncclSuccess && !uniqueId) {
        result = report_misuse(ncclInvalidArgument, -1, "ncclGetUniqueId: uniqueId is NULL");
    }
    if (result == ncclSuccess) {
        segment_id_make(uniqueId);
    }
    return result;
}

static bool init_advance(nccl_job *job, ncclResult_t *result_out)
{
    ncclComm_t comm = job->comms[0];

    if (!seat_is_complete(comm->seat, result_out)) {
        return false;
    }
    comm->is_ready = *result_out == ncclSuccess;
    return true;
}

static ncclResult_t init_check(const char *function, const ncclComm_t *comm, int rank_count,
                               const ncclUniqueId *id, int rank, char name[SEGMENT_NAME_BYTES])
{
    bool is_new;

    if (!comm) {
        return report_misuse(ncclInvalidArgument, rank, "%s: comm is NULL", function);
    }
    if (rank_count < 1 || rank < 0 || rank >= rank_count) {
        return report_misuse(ncclInvalidArgument, rank, "%s: rank %d of %d", function, rank,
                             rank_count);
    }
    if (rank_count > SEGMENT_RANKS_MAX) {
        report_unimplemented("a communicator of more than 64 ranks");
    }
    if (!segment_id_name(id, name)) {
        return report_misuse(ncclInvalidArgument, rank, "%s: no id of ncclGetUniqueId", function);
    }
    comms_lock();
    is_new = id_use(name, rank);
    comms_unlock();
    if (!is_new) {
        return report_misuse(ncclInvalidUsage, rank,
                             "%s: the id has been used by this rank before: an id serves one "
                             "communicator",
                             function);
    }
    return ncclSuccess;
}

static ncclResult_t init_undo(ncclComm_t comm, ncclComm_t *comm_out, ncclResult_t result)
{
    comm_undo(comm);
    *comm_out = NULL;
    return result;
}

static ncclResult_t init_on(const char *function, ncclComm_t *comm_out, int rank_count,
                            const ncclUniqueId *id, int rank, int device,
                            const ncclConfig_t *config)
{
    char name[SEGMENT_NAME_BYTES];
    bool is_blocking = true;
    ncclResult_t result = config_read(config, function, rank, &is_blocking);
    ncclComm_t comm;
    nccl_job *job;

    if (result == ncclSuccess) {
        result = init_check(function, comm_out, rank_count, id, rank, name);
    }
    if (result != ncclSuccess) {
        return result;
    }
    comm = comm_create(rank, rank_count, device, is_blocking);
    result = seat_attach(name, rank, rank_count, device, &comm->seat);
    if (result != ncclSuccess) {
        return init_undo(comm, comm_out, result);
    }
    *comm_out = comm;
    job = job_create(function, init_advance, NULL, NULL);
    job_add_comm(job, comm);
    result = group_add_job(job);
    if (result != ncclSuccess && result != ncclInProgress) {
        return init_undo(comm, comm_out, result);
    }
    return result;
}

static ncclResult_t init(const char *function, ncclComm_t *comm_out, int rank_count,
                         const ncclUniqueId *id, int rank, const ncclConfig_t *config)
{
    ncclResult_t result = call_begin(function);
    int device = 0;

    if (result == ncclSuccess && cudaGetDevice(&device) != cudaSuccess) {
        report(rank, "%s: the thread has no device", function);
        result = ncclUnhandledCudaError;
    }
    if (result == ncclSuccess) {
        result = init_on(function, comm_out, rank_count, id, rank, device, config);
    }
    if (result != ncclSuccess && result != ncclInProgress) {
        group_fail(result);
    }
    return result;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int nranks, ncclUniqueId commId, int rank,
                                    ncclConfig_t *config)
{
    return init("ncclCommInitRankConfig", comm, nranks, &commId, rank, config);
}

ncclResult_t ncclCommInitRank(ncclComm_t *comm, int nranks, ncclUniqueId commId, int rank)
{
    return init("ncclCommInitRank", comm, nranks, &commId, rank, NULL);
}

ncclResult_t ncclCommInitRankScalable(ncclComm_t *newcomm, int nranks, int myrank, int nId,
                                      ncclUniqueId *commIds, ncclConfig_t *config)
{
    static const char function[] = "ncclCommInitRankScalable";

    if (nId < 1 || nId > nranks || !commIds) {
        return group_fail(report_misuse(ncclInvalidArgument, myrank, "%s: %d ids for %d ranks",
                                        function, nId, nranks));
    }
    return init(function, newcomm, nranks, &commIds[0], myrank, config);
}

ncclResult_t ncclCommInitAll(ncclComm_t *comm, int ndev, const int *devlist)
{
    static const char function[] = "ncclCommInitAll";
    ncclResult_t result = call_begin(function);
    int device_count = 0;
    ncclUniqueId id;

    if (result != ncclSuccess) {
        return result;
    }
    if (!comm || ndev < 1 || cudaGetDeviceCount(&device_count) != cudaSuccess ||
        ndev > device_count) {
        return report_misuse(ncclInvalidArgument, -1, "%s: %d ranks on %d devices", function, ndev,
                             device_count);
    }
    segment_id_make(&id);
    ncclGroupStart();
    for (int i = 0; i < ndev && result == ncclSuccess; i++) {
        result =
            group_fail(init_on(function, &comm[i], ndev, &id, i, devlist ? devlist[i] : i, NULL));
    }
    return ncclGroupEnd();
}
