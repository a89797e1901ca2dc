/** @file
 * A scheduler on top of the ledger: continuous batching, a token budget, chunked prefill, first
 * come first served, preemption by recompute. It uses the public surface alone, so that an engine
 * can have its own instead. Deterministic: equal calls give equal steps. No call is collective: who
 * decides has a scheduler, the coordinator alone or, under KVSPAN_REPLICATED, every rank.
 */
#ifndef KVSPAN_SCHEDULER_H
#define KVSPAN_SCHEDULER_H

#include <kvspan/cache.h>
#include <kvspan/ledger.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Drives one ledger. One thread at a time. */
typedef struct kvspan_scheduler kvspan_scheduler;

/** Settings. Zero means default where there is one. */
typedef struct kvspan_scheduler_config {
    size_t size;                  /**< sizeof(kvspan_scheduler_config) as the caller compiled it */
    uint32_t token_budget;        /**< new tokens of a step, at most the ledger's; required */
    uint32_t page_tokens;         /**< tokens that one page id stands for (P·n); required */
    uint32_t reserve_percent;     /**< of all pages, kept free at admission beside one
                                       page for each running sequence; 0 = none beside */
    uint32_t request_count;       /**< the most requests that will be submitted; required */
    uint64_t max_sequence_tokens; /**< of the ledger, so that a longer request is refused at once;
                                       0 = what the pages hold: it is refused when it gets there */
} kvspan_scheduler_config;

/** A request: a prompt, and how many tokens are to be generated. */
typedef struct kvspan_request {
    uint64_t tag;           /**< the caller's own name for it, unique */
    uint64_t prompt_tokens; /**< at least 1 */
    uint64_t output_tokens; /**< at least 1; the last one is generated but never appended */
} kvspan_request;

/** Totals since create. */
typedef struct kvspan_scheduler_counts {
    uint64_t waiting;           /**< requests not started, preempted ones included */
    uint64_t running;           /**< requests that hold a sequence */
    uint64_t finished;          /**< requests whose last token is generated */
    uint64_t refused;           /**< requests that can never fit */
    uint64_t prompt_tokens;     /**< Σ over finished requests */
    uint64_t generated_tokens;  /**< Σ over finished requests */
    uint64_t tokens_appended;   /**< in completed steps, recomputed ones included */
    uint64_t tokens_recomputed; /**< of these, appended before and lost to preemption */
    uint64_t preemptions;       /**< times a running request lost its pages */
    uint64_t steps;             /**< completed */
} kvspan_scheduler_counts;

/**
 * Creates a scheduler without requests.
 *
 * @param ledger  outlives the scheduler; its sequences and steps are the scheduler's to make, and
 *                its max_step_rows is its slot_count
 * @param config  copied
 * @param[out] scheduler_out  freed with kvspan_scheduler_destroy()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_UNSUPPORTED (a newer struct),
 *         KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_scheduler_create(kvspan_ledger *ledger,
                                                 const kvspan_scheduler_config *config,
                                                 kvspan_scheduler **scheduler_out,
                                                 kvspan_error *error);

/**
 * Frees a scheduler; its sequences are freed in the ledger.
 *
 * @param scheduler  may be NULL
 */
KVSPAN_API void kvspan_scheduler_destroy(kvspan_scheduler *scheduler);

/**
 * Puts a request at the end of the queue.
 *
 * @param scheduler  a live scheduler
 * @param request  copied
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (a length of 0; more than request_count);
 *         KVSPAN_ERR_NEVER_FITS (this request alone is refused and counted; the others go on)
 */
KVSPAN_API kvspan_status kvspan_scheduler_submit(kvspan_scheduler *scheduler,
                                                 const kvspan_request *request,
                                                 kvspan_error *error);

/**
 * Plans the next step: every running sequence that decodes gets one token, prompts get chunks of
 * what is left of the budget, waiting requests are admitted while pages last. If pages run out the
 * youngest running request goes back to the head of the queue, to be computed again.
 *
 * @param scheduler  a live scheduler whose last step was completed
 * @param[out] step_out  the ledger's open step, with at least one row; NULL if nothing is left to
 *                       do. The ledger's: begin, rehearse or cancel it
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (a step is planned already, or open in the ledger; the
 *         token budget is beyond the ledger's; no slot is left because others took them);
 *         KVSPAN_ERR_NO_PAGES (others hold pages that a single sequence needs)
 */
KVSPAN_API kvspan_status kvspan_scheduler_plan(kvspan_scheduler *scheduler, kvspan_step **step_out,
                                               kvspan_error *error);

/**
 * Tells what the planned step will do, before or after it has begun: for rehearsals and logs.
 *
 * @param scheduler  a live scheduler with a planned step
 * @param[out] rows_out  [row_count] in step order, slot and flags 0; valid until the step is
 *                       completed
 * @param[out] row_count_out  at least 1
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (no step is planned)
 */
KVSPAN_API kvspan_status kvspan_scheduler_rows(const kvspan_scheduler *scheduler,
                                               const kvspan_row **rows_out, uint32_t *row_count_out,
                                               kvspan_error *error);

/**
 * Says that the planned step has begun: its rows count as done, finished requests are freed.
 *
 * @param scheduler  a live scheduler with a planned step
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (no step is planned, or it has not begun)
 */
KVSPAN_API kvspan_status kvspan_scheduler_complete(kvspan_scheduler *scheduler,
                                                   kvspan_error *error);

/**
 * Gives the totals.
 *
 * @param scheduler  a live scheduler
 * @return the totals at this moment
 */
KVSPAN_API kvspan_scheduler_counts kvspan_scheduler_count(const kvspan_scheduler *scheduler);

#ifdef __cplusplus
}
#endif

#endif
