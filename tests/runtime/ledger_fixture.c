#include "ledger_fixture.h"

#include <check.h>
#include <string.h>

kvspan_ledger_config test_ledger_config(void)
{
    return (kvspan_ledger_config){ .size = sizeof(kvspan_ledger_config),
                                   .page_count = 9,
                                   .slot_count = 4,
                                   .page_tokens = 4,
                                   .max_step_rows = 3,
                                   .max_step_tokens = 64,
                                   .max_payload_bytes = 16,
                                   .max_sequence_tokens = 40 };
}

kvspan_ledger *test_ledger_create(const kvspan_ledger_config *config)
{
    kvspan_error error = { 0 };
    kvspan_ledger *ledger = NULL;

    ck_assert_msg(kvspan_ledger_create(config, &ledger, &error) == KVSPAN_OK, "%s", error.message);
    return ledger;
}

kvspan_sequence test_sequence_create(kvspan_ledger *ledger, uint64_t tag)
{
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = tag };
    kvspan_error error = { 0 };
    kvspan_sequence sequence = 0;

    ck_assert_msg(kvspan_sequence_create(ledger, &config, &sequence, NULL, &error) == KVSPAN_OK,
                  "%s", error.message);
    return sequence;
}

kvspan_step *test_step_open(kvspan_ledger *ledger)
{
    kvspan_error error = { 0 };
    kvspan_step *step = NULL;

    ck_assert_msg(kvspan_step_open(ledger, &step, &error) == KVSPAN_OK, "%s", error.message);
    return step;
}

void test_step_add(kvspan_step *step, kvspan_sequence sequence, uint32_t new_tokens)
{
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_step_add(step, sequence, new_tokens, NULL, &error) == KVSPAN_OK, "%s",
                  error.message);
}

void test_append(kvspan_ledger *ledger, kvspan_sequence sequence, uint32_t new_tokens)
{
    kvspan_step *step = test_step_open(ledger);

    test_step_add(step, sequence, new_tokens);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
}

void test_snapshot_take(const kvspan_ledger *ledger, test_snapshot *snapshot_out)
{
    const kvspan_ledger_config *config = kvspan_ledger_sizes(ledger);
    const kvspan_step *step = &ledger->step;

    ck_assert_uint_le(config->slot_count, TEST_MAX_SLOTS);
    ck_assert_uint_le(config->page_count, TEST_MAX_PAGES);
    memset(snapshot_out, 0, sizeof(*snapshot_out));
    snapshot_out->counts = kvspan_ledger_count(ledger);
    snapshot_out->digest = kvspan_ledger_digest(ledger);
    for (uint32_t place = 0; place < ledger->pool.free_count; place++) {
        snapshot_out->queue[place] = kvspan_page_pool_queued(&ledger->pool, place);
    }
    for (uint32_t page = 0; page < config->page_count; page++) {
        snapshot_out->references[page] = ledger->pool.records[page].references;
        snapshot_out->holds[page] = ledger->pool.records[page].holds;
    }
    for (uint32_t slot = 0; slot < config->slot_count; slot++) {
        for (uint32_t group = 0; group < config->group_count; group++) {
            memcpy(
                snapshot_out->tables[group][slot],
                kvspan_ledger_table(ledger, group, slot, &snapshot_out->page_counts[group][slot]),
                ledger->column_count * sizeof(uint32_t));
        }
        snapshot_out->slots[slot] = ledger->slots[slot];
    }
    snapshot_out->is_open = step->is_open;
    snapshot_out->row_count = kvspan_step_row_count(step);
    snapshot_out->step_tokens = kvspan_step_token_count(step);
    snapshot_out->page_run_count = step->page_run_count;
    snapshot_out->payload_bytes = step->payload_bytes;
}

static void assert_same_slots(const test_snapshot *then, const test_snapshot *now)
{
    for (uint32_t slot = 0; slot < TEST_MAX_SLOTS; slot++) {
        const kvspan_slot *a = &then->slots[slot];
        const kvspan_slot *b = &now->slots[slot];

        ck_assert_uint_eq(b->tag, a->tag);
        ck_assert_uint_eq(b->token_count, a->token_count);
        ck_assert_uint_eq(b->committed_count, a->committed_count);
        ck_assert_uint_eq(b->generation, a->generation);
        ck_assert_int_eq(b->has_row, a->has_row);
    }
}

