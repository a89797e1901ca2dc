#include <kvspan/ledger.h>

#include <inttypes.h>
#include <kvspan/sized_struct.h>

#include "runtime/ledger/ledger_state.h"
#include "runtime/ledger/window.h"

/* A generation still to come, or the one that the slot's next sequence will have. */
static bool was_created(const kvspan_ledger *ledger, kvspan_sequence sequence)
{
    const uint32_t generation = (uint32_t)(sequence >> 32);

    return generation != 0 && generation < ledger->slots[(uint32_t)sequence].generation;
}

static kvspan_status fail_handle(const kvspan_ledger *ledger, kvspan_sequence sequence,
                                 const char *what, kvspan_error *error)
{
    const uint32_t slot = (uint32_t)sequence;

    if (slot >= ledger->config.slot_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "slot %u of the sequence is not in [0, %u)",
                           slot, ledger->config.slot_count);
    }
    return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                       "the sequence %s: it is generation %u of slot %u, which is %s at "
                       "generation %u",
                       was_created(ledger, sequence) ? what : "was never created",
                       (uint32_t)(sequence >> 32), slot,
                       kvspan_slot_set_has(&ledger->free, slot) ? "free" : "taken",
                       ledger->slots[slot].generation);
}

kvspan_status kvspan_ledger_fail_stale(const kvspan_ledger *ledger, kvspan_sequence sequence,
                                       kvspan_error *error)
{
    return fail_handle(ledger, sequence, "is stale", error);
}

kvspan_status kvspan_ledger_refuse_null(const kvspan_ledger *ledger, kvspan_error *error)
{
    return ledger ? KVSPAN_OK
                  : kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                                "ledger is NULL: only the coordinator has one");
}

static kvspan_status check_options(const kvspan_sequence_config *config, kvspan_error *error)
{
    if (config->name_space || config->name_space_bytes != 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "name_space of %zu bytes: name spaces are not supported",
                           config->name_space_bytes);
    }
    if (config->priority != 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "priority is %d: priorities are not supported", config->priority);
    }
    if (config->flags != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "flags are 0x%x, not 0", config->flags);
    }
    return KVSPAN_OK;
}

