#include "runtime/ledger/check.h"

#include <inttypes.h>

static kvspan_status check_set(const kvspan_slot_set *set, const char *name, uint32_t slot_count,
                               kvspan_error *error)
{
    uint32_t count = 0;

    for (uint32_t slot = kvspan_slot_set_next(set, 0); slot != KVSPAN_NO_SLOT;
         slot = kvspan_slot_set_next(set, slot + 1)) {
        if (slot >= slot_count) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT, "%s slot %u is not in [0, %u)", name,
                               slot, slot_count);
        }
        if (slot / KVSPAN_SLOTS_PER_WORD < set->first_word) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "%s slot %u is before word %u, where the search begins", name, slot,
                               set->first_word);
        }
        count++;
    }
    if (count != set->count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT, "%u %s slots are counted as %u", count, name,
                           set->count);
    }
    return KVSPAN_OK;
}

static kvspan_status check_free_slot(const kvspan_ledger *ledger, uint32_t slot_index,
                                     kvspan_error *error)
{
    const kvspan_slot *slot = &ledger->slots[slot_index];
    uint32_t page_count = 0;

    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        page_count += ledger->page_counts[kvspan_ledger_row(ledger, group, slot_index)];
    }
    if (page_count > 0) {
        return kvspan_fail(
            error, KVSPAN_ERR_CORRUPT,
            "slot %u is free but holds %u pages from page %u on; tag %" PRIu64 " had it last",
            slot_index, page_count, kvspan_ledger_columns(ledger, 0, slot_index)[0], slot->tag);
    }
    if (slot->token_count > 0 || slot->committed_count > 0 || slot->has_row) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u is free but has %" PRIu64 " tokens, %" PRIu64 " committed, %d "
                           "rows; tag %" PRIu64 " had it last",
                           slot_index, slot->token_count, slot->committed_count, slot->has_row,
                           slot->tag);
    }
    if (kvspan_slot_set_has(&ledger->admitted, slot_index)) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u is free but would be admitted; tag %" PRIu64 " had it last",
                           slot_index, slot->tag);
    }
    return KVSPAN_OK;
}

static kvspan_status check_live_slot(const kvspan_ledger *ledger, uint32_t slot_index,
                                     kvspan_error *error)
{
    const kvspan_slot *slot = &ledger->slots[slot_index];
    const uint64_t needed = kvspan_token_pages(&ledger->rule, slot->token_count);
    const uint64_t limit = ledger->config.max_sequence_tokens;

    if (slot->token_count > limit || slot->committed_count > limit) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u (tag %" PRIu64 ") has %" PRIu64 " tokens, %" PRIu64
                           " committed, max_sequence_tokens is %" PRIu64,
                           slot_index, slot->tag, slot->token_count, slot->committed_count, limit);
    }
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        const uint32_t held = ledger->page_counts[kvspan_ledger_row(ledger, group, slot_index)];

        if (held != needed) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "slot %u (tag %" PRIu64 ") has %u pages for %" PRIu64
                               " tokens, which need %" PRIu64,
                               slot_index, slot->tag, held, slot->token_count, needed);
        }
    }
    return KVSPAN_OK;
}

static kvspan_status check_slots(const kvspan_ledger *ledger, kvspan_error *error)
{
    const uint32_t slot_count = ledger->config.slot_count;
    kvspan_status status = check_set(&ledger->free, "free", slot_count, error);

    if (status == KVSPAN_OK) {
        status = check_set(&ledger->released, "released", slot_count, error);
    }
    if (status == KVSPAN_OK) {
        status = check_set(&ledger->admitted, "admitted", slot_count, error);
    }
    for (uint32_t slot = 0; status == KVSPAN_OK && slot < slot_count; slot++) {
        if (ledger->slots[slot].generation == 0) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "slot %u (tag %" PRIu64 ") is at "
                               "generation 0",
                               slot, ledger->slots[slot].tag);
        }
        status = kvspan_slot_set_has(&ledger->free, slot) ? check_free_slot(ledger, slot, error)
                                                          : check_live_slot(ledger, slot, error);
    }
    return status;
}

