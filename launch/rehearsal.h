/** @file
 * A rehearsal: the steps that a step group's requests will take, played with a ledger and a
 * scheduler of its own. Equal sizes and requests give equal steps, so what is seen here is what a
 * run will do. Needs no ranks and no memory for pages.
 */
#ifndef KVSPAN_LAUNCH_REHEARSAL_H
#define KVSPAN_LAUNCH_REHEARSAL_H

#include "launch/arrivals.h"

/* Sizes and requests of one step group. */
typedef struct kvspan_rehearsal_config {
    kvspan_ledger_config ledger;
    kvspan_scheduler_config scheduler;
    kvspan_arrivals arrivals; /* not begun; tags of its requests are unique */
} kvspan_rehearsal_config;

typedef struct kvspan_rehearsal kvspan_rehearsal;

/* Requests that never fit are left out, as in a run. ARGUMENT (as ledger and scheduler find),
 * MEMORY. Freed with kvspan_rehearsal_destroy(). */
kvspan_status kvspan_rehearsal_create(const kvspan_rehearsal_config *config,
                                      kvspan_rehearsal **rehearsal_out, kvspan_error *error);
void kvspan_rehearsal_destroy(kvspan_rehearsal *rehearsal); /* may be NULL */

/* Plays the next step and gives its rows, in step order, valid until the next call. The tag of a
 * row is the index of its request in config->arrivals. No rows: all is done. Any error of ledger or
 * scheduler. */
kvspan_status kvspan_rehearsal_next(kvspan_rehearsal *rehearsal, const kvspan_row **rows_out,
                                    uint32_t *row_count_out, kvspan_error *error);

#endif
