#include "standin/nccl/operation.h"

#include "standin/nccl/reduce.h"

/* How many blocks of `count` elements are sent and received. */
typedef enum operation_blocks {
    BLOCKS_NONE,
    BLOCKS_ONE,
    BLOCKS_ALL, /* one per rank */
    BLOCKS_ONE_ON_ROOT,
    BLOCKS_ALL_ON_ROOT
} operation_blocks;

/* From the contracts in nccl.h. */
static const struct {
    const char *name;
    operation_blocks send;
    operation_blocks receive;
    bool reduces;
    bool has_root;
} kinds[OPERATION_KINDS] = {
    [OPERATION_ALL_GATHER] = { "ncclAllGather", BLOCKS_ONE, BLOCKS_ALL, false, false },
    [OPERATION_ALL_REDUCE] = { "ncclAllReduce", BLOCKS_ONE, BLOCKS_ONE, true, false },
    [OPERATION_REDUCE_SCATTER] = { "ncclReduceScatter", BLOCKS_ALL, BLOCKS_ONE, true, false },
    [OPERATION_BROADCAST] = { "ncclBroadcast", BLOCKS_ONE_ON_ROOT, BLOCKS_ONE, false, true },
    [OPERATION_REDUCE] = { "ncclReduce", BLOCKS_ONE, BLOCKS_ONE_ON_ROOT, true, true },
    [OPERATION_ALL_TO_ALL] = { "ncclAlltoAll", BLOCKS_ALL, BLOCKS_ALL, false, false },
    [OPERATION_GATHER] = { "ncclGather", BLOCKS_ONE, BLOCKS_ALL_ON_ROOT, false, true },
    [OPERATION_SCATTER] = { "ncclScatter", BLOCKS_ALL_ON_ROOT, BLOCKS_ONE, false, true },
    [OPERATION_SEND] = { "ncclSend", BLOCKS_ONE, BLOCKS_NONE, false, false },
    [OPERATION_RECEIVE] = { "ncclRecv", BLOCKS_NONE, BLOCKS_ONE, false, false },
};

const char *operation_name(operation_kind kind)
{
    return (unsigned int)kind < OPERATION_KINDS ? kinds[kind].name : "nothing";
}

bool operation_is_collective(operation_kind kind)
{
    return kind != OPERATION_SEND && kind != OPERATION_RECEIVE;
}

bool operation_reduces(operation_kind kind)
{
    return kinds[kind].reduces;
}

bool operation_has_root(operation_kind kind)
{
    return kinds[kind].has_root;
}

static size_t block_count(operation_blocks blocks, bool is_root, int rank_count)
{
    switch (blocks) {
    case BLOCKS_ONE: return 1;
    case BLOCKS_ALL: return (size_t)rank_count;
    case BLOCKS_ONE_ON_ROOT: return is_root ? 1 : 0;
    case BLOCKS_ALL_ON_ROOT: return is_root ? (size_t)rank_count : 0;
    default: return 0;
    }
}

bool operation_measure(const nccl_operation *operation, int rank, int rank_count,
                       operation_spans *spans_out)
{
    const bool is_root = operation->peer == rank;
    operation_spans spans = { 0 };
    size_t all;

    if (__builtin_mul_overflow(operation->count, type_bytes(operation->type), &spans.block_bytes) ||
        __builtin_mul_overflow(spans.block_bytes, (size_t)rank_count, &all)) {
        return false;
    }
    spans.send_bytes =
        spans.block_bytes * block_count(kinds[operation->kind].send, is_root, rank_count);
    spans.receive_bytes =
        spans.block_bytes * block_count(kinds[operation->kind].receive, is_root, rank_count);
    *spans_out = spans;
    return true;
}

const char *operation_in_place_address(const nccl_operation *operation, int rank,
                                       size_t block_bytes, bool *is_of_send_out)
{
    const char *send = operation->send;
    const char *receive = operation->receive;

    *is_of_send_out = true;
    switch (operation->kind) {
    case OPERATION_ALL_GATHER:
    case OPERATION_GATHER: return receive + (size_t)rank * block_bytes;
    case OPERATION_ALL_REDUCE:
    case OPERATION_REDUCE:
    case OPERATION_BROADCAST: return receive;
    case OPERATION_REDUCE_SCATTER:
    case OPERATION_SCATTER: *is_of_send_out = false; return send + (size_t)rank * block_bytes;
    default: return NULL;
    }
}