static kvspan_status check_prompt(const kvspan_ledger *ledger, uint64_t token_count,
                                  kvspan_error *error)
{
    const uint64_t pages = kvspan_window_least_pages(ledger, token_count);

    if (token_count > ledger->config.max_sequence_tokens) {
        return kvspan_fail(error, KVSPAN_ERR_NEVER_FITS,
                           "a prompt of %" PRIu64 " tokens is longer than max_sequence_tokens "
                           "%" PRIu64,
                           token_count, ledger->config.max_sequence_tokens);
    }
    if (pages > ledger->config.page_count - 1) {
        return kvspan_fail(error, KVSPAN_ERR_NEVER_FITS,
                           "a prompt of %" PRIu64 " tokens needs %" PRIu64 " pages, there are %u",
                           token_count, pages, ledger->config.page_count - 1);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_ledger_take_slot(kvspan_ledger *ledger, uint64_t tag, uint32_t *slot_out,
                                      kvspan_error *error)
{
    uint32_t slot = 0;

    if (ledger->free.count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_NO_SLOTS, "all %u slots are taken",
                           ledger->config.slot_count);
    }
    slot = kvspan_slot_set_take(&ledger->free);
    kvspan_slot_set_add(&ledger->admitted, slot);
    ledger->slots[slot].tag = tag;
    ledger->digest += kvspan_digest_sequence(slot, tag, 0);
    *slot_out = slot;
    return KVSPAN_OK;
}

kvspan_status kvspan_sequence_create(kvspan_ledger *ledger, const kvspan_sequence_config *config,
                                     kvspan_sequence *sequence_out, uint64_t *cached_tokens_out,
                                     kvspan_error *error)
{
    kvspan_sequence_config read = { 0 };
    kvspan_status status = kvspan_read_sized(
        &read, sizeof(read), config, offsetof(kvspan_sequence_config, tokens), "config", error);
    uint32_t slot = 0;

    if (!ledger) {
        return kvspan_ledger_refuse_null(ledger, error);
    }
    if (!sequence_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "sequence_out is NULL");
    }
    if (status == KVSPAN_OK) {
        status = check_options(&read, error);
    }
    if (status == KVSPAN_OK) {
        status = check_prompt(ledger, read.token_count, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_ledger_take_slot(ledger, read.tag, &slot, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    ledger->slots[slot].committed_count = read.token_count;
    *sequence_out = (uint64_t)ledger->slots[slot].generation << 32 | slot;
    if (cached_tokens_out) {
        *cached_tokens_out = 0;
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_sequence_commit(kvspan_ledger *ledger, kvspan_sequence sequence,
                                     const uint32_t *tokens, uint32_t token_count,
                                     const uint32_t *accepted_nodes, kvspan_error *error)
{
    kvspan_slot *slot = NULL;

    (void)tokens; /* for the prefix index */
    if (!ledger) {
        return kvspan_ledger_refuse_null(ledger, error);
    }
    if (accepted_nodes) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "accepted_nodes: token trees are not supported");
    }
    if (token_count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "token_count is 0, not at least 1");
    }
    if (!kvspan_ledger_has(ledger, sequence)) {
        return kvspan_ledger_fail_stale(ledger, sequence, error);
    }
    slot = &ledger->slots[(uint32_t)sequence];
    if (slot->committed_count + token_count > ledger->config.max_sequence_tokens) {
        return kvspan_fail(error, KVSPAN_ERR_NEVER_FITS,
                           "slot %u (tag %" PRIu64 ") has %" PRIu64 " committed tokens, %u more "
                           "are beyond max_sequence_tokens %" PRIu64,
                           (uint32_t)sequence, slot->tag, slot->committed_count, token_count,
                           ledger->config.max_sequence_tokens);
    }
    slot->committed_count += token_count;
    kvspan_window_slide(ledger, (uint32_t)sequence);
    return KVSPAN_OK;
}

/* Gives back the pages of one row of a page table and empties it. */
static void drop_row(kvspan_ledger *ledger, uint32_t group, uint32_t slot)
{
    const size_t row = kvspan_ledger_row(ledger, group, slot);

    kvspan_ledger_drop_columns(ledger, group, slot, ledger->first_columns[row],
                               ledger->page_counts[row]);
    ledger->page_counts[row] = 0;
    ledger->first_columns[row] = 0;
}

/* The ranks hear of an end only if they heard of the beginning, and of nothing between. */
static void note_release(kvspan_ledger *ledger, uint32_t slot)
{
    if (kvspan_slot_set_has(&ledger->trimmed, slot)) {
        kvspan_slot_set_remove(&ledger->trimmed, slot);
    }
    if (kvspan_slot_set_has(&ledger->slid, slot)) {
        kvspan_slot_set_remove(&ledger->slid, slot);
    }
    if (kvspan_slot_set_has(&ledger->admitted, slot)) {
        kvspan_slot_set_remove(&ledger->admitted, slot);
    } else {
        kvspan_slot_set_add(&ledger->released, slot);
    }
}

kvspan_status kvspan_sequence_free(kvspan_ledger *ledger, kvspan_sequence sequence,
                                   kvspan_error *error)
{
    const uint32_t slot_index = (uint32_t)sequence;
    kvspan_slot *slot = NULL;

    if (!ledger) {
        return kvspan_ledger_refuse_null(ledger, error);
    }
    if (!kvspan_ledger_has(ledger, sequence)) {
        return fail_handle(ledger, sequence, "was freed already", error);
    }
    slot = &ledger->slots[slot_index];
    if (slot->has_row) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "slot %u (tag %" PRIu64 ") has a row in the open step of epoch %" PRIu64,
                           slot_index, slot->tag, ledger->epoch + 1);
    }
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        drop_row(ledger, group, slot_index);
    }
    ledger->digest -= kvspan_digest_sequence(slot_index, slot->tag, slot->token_count);
    ledger->token_count -= slot->token_count;
    slot->token_count = 0;
    slot->committed_count = 0;
    /* Generation 0 would make slot 0's handle the one that is never valid. */
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    note_release(ledger, slot_index);
    kvspan_slot_set_add(&ledger->free, slot_index);
    return KVSPAN_OK;
}

uint64_t kvspan_sequence_tokens(const kvspan_ledger *ledger, kvspan_sequence sequence)
{
    return kvspan_ledger_has(ledger, sequence) ? ledger->slots[(uint32_t)sequence].token_count : 0;
}

uint64_t kvspan_sequence_committed(const kvspan_ledger *ledger, kvspan_sequence sequence)
{
    return kvspan_ledger_has(ledger, sequence) ? ledger->slots[(uint32_t)sequence].committed_count
                                               : 0;
}
