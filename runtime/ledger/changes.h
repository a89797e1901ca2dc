/** @file
 * What a step changes: the ledger's own words for it, read by the codec that tells the ranks, and
 * sealed by whoever has told them.
 */
#ifndef KVSPAN_LEDGER_CHANGES_H
#define KVSPAN_LEDGER_CHANGES_H

#include <kvspan/ledger.h>

/* A sequence that starts, with the tokens it shares. */
typedef struct kvspan_admit {
    uint32_t slot;
    uint64_t tag;
    uint64_t tokens;
} kvspan_admit;

/* A sequence that was cut to a length. */
typedef struct kvspan_trim {
    uint32_t slot;
    uint64_t tokens;
} kvspan_trim;

/* First columns of one row of a page table that are held no longer. */
typedef struct kvspan_window_change {
    uint32_t group;
    uint32_t slot;
    uint32_t first_column; /* of those given back */
    uint32_t column_count;
} kvspan_window_change;

/* The pages that an admitted sequence shares: all of its row up to its tokens that are held. */
typedef struct kvspan_shared_run {
    uint32_t group;
    uint32_t slot;
    uint32_t first_column;
    uint32_t page_count;
    const uint32_t *pages; /* [page_count - 1] */
    uint32_t last_page;    /* the one behind those: the table may hold its copy already */
} kvspan_shared_run;

/* The last page of a row that is copied before the row's tokens go into the copy. */
typedef struct kvspan_page_copy {
    uint32_t group;
    uint32_t slot;
    uint32_t column;
    uint32_t source;
    uint32_t target;
} kvspan_page_copy;

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

/* Everything since the last sealed step, in the order the ranks apply it: releases, admits, trims,
 * windows, shared pages, new pages, copies, rows. Sequences that came and went are not in it, and
 * of what was done to a sequence only the outcome. Points into the ledger; valid until the ledger's
 * next call. */
typedef struct kvspan_changes {
    uint64_t epoch;           /* of this step: one more than the last sealed */
    uint64_t table_digest;    /* of the tables once this step is applied */
    const uint32_t *released; /* [released_count] slots, ascending */
    uint32_t released_count;
    const kvspan_admit *admitted; /* [admitted_count], ascending slots */
    uint32_t admitted_count;
    const kvspan_trim *trims; /* [trim_count], ascending slots, none of them admitted */
    uint32_t trim_count;
    const kvspan_window_change *windows; /* [window_count], by group, ascending slots in each */
    uint32_t window_count;
    const kvspan_shared_run *shared_runs; /* [shared_run_count], likewise */
    uint32_t shared_run_count;
    const kvspan_page_run *page_runs; /* [page_run_count], in row order */
    uint32_t page_run_count;
    const kvspan_page_copy *copies; /* [copy_count], in row order */
    uint32_t copy_count;
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

/* One row of a page table: [columns in use]; those behind a window are 0. For tests and checks. */
const uint32_t *kvspan_ledger_table(const kvspan_ledger *ledger, uint32_t group, uint32_t slot,
                                    uint32_t *page_count_out);

/* Sizes after defaults. */
const kvspan_ledger_config *kvspan_ledger_sizes(const kvspan_ledger *ledger);

/* The table digest now. */
uint64_t kvspan_ledger_digest(const kvspan_ledger *ledger);

#endif
