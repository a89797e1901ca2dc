/** @file
 * Arrivals: hands requests to a scheduler when they have arrived, by a clock that counts steps and
 * not seconds, so that equal requests give equal steps on every machine and every mesh.
 *
 * The clock begins at 0 and each planned step takes step_ms of it. Before a step is planned all
 * requests are submitted whose time is not after the clock; where nothing is left to do before the
 * next arrival, the clock goes on to that.
 */
#ifndef KVSPAN_LAUNCH_ARRIVALS_H
#define KVSPAN_LAUNCH_ARRIVALS_H

#include <kvspan/scheduler.h>
#include <stdbool.h>

/* Made by an initialiser: next and now_ms are 0 at first. */
typedef struct kvspan_arrivals {
    const kvspan_request *requests; /* [request_count] in the order of submission */
    const uint64_t *times_ms;       /* [request_count] ascending; NULL: all are there at once */
    uint32_t request_count;
    uint32_t step_ms;    /* of a step; not looked at without times */
    bool is_renumbering; /* submits index i with tag i, not with its own */
    uint32_t next;       /* requests[0, next) are submitted */
    uint64_t now_ms;
} kvspan_arrivals;

/* Submits what has arrived and plans the next step: kvspan_scheduler_plan() with its codes, NULL
 * when also no request is still to come. Requests that never fit are left out. MEMORY, ARGUMENT as
 * the scheduler finds. */
kvspan_status kvspan_arrivals_plan(kvspan_arrivals *arrivals, kvspan_scheduler *scheduler,
                                   kvspan_step **step_out, kvspan_error *error);

#endif
