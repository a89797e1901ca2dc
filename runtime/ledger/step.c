#include <kvspan/ledger.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/ledger/ledger_state.h"
#include "runtime/ledger/window.h"

static kvspan_status check_open(const kvspan_step *step, kvspan_error *error)
{
    if (!step) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "step is NULL");
    }
    return step->is_open ? KVSPAN_OK
                         : kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the step is not open");
}

kvspan_status kvspan_step_open(kvspan_ledger *ledger, kvspan_step **step_out, kvspan_error *error)
{
    if (!ledger) {
        return kvspan_ledger_refuse_null(ledger, error);
    }
    if (!step_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "step_out is NULL");
    }
    if (ledger->step.is_open) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "a step is open already: epoch %" PRIu64 " with %u rows",
                           ledger->epoch + 1, ledger->step.row_count);
    }
    ledger->step.is_open = true;
    *step_out = &ledger->step;
    return KVSPAN_OK;
}

/* Empties the step; what its rows did stays done. */
static void close_step(kvspan_step *step)
{
    for (uint32_t row = 0; row < step->row_count; row++) {
        kvspan_slot *slot = &step->ledger->slots[step->rows[row].slot];

        slot->has_row = false;
        slot->row_tokens = 0;
    }
    step->is_open = false;
    step->row_count = 0;
    step->token_count = 0;
    step->page_run_count = 0;
    step->copy_count = 0;
    step->payload_bytes = 0;
}

static kvspan_status check_row(const kvspan_step *step, kvspan_sequence sequence,
                               uint32_t new_tokens, kvspan_error *error)
{
    const kvspan_ledger *ledger = step->ledger;
    const kvspan_ledger_config *config = &ledger->config;
    const kvspan_slot *slot = NULL;

    if (new_tokens == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "new_tokens is 0, not at least 1");
    }
    if (!kvspan_ledger_has(ledger, sequence)) {
        return kvspan_ledger_fail_stale(ledger, sequence, error);
    }
    slot = &ledger->slots[(uint32_t)sequence];
    if (slot->has_row) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "slot %u (tag %" PRIu64 ") has a row in this step already",
                           (uint32_t)sequence, slot->tag);
    }
    if (slot->token_count + new_tokens > config->max_sequence_tokens) {
        return kvspan_fail(error, KVSPAN_ERR_NEVER_FITS,
                           "slot %u (tag %" PRIu64 ") has %" PRIu64 " tokens, %u more are beyond "
                           "max_sequence_tokens %" PRIu64,
                           (uint32_t)sequence, slot->tag, slot->token_count, new_tokens,
                           config->max_sequence_tokens);
    }
    if (step->row_count == config->max_step_rows) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the step has %u rows, max_step_rows is %u",
                           step->row_count, config->max_step_rows);
    }
    if (new_tokens > config->max_step_tokens - step->token_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the step has %u tokens, %u more are beyond max_step_tokens %u",
                           step->token_count, new_tokens, config->max_step_tokens);
    }
    return KVSPAN_OK;
}

/* The column that a slot's next token goes to holds tokens, in a page that others have too. */
static bool must_copy(const kvspan_ledger *ledger, uint32_t group, uint32_t slot)
{
    const uint64_t tokens = ledger->slots[slot].token_count;
    const uint32_t *columns = kvspan_ledger_columns(ledger, group, slot);

    return tokens % ledger->stretch_tokens != 0 &&
           kvspan_page_pool_is_shared(&ledger->pool, columns[tokens / ledger->stretch_tokens]);
}

/* The pages that a slot of `tokens` tokens lacks in every group together, copies included. */
static uint64_t missing_pages(const kvspan_ledger *ledger, uint32_t slot, uint64_t tokens)
{
    uint64_t missing = 0;

    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        const uint32_t held = ledger->page_counts[kvspan_ledger_row(ledger, group, slot)];

        missing += must_copy(ledger, group, slot);
        /* Most rows of a decode step need none: no second division for them. */
        if (tokens > (uint64_t)held * ledger->stretch_tokens) {
            missing += kvspan_token_pages(&ledger->rule, tokens) - held;
        }
    }
    return missing;
}

static kvspan_status check_pages(const kvspan_ledger *ledger, uint32_t slot, uint64_t tokens,
                                 uint64_t missing, kvspan_error *error)
{
    const uint32_t page_total = ledger->config.page_count - 1;
    const uint64_t needed =
        kvspan_window_row_pages(ledger, ledger->slots[slot].token_count, tokens);

    if (needed > page_total) {
        return kvspan_fail(error, KVSPAN_ERR_NEVER_FITS,
                           "slot %u (tag %" PRIu64 ") needs %" PRIu64 " pages for %" PRIu64
                           " tokens, there are %u",
                           slot, ledger->slots[slot].tag, needed, tokens, page_total);
    }
    if (missing > ledger->pool.free_count) {
        return kvspan_fail(error, KVSPAN_ERR_NO_PAGES,
                           "slot %u (tag %" PRIu64 ") needs %" PRIu64 " more pages, %u of %u are "
                           "free",
                           slot, ledger->slots[slot].tag, missing, ledger->pool.free_count,
                           page_total);
    }
    return KVSPAN_OK;
}

