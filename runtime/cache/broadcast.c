#include "runtime/cache/broadcast.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#ifdef NDEBUG
enum {
    COMPARES_ORDER = 0
};
#else
enum {
    COMPARES_ORDER = 1
};
#endif

static kvspan_broadcast_slot *next_slot(kvspan_broadcast *broadcast)
{
    return &broadcast->slots[broadcast->sequence % broadcast->slot_count];
}

static kvspan_status post_ack(kvspan_broadcast *broadcast, uint32_t child, kvspan_error *error)
{
    return kvspan_comm_receive(broadcast->comm, KVSPAN_CHANNEL_ACK, broadcast->tree.children[child],
                               broadcast->acks->in[child], KVSPAN_ACK_BYTES,
                               &broadcast->ack_receives[child], error);
}

static kvspan_status take_slots(kvspan_broadcast *broadcast, kvspan_error *error)
{
    broadcast->acks = calloc(1, sizeof(*broadcast->acks));
    broadcast->slots = calloc(broadcast->slot_count, sizeof(*broadcast->slots));
    if (!broadcast->slots || !broadcast->acks) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u message slots",
                           broadcast->slot_count);
    }
    for (uint32_t i = 0; i < broadcast->slot_count; i++) {
        broadcast->slots[i].message = calloc(1, broadcast->capacity);
        if (!broadcast->slots[i].message) {
            return kvspan_fail(error, KVSPAN_ERR_MEMORY,
                               "no memory for a step message of %zu bytes", broadcast->capacity);
        }
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_broadcast_init(kvspan_broadcast *broadcast, kvspan_comm *comm,
                                    const kvspan_group *group, uint32_t root, size_t capacity,
                                    uint32_t run_ahead_steps, uint32_t deadline_ms,
                                    kvspan_error *error)
{
    kvspan_status status;

    memset(broadcast, 0, sizeof(*broadcast));
    broadcast->comm = comm;
    broadcast->tree = kvspan_tree_make(group, root);
    broadcast->deadline_ms = deadline_ms;
    broadcast->capacity = capacity < KVSPAN_STEP_FIRST_BYTES ? KVSPAN_STEP_FIRST_BYTES : capacity;
    broadcast->slot_count = run_ahead_steps + 2;
    broadcast->first_bytes = KVSPAN_STEP_FIRST_BYTES;
    broadcast->waiting_child = broadcast->tree.child_count;
    kvspan_ack_fold_init(&broadcast->fold, broadcast->tree.child_count);
    status = take_slots(broadcast, error);
    for (uint32_t i = 0; status == KVSPAN_OK && i < broadcast->tree.child_count; i++) {
        status = post_ack(broadcast, i, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_broadcast_fini(broadcast);
    }
    return status;
}

static bool has_kept(const kvspan_request *requests, uint32_t count)
{
    uint32_t i = 0;

    while (i < count && !requests[i].is_abandoned) {
        i++;
    }
    return i < count;
}

/* Also where a wait that failed has ended the requests before. */
static void free_messages(kvspan_broadcast *broadcast)
{
    const uint32_t send_count = 2 * broadcast->tree.child_count;

    for (uint32_t i = 0; broadcast->slots && i < broadcast->slot_count; i++) {
        kvspan_broadcast_slot *const slot = &broadcast->slots[i];
        const bool is_receiving = slot == next_slot(broadcast);

        if (!has_kept(slot->sends, send_count) &&
            !(is_receiving && broadcast->receive.is_abandoned)) {
            free(slot->message);
        }
    }
    free(broadcast->slots);
    if (!broadcast->ack_send.is_abandoned &&
        !has_kept(broadcast->ack_receives, broadcast->tree.child_count)) {
        free(broadcast->acks);
    }
}

void kvspan_broadcast_fini(kvspan_broadcast *broadcast)
{
    kvspan_comm *const comm = broadcast->comm;

    if (!comm) {
        return;
    }
    kvspan_comm_set_debtors(comm, NULL, 0);
    kvspan_comm_cancel(comm, &broadcast->receive);
    kvspan_comm_cancel(comm, &broadcast->ack_send);
    for (uint32_t i = 0; i < broadcast->tree.child_count; i++) {
        kvspan_comm_cancel(comm, &broadcast->ack_receives[i]);
    }
    for (uint32_t i = 0; broadcast->slots && i < broadcast->slot_count; i++) {
        for (uint32_t j = 0; j < 2 * broadcast->tree.child_count; j++) {
            kvspan_comm_cancel(comm, &broadcast->slots[i].sends[j]);
        }
    }
    free_messages(broadcast);
    memset(broadcast, 0, sizeof(*broadcast));
}

kvspan_status kvspan_broadcast_prepare(kvspan_broadcast *broadcast, unsigned char **message_out,
                                       kvspan_error *error)
{
    kvspan_broadcast_slot *const slot = next_slot(broadcast);
    const kvspan_status status =
        kvspan_comm_wait(broadcast->comm, slot->sends, 2 * broadcast->tree.child_count,
                         KVSPAN_WAIT_STEP, broadcast->deadline_ms, error);

    if (status == KVSPAN_OK) {
        *message_out = slot->message;
    }
    return status;
}

/* Sends the message of the next slot to all children and moves on to the slot after it. */
static kvspan_status pass_on(kvspan_broadcast *broadcast, size_t bytes, kvspan_error *error)
{
    kvspan_broadcast_slot *const slot = next_slot(broadcast);
    const size_t first = bytes < broadcast->first_bytes ? bytes : broadcast->first_bytes;
    const uint64_t before = kvspan_comm_sent_bytes(broadcast->comm, KVSPAN_CHANNEL_STEP);
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < broadcast->tree.child_count; i++) {
        const uint32_t child = broadcast->tree.children[i];
        kvspan_request *const sends = slot->sends + 2 * (size_t)i;

        status = kvspan_comm_send(broadcast->comm, KVSPAN_CHANNEL_STEP, child, slot->message, first,
                                  &sends[0], error);
        if (status == KVSPAN_OK && first < bytes) {
            status = kvspan_comm_send(broadcast->comm, KVSPAN_CHANNEL_STEP, child,
                                      slot->message + first, bytes - first, &sends[1], error);
        }
    }
    broadcast->sequence++;
    if (broadcast->tree.child_count > 0) {
        broadcast->last_bytes =
            (kvspan_comm_sent_bytes(broadcast->comm, KVSPAN_CHANNEL_STEP) - before) /
            broadcast->tree.child_count;
    }
    return status;
}

kvspan_status kvspan_broadcast_send(kvspan_broadcast *broadcast, size_t bytes,
                                    uint32_t next_first_bytes, kvspan_error *error)
{
    const kvspan_status status = pass_on(broadcast, bytes, error);

    broadcast->first_bytes = next_first_bytes;
    return status;
}

void kvspan_broadcast_keep(kvspan_broadcast *broadcast)
{
    broadcast->sequence++;
}

/* Posts the receive of the next message's first part, in a slot nobody reads any more. */
static kvspan_status post_receive(kvspan_broadcast *broadcast, kvspan_error *error)
{
    kvspan_broadcast_slot *const slot = next_slot(broadcast);
    kvspan_status status;

    if (broadcast->is_posted) {
        return KVSPAN_OK;
    }
    status = kvspan_comm_wait(broadcast->comm, slot->sends, 2 * broadcast->tree.child_count,
                              KVSPAN_WAIT_STEP, broadcast->deadline_ms, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    /* A message shorter than a header must not be completed by an old one. */
    memset(slot->message, 0, KVSPAN_STEP_HEADER_BYTES);
    status = kvspan_comm_receive(broadcast->comm, KVSPAN_CHANNEL_STEP, broadcast->tree.parent,
                                 slot->message, broadcast->first_bytes, &broadcast->receive, error);
    broadcast->is_posted = status == KVSPAN_OK;
    return status;
}

static kvspan_status receive_rest(kvspan_broadcast *broadcast, size_t bytes, kvspan_error *error)
{
    const size_t first = broadcast->first_bytes;
    kvspan_status status;

    if (bytes <= first) {
        return KVSPAN_OK;
    }
    status = kvspan_comm_receive(broadcast->comm, KVSPAN_CHANNEL_STEP, broadcast->tree.parent,
                                 next_slot(broadcast)->message + first, bytes - first,
                                 &broadcast->receive, error);
    if (status == KVSPAN_OK) {
        status = kvspan_comm_wait(broadcast->comm, &broadcast->receive, 1, KVSPAN_WAIT_STEP,
                                  broadcast->deadline_ms, error);
    }
    return status;
}

kvspan_status kvspan_broadcast_receive(kvspan_broadcast *broadcast,
                                       const kvspan_step_limits *limits, uint32_t timeout_ms,
                                       const unsigned char **message_out, size_t *bytes_out,
                                       kvspan_error *error)
{
    const unsigned char *const message = next_slot(broadcast)->message;
    kvspan_step_header header;
    kvspan_status status = post_receive(broadcast, error);

    if (status == KVSPAN_OK) {
        status = kvspan_comm_wait(broadcast->comm, &broadcast->receive, 1, KVSPAN_WAIT_IDLE,
                                  timeout_ms, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    broadcast->is_posted = false;
    status = kvspan_step_decode_header(message, KVSPAN_STEP_HEADER_BYTES, limits, &header, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    assert(header.total_bytes <= broadcast->capacity);
    kvspan_comm_heard(broadcast->comm, broadcast->tree.parent, header.epoch);
    status = receive_rest(broadcast, header.total_bytes, error);
    if (status == KVSPAN_OK) {
        status = pass_on(broadcast, header.total_bytes, error);
    }
    if (status == KVSPAN_OK) {
        broadcast->first_bytes = header.next_first_bytes;
        *message_out = message;
        *bytes_out = header.total_bytes;
    }
    return status;
}

/* Whether a child has issued the exchanges that this rank has, as far as both have come. */
static kvspan_status compare_order(const kvspan_broadcast *broadcast, uint32_t child,
                                   kvspan_error *error)
{
    const kvspan_ack *const ack = &broadcast->last_acks[child];

    return COMPARES_ORDER
               ? kvspan_order_log_compare(&broadcast->order_log, kvspan_comm_rank(broadcast->comm),
                                          broadcast->tree.children[child], ack->epoch, ack->order,
                                          error)
               : KVSPAN_OK;
}

/* An acknowledgement has come: folds it and waits for the child's next. */
static kvspan_status take_ack(kvspan_broadcast *broadcast, uint32_t child, kvspan_error *error)
{
    const uint32_t sender = broadcast->tree.children[child];
    kvspan_ack ack;
    kvspan_status status = kvspan_ack_decode(broadcast->acks->in[child], &ack, error);

    if (status == KVSPAN_OK && ack.rank != sender) {
        status = kvspan_fail_rank(error, KVSPAN_ERR_CORRUPT, sender, broadcast->begun,
                                  "rank %u acknowledges in the name of rank %u", sender, ack.rank);
    }
    if (status == KVSPAN_OK) {
        kvspan_comm_heard(broadcast->comm, sender, ack.epoch);
        status = kvspan_ack_fold_child(&broadcast->fold, child, &ack, broadcast->begun, error);
    }
    if (status == KVSPAN_OK) {
        broadcast->last_acks[child] = ack;
        status = compare_order(broadcast, child, error);
    }
    if (status == KVSPAN_OK) {
        status = post_ack(broadcast, child, error);
    }
    return status;
}

/* Tells the parent what is new. One send at a time: what it leaves out, the next one says. */
static kvspan_status tell_parent(kvspan_broadcast *broadcast, kvspan_error *error)
{
    kvspan_ack ack;
    bool is_done = false;
    kvspan_status status = kvspan_comm_test(broadcast->comm, &broadcast->ack_send, &is_done, error);

    if (status != KVSPAN_OK || !is_done || broadcast->tree.is_root ||
        !kvspan_ack_fold_next(&broadcast->fold, kvspan_comm_rank(broadcast->comm),
                              broadcast->table_digest, &ack)) {
        return status;
    }
    ack.order = kvspan_order_log_find(&broadcast->order_log, ack.epoch);
    kvspan_ack_encode(&ack, broadcast->acks->out);
    return kvspan_comm_send(broadcast->comm, KVSPAN_CHANNEL_ACK, broadcast->tree.parent,
                            broadcast->acks->out, KVSPAN_ACK_BYTES, &broadcast->ack_send, error);
}

/* Whoever waits for this rank's acknowledgement waits for the children that are behind it. */
static void name_debtors(kvspan_broadcast *broadcast)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < broadcast->tree.child_count; i++) {
        if (broadcast->fold.child_epochs[i] < broadcast->fold.own_epoch) {
            broadcast->debtors[count++] = broadcast->tree.children[i];
        }
    }
    kvspan_comm_set_debtors(broadcast->comm, broadcast->debtors, count);
}

kvspan_status kvspan_broadcast_progress(void *context, kvspan_error *error)
{
    kvspan_broadcast *const broadcast = context;
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < broadcast->tree.child_count; i++) {
        bool is_done = false;

        if (i == broadcast->waiting_child) {
            continue;
        }
        status = kvspan_comm_test(broadcast->comm, &broadcast->ack_receives[i], &is_done, error);
        if (status == KVSPAN_OK && is_done) {
            status = take_ack(broadcast, i, error);
        }
    }
    name_debtors(broadcast);
    if (status == KVSPAN_OK) {
        status = tell_parent(broadcast, error);
    }
    return status;
}

void kvspan_broadcast_begun(kvspan_broadcast *broadcast, uint64_t epoch, uint64_t table_digest)
{
    broadcast->begun = epoch;
    broadcast->table_digest = table_digest;
}

kvspan_status kvspan_broadcast_ended(kvspan_broadcast *broadcast, uint64_t epoch, uint32_t notices,
                                     kvspan_exchange_order order, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    kvspan_order_log_note(&broadcast->order_log, epoch, order);
    kvspan_ack_fold_own(&broadcast->fold, epoch, notices);
    for (uint32_t i = 0; status == KVSPAN_OK && i < broadcast->tree.child_count; i++) {
        status = compare_order(broadcast, i, error);
    }
    return status == KVSPAN_OK ? kvspan_broadcast_progress(broadcast, error) : status;
}

kvspan_status kvspan_broadcast_wait_ended(kvspan_broadcast *broadcast, uint64_t epoch,
                                          kvspan_error *error)
{
    for (;;) {
        const uint32_t child = kvspan_ack_fold_missing(&broadcast->fold, epoch);
        kvspan_status status;

        if (child == broadcast->tree.child_count) {
            return KVSPAN_OK;
        }
        broadcast->waiting_child = child;
        status = kvspan_comm_wait(broadcast->comm, &broadcast->ack_receives[child], 1,
                                  KVSPAN_WAIT_STEP, broadcast->deadline_ms, error);
        broadcast->waiting_child = broadcast->tree.child_count;
        if (status == KVSPAN_OK) {
            status = take_ack(broadcast, child, error);
        }
        if (status != KVSPAN_OK) {
            return status;
        }
    }
}