void test_snapshot_assert_same(const kvspan_ledger *ledger, const test_snapshot *snapshot)
{
    static test_snapshot now;

    test_snapshot_take(ledger, &now);
    ck_assert_mem_eq(&now.counts, &snapshot->counts, sizeof(now.counts));
    ck_assert_uint_eq(now.digest, snapshot->digest);
    ck_assert_mem_eq(now.queue, snapshot->queue, sizeof(now.queue));
    ck_assert_mem_eq(now.references, snapshot->references, sizeof(now.references));
    ck_assert_mem_eq(now.holds, snapshot->holds, sizeof(now.holds));
    ck_assert_mem_eq(now.page_counts, snapshot->page_counts, sizeof(now.page_counts));
    ck_assert_mem_eq(now.tables, snapshot->tables, sizeof(now.tables));
    assert_same_slots(snapshot, &now);
    ck_assert_int_eq(now.is_open, snapshot->is_open);
    ck_assert_uint_eq(now.row_count, snapshot->row_count);
    ck_assert_uint_eq(now.step_tokens, snapshot->step_tokens);
    ck_assert_uint_eq(now.page_run_count, snapshot->page_run_count);
    ck_assert_uint_eq(now.payload_bytes, snapshot->payload_bytes);
}

static void apply_released(test_rank *rank, const kvspan_changes *changes)
{
    for (uint32_t i = 0; i < changes->released_count; i++) {
        const uint32_t slot = changes->released[i];

        ck_assert_msg(i == 0 || changes->released[i - 1] < slot, "released slots not ascending");
        ck_assert_msg(rank->is_live[slot], "slot %u is released but was never admitted", slot);
        rank->is_live[slot] = false;
        rank->tokens[slot] = 0;
        for (uint32_t group = 0; group < TEST_MAX_GROUPS; group++) {
            rank->first_columns[group][slot] = 0;
            rank->page_counts[group][slot] = 0;
            memset(rank->tables[group][slot], 0, sizeof(rank->tables[group][slot]));
        }
    }
}

static uint32_t columns_of(uint64_t tokens, uint32_t stretch_tokens)
{
    return (uint32_t)((tokens + stretch_tokens - 1) / stretch_tokens);
}

static void apply_admitted(test_rank *rank, const kvspan_changes *changes, uint32_t stretch_tokens)
{
    for (uint32_t i = 0; i < changes->admitted_count; i++) {
        const kvspan_admit *admit = &changes->admitted[i];
        const uint32_t columns = columns_of(admit->tokens, stretch_tokens);

        ck_assert_msg(i == 0 || changes->admitted[i - 1].slot < admit->slot,
                      "admitted slots not ascending");
        ck_assert_msg(!rank->is_live[admit->slot], "slot %u is admitted twice", admit->slot);
        rank->is_live[admit->slot] = true;
        rank->tags[admit->slot] = admit->tag;
        rank->tokens[admit->slot] = admit->tokens;
        for (uint32_t group = 0; group < TEST_MAX_GROUPS; group++) {
            rank->page_counts[group][admit->slot] = columns;
            rank->first_columns[group][admit->slot] = columns;
        }
    }
}

static void apply_trims(test_rank *rank, const kvspan_changes *changes, uint32_t stretch_tokens)
{
    for (uint32_t i = 0; i < changes->trim_count; i++) {
        const kvspan_trim *trim = &changes->trims[i];
        const uint32_t columns = columns_of(trim->tokens, stretch_tokens);

        ck_assert_msg(rank->is_live[trim->slot] && trim->tokens < rank->tokens[trim->slot],
                      "slot %u is trimmed to what it has", trim->slot);
        rank->tokens[trim->slot] = trim->tokens;
        for (uint32_t group = 0; group < TEST_MAX_GROUPS; group++) {
            uint32_t *first = &rank->first_columns[group][trim->slot];

            for (uint32_t column = columns; column < TEST_MAX_COLUMNS; column++) {
                rank->tables[group][trim->slot][column] = 0;
            }
            rank->page_counts[group][trim->slot] = columns;
            *first = *first < columns ? *first : columns;
        }
    }
}

static void apply_windows(test_rank *rank, const kvspan_changes *changes)
{
    for (uint32_t i = 0; i < changes->window_count; i++) {
        const kvspan_window_change *window = &changes->windows[i];
        uint32_t *first = &rank->first_columns[window->group][window->slot];

        ck_assert_uint_ge(window->column_count, 1);
        ck_assert_uint_eq(window->first_column, *first);
        for (uint32_t column = 0; column < window->column_count; column++) {
            uint32_t *entry = &rank->tables[window->group][window->slot][(*first)++];

            ck_assert_uint_ne(*entry, 0);
            *entry = 0;
        }
        ck_assert_uint_le(*first, rank->page_counts[window->group][window->slot]);
    }
}

