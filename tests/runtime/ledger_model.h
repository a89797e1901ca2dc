/** @file
 * A naive model of the ledger: flat arrays, linear scans, whole copies. It shares no code with the
 * ledger but the terms of the digest.
 */
#ifndef KVSPAN_TESTS_LEDGER_MODEL_H
#define KVSPAN_TESTS_LEDGER_MODEL_H

#include "ledger_fixture.h"

typedef struct model_sequence {
    bool is_live;
    uint32_t generation; /* of the live sequence, or of the next */
    uint64_t tag;
    uint64_t tokens;
    uint64_t committed;
    uint32_t column_count;
    uint32_t pages[TEST_MAX_GROUPS][TEST_MAX_COLUMNS]; /* 0 = behind the window */
} model_sequence;

typedef struct model_book {
    uint32_t free_count;
    uint32_t free_pages[TEST_MAX_PAGES]; /* the next is the first */
    model_sequence sequences[TEST_MAX_SLOTS];
} model_book;

typedef struct ledger_model {
    kvspan_ledger_config sizes;
    model_book now;
    model_book without_step; /* as if the open step had no rows: what cancel goes back to */
    bool is_open;
    uint32_t row_count;
    uint32_t row_slots[TEST_MAX_SLOTS];
    uint32_t row_tokens[TEST_MAX_SLOTS];
    uint32_t row_columns[TEST_MAX_SLOTS]; /* columns of the slot before its row */
    uint32_t held_count;
    uint32_t held[TEST_MAX_PAGES]; /* pages that the open step copies, in order */
    uint64_t epoch;
    uint32_t high_water;
    uint32_t told_generations[TEST_MAX_SLOTS]; /* what the ranks hold in a slot; 0 = nothing */
} ledger_model;

/* Sizes after defaults. */
void model_init(ledger_model *model, const kvspan_ledger_config *sizes);

kvspan_status model_create(ledger_model *model, uint64_t tag, uint64_t prompt_tokens,
                           kvspan_sequence *sequence_out);
kvspan_status model_fork(ledger_model *model, kvspan_sequence parent, uint64_t position,
                         uint64_t tag, kvspan_sequence *child_out);
kvspan_status model_truncate(ledger_model *model, kvspan_sequence sequence, uint64_t token_count);
kvspan_status model_commit(ledger_model *model, kvspan_sequence sequence, uint32_t token_count);
kvspan_status model_free(ledger_model *model, kvspan_sequence sequence);
kvspan_status model_open(ledger_model *model);
kvspan_status model_add(ledger_model *model, kvspan_sequence sequence, uint32_t new_tokens);
void model_cancel(ledger_model *model);
void model_seal(ledger_model *model);

/* Says in a few words what differs, or NULL. */
const char *model_difference(const ledger_model *model, const kvspan_ledger *ledger);
const char *model_changes_difference(const ledger_model *model, const kvspan_changes *changes);

/* New tokens of the open step. */
uint32_t model_step_tokens(const ledger_model *model);

/* Σ of all terms. */
uint64_t model_digest(const ledger_model *model);

#endif
