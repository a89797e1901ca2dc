/** @file
 * What a ledger is made of. For the files of this folder, and for tests that plant faults.
 */
#ifndef KVSPAN_LEDGER_LEDGER_STATE_H
#define KVSPAN_LEDGER_LEDGER_STATE_H

#include <stdbool.h>

#include <kvspan/token_rule.h>

#include "runtime/ledger/changes.h"
#include "runtime/ledger/page_pool.h"
#include "runtime/ledger/slot_set.h"
#include "runtime/ledger/table_digest.h"

/* One slot: its live sequence, or what is left of its last. */
typedef struct kvspan_slot {
    uint64_t tag;
    uint64_t token_count; /* appended, rows of the open step included; 0 if free */
    uint64_t committed_count;
    uint32_t generation; /* of the live sequence; if free, of the next */
    uint32_t row_tokens; /* of token_count, those of the open step */
    uint32_t first_copy; /* in the open step; of the row, if it has any */
    bool has_row;        /* in the open step */
} kvspan_slot;

/* The one step that can be open. Its pages lie in the tables. */
struct kvspan_step {
    kvspan_ledger *ledger;
    bool is_open;
    uint32_t row_count;
    uint32_t token_count;
    uint32_t page_run_count;
    uint32_t copy_count;
    uint32_t payload_bytes;
    kvspan_row_change *rows;    /* [max_step_rows] */
    kvspan_page_run *page_runs; /* [max_step_rows · group_count], pages point into the tables */
    kvspan_page_copy *copies;   /* [max_step_rows · group_count], each holds its source */
    unsigned char *payload;     /* [max_payload_bytes] */
    /* lists, made by kvspan_step_changes() */
    uint32_t *released;             /* [slot_count] */
    kvspan_admit *admitted;         /* [slot_count] */
    kvspan_trim *trims;             /* [slot_count] */
    kvspan_window_change *windows;  /* [group_count · slot_count] */
    kvspan_shared_run *shared_runs; /* [group_count · slot_count] */
};

/* Invariants, walked by kvspan_ledger_check(): a live slot uses in each group the columns that its
 * tokens need, a free slot none. Of these it holds pages from first_columns on: at least as many as
 * the next query sees, at most as many as any query to come may see. All other columns are 0. A
 * page's references are its table entries and the copies of the open step that read it; page 0 is
 * in none; digest and token_count are the sums over tables and live slots. */
struct kvspan_ledger {
    kvspan_ledger_config config; /* after defaults */
    kvspan_token_rule rule;      /* of member 0: all need the same pages */
    uint32_t stretch_tokens;     /* P·n: tokens that a page id stands for */
    uint32_t column_count;       /* pages that one sequence can have in a group */
    bool is_adopted;             /* by a cache */
    uint64_t epoch;              /* of the last sealed step */
    uint64_t token_count;        /* Σ over live slots */
    uint64_t digest;
    kvspan_page_pool pool;
    uint32_t *tables;         /* [group][slot][column] */
    uint32_t *page_counts;    /* [group][slot] columns in use */
    uint32_t *first_columns;  /* [group][slot] of these, the first that holds a page */
    uint32_t *told_columns;   /* [group][slot] first_columns as the ranks know them */
    kvspan_slot *slots;       /* [slot_count] */
    kvspan_slot_set free;     /* slots without a live sequence */
    kvspan_slot_set released; /* the ranks hold a sequence there that has ended */
    kvspan_slot_set admitted; /* live, and the ranks have not heard of it */
    kvspan_slot_set trimmed;  /* the ranks hold more tokens than the live sequence has */
    kvspan_slot_set slid;     /* live, and told_columns may be behind */
    uint32_t *entry_counts;   /* [page_count] scratch of kvspan_ledger_check() */
    kvspan_step step;
};

static inline size_t kvspan_ledger_row(const kvspan_ledger *ledger, uint32_t group, uint32_t slot)
{
    return (size_t)group * ledger->config.slot_count + slot;
}

static inline uint32_t *kvspan_ledger_columns(const kvspan_ledger *ledger, uint32_t group,
                                              uint32_t slot)
{
    return ledger->tables + kvspan_ledger_row(ledger, group, slot) * ledger->column_count;
}

/* Σ of the terms of columns [first, first + count) of one row. */
static inline uint64_t kvspan_ledger_entries_digest(const kvspan_ledger *ledger, uint32_t group,
                                                    uint32_t slot, uint32_t first, uint32_t count)
{
    const uint32_t *columns = kvspan_ledger_columns(ledger, group, slot);
    uint64_t sum = 0;

    for (uint32_t column = first; column < first + count; column++) {
        sum += kvspan_digest_entry(group, slot, column, columns[column]);
    }
    return sum;
}

/* Tokens of a live slot without those of the open step: the position of its next query. */
static inline uint64_t kvspan_ledger_base_tokens(const kvspan_ledger *ledger, uint32_t slot)
{
    return ledger->slots[slot].token_count - ledger->slots[slot].row_tokens;
}

static inline bool kvspan_ledger_has(const kvspan_ledger *ledger, kvspan_sequence sequence)
{
    const uint32_t slot = (uint32_t)sequence;

    return ledger && slot < ledger->config.slot_count &&
           ledger->slots[slot].generation == sequence >> 32 &&
           !kvspan_slot_set_has(&ledger->free, slot);
}

/* ARGUMENT if there is none: ranks that do not decide have none. */
kvspan_status kvspan_ledger_refuse_null(const kvspan_ledger *ledger, kvspan_error *error);

/* ARGUMENT, with the reason why kvspan_ledger_has() is false. */
kvspan_status kvspan_ledger_fail_stale(const kvspan_ledger *ledger, kvspan_sequence sequence,
                                       kvspan_error *error);

/* Makes a sequence without tokens in the lowest free slot. NO_SLOTS: none is free. */
kvspan_status kvspan_ledger_take_slot(kvspan_ledger *ledger, uint64_t tag, uint32_t *slot_out,
                                      kvspan_error *error);

/* Changes the length of a live sequence, and the sums that contain it. */
void kvspan_ledger_set_length(kvspan_ledger *ledger, uint32_t slot, uint64_t tokens);

/* Gives back columns [first, end) of one row and empties them. All of them hold pages. */
void kvspan_ledger_drop_columns(kvspan_ledger *ledger, uint32_t group, uint32_t slot,
                                uint32_t first, uint32_t end);

#endif
