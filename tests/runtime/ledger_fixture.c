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
    }
    for (uint32_t slot = 0; slot < config->slot_count; slot++) {
        memcpy(snapshot_out->tables[slot],
               kvspan_ledger_table(ledger, 0, slot, &snapshot_out->page_counts[slot]),
               ledger->column_count * sizeof(uint32_t));
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

        ck_assert_uint_eq(now->page_counts[slot], then->page_counts[slot]);
        ck_assert_mem_eq(now->tables[slot], then->tables[slot], sizeof(then->tables[slot]));
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
        rank->page_counts[slot] = 0;
        memset(rank->tables[slot], 0, sizeof(rank->tables[slot]));
    }
}

static void apply_admitted(test_rank *rank, const kvspan_changes *changes)
{
    for (uint32_t i = 0; i < changes->admitted_count; i++) {
        const uint32_t slot = changes->admitted[i].slot;

        ck_assert_msg(i == 0 || changes->admitted[i - 1].slot < slot,
                      "admitted slots not ascending");
        ck_assert_msg(!rank->is_live[slot], "slot %u is admitted twice", slot);
        rank->is_live[slot] = true;
        rank->tags[slot] = changes->admitted[i].tag;
    }
}

static void apply_pages(test_rank *rank, const kvspan_changes *changes)
{
    for (uint32_t i = 0; i < changes->page_run_count; i++) {
        const kvspan_page_run *run = &changes->page_runs[i];

        ck_assert_msg(rank->is_live[run->slot], "pages for slot %u, which is free", run->slot);
        ck_assert_uint_eq(run->group, 0);
        ck_assert_uint_ge(run->page_count, 1);
        ck_assert_uint_eq(run->first_column, rank->page_counts[run->slot]);
        for (uint32_t page = 0; page < run->page_count; page++) {
            rank->tables[run->slot][rank->page_counts[run->slot]++] = run->pages[page];
        }
    }
}

void test_rank_apply(test_rank *rank, const kvspan_changes *changes)
{
    uint32_t tokens = 0;

    ck_assert_uint_eq(changes->epoch, rank->epoch + 1);
    apply_released(rank, changes);
    apply_admitted(rank, changes);
    apply_pages(rank, changes);
    for (uint32_t i = 0; i < changes->row_count; i++) {
        ck_assert_msg(rank->is_live[changes->rows[i].slot], "a row for a free slot");
        rank->tokens[changes->rows[i].slot] += changes->rows[i].token_count;
        tokens += changes->rows[i].token_count;
    }
    ck_assert_uint_eq(changes->token_count, tokens);
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
        for (uint32_t column = 0; column < rank->page_counts[slot]; column++) {
            sum += kvspan_digest_entry(0, slot, column, rank->tables[slot][column]);
        }
    }
    return sum;
}
