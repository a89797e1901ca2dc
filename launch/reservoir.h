/** @file
 * A reservoir: of all tokens offered, those with the smallest keys, in the memory for these alone.
 * What it holds does not depend on the order of offering.
 */
#ifndef KVSPAN_LAUNCH_RESERVOIR_H
#define KVSPAN_LAUNCH_RESERVOIR_H

#include <kvspan/types.h>

typedef struct kvspan_reservoir_token {
    uint64_t key;
    uint64_t step; /* it is first computed in; not compared */
    uint32_t request;
    uint32_t position;
    uint32_t preference; /* compared before the key: smaller ones first */
} kvspan_reservoir_token;

/* Invariant: tokens[0, count) are the `capacity` smallest offered by (preference, key, request,
 * position), as a heap with the largest first. */
typedef struct kvspan_reservoir {
    kvspan_reservoir_token *tokens; /* [capacity] */
    size_t capacity;
    size_t count;
} kvspan_reservoir;

/* MEMORY. */
kvspan_status kvspan_reservoir_init(kvspan_reservoir *reservoir, uint64_t capacity,
                                    kvspan_error *error);
void kvspan_reservoir_fini(kvspan_reservoir *reservoir);

/* Each (request, position) is offered once. */
void kvspan_reservoir_offer(kvspan_reservoir *reservoir, kvspan_reservoir_token token);

/* Ends the offering: sorts tokens[0, count), smallest first. */
void kvspan_reservoir_sort(kvspan_reservoir *reservoir);

#endif
