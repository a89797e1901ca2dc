/* Collectives, sends and receives: what is checked when they are called. */
#include "standin/nccl/call.h"
#include "standin/nccl/comm.h"
#include "standin/nccl/group.h"
#include "standin/nccl/operation.h"
#include "standin/nccl/reduce.h"
#include "standin/nccl/report.h"

#include "standin/cudart/device_work.h"

static ncclResult_t values_check(const nccl_operation *operation)
{
    const char *name = operation_name(operation->kind);
    const ncclComm_t comm = operation->comm;
    const bool has_peer =
        operation_has_root(operation->kind) || !operation_is_collective(operation->kind);

    if (type_bytes(operation->type) == 0) {
        return report_misuse(ncclInvalidArgument, comm->rank, "%s: type %d", name,
                             (int)operation->type);
    }
    if (operation_reduces(operation->kind) &&
        (unsigned int)operation->reduction >= (unsigned int)ncclNumOps) {
        return report_misuse(ncclInvalidArgument, comm->rank, "%s: reduction %d", name,
                             (int)operation->reduction);
    }
    if (has_peer && (operation->peer < 0 || operation->peer >= comm->rank_count)) {
        return report_misuse(ncclInvalidArgument, comm->rank, "%s: %s %d is not in [0, %d)", name,
                             operation_has_root(operation->kind) ? "root" : "peer", operation->peer,
                             comm->rank_count);
    }
    return ncclSuccess;
}

static ncclResult_t buffer_check(const nccl_operation *operation, const void *buffer, size_t bytes,
                                 const char *what)
{
    const char *name = operation_name(operation->kind);

    if (bytes == 0) {
        return ncclSuccess;
    }
    if (!buffer) {
        return report_misuse(ncclInvalidArgument, operation->comm->rank, "%s: %s is NULL", name,
                             what);
    }
    if (!device_work_is_device_memory(buffer, bytes, false)) {
        return report_misuse(ncclInvalidArgument, operation->comm->rank,
                             "%s: %s, %zu bytes at %p, is not memory of device %d", name, what,
                             bytes, buffer, operation->comm->device);
    }
    return ncclSuccess;
}

static ncclResult_t overlap_check(const nccl_operation *operation, const operation_spans *spans)
{
    const char *send = operation->send;
    const char *receive = operation->receive;
    bool is_of_send = false;
    const char *in_place = operation_in_place_address(operation, operation->comm->rank,
                                                      spans->block_bytes, &is_of_send);

    if (spans->send_bytes == 0 || spans->receive_bytes == 0 ||
        send + spans->send_bytes <= receive || receive + spans->receive_bytes <= send ||
        (in_place && in_place == (is_of_send ? send : receive))) {
        return ncclSuccess;
    }
    return report_misuse(
        ncclInvalidUsage, operation->comm->rank,
        "%s: the buffers overlap: send %zu bytes at %p, receive %zu bytes at %p; "
        "in place needs %s %p",
        operation_name(operation->kind), spans->send_bytes, (const void *)send,
        spans->receive_bytes, (const void *)receive,
        in_place ? (is_of_send ? "send at" : "receive at") : "nothing:", (const void *)in_place);
}

static ncclResult_t operation_check(const nccl_operation *operation)
{
    const ncclComm_t comm = operation->comm;
    operation_spans spans;
    ncclResult_t result = values_check(operation);

    if (result != ncclSuccess) {
        return result;
    }
    if (!operation_measure(operation, comm->rank, comm->rank_count, &spans)) {
        return report_misuse(ncclInvalidArgument, comm->rank, "%s: %zu elements are too many",
                             operation_name(operation->kind), operation->count);
    }
    result = buffer_check(operation, operation->send, spans.send_bytes, "the send buffer");
    if (result == ncclSuccess) {
        result =
            buffer_check(operation, operation->receive, spans.receive_bytes, "the receive buffer");
    }
    return result == ncclSuccess ? overlap_check(operation, &spans) : result;
}

