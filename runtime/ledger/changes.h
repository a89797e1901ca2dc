/** @file
 * What a step changes: the ledger's own words for it, read by the codec that tells the ranks, and
 * sealed by whoever has told them.
 */
#ifndef KVSPAN_LEDGER_CHANGES_H
#define KVSPAN_LEDGER_CHANGES_H

#include <kvspan/ledger.h>

/* A sequence that starts. */
typedef struct kvspan_admit {
    uint32_t slot;
    uint64_t tag;
} kvspan_admit;

/* Pages added at the end of one row of a page table. */
typedef struct kvspan_page_run {
    uint32_t group;
    uint32_t slot;
    uint32_t first_column;
    uint32_t page_count;
    const uint32_t *pages; /* [page_count] */
} kvspan_page_run;

/* A row in the order of adding. */
typedef struct kvspan_row_change {
    uint32_t slot;
    uint32_t token_count;
} kvspan_row_change;

/* Everything since the last sealed step, in the order the ranks apply it: releases, admits, pages,
 * rows. Points into the ledger; valid until the ledger's next call. */
typedef struct kvspan_changes {
    uint64_t epoch;           /* of this step: one more than the last sealed */
    uint64_t table_digest;    /* of the tables once this step is applied */
    const uint32_t *released; /* [released_count] slots, ascending */
    uint32_t released_count;
    const kvspan_admit *admitted; /* [admitted_count], ascending slots */
    uint32_t admitted_count;
    const kvspan_page_run *page_runs; /* [page_run_count], in row order */
    uint32_t page_run_count;
    const kvspan_row_change *rows; /* [row_count] */
    uint32_t row_count;
    uint32_t token_count;
    const void *payload; /* [payload_bytes] */
    uint32_t payload_bytes;
} kvspan_changes;

/* What the open step changes. Not const: lists are put in order here, once. */
kvspan_changes kvspan_step_changes(kvspan_step *step);

/* The ranks have been told: closes the step and starts the next list of changes. */
void kvspan_step_seal(kvspan_step *step);

/* The ledger a step belongs to. */
kvspan_ledger *kvspan_step_ledger(const kvspan_step *step);

/* Marks a ledger as a cache's, so that its steps cannot be rehearsed. */
void kvspan_ledger_adopt(kvspan_ledger *ledger);

/* One row of a page table: [pages of the sequence]. For tests and checks. */
const uint32_t *kvspan_ledger_table(const kvspan_ledger *ledger, uint32_t group, uint32_t slot,
                                    uint32_t *page_count_out);

/* Sizes after defaults. */
const kvspan_ledger_config *kvspan_ledger_sizes(const kvspan_ledger *ledger);

/* The table digest now. */
uint64_t kvspan_ledger_digest(const kvspan_ledger *ledger);

#endif
