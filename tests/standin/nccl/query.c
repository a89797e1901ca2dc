/* What communicators and results are. */
#include "standin/nccl/call.h"
#include "standin/nccl/comm.h"
#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

ncclResult_t ncclGetVersion(int *version)
{
    const ncclResult_t result = call_begin("ncclGetVersion");

    if (result == ncclSuccess && !version) {
        return report_misuse(ncclInvalidArgument, -1, "ncclGetVersion: version is NULL");
    }
    if (result == ncclSuccess) {
        *version = settings_get()->version;
    }
    return result;
}

const char *ncclGetErrorString(ncclResult_t result)
{
    static const char *const texts[ncclNumResults] = {
        [ncclSuccess] = "no error",
        [ncclUnhandledCudaError] = "unhandled cuda error",
        [ncclSystemError] = "unhandled system error",
        [ncclInternalError] = "internal error",
        [ncclInvalidArgument] = "invalid argument",
        [ncclInvalidUsage] = "invalid usage",
        [ncclRemoteError] = "remote process exited or there was a network error",
        [ncclInProgress] = "operation in progress",
    };

    return (unsigned int)result < ncclNumResults ? texts[result] : "unknown result code";
}

const char *ncclGetLastError(ncclComm_t comm)
{
    (void)comm;
    return report_last();
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *asyncError)
{
    static const char function[] = "ncclCommGetAsyncError";
    ncclResult_t result = call_begin(function);
    int32_t error;

    if (result != ncclSuccess) {
        return result;
    }
    if (!asyncError) {
        return report_misuse(ncclInvalidArgument, -1, "%s: asyncError is NULL", function);
    }
    comms_lock();
    result = comm_check(comm, function);
    if (result == ncclSuccess) {
        comm_poll(comm);
        error = comm->seat ? atomic_load(&comm->seat->error) : ncclSuccess;
        *asyncError = error != ncclSuccess ? (ncclResult_t)error : comm->result;
    }
    comms_unlock();
    return result;
}

/* One of the numbers of a communicator. */
static ncclResult_t number(ncclComm_t comm, const char *function, int *value_out,
                           int (*get)(ncclComm_t))
{
    ncclResult_t result = call_begin(function);

    if (result == ncclSuccess && !value_out) {
        return report_misuse(ncclInvalidArgument, -1, "%s: the output is NULL", function);
    }
    if (result == ncclSuccess) {
        result = comm_enter(comm, function, COMM_USE_QUERY);
    }
    if (result == ncclSuccess) {
        *value_out = get(comm);
        comm_leave(comm);
    }
    return result;
}

static int get_rank_count(ncclComm_t comm)
{
    return comm->rank_count;
}

static int get_device(ncclComm_t comm)
{
    return comm->device;
}

static int get_rank(ncclComm_t comm)
{
    return comm->rank;
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int *count)
{
    return number(comm, "ncclCommCount", count, get_rank_count);
}

ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int *device)
{
    return number(comm, "ncclCommCuDevice", device, get_device);
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int *rank)
{
    return number(comm, "ncclCommUserRank", rank, get_rank);
}