/* Puts a page of its own in place of a shared one; the step holds on to that until it ends, so that
 * it can still be read, or put back. */
static void copy_page(kvspan_step *step, uint32_t group, uint32_t slot)
{
    kvspan_ledger *ledger = step->ledger;
    const uint32_t column = (uint32_t)(ledger->slots[slot].token_count / ledger->stretch_tokens);
    uint32_t *page = kvspan_ledger_columns(ledger, group, slot) + column;
    const uint32_t source = *page;
    kvspan_status status;

    kvspan_page_pool_hold(&ledger->pool, source);
    ledger->digest -= kvspan_digest_entry(group, slot, column, source);
    status = kvspan_page_pool_take(&ledger->pool, 1, slot, ledger->slots[slot].tag, page, NULL);
    assert(status == KVSPAN_OK);
    (void)status;
    ledger->digest += kvspan_digest_entry(group, slot, column, *page);
    step->copies[step->copy_count++] = (kvspan_page_copy){
        .group = group, .slot = slot, .column = column, .source = source, .target = *page
    };
}

/* Adds the pages that one row of a page table lacks. There are enough. */
static void add_pages(kvspan_step *step, uint32_t group, uint32_t slot, uint64_t tokens)
{
    kvspan_ledger *ledger = step->ledger;
    uint32_t *held = &ledger->page_counts[kvspan_ledger_row(ledger, group, slot)];
    const uint32_t count = (uint32_t)kvspan_token_pages(&ledger->rule, tokens) - *held;
    uint32_t *pages = kvspan_ledger_columns(ledger, group, slot) + *held;
    kvspan_status status;

    if (count == 0) {
        return;
    }
    status =
        kvspan_page_pool_take(&ledger->pool, count, slot, ledger->slots[slot].tag, pages, NULL);
    assert(status == KVSPAN_OK);
    (void)status;
    ledger->digest += kvspan_ledger_entries_digest(ledger, group, slot, *held, count);
    step->page_runs[step->page_run_count++] = (kvspan_page_run){
        .group = group, .slot = slot, .first_column = *held, .page_count = count, .pages = pages
    };
    *held += count;
}

/* Takes the pages of a row, copies first. There are enough. */
static void take_pages(kvspan_step *step, uint32_t slot, uint64_t tokens)
{
    const uint32_t group_count = step->ledger->config.group_count;

    for (uint32_t group = 0; group < group_count; group++) {
        if (must_copy(step->ledger, group, slot)) {
            copy_page(step, group, slot);
        }
    }
    for (uint32_t group = 0; group < group_count; group++) {
        add_pages(step, group, slot, tokens);
    }
}

kvspan_status kvspan_step_add(kvspan_step *step, kvspan_sequence sequence, uint32_t new_tokens,
                              const int32_t *tree_parents, kvspan_error *error)
{
    const uint32_t slot = (uint32_t)sequence;
    kvspan_ledger *ledger = NULL;
    kvspan_status status = check_open(step, error);
    uint64_t tokens = 0;
    uint64_t missing = 0;

    if (status != KVSPAN_OK) {
        return status;
    }
    if (tree_parents) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "tree_parents: token trees are not supported");
    }
    status = check_row(step, sequence, new_tokens, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    ledger = step->ledger;
    tokens = ledger->slots[slot].token_count + new_tokens;
    missing = missing_pages(ledger, slot, tokens);
    ledger->slots[slot].first_copy = step->copy_count;
    if (missing > 0) {
        status = check_pages(ledger, slot, tokens, missing, error);
        if (status != KVSPAN_OK) {
            return status;
        }
        take_pages(step, slot, tokens);
    }
    kvspan_ledger_set_length(ledger, slot, tokens);
    ledger->slots[slot].row_tokens = new_tokens;
    ledger->slots[slot].has_row = true;
    step->rows[step->row_count++] = (kvspan_row_change){ .slot = slot, .token_count = new_tokens };
    step->token_count += new_tokens;
    return KVSPAN_OK;
}

kvspan_status kvspan_step_attach(kvspan_step *step, const void *payload, size_t payload_bytes,
                                 kvspan_error *error)
{
    const kvspan_status status = check_open(step, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (payload_bytes > step->ledger->config.max_payload_bytes) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "payload_bytes is %zu, max_payload_bytes is %u", payload_bytes,
                           step->ledger->config.max_payload_bytes);
    }
    if (payload_bytes > 0 && !payload) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "payload is NULL for %zu bytes",
                           payload_bytes);
    }
    if (payload_bytes > 0) {
        memcpy(step->payload, payload, payload_bytes);
    }
    step->payload_bytes = (uint32_t)payload_bytes;
    return KVSPAN_OK;
}

