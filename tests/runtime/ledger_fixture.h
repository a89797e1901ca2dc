/** @file
 * What the ledger's tests share: a small ledger, a picture of all that a failed call must leave
 * alone, and a rank that knows the tables from step changes only.
 */
#ifndef KVSPAN_TESTS_LEDGER_FIXTURE_H
#define KVSPAN_TESTS_LEDGER_FIXTURE_H

#include <kvspan/ledger.h>

#include "runtime/ledger/ledger_state.h"

enum {
    TEST_MAX_SLOTS = 160,
    TEST_MAX_COLUMNS = 72,
    TEST_MAX_GROUPS = 3,
    TEST_MAX_PAGES = 65
};

/* 9 pages (8 to hand out) of 4 tokens, 4 slots, steps of at most 3 rows and 64 tokens. */
kvspan_ledger_config test_ledger_config(void);

/* Fails the test unless the config is accepted. */
kvspan_ledger *test_ledger_create(const kvspan_ledger_config *config);

/* Fail the test unless they succeed. */
kvspan_sequence test_sequence_create(kvspan_ledger *ledger, uint64_t tag);
kvspan_step *test_step_open(kvspan_ledger *ledger);
void test_step_add(kvspan_step *step, kvspan_sequence sequence, uint32_t new_tokens);

/* Opens a step, adds one row, rehearses it. */
void test_append(kvspan_ledger *ledger, kvspan_sequence sequence, uint32_t new_tokens);

/* Everything that can be seen of a ledger and its open step. */
typedef struct test_snapshot {
    kvspan_ledger_counts counts;
    uint64_t digest;
    uint32_t queue[TEST_MAX_PAGES];
    uint32_t references[TEST_MAX_PAGES];
    uint32_t holds[TEST_MAX_PAGES];
    uint32_t page_counts[TEST_MAX_GROUPS][TEST_MAX_SLOTS];
    uint32_t tables[TEST_MAX_GROUPS][TEST_MAX_SLOTS][TEST_MAX_COLUMNS];
    kvspan_slot slots[TEST_MAX_SLOTS];
    bool is_open;
    uint32_t row_count;
    uint32_t step_tokens;
    uint32_t page_run_count;
    uint32_t payload_bytes;
} test_snapshot;

void test_snapshot_take(const kvspan_ledger *ledger, test_snapshot *snapshot_out);

/* Fails the test, saying what differs, unless the ledger looks as it did then. */
void test_snapshot_assert_same(const kvspan_ledger *ledger, const test_snapshot *snapshot);

/* One rank of a cache, written apart from the library: plain arrays, sums from scratch. */
typedef struct test_rank {
    uint64_t epoch;
    bool is_live[TEST_MAX_SLOTS];
    uint64_t tags[TEST_MAX_SLOTS];
    uint64_t tokens[TEST_MAX_SLOTS];
    uint32_t first_columns[TEST_MAX_GROUPS][TEST_MAX_SLOTS];
    uint32_t page_counts[TEST_MAX_GROUPS][TEST_MAX_SLOTS];
    uint32_t tables[TEST_MAX_GROUPS][TEST_MAX_SLOTS][TEST_MAX_COLUMNS];
} test_rank;

/* Releases, admits, trims, windows, shared pages, new pages, copies, rows, for a ledger of so many
 * tokens a page id. Fails the test if the changes contradict what the rank knows, are
 * out of order, or end in another digest than they say. */
void test_rank_apply(test_rank *rank, const kvspan_changes *changes, uint32_t stretch_tokens);

/* Σ of all terms. */
uint64_t test_rank_digest(const test_rank *rank);

#endif
