#include "standin/nccl/transfer.h"

#include "standin/nccl/reduce.h"
#include "standin/nccl/report.h"

#include <inttypes.h>
#include <string.h>

static bool mailbox_is_full(const nccl_mailbox *box)
{
    return atomic_load_explicit(&box->produced, memory_order_acquire) !=
           atomic_load_explicit(&box->consumed, memory_order_acquire);
}

static void mailbox_put(nccl_mailbox *box, const chunk_label *label, const char *bytes)
{
    box->label = *label;
    if (label->chunk_bytes != 0) {
        memcpy(box->bytes, bytes, label->chunk_bytes);
    }
    atomic_fetch_add_explicit(&box->produced, 1, memory_order_release);
}

static void mailbox_empty(nccl_mailbox *box)
{
    atomic_fetch_add_explicit(&box->consumed, 1, memory_order_release);
}

static size_t chunk_after(size_t done, size_t bytes)
{
    return bytes - done < MAILBOX_BYTES ? bytes - done : MAILBOX_BYTES;
}

/* What goes from this rank to a peer, by the contracts in nccl.h. */
static void flow_plan_out(transfer_flow *flow, const nccl_operation *operation, int rank, int peer,
                          size_t block_bytes)
{
    const char *send = operation->send;
    const bool is_root = operation->peer == rank;
    const bool is_to_root = operation->peer == peer;

    switch (operation->kind) {
    case OPERATION_ALL_GATHER:
    case OPERATION_ALL_REDUCE: flow->out = send; break;
    case OPERATION_REDUCE_SCATTER:
    case OPERATION_ALL_TO_ALL: flow->out = send + (size_t)peer * block_bytes; break;
    case OPERATION_BROADCAST: flow->out = is_root ? send : NULL; break;
    case OPERATION_SCATTER: flow->out = is_root ? send + (size_t)peer * block_bytes : NULL; break;
    default: flow->out = is_to_root ? send : NULL; break; /* reduce, gather */
    }
    flow->out_bytes = flow->out ? block_bytes : 0;
}

static void flow_plan_in(transfer_flow *flow, const nccl_operation *operation, int rank, int peer,
                         size_t block_bytes)
{
    char *receive = operation->receive;
    const bool is_root = operation->peer == rank;
    const bool is_from_root = operation->peer == peer;

    switch (operation->kind) {
    case OPERATION_ALL_GATHER:
    case OPERATION_ALL_TO_ALL: flow->in = receive + (size_t)peer * block_bytes; break;
    case OPERATION_GATHER: flow->in = is_root ? receive + (size_t)peer * block_bytes : NULL; break;
    case OPERATION_BROADCAST:
    case OPERATION_SCATTER: flow->in = is_from_root ? receive : NULL; break;
    default: flow->in = NULL; break; /* is reduced */
    }
    flow->in_bytes = flow->in ? block_bytes : 0;
    if (operation_reduces(operation->kind) && (operation->kind != OPERATION_REDUCE || is_root)) {
        flow->in_bytes = block_bytes;
    }
}

/* A rank's own part never leaves it. */
static void own_block_copy(const nccl_operation *operation, int rank, size_t block_bytes)
{
    const char *from = operation->send;
    char *to = operation->receive;
    const size_t mine = (size_t)rank * block_bytes;
    const bool is_root = operation->peer == rank;

    switch (operation->kind) {
    case OPERATION_ALL_GATHER: to += mine; break;
    case OPERATION_ALL_TO_ALL:
        from += mine;
        to += mine;
        break;
    case OPERATION_BROADCAST: to = is_root ? to : NULL; break;
    case OPERATION_GATHER: to = is_root ? to + mine : NULL; break;
    case OPERATION_SCATTER: from = is_root ? from + mine : NULL; break;
    default: return;
    }
    if (from && to && from != to && block_bytes != 0) {
        memcpy(to, from, block_bytes);
    }
}

void transfer_begin(nccl_transfer *self, const nccl_seat *seat, const nccl_operation *operation,
                    uint64_t number)
{
    const size_t block_bytes = operation->count * type_bytes(operation->type);
    const char *send = operation->send;

    memset(self, 0, sizeof(*self));
    self->operation = operation;
    self->number = number;
    self->block_bytes = block_bytes;
    if (block_bytes == 0) {
        return;
    }
    for (int peer = 0; peer < seat->rank_count; peer++) {
        if (peer != seat->rank) {
            flow_plan_out(&self->flows[peer], operation, seat->rank, peer, block_bytes);
            flow_plan_in(&self->flows[peer], operation, seat->rank, peer, block_bytes);
        }
    }
    if (operation->kind == OPERATION_REDUCE_SCATTER) {
        self->own = send + (size_t)seat->rank * block_bytes;
    } else if (operation->kind == OPERATION_ALL_REDUCE ||
               (operation->kind == OPERATION_REDUCE && operation->peer == seat->rank)) {
        self->own = send;
    }
    own_block_copy(operation, seat->rank, block_bytes);
}

