/** @file
 * Acknowledgements: cumulative, folded up the tree. Who has done which epoch, and which bits anyone
 * has raised. Pure bookkeeping: the cache sends and receives.
 */
#ifndef KVSPAN_STEP_ACKNOWLEDGEMENT_H
#define KVSPAN_STEP_ACKNOWLEDGEMENT_H

#include "runtime/step/exchange_order.h"

enum {
    KVSPAN_ACK_BYTES = 48
};

/* One acknowledgement: this subtree has ended all steps up to epoch. */
typedef struct kvspan_ack {
    uint64_t epoch;
    uint64_t table_digest; /* of the sender after that epoch; 0 if it is ahead of its subtree */
    uint32_t notices;
    uint32_t rank;               /* sender, of the communicator */
    kvspan_exchange_order order; /* of the sender when it had ended that epoch */
} kvspan_ack;

void kvspan_ack_encode(const kvspan_ack *ack, unsigned char bytes_out[KVSPAN_ACK_BYTES]);
/* CORRUPT: wrong magic, version or kind. */
kvspan_status kvspan_ack_decode(const unsigned char bytes[KVSPAN_ACK_BYTES], kvspan_ack *ack_out,
                                kvspan_error *error);

enum {
    KVSPAN_ACK_MAX_CHILDREN = 32
};

/* The fold of one rank: its own epoch and those of its children's subtrees. */
typedef struct kvspan_ack_fold {
    uint32_t child_count;
    uint64_t child_epochs[KVSPAN_ACK_MAX_CHILDREN];
    uint64_t own_epoch;
    uint32_t notices;      /* of the whole subtree */
    uint32_t sent_notices; /* already told upwards */
    uint64_t sent_epoch;   /* already told upwards */
} kvspan_ack_fold;

void kvspan_ack_fold_init(kvspan_ack_fold *fold, uint32_t child_count);
/* CORRUPT: an epoch that goes back or is ahead of `begun`, the last step this rank knows of; the
 * fold stays as it was, and error names the rank. Notices add up: a bit once raised stays. */
kvspan_status kvspan_ack_fold_child(kvspan_ack_fold *fold, uint32_t child, const kvspan_ack *ack,
                                    uint64_t begun, kvspan_error *error);
/* This rank has ended `epoch` (never below the last one), or raises notices in the same epoch. */
void kvspan_ack_fold_own(kvspan_ack_fold *fold, uint64_t epoch, uint32_t notices);
/* The epoch that the whole subtree has ended. */
uint64_t kvspan_ack_fold_epoch(const kvspan_ack_fold *fold);
/* The first child whose subtree has not ended `epoch`, or child_count. */
uint32_t kvspan_ack_fold_missing(const kvspan_ack_fold *fold, uint64_t epoch);
/* Whether the parent has not heard the newest epoch or notices. If so, writes what to send it and
 * counts it as told. table_digest: of this rank after its own epoch. */
bool kvspan_ack_fold_next(kvspan_ack_fold *fold, uint32_t rank, uint64_t table_digest,
                          kvspan_ack *ack_out);

#endif
