#include "runtime/ledger/check.h"

#include <inttypes.h>

#include "runtime/ledger/window.h"

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
        page_count += ledger->first_columns[kvspan_ledger_row(ledger, group, slot_index)];
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
    if (kvspan_slot_set_has(&ledger->trimmed, slot_index) ||
        kvspan_slot_set_has(&ledger->slid, slot_index)) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u is free but the ranks would be told what changed in it; tag "
                           "%" PRIu64 " had it last",
                           slot_index, slot->tag);
    }
    return KVSPAN_OK;
}

/* The next query finds what it sees, and nothing is kept that no query to come will see. */
static kvspan_status check_window(const kvspan_ledger *ledger, uint32_t group, uint32_t slot_index,
                                  kvspan_error *error)
{
    const kvspan_slot *slot = &ledger->slots[slot_index];
    const uint64_t base = kvspan_ledger_base_tokens(ledger, slot_index);
    const uint64_t query = slot->committed_count < base ? slot->committed_count : base;
    const uint32_t first = ledger->first_columns[kvspan_ledger_row(ledger, group, slot_index)];
    const uint32_t least = kvspan_window_first_column(ledger, group, query);
    const uint32_t most = kvspan_window_first_column(ledger, group, base);

    if (first < least || first > most) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u (tag %" PRIu64 "), group %u holds pages from column %u on, not "
                           "in [%u, %u]",
                           slot_index, slot->tag, group, first, least, most);
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
        if (check_window(ledger, group, slot_index, error) != KVSPAN_OK) {
            return KVSPAN_ERR_CORRUPT;
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
    if (status == KVSPAN_OK) {
        status = check_set(&ledger->trimmed, "trimmed", slot_count, error);
    }
    if (status == KVSPAN_OK) {
        status = check_set(&ledger->slid, "slid", slot_count, error);
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
            const size_t row = kvspan_ledger_row(ledger, group, slot);

            digest +=
                kvspan_ledger_entries_digest(ledger, group, slot, ledger->first_columns[row],
                                             ledger->page_counts[row] - ledger->first_columns[row]);
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
    if (!slot->has_row || row->token_count == 0 || row->token_count != slot->row_tokens ||
        row->token_count > slot->token_count) {
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

static kvspan_status check_copy(const kvspan_ledger *ledger, const kvspan_page_copy *copy,
                                kvspan_error *error)
{
    const size_t row = kvspan_ledger_row(ledger, copy->group, copy->slot);

    if (copy->group >= ledger->config.group_count || copy->slot >= ledger->config.slot_count ||
        copy->column >= ledger->page_counts[row] ||
        ledger->tables[row * ledger->column_count + copy->column] != copy->target ||
        copy->source >= ledger->config.page_count ||
        ledger->pool.records[copy->source].holds == 0) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "the step copies page %u to page %u for slot %u, column %u, which the "
                           "table does not have there, or which it does not hold",
                           copy->source, copy->target, copy->slot, copy->column);
    }
    return KVSPAN_OK;
}

static kvspan_status check_holds(const kvspan_ledger *ledger, kvspan_error *error)
{
    uint64_t holds = 0;

    for (uint32_t page = 0; page < ledger->config.page_count; page++) {
        holds += ledger->pool.records[page].holds;
    }
    if (holds != ledger->step.copy_count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "pages are held %" PRIu64 " times, the step has %u copies", holds,
                           ledger->step.copy_count);
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
    for (uint32_t copy = 0; status == KVSPAN_OK && copy < step->copy_count; copy++) {
        status = check_copy(ledger, &step->copies[copy], error);
    }
    if (status == KVSPAN_OK) {
        status = check_holds(ledger, error);
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
    kvspan_status status = kvspan_ledger_refuse_null(ledger, error);

    if (status == KVSPAN_OK) {
        /* Pages first: their messages say the most about what went wrong. */
        status = kvspan_ledger_check_pages(ledger, error);
    }
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