static bool flow_push(transfer_flow *flow, nccl_mailbox *box, const nccl_transfer *transfer)
{
    chunk_label label = { .collective = transfer->number,
                          .count = transfer->operation->count,
                          .kind = (int32_t)transfer->operation->kind,
                          .type = (int32_t)transfer->operation->type };

    if (flow->out_done == flow->out_bytes || mailbox_is_full(box)) {
        return false;
    }
    label.chunk_bytes = chunk_after(flow->out_done, flow->out_bytes);
    mailbox_put(box, &label, flow->out + flow->out_done);
    flow->out_done += label.chunk_bytes;
    return true;
}

/* The descriptions agree, so a chunk of something else is a send that no receive has taken. */
static bool chunk_belongs(const nccl_transfer *transfer, const nccl_mailbox *box,
                          const nccl_seat *seat, int peer)
{
    if (box->label.kind == (int32_t)transfer->operation->kind &&
        box->label.collective == transfer->number) {
        return true;
    }
    report_misuse(ncclInvalidUsage, seat->rank,
                  "collective #%" PRIu64 " (%s) meets %s of %" PRIu64
                  " elements: rank %d sends before it, rank %d does not receive before it",
                  transfer->number, operation_name(transfer->operation->kind),
                  operation_name((operation_kind)box->label.kind), box->label.count, peer,
                  seat->rank);
    return false;
}

static progress flow_pull(transfer_flow *flow, const nccl_transfer *transfer, const nccl_seat *seat,
                          int peer, bool *has_moved)
{
    nccl_mailbox *box = seat_mailbox(seat, peer, seat->rank);

    if (!flow->in || flow->in_done == flow->in_bytes || !mailbox_is_full(box)) {
        return PROGRESS_DONE;
    }
    if (!chunk_belongs(transfer, box, seat, peer)) {
        return PROGRESS_FAILED;
    }
    memcpy(flow->in + flow->in_done, box->bytes, box->label.chunk_bytes);
    flow->in_done += box->label.chunk_bytes;
    mailbox_empty(box);
    *has_moved = true;
    return PROGRESS_DONE;
}

/* Whether the next chunk of every peer is here and this rank's own, which the result may overwrite,
 * is on its way to all. */
static progress reduction_is_possible(const nccl_transfer *self, const nccl_seat *seat,
                                      size_t chunk_bytes)
{
    const size_t end = self->reduced_bytes + chunk_bytes;

    for (int peer = 0; peer < seat->rank_count; peer++) {
        const transfer_flow *flow = &self->flows[peer];

        if (peer == seat->rank) {
            continue;
        }
        if (!mailbox_is_full(seat_mailbox(seat, peer, seat->rank)) ||
            (flow->out_bytes != 0 && flow->out_done < end)) {
            return PROGRESS_WAITS;
        }
        if (!chunk_belongs(self, seat_mailbox(seat, peer, seat->rank), seat, peer)) {
            return PROGRESS_FAILED;
        }
    }
    return PROGRESS_DONE;
}

static progress reduction_advance(nccl_transfer *self, const nccl_seat *seat, bool *has_moved)
{
    const size_t chunk_bytes = chunk_after(self->reduced_bytes, self->block_bytes);
    const void *sources[SEGMENT_RANKS_MAX];
    const progress possible = reduction_is_possible(self, seat, chunk_bytes);

    if (possible != PROGRESS_DONE) {
        return possible;
    }
    for (int peer = 0; peer < seat->rank_count; peer++) {
        sources[peer] = peer == seat->rank ? (const void *)(self->own + self->reduced_bytes)
                                           : seat_mailbox(seat, peer, seat->rank)->bytes;
    }
    reduce((char *)self->operation->receive + self->reduced_bytes, sources,
           (uint32_t)seat->rank_count, chunk_bytes / type_bytes(self->operation->type),
           self->operation->type, self->operation->reduction);
    for (int peer = 0; peer < seat->rank_count; peer++) {
        if (peer != seat->rank) {
            mailbox_empty(seat_mailbox(seat, peer, seat->rank));
            self->flows[peer].in_done += chunk_bytes;
        }
    }
    self->reduced_bytes += chunk_bytes;
    *has_moved = true;
    return PROGRESS_DONE;
}

progress transfer_advance(nccl_transfer *self, const nccl_seat *seat, bool *has_moved_out)
{
    bool is_whole = true;

    for (int peer = 0; peer < seat->rank_count; peer++) {
        transfer_flow *flow = &self->flows[peer];

        if (peer == seat->rank) {
            continue;
        }
        *has_moved_out |= flow_push(flow, seat_mailbox(seat, seat->rank, peer), self);
        if (flow_pull(flow, self, seat, peer, has_moved_out) == PROGRESS_FAILED) {
            return PROGRESS_FAILED;
        }
    }
    if (self->own && self->reduced_bytes < self->block_bytes &&
        reduction_advance(self, seat, has_moved_out) == PROGRESS_FAILED) {
        return PROGRESS_FAILED;
    }
    is_whole = !self->own || self->reduced_bytes == self->block_bytes;
    for (int peer = 0; peer < seat->rank_count; peer++) {
        const transfer_flow *flow = &self->flows[peer];

        is_whole &= flow->out_done == flow->out_bytes && flow->in_done == flow->in_bytes;
    }
    return is_whole ? PROGRESS_DONE : PROGRESS_WAITS;
}

