/** @file
 * Moves the bytes of one collective, or of the sends and receives of one group, through mailboxes:
 * a little with every call, so that nothing ever waits.
 */
#ifndef KVSPAN_STANDIN_NCCL_TRANSFER_H
#define KVSPAN_STANDIN_NCCL_TRANSFER_H

#include "standin/nccl/operation.h"
#include "standin/nccl/segment.h"

typedef enum progress {
    PROGRESS_DONE,
    PROGRESS_WAITS, /* for peers */
    PROGRESS_FAILED /* after a report: the peers disagree */
} progress;

typedef struct transfer_flow {
    const char *out;
    size_t out_bytes;
    size_t out_done;
    char *in; /* NULL: it is reduced */
    size_t in_bytes;
    size_t in_done;
} transfer_flow;

/* One collective. */
typedef struct nccl_transfer {
    const nccl_operation *operation;
    uint64_t number;      /* of the collective */
    const char *own;      /* what this rank adds to a reduction; NULL: it takes no result */
    size_t reduced_bytes; /* so far */
    size_t block_bytes;
    transfer_flow flows[SEGMENT_RANKS_MAX];
} nccl_transfer;

void transfer_begin(nccl_transfer *self, const nccl_seat *seat, const nccl_operation *operation,
                    uint64_t number);
progress transfer_advance(nccl_transfer *self, const nccl_seat *seat, bool *has_moved_out);

/* One send or receive. */
typedef struct nccl_message {
    nccl_operation operation;
    uint64_t collectives; /* issued on the communicator before its group */
    size_t bytes;
    size_t done;
    bool is_begun; /* its first chunk is on its way: an empty message has one, too */
    bool is_done;
} nccl_message;

/* Copies what a rank sends to itself: the n-th such send into the n-th such receive. */
void messages_begin(nccl_message *messages, size_t message_count, const nccl_seat *seat);

/* A send is done when its receiver has taken all of it, as if nothing were buffered. */
progress messages_advance(nccl_message *messages, size_t message_count, const nccl_seat *seat,
                          bool *has_moved_out);

#endif