static void apply_shared(test_rank *rank, const kvspan_changes *changes)
{
    for (uint32_t i = 0; i < changes->shared_run_count; i++) {
        const kvspan_shared_run *run = &changes->shared_runs[i];
        uint32_t *table = rank->tables[run->group][run->slot] + run->first_column;

        ck_assert_uint_eq(rank->first_columns[run->group][run->slot],
                          run->first_column + run->page_count);
        rank->first_columns[run->group][run->slot] = run->first_column;
        memcpy(table, run->pages, (run->page_count - 1) * sizeof(table[0]));
        table[run->page_count - 1] = run->last_page;
    }
}

/* How many entries have a page. */
static uint32_t count_entries(const test_rank *rank, uint32_t page)
{
    uint32_t count = 0;

    for (uint32_t group = 0; group < TEST_MAX_GROUPS; group++) {
        for (uint32_t slot = 0; slot < TEST_MAX_SLOTS; slot++) {
            for (uint32_t column = 0; column < rank->page_counts[group][slot]; column++) {
                count += rank->tables[group][slot][column] == page;
            }
        }
    }
    return count;
}

static void apply_pages(test_rank *rank, const kvspan_changes *changes)
{
    for (uint32_t i = 0; i < changes->page_run_count; i++) {
        const kvspan_page_run *run = &changes->page_runs[i];

        ck_assert_msg(rank->is_live[run->slot], "pages for slot %u, which is free", run->slot);
        ck_assert_uint_lt(run->group, TEST_MAX_GROUPS);
        ck_assert_uint_ge(run->page_count, 1);
        ck_assert_uint_eq(run->first_column, rank->page_counts[run->group][run->slot]);
        ck_assert_msg(count_entries(rank, run->pages[0]) == 0, "page %u is in use", run->pages[0]);
        for (uint32_t page = 0; page < run->page_count; page++) {
            rank->tables[run->group][run->slot][rank->page_counts[run->group][run->slot]++] =
                run->pages[page];
        }
    }
}

static void apply_copies(test_rank *rank, const kvspan_changes *changes, uint32_t stretch_tokens)
{
    for (uint32_t i = 0; i < changes->copy_count; i++) {
        const kvspan_page_copy *copy = &changes->copies[i];
        uint32_t *entry = &rank->tables[copy->group][copy->slot][copy->column];

        ck_assert_uint_eq(copy->column, rank->tokens[copy->slot] / stretch_tokens);
        ck_assert_uint_ne(rank->tokens[copy->slot] % stretch_tokens, 0);
        ck_assert_uint_eq(*entry, copy->source);
        ck_assert_msg(count_entries(rank, copy->target) == 0, "page %u is in use", copy->target);
        *entry = copy->target;
    }
}

static void apply_rows(test_rank *rank, const kvspan_changes *changes, uint32_t stretch_tokens)
{
    uint32_t tokens = 0;

    for (uint32_t i = 0; i < changes->row_count; i++) {
        const kvspan_row_change *row = &changes->rows[i];
        const uint64_t column = rank->tokens[row->slot] / stretch_tokens;

        ck_assert_msg(rank->is_live[row->slot], "a row for a free slot");
        ck_assert_msg(count_entries(rank, rank->tables[0][row->slot][column]) == 1,
                      "slot %u would write a page that others read", row->slot);
        rank->tokens[row->slot] += row->token_count;
        tokens += row->token_count;
    }
    ck_assert_uint_eq(changes->token_count, tokens);
}

void test_rank_apply(test_rank *rank, const kvspan_changes *changes, uint32_t stretch_tokens)
{
    ck_assert_uint_eq(changes->epoch, rank->epoch + 1);
    apply_released(rank, changes);
    apply_admitted(rank, changes, stretch_tokens);
    apply_trims(rank, changes, stretch_tokens);
    apply_windows(rank, changes);
    apply_shared(rank, changes);
    apply_pages(rank, changes);
    apply_copies(rank, changes, stretch_tokens);
    apply_rows(rank, changes, stretch_tokens);
    rank->epoch = changes->epoch;
    ck_assert_uint_eq(changes->table_digest, test_rank_digest(rank));
}

uint64_t test_rank_digest(const test_rank *rank)
{
    uint64_t sum = 0;

    for (uint32_t slot = 0; slot < TEST_MAX_SLOTS; slot++) {
        if (rank->is_live[slot]) {
            sum += kvspan_digest_sequence(slot, rank->tags[slot], rank->tokens[slot]);
        }
        for (uint32_t group = 0; group < TEST_MAX_GROUPS; group++) {
            for (uint32_t column = 0; column < rank->page_counts[group][slot]; column++) {
                const uint32_t page = rank->tables[group][slot][column];

                sum += page ? kvspan_digest_entry(group, slot, column, page) : 0;
            }
        }
    }
    return sum;
}
