/** @file
 * One call of a collective, a send or a receive: what it was given, and which bytes that means.
 */
#ifndef KVSPAN_STANDIN_NCCL_OPERATION_H
#define KVSPAN_STANDIN_NCCL_OPERATION_H

#include <nccl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum operation_kind {
    OPERATION_ALL_GATHER,
    OPERATION_ALL_REDUCE,
    OPERATION_REDUCE_SCATTER,
    OPERATION_BROADCAST,
    OPERATION_REDUCE,
    OPERATION_ALL_TO_ALL,
    OPERATION_GATHER,
    OPERATION_SCATTER,
    OPERATION_SEND,
    OPERATION_RECEIVE,
    OPERATION_KINDS
} operation_kind;

typedef struct nccl_operation {
    operation_kind kind;
    const void *send;
    void *receive;
    size_t count;
    ncclDataType_t type;
    ncclRedOp_t reduction; /* ncclSum if the kind does not reduce */
    int peer;              /* the root, or whom to send to or receive from; else 0 */
    ncclComm_t comm;
    cudaStream_t stream;
} nccl_operation;

/* Bytes that a rank gives and takes; 0 where its buffer is not used. */
typedef struct operation_spans {
    size_t block_bytes; /* of `count` elements */
    size_t send_bytes;
    size_t receive_bytes;
} operation_spans;

const char *operation_name(operation_kind kind);

bool operation_is_collective(operation_kind kind);
bool operation_reduces(operation_kind kind);
bool operation_has_root(operation_kind kind);

/* False if the bytes are more than can be counted. */
bool operation_measure(const nccl_operation *operation, int rank, int rank_count,
                       operation_spans *spans_out);

/* The address where in-place send (or receive) has to lie for buffers that overlap; NULL if this
 * kind cannot be in place. */
const char *operation_in_place_address(const nccl_operation *operation, int rank,
                                       size_t block_bytes, bool *is_of_send_out);

#endif
