/** @file
 * What a scheduler is made of. For the files of this folder.
 */
#ifndef KVSPAN_RUNTIME_SCHEDULER_SCHEDULER_STATE_H
#define KVSPAN_RUNTIME_SCHEDULER_SCHEDULER_STATE_H

#include <kvspan/scheduler.h>

#include "runtime/scheduler/queue.h"

/* Invariants: slot_requests[s] is the running request whose sequence has slot s, or
 * KVSPAN_NO_REQUEST; rows and row_requests tell one step, row_count of them, 0 if none is planned;
 * counts.waiting and counts.running are left 0, the queue knows them. */
struct kvspan_scheduler {
    kvspan_ledger *ledger;
    kvspan_scheduler_config config;
    uint32_t slot_count;
    uint64_t reserve_pages; /* that config.reserve_percent stands for */
    kvspan_queue queue;
    uint32_t *slot_requests; /* [slot_count] */
    kvspan_row *rows;        /* [slot_count] of the planned step, in its order */
    uint32_t *row_requests;  /* [slot_count] request of each row */
    uint32_t row_count;
    kvspan_step *step; /* planned */
    uint64_t epoch;    /* of the ledger when the step was planned */
    kvspan_scheduler_counts counts;
};

/* Frees a running request's sequence in the ledger and takes it out of the queue. */
kvspan_status kvspan_scheduler_end(kvspan_scheduler *scheduler, uint32_t index,
                                   kvspan_error *error);

/* Pages that a sequence of so many tokens has. */
static inline uint64_t kvspan_scheduler_pages(const kvspan_scheduler *scheduler, uint64_t tokens)
{
    const uint32_t page_tokens = scheduler->config.page_tokens;

    return tokens / page_tokens + (tokens % page_tokens != 0);
}

#endif