uint32_t kvspan_step_row_count(const kvspan_step *step)
{
    return step ? step->row_count : 0;
}

uint32_t kvspan_step_token_count(const kvspan_step *step)
{
    return step ? step->token_count : 0;
}

/* Takes back one run of pages; it is the newest that is left. */
static void drop_run(kvspan_ledger *ledger, const kvspan_page_run *run)
{
    uint32_t *columns = kvspan_ledger_columns(ledger, run->group, run->slot);

    ledger->digest -= kvspan_ledger_entries_digest(ledger, run->group, run->slot, run->first_column,
                                                   run->page_count);
    kvspan_page_pool_untake(&ledger->pool, run->pages, run->page_count);
    memset(columns + run->first_column, 0, run->page_count * sizeof(columns[0]));
    ledger->page_counts[kvspan_ledger_row(ledger, run->group, run->slot)] = run->first_column;
}

/* Takes back one copy; it is the newest page that is left. */
static void drop_copy(kvspan_ledger *ledger, const kvspan_page_copy *copy)
{
    uint32_t *page = kvspan_ledger_columns(ledger, copy->group, copy->slot) + copy->column;

    ledger->digest -= kvspan_digest_entry(copy->group, copy->slot, copy->column, copy->target);
    kvspan_page_pool_untake(&ledger->pool, &copy->target, 1);
    kvspan_page_pool_unhold(&ledger->pool, copy->source);
    *page = copy->source;
    ledger->digest += kvspan_digest_entry(copy->group, copy->slot, copy->column, copy->source);
}

/* Takes back what the newest row that is left took, in reverse. */
static void drop_row(kvspan_step *step, const kvspan_row_change *row)
{
    kvspan_ledger *ledger = step->ledger;

    while (step->page_run_count > 0 &&
           step->page_runs[step->page_run_count - 1].slot == row->slot) {
        drop_run(ledger, &step->page_runs[--step->page_run_count]);
    }
    while (step->copy_count > 0 && step->copies[step->copy_count - 1].slot == row->slot) {
        drop_copy(ledger, &step->copies[--step->copy_count]);
    }
    kvspan_ledger_set_length(ledger, row->slot, kvspan_ledger_base_tokens(ledger, row->slot));
}

void kvspan_step_cancel(kvspan_step *step)
{
    if (!step || !step->is_open) {
        return;
    }
    for (uint32_t row = step->row_count; row-- > 0;) {
        drop_row(step, &step->rows[row]);
    }
    close_step(step);
}

/* The copied pages have been told: nothing reads them behind this step. */
static void release_sources(kvspan_step *step)
{
    kvspan_page_pool *pool = &step->ledger->pool;

    for (uint32_t i = 0; i < step->copy_count; i++) {
        kvspan_status status;

        kvspan_page_pool_unhold(pool, step->copies[i].source);
        status = kvspan_page_pool_give(pool, &step->copies[i].source, 1, NULL);
        assert(status == KVSPAN_OK);
        (void)status;
    }
}

static void tell_columns(kvspan_ledger *ledger, const kvspan_slot_set *slots)
{
    uint32_t slot = 0;

    for (uint32_t i = 0; i < slots->count; i++, slot++) {
        slot = kvspan_slot_set_next(slots, slot);
        for (uint32_t group = 0; group < ledger->config.group_count; group++) {
            const size_t row = kvspan_ledger_row(ledger, group, slot);

            ledger->told_columns[row] = ledger->first_columns[row];
        }
    }
}

void kvspan_step_seal(kvspan_step *step)
{
    kvspan_ledger *ledger = step->ledger;
    const uint32_t row_count = step->row_count;

    assert(step->is_open);
    ledger->epoch++;
    tell_columns(ledger, &ledger->admitted);
    tell_columns(ledger, &ledger->trimmed);
    tell_columns(ledger, &ledger->slid);
    kvspan_slot_set_clear(&ledger->released);
    kvspan_slot_set_clear(&ledger->admitted);
    kvspan_slot_set_clear(&ledger->trimmed);
    kvspan_slot_set_clear(&ledger->slid);
    release_sources(step);
    close_step(step);
    /* Rows are kept: the step's tokens are now what later queries follow. */
    for (uint32_t row = 0; row < row_count; row++) {
        kvspan_window_slide(ledger, step->rows[row].slot);
    }
}

kvspan_status kvspan_step_rehearse(kvspan_step *step, kvspan_error *error)
{
    const kvspan_status status = check_open(step, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (step->ledger->is_adopted) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the ledger of epoch %" PRIu64 " belongs to a cache: begin its step",
                           step->ledger->epoch);
    }
    kvspan_step_seal(step);
    return KVSPAN_OK;
}

kvspan_ledger *kvspan_step_ledger(const kvspan_step *step)
{
    return step->ledger;
}
