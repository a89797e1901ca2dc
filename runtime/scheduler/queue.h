/** @file
 * The queue of a scheduler: every request that has not ended, in the order of submission, cut in
 * two. Those before the cut run, those behind it wait. As only the head of the waiting starts and
 * only the youngest of the running is sent back, the cut moves one place at a time and nothing is
 * ever sorted.
 */
#ifndef KVSPAN_RUNTIME_SCHEDULER_QUEUE_H
#define KVSPAN_RUNTIME_SCHEDULER_QUEUE_H

#include <stdbool.h>

#include <kvspan/types.h>

/* No index of a request. Beyond int, so no enumerator of ISO C. */
#define KVSPAN_NO_REQUEST UINT32_MAX

/* A request that has not ended. Lengths are below 2^31. */
typedef struct kvspan_queued {
    uint64_t tag;
    kvspan_sequence sequence; /* 0 while waiting */
    uint32_t prompt_tokens;
    uint32_t output_tokens;
    uint32_t token_count;    /* appended to its sequence, 0 while waiting */
    uint32_t reached_tokens; /* the most that were ever appended: below them all is recomputed */
    uint32_t row_tokens;     /* while running: in the step that is planned, 0 = no row */
    uint32_t previous;       /* older neighbour in the queue */
    uint32_t next;           /* younger neighbour */
} kvspan_queued;

/* Invariants: previous and next of neighbours mirror each other; walking next from oldest visits
 * the running_count requests with a sequence, the last of them being youngest_running, then the
 * waiting_count others, the first of them being first_waiting. */
typedef struct kvspan_queue {
    kvspan_queued *requests; /* [capacity], in the order of submission */
    uint32_t capacity;
    uint32_t submitted_count;
    uint32_t oldest;
    uint32_t newest;
    uint32_t youngest_running; /* KVSPAN_NO_REQUEST if nothing runs */
    uint32_t first_waiting;    /* KVSPAN_NO_REQUEST if nothing waits */
    uint32_t running_count;
    uint32_t waiting_count;
} kvspan_queue;

/* Tokens that a request appends in its life: the last generated one never is. */
static inline uint32_t kvspan_queued_total(const kvspan_queued *request)
{
    return request->prompt_tokens + request->output_tokens - 1;
}

/* Tokens that are known before its next one is generated: its prompt, and after a preemption also
 * what it had generated. They are appended in chunks, those behind them one by one. */
static inline uint32_t kvspan_queued_known(const kvspan_queued *request)
{
    return request->reached_tokens < request->prompt_tokens ? request->prompt_tokens
                                                            : request->reached_tokens + 1;
}

/* MEMORY. */
kvspan_status kvspan_queue_init(kvspan_queue *queue, uint32_t capacity, kvspan_error *error);
void kvspan_queue_fini(kvspan_queue *queue);

/* Puts a request, of which tag, prompt_tokens and output_tokens count, at the end. There is room.
 */
void kvspan_queue_push(kvspan_queue *queue, const kvspan_queued *request);

/* Moves the cut: the head of the waiting runs, as this sequence. */
void kvspan_queue_start(kvspan_queue *queue, kvspan_sequence sequence);

/* Moves the cut back: the youngest of the running waits, as the head. */
void kvspan_queue_send_back(kvspan_queue *queue);

/* Takes a request out. Its neighbours may be looked at no more through it. */
void kvspan_queue_remove(kvspan_queue *queue, uint32_t index);

#endif
