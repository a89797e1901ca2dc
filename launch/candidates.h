/** @file
 * Candidates: the tokens that some reservoirs kept, each once, and how many rows each gives.
 */
#ifndef KVSPAN_LAUNCH_CANDIDATES_H
#define KVSPAN_LAUNCH_CANDIDATES_H

#include "launch/reservoir.h"

typedef struct kvspan_candidate {
    kvspan_reservoir_token token;
    uint64_t row_count; /* chosen of this token */
} kvspan_candidate;

typedef struct kvspan_candidates {
    kvspan_candidate *list; /* [count] ascending by (request, position) */
    size_t count;
} kvspan_candidates;

/* Lists the tokens of [reservoir_count] reservoirs. Without rows at first. MEMORY. */
kvspan_status kvspan_candidates_init(kvspan_candidates *candidates,
                                     const kvspan_reservoir *reservoirs, uint32_t reservoir_count,
                                     kvspan_error *error);
void kvspan_candidates_fini(kvspan_candidates *candidates);

/* Chooses `missing` more rows among the tokens of a sorted reservoir, as far as there are so many:
 * every token gets a first row before any gets a second. No token gets more than rows_per_token. */
void kvspan_candidates_take(kvspan_candidates *candidates, const kvspan_reservoir *reservoir,
                            uint64_t missing, uint64_t rows_per_token);

/* Orders the list by key instead. Ends the taking. */
void kvspan_candidates_sort_by_key(kvspan_candidates *candidates);

#endif
