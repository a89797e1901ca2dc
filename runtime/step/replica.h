/** @file
 * The table replica: what a rank knows of sequences and their pages, changed by step messages
 * alone.
 */
#ifndef KVSPAN_STEP_REPLICA_H
#define KVSPAN_STEP_REPLICA_H

#include <kvspan/cache.h>

#include "runtime/step/message.h"

/* Invariants (kvspan_replica_check): column_counts[group][slot] = pages that tokens[slot] need;
 * columns behind them are 0; a slot that is not live has no tokens and no pages; a page is in one
 * entry at most, and owned_pages has just those; digest is the sum of its terms; no page outside
 * [1, page_count). */
typedef struct kvspan_replica {
    kvspan_step_limits limits;
    uint32_t *tables;           /* [group][slot][column]; unused entries are the null page */
    uint32_t *column_counts;    /* [group][slot] pages in use */
    uint64_t *tags;             /* [slot] */
    uint64_t *tokens;           /* [slot] length, rows of the applied steps included */
    unsigned char *is_live;     /* [slot] */
    uint64_t *owned_pages;      /* bits [page] */
    uint32_t *released_columns; /* [group][slot] of slots released in the step under way */
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

/* What applying a step gives: rows for the view, patches for the device. Memory of the caller. */
typedef struct kvspan_replica_result {
    kvspan_row *rows; /* [max_rows] */
    uint32_t row_count;
    uint32_t token_count;
    kvspan_replica_patch *patches; /* [kvspan_replica_max_patches] */
    uint32_t patch_count;
} kvspan_replica_result;

/* ARGUMENT as for kvspan_step_limits_check; MEMORY. */
kvspan_status kvspan_replica_init(kvspan_replica *replica, const kvspan_step_limits *limits,
                                  kvspan_error *error);
void kvspan_replica_fini(kvspan_replica *replica);

/* The most patches one step can make: every entry cleared by releases, and every page added. No two
 * patches of a step are of the same entry. */
size_t kvspan_replica_max_patches(const kvspan_step_limits *limits);

/* Applies a message that was decoded under the same limits: releases, admits, pages, rows. STALE:
 * not the next epoch. CORRUPT: it contradicts the replica. MISMATCH: the digests differ (names
 * both). error->epoch is the message's. After an error the replica is unusable: the handle is
 * spent. */
kvspan_status kvspan_replica_apply(kvspan_replica *replica, const kvspan_step_message *message,
                                   kvspan_replica_result *result, kvspan_error *error);

/* Walks every invariant. CORRUPT names the slot, group, column or page. MEMORY. */
kvspan_status kvspan_replica_check(const kvspan_replica *replica, kvspan_error *error);

#endif