void messages_begin(nccl_message *messages, size_t message_count, const nccl_seat *seat)
{
    size_t receive = 0;

    for (size_t send = 0; send < message_count; send++) {
        nccl_message *from = &messages[send];

        if (from->operation.kind != OPERATION_SEND || from->operation.peer != seat->rank) {
            continue;
        }
        while (messages[receive].operation.kind != OPERATION_RECEIVE ||
               messages[receive].operation.peer != seat->rank) {
            receive++; /* there is one: the group was checked */
        }
        if (from->bytes != 0) {
            memmove(messages[receive].operation.receive, from->operation.send, from->bytes);
        }
        from->is_done = true;
        messages[receive++].is_done = true;
    }
}

static progress send_advance(nccl_message *self, const nccl_seat *seat, bool *has_moved)
{
    nccl_mailbox *box = seat_mailbox(seat, seat->rank, self->operation.peer);
    chunk_label label = { .collective = self->collectives,
                          .count = self->operation.count,
                          .kind = OPERATION_SEND,
                          .type = (int32_t)self->operation.type };

    if (mailbox_is_full(box)) {
        return PROGRESS_WAITS;
    }
    if (self->is_begun && self->done == self->bytes) {
        self->is_done = true;
        return PROGRESS_DONE;
    }
    label.chunk_bytes = chunk_after(self->done, self->bytes);
    mailbox_put(box, &label, (const char *)self->operation.send + self->done);
    self->is_begun = true;
    self->done += label.chunk_bytes;
    *has_moved = true;
    return PROGRESS_WAITS;
}

static bool message_matches(const nccl_message *self, const chunk_label *label,
                            const nccl_seat *seat)
{
    const int peer = self->operation.peer;

    if (label->kind != OPERATION_SEND) {
        report_misuse(ncclInvalidUsage, seat->rank,
                      "ncclRecv of %zu elements from rank %d meets its %s, collective #%" PRIu64,
                      self->operation.count, peer, operation_name((operation_kind)label->kind),
                      label->collective);
        return false;
    }
    if (label->count != self->operation.count || label->type != (int32_t)self->operation.type) {
        report_misuse(ncclInvalidUsage, seat->rank,
                      "message size differs: rank %d sends %" PRIu64 " %s, rank %d receives %zu %s",
                      peer, label->count, type_name((ncclDataType_t)label->type), seat->rank,
                      self->operation.count, type_name(self->operation.type));
        return false;
    }
    if (label->collective != self->collectives) {
        report_misuse(ncclInvalidUsage, seat->rank,
                      "order differs: rank %d sends after %" PRIu64
                      " collectives, rank %d receives after %" PRIu64,
                      peer, label->collective, seat->rank, self->collectives);
        return false;
    }
    return true;
}

static progress receive_advance(nccl_message *self, const nccl_seat *seat, bool *has_moved)
{
    nccl_mailbox *box = seat_mailbox(seat, self->operation.peer, seat->rank);

    if (!mailbox_is_full(box)) {
        return PROGRESS_WAITS;
    }
    if (!self->is_begun && !message_matches(self, &box->label, seat)) {
        return PROGRESS_FAILED;
    }
    if (box->label.chunk_bytes != 0) {
        memcpy((char *)self->operation.receive + self->done, box->bytes, box->label.chunk_bytes);
    }
    self->is_begun = true;
    self->done += box->label.chunk_bytes;
    self->is_done = self->done == self->bytes;
    mailbox_empty(box);
    *has_moved = true;
    return self->is_done ? PROGRESS_DONE : PROGRESS_WAITS;
}

progress messages_advance(nccl_message *messages, size_t message_count, const nccl_seat *seat,
                          bool *has_moved_out)
{
    /* Between two ranks in one direction, only the first message that is not done. */
    uint64_t busy[2] = { 0, 0 };
    bool is_whole = true;

    for (size_t i = 0; i < message_count; i++) {
        nccl_message *self = &messages[i];
        const bool is_send = self->operation.kind == OPERATION_SEND;
        const uint64_t bit = (uint64_t)1 << self->operation.peer;
        progress result;

        if (self->is_done || (busy[is_send] & bit) != 0) {
            continue;
        }
        result = is_send ? send_advance(self, seat, has_moved_out)
                         : receive_advance(self, seat, has_moved_out);
        if (result == PROGRESS_FAILED) {
            return result;
        }
        if (!self->is_done) {
            busy[is_send] |= bit;
            is_whole = false;
        }
    }
    return is_whole ? PROGRESS_DONE : PROGRESS_WAITS;
}