/* @p function differs from the operation's name in ncclBcast. */
static ncclResult_t issue(const char *function, const nccl_operation *operation)
{
    ncclResult_t result = call_begin(function);

    if (result == ncclSuccess) {
        result = comm_enter(operation->comm, function, COMM_USE_OPERATION);
    }
    if (result != ncclSuccess) {
        return group_fail(result);
    }
    result = operation_check(operation);
    if (result == ncclSuccess) {
        result = group_add_operation(operation);
    }
    comm_leave(operation->comm);
    return result == ncclInProgress ? result : group_fail(result);
}

ncclResult_t ncclAllGather(const void *sendbuff, void *recvbuff, size_t sendcount,
                           ncclDataType_t datatype, ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_ALL_GATHER,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = sendcount,
                                       .type = datatype,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclAllGather", &operation);
}

ncclResult_t ncclAllReduce(const void *sendbuff, void *recvbuff, size_t count,
                           ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                           cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_ALL_REDUCE,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = count,
                                       .type = datatype,
                                       .reduction = op,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclAllReduce", &operation);
}

ncclResult_t ncclReduceScatter(const void *sendbuff, void *recvbuff, size_t recvcount,
                               ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                               cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_REDUCE_SCATTER,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = recvcount,
                                       .type = datatype,
                                       .reduction = op,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclReduceScatter", &operation);
}

ncclResult_t ncclBroadcast(const void *sendbuff, void *recvbuff, size_t count,
                           ncclDataType_t datatype, int root, ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_BROADCAST,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = count,
                                       .type = datatype,
                                       .peer = root,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclBroadcast", &operation);
}

ncclResult_t ncclBcast(void *buff, size_t count, ncclDataType_t datatype, int root, ncclComm_t comm,
                       cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_BROADCAST,
                                       .send = buff,
                                       .receive = buff,
                                       .count = count,
                                       .type = datatype,
                                       .peer = root,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclBcast", &operation);
}

ncclResult_t ncclReduce(const void *sendbuff, void *recvbuff, size_t count, ncclDataType_t datatype,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_REDUCE,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = count,
                                       .type = datatype,
                                       .reduction = op,
                                       .peer = root,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclReduce", &operation);
}

ncclResult_t ncclAlltoAll(const void *sendbuff, void *recvbuff, size_t count,
                          ncclDataType_t datatype, ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_ALL_TO_ALL,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = count,
                                       .type = datatype,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclAlltoAll", &operation);
}

ncclResult_t ncclGather(const void *sendbuff, void *recvbuff, size_t count, ncclDataType_t datatype,
                        int root, ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_GATHER,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = count,
                                       .type = datatype,
                                       .peer = root,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclGather", &operation);
}

ncclResult_t ncclScatter(const void *sendbuff, void *recvbuff, size_t count,
                         ncclDataType_t datatype, int root, ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_SCATTER,
                                       .send = sendbuff,
                                       .receive = recvbuff,
                                       .count = count,
                                       .type = datatype,
                                       .peer = root,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclScatter", &operation);
}

ncclResult_t ncclSend(const void *sendbuff, size_t count, ncclDataType_t datatype, int peer,
                      ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_SEND,
                                       .send = sendbuff,
                                       .count = count,
                                       .type = datatype,
                                       .peer = peer,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclSend", &operation);
}

ncclResult_t ncclRecv(void *recvbuff, size_t count, ncclDataType_t datatype, int peer,
                      ncclComm_t comm, cudaStream_t stream)
{
    const nccl_operation operation = { .kind = OPERATION_RECEIVE,
                                       .receive = recvbuff,
                                       .count = count,
                                       .type = datatype,
                                       .peer = peer,
                                       .comm = comm,
                                       .stream = stream };

    return issue("ncclRecv", &operation);
}
