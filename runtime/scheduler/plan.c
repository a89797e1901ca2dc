#include <kvspan/scheduler.h>

#include <assert.h>
#include <inttypes.h>

#include "runtime/scheduler/scheduler_state.h"

/* What sharing out a step has left. */
typedef struct remainder {
    uint32_t tokens; /* of the budget */
    uint64_t pages;  /* that prompts in progress still need, planned rows included */
} remainder;

/* Its next token was generated and is the only one it knows. */
static bool is_decoding(const kvspan_queued *request)
{
    return request->token_count >= request->prompt_tokens &&
           request->token_count == request->reached_tokens;
}

/* One token for every running sequence that decodes. The budget has them all: a request starts only
 * while tokens are left, so no more run than there are tokens. */
static void share_decodes(kvspan_queue *queue, remainder *left)
{
    for (uint32_t index = queue->oldest; index != queue->first_waiting;
         index = queue->requests[index].next) {
        kvspan_queued *request = &queue->requests[index];

        request->row_tokens = is_decoding(request);
        assert(left->tokens >= request->row_tokens);
        left->tokens -= request->row_tokens;
    }
}

/* A chunk for one prompt. */
static void share_prompt(const kvspan_scheduler *scheduler, kvspan_queued *request, remainder *left)
{
    const uint32_t known = kvspan_queued_known(request);
    const uint32_t missing = known - request->token_count;

    request->row_tokens = missing < left->tokens ? missing : left->tokens;
    left->tokens -= request->row_tokens;
    left->pages += kvspan_scheduler_pages(scheduler, known) -
                   kvspan_scheduler_pages(scheduler, request->token_count);
}

static void share_prompts(kvspan_scheduler *scheduler, remainder *left)
{
    kvspan_queue *queue = &scheduler->queue;

    for (uint32_t index = queue->oldest; index != queue->first_waiting;
         index = queue->requests[index].next) {
        if (!is_decoding(&queue->requests[index])) {
            share_prompt(scheduler, &queue->requests[index], left);
        }
    }
}

/* Whether the head of the waiting may start. The pages kept free let the running ones grow: without
 * them every admission would soon be paid for by a preemption. */
static bool may_admit(const kvspan_scheduler *scheduler, const kvspan_ledger_counts *ledger,
                      const remainder *left)
{
    const kvspan_queue *queue = &scheduler->queue;
    uint64_t pages;

    if (queue->waiting_count == 0 || left->tokens == 0 || ledger->slots_free == 0) {
        return false;
    }
    if (queue->running_count == 0) {
        return true;
    }
    pages = kvspan_scheduler_pages(scheduler,
                                   kvspan_queued_known(&queue->requests[queue->first_waiting])) +
            left->pages + scheduler->reserve_pages + queue->running_count + 1;
    return ledger->pages_free >= pages;
}

