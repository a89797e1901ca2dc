#include <kvspan/ledger.h>

#include <inttypes.h>

#include "runtime/ledger/ledger_state.h"
#include "runtime/ledger/window.h"

/* Whether the first `position` tokens of a sequence can become all that a sequence has. */
static kvspan_status check_cut(const kvspan_ledger *ledger, kvspan_sequence sequence,
                               uint64_t position, kvspan_error *error)
{
    const uint32_t slot_index = (uint32_t)sequence;
    const kvspan_slot *slot = NULL;

    if (!ledger) {
        return kvspan_ledger_refuse_null(ledger, error);
    }
    if (!kvspan_ledger_has(ledger, sequence)) {
        return kvspan_ledger_fail_stale(ledger, sequence, error);
    }
    slot = &ledger->slots[slot_index];
    if (slot->has_row) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "slot %u (tag %" PRIu64 ") has a row in the open step of epoch %" PRIu64,
                           slot_index, slot->tag, ledger->epoch + 1);
    }
    if (position > slot->token_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "position %" PRIu64 " is behind the %" PRIu64 " tokens of slot %u "
                           "(tag %" PRIu64 ")",
                           position, slot->token_count, slot_index, slot->tag);
    }
    return kvspan_window_check(ledger, slot_index, position, error);
}

/* Gives one row of a new sequence the pages of another's first `column_count` columns. */
static void share_row(kvspan_ledger *ledger, uint32_t group, uint32_t from, uint32_t to,
                      uint32_t column_count)
{
    const size_t from_row = kvspan_ledger_row(ledger, group, from);
    const size_t to_row = kvspan_ledger_row(ledger, group, to);
    const uint32_t held = ledger->first_columns[from_row];
    const uint32_t first = held < column_count ? held : column_count;
    const uint32_t *source = kvspan_ledger_columns(ledger, group, from);
    uint32_t *target = kvspan_ledger_columns(ledger, group, to);

    for (uint32_t column = first; column < column_count; column++) {
        kvspan_page_pool_share(&ledger->pool, source[column]);
        target[column] = source[column];
    }
    ledger->first_columns[to_row] = first;
    ledger->page_counts[to_row] = column_count;
    ledger->digest += kvspan_ledger_entries_digest(ledger, group, to, first, column_count - first);
}

kvspan_status kvspan_sequence_fork(kvspan_ledger *ledger, kvspan_sequence parent, uint64_t position,
                                   uint64_t tag, kvspan_sequence *child_out, kvspan_error *error)
{
    const uint32_t parent_slot = (uint32_t)parent;
    kvspan_status status = check_cut(ledger, parent, position, error);
    uint64_t committed = 0;
    uint32_t child_slot = 0;

    if (!child_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "child_out is NULL");
    }
    if (status == KVSPAN_OK) {
        status = kvspan_ledger_take_slot(ledger, tag, &child_slot, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        share_row(ledger, group, parent_slot, child_slot,
                  (uint32_t)kvspan_token_pages(&ledger->rule, position));
    }
    kvspan_ledger_set_length(ledger, child_slot, position);
    committed = ledger->slots[parent_slot].committed_count;
    ledger->slots[child_slot].committed_count = committed < position ? committed : position;
    *child_out = (uint64_t)ledger->slots[child_slot].generation << 32 | child_slot;
    return KVSPAN_OK;
}

static void cut_row(kvspan_ledger *ledger, uint32_t group, uint32_t slot, uint32_t column_count)
{
    const size_t row = kvspan_ledger_row(ledger, group, slot);
    const uint32_t held = ledger->first_columns[row];
    const uint32_t first = held < column_count ? column_count : held;

    kvspan_ledger_drop_columns(ledger, group, slot, first, ledger->page_counts[row]);
    ledger->page_counts[row] = column_count;
    ledger->first_columns[row] = held < column_count ? held : column_count;
}

kvspan_status kvspan_sequence_truncate(kvspan_ledger *ledger, kvspan_sequence sequence,
                                       uint64_t token_count, kvspan_error *error)
{
    const uint32_t slot_index = (uint32_t)sequence;
    const kvspan_status status = check_cut(ledger, sequence, token_count, error);
    kvspan_slot *slot = NULL;

    if (status != KVSPAN_OK) {
        return status;
    }
    slot = &ledger->slots[slot_index];
    if (slot->committed_count > token_count) {
        slot->committed_count = token_count;
    }
    if (slot->token_count == token_count) {
        return KVSPAN_OK;
    }
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        cut_row(ledger, group, slot_index,
                (uint32_t)kvspan_token_pages(&ledger->rule, token_count));
    }
    kvspan_ledger_set_length(ledger, slot_index, token_count);
    if (!kvspan_slot_set_has(&ledger->admitted, slot_index) &&
        !kvspan_slot_set_has(&ledger->trimmed, slot_index)) {
        kvspan_slot_set_add(&ledger->trimmed, slot_index);
    }
    return KVSPAN_OK;
}
