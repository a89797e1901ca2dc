#include <kvspan/ledger.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/ledger_config.h"
#include "runtime/ledger/ledger_state.h"

/* Cuts one block of memory into arrays. Without a block it only measures. */
typedef struct memory_plan {
    unsigned char *block;
    size_t bytes;
    bool is_too_big; /* for size_t */
} memory_plan;

enum {
    ARRAY_ALIGNMENT = 16
};

/* An array [rows][columns] of items; NULL while measuring. */
static void *carve(memory_plan *plan, uint64_t rows, uint64_t columns, size_t item_bytes)
{
    const size_t start = plan->bytes;
    size_t bytes = 0;

    plan->is_too_big =
        plan->is_too_big || __builtin_mul_overflow(rows, columns, &bytes) ||
        __builtin_mul_overflow(bytes, item_bytes, &bytes) ||
        __builtin_add_overflow(bytes, ARRAY_ALIGNMENT - 1, &bytes) ||
        __builtin_add_overflow(start, bytes / ARRAY_ALIGNMENT * ARRAY_ALIGNMENT, &plan->bytes);
    return plan->block && !plan->is_too_big ? plan->block + start : NULL;
}

static kvspan_slot_set carve_set(memory_plan *plan, uint32_t slot_count)
{
    const uint32_t word_count = kvspan_slot_set_words(slot_count);

    return (kvspan_slot_set){ .words = carve(plan, 1, word_count, sizeof(uint64_t)),
                              .word_count = word_count };
}

/* Places every array of a ledger whose config is set, and the ledger itself. */
static kvspan_ledger *carve_ledger(memory_plan *plan, const kvspan_ledger *sizes)
{
    const kvspan_ledger_config *config = &sizes->config;
    const uint64_t table_rows = (uint64_t)config->group_count * config->slot_count;
    kvspan_ledger *place = carve(plan, 1, 1, sizeof(kvspan_ledger));
    kvspan_ledger ledger = *sizes;
    kvspan_step *step = &ledger.step;

    ledger.pool.queue = carve(plan, 1, config->page_count - 1, sizeof(uint32_t));
    ledger.pool.records = carve(plan, 1, config->page_count, sizeof(kvspan_page_record));
    ledger.tables = carve(plan, table_rows, ledger.column_count, sizeof(uint32_t));
    ledger.page_counts = carve(plan, 1, table_rows, sizeof(uint32_t));
    ledger.first_columns = carve(plan, 1, table_rows, sizeof(uint32_t));
    ledger.told_columns = carve(plan, 1, table_rows, sizeof(uint32_t));
    ledger.slots = carve(plan, 1, config->slot_count, sizeof(kvspan_slot));
    ledger.free = carve_set(plan, config->slot_count);
    ledger.released = carve_set(plan, config->slot_count);
    ledger.admitted = carve_set(plan, config->slot_count);
    ledger.trimmed = carve_set(plan, config->slot_count);
    ledger.slid = carve_set(plan, config->slot_count);
    ledger.entry_counts = carve(plan, 1, config->page_count, sizeof(uint32_t));
    step->rows = carve(plan, 1, config->max_step_rows, sizeof(kvspan_row_change));
    step->page_runs =
        carve(plan, config->max_step_rows, config->group_count, sizeof(kvspan_page_run));
    step->copies =
        carve(plan, config->max_step_rows, config->group_count, sizeof(kvspan_page_copy));
    step->payload = carve(plan, 1, config->max_payload_bytes, 1);
    step->released = carve(plan, 1, config->slot_count, sizeof(uint32_t));
    step->admitted = carve(plan, 1, config->slot_count, sizeof(kvspan_admit));
    step->trims = carve(plan, 1, config->slot_count, sizeof(kvspan_trim));
    step->windows = carve(plan, 1, table_rows, sizeof(kvspan_window_change));
    step->shared_runs = carve(plan, 1, table_rows, sizeof(kvspan_shared_run));
    step->ledger = place;
    if (place) {
        *place = ledger;
    }
    return place;
}