/* The sums that are kept against those of all terms. */
static kvspan_status check_sums(const kvspan_ledger *ledger, kvspan_error *error)
{
    uint64_t tokens = 0;
    uint64_t digest = 0;

    for (uint32_t slot = 0; slot < ledger->config.slot_count; slot++) {
        if (kvspan_slot_set_has(&ledger->free, slot)) {
            continue;
        }
        tokens += ledger->slots[slot].token_count;
        digest +=
            kvspan_digest_sequence(slot, ledger->slots[slot].tag, ledger->slots[slot].token_count);
        for (uint32_t group = 0; group < ledger->config.group_count; group++) {
            digest += kvspan_ledger_entries_digest(
                ledger, group, slot, 0,
                ledger->page_counts[kvspan_ledger_row(ledger, group, slot)]);
        }
    }
    if (tokens != ledger->token_count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "the sequences have %" PRIu64 " tokens, %" PRIu64 " are counted", tokens,
                           ledger->token_count);
    }
    if (digest != ledger->digest) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "the tables have digest %016" PRIx64 ", %016" PRIx64 " is kept", digest,
                           ledger->digest);
    }
    return KVSPAN_OK;
}

static kvspan_status check_row(const kvspan_ledger *ledger, const kvspan_row_change *row,
                               kvspan_error *error)
{
    const kvspan_slot *slot = NULL;

    if (row->slot >= ledger->config.slot_count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT, "a row's slot %u is not in [0, %u)",
                           row->slot, ledger->config.slot_count);
    }
    slot = &ledger->slots[row->slot];
    if (!slot->has_row || row->token_count == 0 || row->token_count > slot->token_count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u (tag %" PRIu64 ") of %" PRIu64 " tokens knows of %d rows, the "
                           "step has one of %u tokens",
                           row->slot, slot->tag, slot->token_count, slot->has_row,
                           row->token_count);
    }
    return KVSPAN_OK;
}

/* A run ends its row of the table: nothing is added behind it in the same step. */
static kvspan_status check_run(const kvspan_ledger *ledger, const kvspan_page_run *run,
                               kvspan_error *error)
{
    const size_t row =
        run->group < ledger->config.group_count && run->slot < ledger->config.slot_count
            ? kvspan_ledger_row(ledger, run->group, run->slot)
            : SIZE_MAX;

    if (row == SIZE_MAX || run->page_count == 0 ||
        (uint64_t)run->first_column + run->page_count != ledger->page_counts[row] ||
        run->pages != ledger->tables + row * ledger->column_count + run->first_column) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "the step adds %u pages to slot %u from column %u on, which the table "
                           "does not end with",
                           run->page_count, run->slot, run->first_column);
    }
    return KVSPAN_OK;
}

static kvspan_status check_step(const kvspan_ledger *ledger, kvspan_error *error)
{
    const kvspan_step *step = &ledger->step;
    kvspan_status status = KVSPAN_OK;
    uint64_t tokens = 0;
    uint32_t marked = 0;

    for (uint32_t row = 0; status == KVSPAN_OK && row < step->row_count; row++) {
        tokens += step->rows[row].token_count;
        status = check_row(ledger, &step->rows[row], error);
    }
    for (uint32_t run = 0; status == KVSPAN_OK && run < step->page_run_count; run++) {
        status = check_run(ledger, &step->page_runs[run], error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    for (uint32_t slot = 0; slot < ledger->config.slot_count; slot++) {
        marked += ledger->slots[slot].has_row;
    }
    if (marked != step->row_count || tokens != step->token_count ||
        (!step->is_open && marked > 0)) {
        return kvspan_fail(
            error, KVSPAN_ERR_CORRUPT,
            "the %s step has %u rows of %u tokens, %u slots have rows of %" PRIu64 " tokens",
            step->is_open ? "open" : "closed", step->row_count, step->token_count, marked, tokens);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_ledger_check(const kvspan_ledger *ledger, kvspan_error *error)
{
    /* Pages first: their messages say the most about what went wrong. */
    kvspan_status status = kvspan_ledger_check_pages(ledger, error);

    if (status == KVSPAN_OK) {
        status = check_slots(ledger, error);
    }
    if (status == KVSPAN_OK) {
        status = check_sums(ledger, error);
    }
    if (status == KVSPAN_OK) {
        status = check_step(ledger, error);
    }
    return status;
}
