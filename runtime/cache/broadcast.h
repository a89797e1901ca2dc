/** @file
 * Step messages down the tree of a step group, acknowledgements up it.
 *
 * Messages lie in a ring of slots, so that a slot's sends can still be under way while the next
 * step is written. A message longer than what the receivers announced to expect goes in two sends.
 */
#ifndef KVSPAN_CACHE_BROADCAST_H
#define KVSPAN_CACHE_BROADCAST_H

#include "comm/comm.h"
#include "comm/tree.h"
#include "runtime/step/acknowledgement.h"
#include "runtime/step/message.h"

/* One message and its sends to the children, two at most for each. */
typedef struct kvspan_broadcast_slot {
    unsigned char *message; /* [capacity] */
    kvspan_request sends[2 * KVSPAN_TREE_MAX_CHILDREN];
} kvspan_broadcast_slot;

/* Acknowledgements under way. Apart, for the transport may keep them, as it may keep a message. */
typedef struct kvspan_broadcast_acks {
    unsigned char in[KVSPAN_TREE_MAX_CHILDREN][KVSPAN_ACK_BYTES];
    unsigned char out[KVSPAN_ACK_BYTES];
} kvspan_broadcast_acks;

typedef struct kvspan_broadcast {
    kvspan_comm *comm;
    kvspan_tree tree;
    uint32_t deadline_ms;
    size_t capacity; /* of a slot: the longest message */
    uint32_t slot_count;
    kvspan_broadcast_slot *slots; /* [slot_count] */
    uint64_t sequence;            /* messages sent or received so far; slot = sequence mod count */
    uint32_t first_bytes;         /* capacity of the next message's first receive, group-wide */
    kvspan_request receive;       /* of the next message's first part, once posted */
    bool is_posted;
    kvspan_ack_fold fold;
    uint32_t waiting_child; /* whose receive a wait has at the moment; child_count = none */
    kvspan_request ack_receives[KVSPAN_TREE_MAX_CHILDREN];
    uint32_t debtors[KVSPAN_TREE_MAX_CHILDREN]; /* children behind what this rank has ended */
    kvspan_request ack_send;
    kvspan_broadcast_acks *acks;
    uint64_t begun;             /* last epoch begun on this rank */
    uint64_t table_digest;      /* after it */
    kvspan_order_log order_log; /* of this rank */
    kvspan_ack last_acks[KVSPAN_TREE_MAX_CHILDREN];
    uint64_t last_bytes; /* sent to one child for the last message, as the transport counted */
} kvspan_broadcast;

/* root: member index of the coordinator. Posts the acknowledgement receives. */
kvspan_status kvspan_broadcast_init(kvspan_broadcast *broadcast, kvspan_comm *comm,
                                    const kvspan_group *group, uint32_t root, size_t capacity,
                                    uint32_t run_ahead_steps, uint32_t deadline_ms,
                                    kvspan_error *error);
/* Cancels what is pending. Memory that the transport may still read or write is left to it. */
void kvspan_broadcast_fini(kvspan_broadcast *broadcast);

/* Root: gives the memory of the next message, once its slot's old sends are done. */
kvspan_status kvspan_broadcast_prepare(kvspan_broadcast *broadcast, unsigned char **message_out,
                                       kvspan_error *error);
/* Root: sends the message written there. next_first_bytes is what its header announces. */
kvspan_status kvspan_broadcast_send(kvspan_broadcast *broadcast, size_t bytes,
                                    uint32_t next_first_bytes, kvspan_error *error);

/* Under replicated control: nobody is sent the message written there; its slot is kept for this
 * step. */
void kvspan_broadcast_keep(kvspan_broadcast *broadcast);

/* Others: receives the next message, whole, and passes it on. TIMEOUT: nothing came, call again. */
kvspan_status kvspan_broadcast_receive(kvspan_broadcast *broadcast,
                                       const kvspan_step_limits *limits, uint32_t timeout_ms,
                                       const unsigned char **message_out, size_t *bytes_out,
                                       kvspan_error *error);

/* Notes that this rank has begun an epoch (what children may acknowledge). */
void kvspan_broadcast_begun(kvspan_broadcast *broadcast, uint64_t epoch, uint64_t table_digest);
/* Notes that this rank has ended an epoch, with the bits it raises and the exchanges that it has
 * issued, and tells the parent. MISMATCH, in builds with assertions: a child has issued others. It
 * may come later too, of whatever serves acknowledgements. */
kvspan_status kvspan_broadcast_ended(kvspan_broadcast *broadcast, uint64_t epoch, uint32_t notices,
                                     kvspan_exchange_order order, kvspan_error *error);

/* Root: waits until all ranks have ended `epoch`. */
kvspan_status kvspan_broadcast_wait_ended(kvspan_broadcast *broadcast, uint64_t epoch,
                                          kvspan_error *error);

/* Serves acknowledgements without waiting: a kvspan_progress. context: kvspan_broadcast. */
kvspan_status kvspan_broadcast_progress(void *context, kvspan_error *error);

#endif
