/** @file
 * Which rows of O a run checks against the oracle: chosen before the run, from a rehearsal of one
 * step group's steps, so that every rank knows them without asking.
 *
 * Tokens are chosen by a hash of (seed, request, position): those with the smallest hashes. They
 * take turns over (layer, query head), neighbouring turns at different layers and different ranks'
 * heads, so that n rows touch min(n, layers) layers and min(n, ranks) ranks' heads. Of n rows
 *
 * 1. at least n/10, rounded up, are first computed in the last tenth of the steps (rounded up),
 * 2. at least n/2, rounded up, are at positions >= page_tokens, beyond the first page,
 *
 * each as far as there are so many; where both cannot be had (n = 1), 1 goes first. Only if there
 * are fewer tokens than wanted rows does a token give more than one row.
 *
 * A token computed again after a preemption counts once, at its first step. The rehearsal is played
 * twice (the last tenth is known only when the steps have been counted): time for two, memory for
 * the chosen rows and 4 bytes per request.
 */
#ifndef KVSPAN_LAUNCH_SAMPLE_H
#define KVSPAN_LAUNCH_SAMPLE_H

#include "launch/oracle.h"
#include "launch/rehearsal.h"

/* What to choose from, and how much. */
typedef struct kvspan_sample_config {
    kvspan_rehearsal_config rehearsal;
    uint64_t seed;
    uint64_t row_count;   /* wanted; 0: nothing is rehearsed */
    uint32_t layer_count; /* layers [0, layer_count) */
    uint32_t q_heads;     /* global */
    uint32_t head_parts;  /* ranks that share the heads: part m is [m·Hq/T, (m+1)·Hq/T) */
    uint32_t page_tokens;
} kvspan_sample_config;

/* What was chosen, and from what. */
typedef struct kvspan_sample_counts {
    uint64_t steps;
    uint64_t tokens; /* different ones, of all steps */
    uint64_t rows;   /* chosen */
    uint64_t rows_beyond_page;
    uint64_t rows_of_last_tenth;
} kvspan_sample_counts;

typedef struct kvspan_sample kvspan_sample;

/* ARGUMENT (a size is 0, or what ledger and scheduler refuse), MEMORY. Freed with
 * kvspan_sample_destroy(). */
kvspan_status kvspan_sample_create(const kvspan_sample_config *config, kvspan_sample **sample_out,
                                   kvspan_error *error);
void kvspan_sample_destroy(kvspan_sample *sample); /* may be NULL */

kvspan_sample_counts kvspan_sample_count(const kvspan_sample *sample);

/* [kvspan_sample_count().rows], ascending by request (its tag), position, layer, head; no two are
 * equal. */
const kvspan_oracle_place *kvspan_sample_rows(const kvspan_sample *sample);

/* The rows of one token: rows [first, first + count); count is 0 if none was chosen. */
void kvspan_sample_find(const kvspan_sample *sample, uint64_t request, uint64_t position,
                        uint64_t *first_out, uint64_t *count_out);

#endif