/* What follows from the config alone. */
static kvspan_ledger derive_sizes(const kvspan_ledger_config *config)
{
    kvspan_ledger sizes = { .config = *config,
                            .rule = { .page_tokens = config->page_tokens,
                                      .member_count = config->token_members } };
    const uint64_t longest = kvspan_token_pages(&sizes.rule, config->max_sequence_tokens);

    sizes.stretch_tokens = config->page_tokens * config->token_members;
    sizes.column_count = (uint32_t)longest;
    for (uint32_t group = 0; group < config->group_count; group++) {
        /* Without a window each column holds a page of its own. */
        if (config->group_windows[group] == 0 && longest > config->page_count - 1) {
            sizes.column_count = config->page_count - 1;
        }
    }
    return sizes;
}

kvspan_status kvspan_ledger_create(const kvspan_ledger_config *config, kvspan_ledger **ledger_out,
                                   kvspan_error *error)
{
    kvspan_ledger_config read = { 0 };
    const kvspan_status status = kvspan_ledger_config_read(config, &read, error);
    kvspan_ledger sizes;
    memory_plan plan = { 0 };
    kvspan_ledger *ledger = NULL;

    if (status != KVSPAN_OK) {
        return status;
    }
    if (!ledger_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "ledger_out is NULL");
    }
    sizes = derive_sizes(&read);
    (void)carve_ledger(&plan, &sizes);
    if (!plan.is_too_big) {
        plan.block = calloc(1, plan.bytes);
    }
    if (!plan.block) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY,
                           "no memory for a ledger of %u pages and %u slots of %u pages: %zu bytes",
                           read.page_count, read.slot_count, sizes.column_count, plan.bytes);
    }
    plan.bytes = 0;
    ledger = carve_ledger(&plan, &sizes);
    kvspan_page_pool_init(&ledger->pool, read.page_count, ledger->pool.queue, ledger->pool.records);
    for (uint32_t slot = 0; slot < read.slot_count; slot++) {
        ledger->slots[slot].generation = 1;
        kvspan_slot_set_add(&ledger->free, slot);
    }
    *ledger_out = ledger;
    return KVSPAN_OK;
}

void kvspan_ledger_destroy(kvspan_ledger *ledger)
{
    free(ledger);
}

kvspan_ledger_counts kvspan_ledger_count(const kvspan_ledger *ledger)
{
    uint32_t total;

    if (!ledger) {
        return (kvspan_ledger_counts){ .pages_total = 0 };
    }
    total = ledger->pool.page_count - 1;
    return (kvspan_ledger_counts){ .pages_total = total,
                                   .pages_free = ledger->pool.free_count,
                                   .pages_in_use = total - ledger->pool.free_count,
                                   .pages_high_water = ledger->pool.high_water,
                                   .sequences = ledger->config.slot_count - ledger->free.count,
                                   .slots_free = ledger->free.count,
                                   .tokens = ledger->token_count,
                                   .epoch = ledger->epoch };
}

void kvspan_ledger_set_length(kvspan_ledger *ledger, uint32_t slot_index, uint64_t tokens)
{
    kvspan_slot *slot = &ledger->slots[slot_index];

    ledger->digest += kvspan_digest_sequence(slot_index, slot->tag, tokens) -
                      kvspan_digest_sequence(slot_index, slot->tag, slot->token_count);
    ledger->token_count += tokens - slot->token_count;
    slot->token_count = tokens;
}

void kvspan_ledger_drop_columns(kvspan_ledger *ledger, uint32_t group, uint32_t slot,
                                uint32_t first, uint32_t end)
{
    uint32_t *columns = kvspan_ledger_columns(ledger, group, slot);
    kvspan_status status;

    if (first >= end) {
        return;
    }
    ledger->digest -= kvspan_ledger_entries_digest(ledger, group, slot, first, end - first);
    status = kvspan_page_pool_give(&ledger->pool, columns + first, end - first, NULL);
    assert(status == KVSPAN_OK);
    (void)status;
    memset(columns + first, 0, (end - first) * sizeof(columns[0]));
}

void kvspan_ledger_adopt(kvspan_ledger *ledger)
{
    ledger->is_adopted = true;
}

const uint32_t *kvspan_ledger_table(const kvspan_ledger *ledger, uint32_t group, uint32_t slot,
                                    uint32_t *page_count_out)
{
    *page_count_out = ledger->page_counts[kvspan_ledger_row(ledger, group, slot)];
    return kvspan_ledger_columns(ledger, group, slot);
}

const kvspan_ledger_config *kvspan_ledger_sizes(const kvspan_ledger *ledger)
{
    return &ledger->config;
}

uint64_t kvspan_ledger_digest(const kvspan_ledger *ledger)
{
    return ledger->digest;
}
