/** @file
 * The table replica: what a rank knows of sequences and their pages, changed by step messages
 * alone.
 */
#ifndef KVSPAN_STEP_REPLICA_H
#define KVSPAN_STEP_REPLICA_H

#include <kvspan/cache.h>

#include "runtime/step/message.h"

/* Columns of a row that a step changes, [first, end); none if end is 0. */
typedef struct kvspan_dirty_columns {
    uint32_t first;
    uint32_t end;
} kvspan_dirty_columns;

/* Invariants (kvspan_replica_check): column_counts[group][slot] = pages that tokens[slot] need; of
 * these columns those from first_columns[group][slot] on have a page, all others are 0; a slot that
 * is not live has no tokens and no columns; references[page] is the number of entries with it;
 * digest is the sum of its terms; no page outside [1, page_count). */
typedef struct kvspan_replica {
    kvspan_step_limits limits;
    uint32_t *tables;            /* [group][slot][column]; unused entries are the null page */
    uint32_t *column_counts;     /* [group][slot] columns in use */
    uint32_t *first_columns;     /* [group][slot] of these, the first with a page */
    uint64_t *tags;              /* [slot] */
    uint64_t *tokens;            /* [slot] length, rows of the applied steps included */
    unsigned char *is_live;      /* [slot] */
    uint32_t *references;        /* [page] */
    kvspan_dirty_columns *dirty; /* [group][slot] of the step under way, but for windows */
    uint64_t digest;
    uint64_t epoch; /* of the last applied step */
} kvspan_replica;

/* A change of the tables, for the device's copy. */
typedef struct kvspan_replica_patch {
    uint32_t group;
    uint32_t slot;
    uint32_t column;
    uint32_t page;
} kvspan_replica_patch;

/* A page to copy before a row's tokens are written. */
typedef struct kvspan_replica_copy {
    uint32_t group;
    uint32_t source;
    uint32_t target;
} kvspan_replica_copy;

/* What applying a step gives: rows for the view, copies and patches for the device. Memory of the
 * caller. */
typedef struct kvspan_replica_result {
    kvspan_row *rows; /* [max_rows] */
    uint32_t row_count;
    uint32_t token_count;
    kvspan_replica_patch *patches; /* [kvspan_replica_max_patches] */
    uint32_t patch_count;
    kvspan_replica_copy *copies; /* [kvspan_step_max_page_runs]; no target is another's source */
    uint32_t copy_count;
} kvspan_replica_result;

/* ARGUMENT as for kvspan_step_limits_check; MEMORY. */
kvspan_status kvspan_replica_init(kvspan_replica *replica, const kvspan_step_limits *limits,
                                  kvspan_error *error);
void kvspan_replica_fini(kvspan_replica *replica);

/* The most patches one step can make: one per table entry. No two patches of a step are of the same
 * entry; a few may say what the entry held before. */
size_t kvspan_replica_max_patches(const kvspan_step_limits *limits);

/* Applies a message that was decoded under the same limits: in the order of docs/protocol.md.
 * STALE: not the next epoch. CORRUPT: it contradicts the replica. MISMATCH: the digests differ
 * (names both). error->epoch is the message's. After an error the replica is unusable: the handle
 * is spent. */
kvspan_status kvspan_replica_apply(kvspan_replica *replica, const kvspan_step_message *message,
                                   kvspan_replica_result *result, kvspan_error *error);

/* Walks every invariant. CORRUPT names the slot, group, column or page. MEMORY. */
kvspan_status kvspan_replica_check(const kvspan_replica *replica, kvspan_error *error);

#endif