/* Starts the head of the waiting; one that is longer than the ledger allows is refused. */
static kvspan_status admit(kvspan_scheduler *scheduler, remainder *left, kvspan_error *error)
{
    kvspan_queue *queue = &scheduler->queue;
    const uint32_t index = queue->first_waiting;
    kvspan_queued *request = &queue->requests[index];
    const kvspan_sequence_config config = { .size = sizeof(config),
                                            .tag = request->tag,
                                            .token_count = request->prompt_tokens };
    kvspan_sequence sequence;
    kvspan_status status =
        kvspan_sequence_create(scheduler->ledger, &config, &sequence, NULL, error);

    if (status == KVSPAN_ERR_NEVER_FITS) {
        kvspan_queue_remove(queue, index);
        scheduler->counts.refused++;
        return KVSPAN_OK;
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    kvspan_queue_start(queue, sequence);
    scheduler->slot_requests[(uint32_t)sequence] = index;
    share_prompt(scheduler, request, left);
    return KVSPAN_OK;
}

/* Decides how many tokens each request gets, and who starts. */
static kvspan_status share_step(kvspan_scheduler *scheduler, bool has_preempted,
                                kvspan_error *error)
{
    remainder left = { .tokens = scheduler->config.token_budget };
    kvspan_ledger_counts ledger = kvspan_ledger_count(scheduler->ledger);
    kvspan_status status = KVSPAN_OK;

    share_decodes(&scheduler->queue, &left);
    share_prompts(scheduler, &left);
    /* Who has just been sent back must not come back in the same step. */
    while (status == KVSPAN_OK && (!has_preempted || scheduler->queue.running_count == 0) &&
           may_admit(scheduler, &ledger, &left)) {
        status = admit(scheduler, &left, error);
        ledger = kvspan_ledger_count(scheduler->ledger);
    }
    return status;
}

/* Adds the rows in the order of their slots: runs of neighbours make the step message short.
 * index_out: whose row failed. */
static kvspan_status add_rows(kvspan_scheduler *scheduler, kvspan_step *step, uint32_t *index_out,
                              kvspan_error *error)
{
    uint32_t row_count = 0;
    uint32_t token_count = 0;
    uint32_t left = scheduler->queue.running_count;

    for (uint32_t slot = 0; left > 0 && slot < scheduler->slot_count; slot++) {
        const uint32_t index = scheduler->slot_requests[slot];
        const kvspan_queued *request = NULL;
        kvspan_status status;

        if (index == KVSPAN_NO_REQUEST) {
            continue;
        }
        left--;
        request = &scheduler->queue.requests[index];
        if (request->row_tokens == 0) {
            continue;
        }
        status = kvspan_step_add(step, request->sequence, request->row_tokens, NULL, error);
        if (status != KVSPAN_OK) {
            *index_out = index;
            return status;
        }
        scheduler->row_requests[row_count] = index;
        scheduler->rows[row_count++] = (kvspan_row){ .tag = request->tag,
                                                     .position = request->token_count,
                                                     .first_token = token_count,
                                                     .token_count = request->row_tokens };
        token_count += request->row_tokens;
    }
    scheduler->row_count = row_count;
    return KVSPAN_OK;
}

/* Frees the youngest running request's pages; it will be computed again. */
static kvspan_status preempt_youngest(kvspan_scheduler *scheduler, kvspan_error *error)
{
    kvspan_queue *queue = &scheduler->queue;
    const kvspan_sequence sequence = queue->requests[queue->youngest_running].sequence;
    const kvspan_status status = kvspan_sequence_free(scheduler->ledger, sequence, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    scheduler->slot_requests[(uint32_t)sequence] = KVSPAN_NO_REQUEST;
    kvspan_queue_send_back(queue);
    scheduler->counts.preemptions++;
    return KVSPAN_OK;
}

/* Makes an attempt that failed possible: OK means try again. One sequence alone always has room. */
static kvspan_status resolve(kvspan_scheduler *scheduler, kvspan_status reason, uint32_t index,
                             kvspan_error *error)
{
    if (reason == KVSPAN_ERR_NO_PAGES && scheduler->queue.running_count > 1) {
        return preempt_youngest(scheduler, error);
    }
    if (reason == KVSPAN_ERR_NEVER_FITS) {
        const kvspan_status status = kvspan_scheduler_end(scheduler, index, error);

        scheduler->counts.refused += status == KVSPAN_OK;
        return status;
    }
    return reason;
}

kvspan_status kvspan_scheduler_plan(kvspan_scheduler *scheduler, kvspan_step **step_out,
                                    kvspan_error *error)
{
    const kvspan_queue *queue;
    uint64_t preemptions;
    kvspan_status status = KVSPAN_OK;

    if (!scheduler || !step_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           scheduler ? "step_out" : "scheduler");
    }
    queue = &scheduler->queue;
    preemptions = scheduler->counts.preemptions;
    if (scheduler->row_count > 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the step of epoch %" PRIu64 " is planned and not completed",
                           scheduler->epoch + 1);
    }
    scheduler->epoch = kvspan_ledger_count(scheduler->ledger).epoch;
    while (queue->running_count + queue->waiting_count > 0) {
        uint32_t index = KVSPAN_NO_REQUEST;
        kvspan_step *step = NULL;

        status = share_step(scheduler, scheduler->counts.preemptions > preemptions, error);
        if (status != KVSPAN_OK) {
            return status;
        }
        status = kvspan_step_open(scheduler->ledger, &step, error);
        if (status != KVSPAN_OK) {
            return status;
        }
        status = add_rows(scheduler, step, &index, error);
        if (status == KVSPAN_OK && scheduler->row_count > 0) {
            scheduler->step = step;
            *step_out = step;
            return KVSPAN_OK;
        }
        kvspan_step_cancel(step);
        if (status == KVSPAN_OK && queue->waiting_count > 0) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "%u requests wait and no slot is free: the ledger's sequences are "
                               "not the scheduler's alone",
                               queue->waiting_count);
        }
        if (status != KVSPAN_OK) {
            status = resolve(scheduler, status, index, error);
        }
        if (status != KVSPAN_OK) {
            return status;
        }
    }
    *step_out = NULL;
    return KVSPAN_OK;
}
