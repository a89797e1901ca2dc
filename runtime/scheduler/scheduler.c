#include <kvspan/scheduler.h>

#include <assert.h>
#include <inttypes.h>
#include <kvspan/sized_struct.h>
#include <stdlib.h>

#include "runtime/scheduler/scheduler_state.h"

static kvspan_status check_config(const kvspan_scheduler_config *config, kvspan_error *error)
{
    if (config->token_budget == 0 || config->token_budget > KVSPAN_MAX_STEP_TOKENS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "token_budget is %u, not in [1, %d]",
                           config->token_budget, KVSPAN_MAX_STEP_TOKENS);
    }
    if (config->page_tokens == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "page_tokens is required");
    }
    if (config->request_count == 0 || config->request_count == KVSPAN_NO_REQUEST) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "request_count is %u, not in [1, %u]",
                           config->request_count, KVSPAN_NO_REQUEST - 1);
    }
    if (config->reserve_percent > 100) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "reserve_percent is %u, not in [0, 100]",
                           config->reserve_percent);
    }
    if (config->max_sequence_tokens > KVSPAN_MAX_SEQUENCE_TOKENS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "max_sequence_tokens is %" PRIu64 ", not in [0, %d]",
                           config->max_sequence_tokens, KVSPAN_MAX_SEQUENCE_TOKENS);
    }
    return KVSPAN_OK;
}

/* Takes the memory whose size is known: nothing is allocated later. */
static kvspan_status allocate(kvspan_scheduler *scheduler, kvspan_error *error)
{
    const uint32_t slot_count = scheduler->slot_count;
    kvspan_status status =
        kvspan_queue_init(&scheduler->queue, scheduler->config.request_count, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    scheduler->slot_requests = malloc(slot_count * sizeof(scheduler->slot_requests[0]));
    scheduler->rows = malloc(slot_count * sizeof(scheduler->rows[0]));
    scheduler->row_requests = malloc(slot_count * sizeof(scheduler->row_requests[0]));
    if (!scheduler->slot_requests || !scheduler->rows || !scheduler->row_requests) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a scheduler of %u slots",
                           slot_count);
    }
    for (uint32_t slot = 0; slot < slot_count; slot++) {
        scheduler->slot_requests[slot] = KVSPAN_NO_REQUEST;
    }
    return KVSPAN_OK;
}

static void free_memory(kvspan_scheduler *scheduler)
{
    free(scheduler->row_requests);
    free(scheduler->rows);
    free(scheduler->slot_requests);
    kvspan_queue_fini(&scheduler->queue);
    free(scheduler);
}

kvspan_status kvspan_scheduler_create(kvspan_ledger *ledger, const kvspan_scheduler_config *config,
                                      kvspan_scheduler **scheduler_out, kvspan_error *error)
{
    kvspan_scheduler_config read = { 0 };
    kvspan_ledger_counts counts;
    kvspan_scheduler *scheduler = NULL;
    kvspan_status status =
        kvspan_read_sized(&read, sizeof(read), config,
                          offsetof(kvspan_scheduler_config, max_sequence_tokens), "config", error);

    if (status == KVSPAN_OK && !ledger) {
        status =
            kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "ledger is NULL: only the coordinator has one");
    }
    if (!scheduler_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "scheduler_out is NULL");
    }
    if (status == KVSPAN_OK) {
        status = check_config(&read, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    scheduler = calloc(1, sizeof(*scheduler));
    if (!scheduler) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a scheduler");
    }
    counts = kvspan_ledger_count(ledger);
    scheduler->ledger = ledger;
    scheduler->config = read;
    scheduler->slot_count = counts.sequences + counts.slots_free;
    scheduler->reserve_pages = ((uint64_t)counts.pages_total * read.reserve_percent + 99) / 100;
    status = allocate(scheduler, error);
    if (status != KVSPAN_OK) {
        goto err_free_scheduler;
    }
    *scheduler_out = scheduler;
    return KVSPAN_OK;

err_free_scheduler:
    free_memory(scheduler);
    return status;
}

/* A planned step that was never begun still holds its rows. */
static void cancel_open_step(kvspan_scheduler *scheduler)
{
    if (scheduler->row_count > 0 &&
        kvspan_ledger_count(scheduler->ledger).epoch == scheduler->epoch) {
        kvspan_step_cancel(scheduler->step);
    }
}

void kvspan_scheduler_destroy(kvspan_scheduler *scheduler)
{
    if (!scheduler) {
        return;
    }
    cancel_open_step(scheduler);
    while (scheduler->queue.running_count > 0) {
        const kvspan_status status =
            kvspan_scheduler_end(scheduler, scheduler->queue.youngest_running, NULL);

        assert(status == KVSPAN_OK);
        if (status != KVSPAN_OK) {
            break;
        }
    }
    free_memory(scheduler);
}

/* NEVER_FITS: longer than a sequence may be, or than all pages. */
static kvspan_status check_fit(const kvspan_scheduler *scheduler, const kvspan_request *request,
                               kvspan_error *error)
{
    const uint64_t longest = scheduler->config.max_sequence_tokens != 0
                                 ? scheduler->config.max_sequence_tokens
                                 : (uint64_t)KVSPAN_MAX_SEQUENCE_TOKENS;
    const uint32_t pages_total = kvspan_ledger_count(scheduler->ledger).pages_total;

    if (request->prompt_tokens > longest || request->output_tokens > longest ||
        request->prompt_tokens + request->output_tokens - 1 > longest) {
        return kvspan_fail(error, KVSPAN_ERR_NEVER_FITS,
                           "request %" PRIu64 ": a prompt of %" PRIu64 " and %" PRIu64
                           " more tokens are beyond the %" PRIu64 " of a sequence",
                           request->tag, request->prompt_tokens, request->output_tokens - 1,
                           longest);
    }
    if (kvspan_scheduler_pages(scheduler, request->prompt_tokens + request->output_tokens - 1) >
        pages_total) {
        return kvspan_fail(error, KVSPAN_ERR_NEVER_FITS,
                           "request %" PRIu64 ": a prompt of %" PRIu64 " and %" PRIu64
                           " more tokens are beyond %u pages of %u tokens",
                           request->tag, request->prompt_tokens, request->output_tokens - 1,
                           pages_total, scheduler->config.page_tokens);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_scheduler_submit(kvspan_scheduler *scheduler, const kvspan_request *request,
                                      kvspan_error *error)
{
    kvspan_queue *queue;
    kvspan_queued queued;
    kvspan_status status;

    if (!scheduler || !request) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           scheduler ? "request" : "scheduler");
    }
    queue = &scheduler->queue;
    if (request->prompt_tokens == 0 || request->output_tokens == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "request %" PRIu64 ": %s is 0, not at least 1", request->tag,
                           request->prompt_tokens == 0 ? "prompt_tokens" : "output_tokens");
    }
    if (queue->submitted_count == queue->capacity) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "request %" PRIu64 " is one more than request_count %u", request->tag,
                           queue->capacity);
    }
    status = check_fit(scheduler, request, error);
    if (status != KVSPAN_OK) {
        scheduler->counts.refused++;
        return status;
    }
    queued = (kvspan_queued){ .tag = request->tag,
                              .prompt_tokens = (uint32_t)request->prompt_tokens,
                              .output_tokens = (uint32_t)request->output_tokens };
    kvspan_queue_push(queue, &queued);
    return KVSPAN_OK;
}

kvspan_status kvspan_scheduler_end(kvspan_scheduler *scheduler, uint32_t index, kvspan_error *error)
{
    const kvspan_sequence sequence = scheduler->queue.requests[index].sequence;
    const kvspan_status status = kvspan_sequence_free(scheduler->ledger, sequence, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    scheduler->slot_requests[(uint32_t)sequence] = KVSPAN_NO_REQUEST;
    kvspan_queue_remove(&scheduler->queue, index);
    return KVSPAN_OK;
}

kvspan_status kvspan_scheduler_rows(const kvspan_scheduler *scheduler, const kvspan_row **rows_out,
                                    uint32_t *row_count_out, kvspan_error *error)
{
    if (!scheduler || !rows_out || !row_count_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           !scheduler  ? "scheduler"
                           : !rows_out ? "rows_out"
                                       : "row_count_out");
    }
    if (scheduler->row_count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "no step is planned");
    }
    *rows_out = scheduler->rows;
    *row_count_out = scheduler->row_count;
    return KVSPAN_OK;
}

/* Counts one row as done. */
static kvspan_status complete_row(kvspan_scheduler *scheduler, uint32_t index, kvspan_error *error)
{
    kvspan_scheduler_counts *counts = &scheduler->counts;
    kvspan_queued *request = &scheduler->queue.requests[index];
    const uint32_t first = request->token_count;
    const uint32_t end = first + request->row_tokens;
    const uint32_t old_end = end < request->reached_tokens ? end : request->reached_tokens;

    counts->tokens_appended += request->row_tokens;
    counts->tokens_recomputed += old_end > first ? old_end - first : 0;
    request->token_count = end;
    if (end > request->reached_tokens) {
        request->reached_tokens = end;
    }
    if (end < kvspan_queued_total(request)) {
        return KVSPAN_OK;
    }
    counts->finished++;
    counts->prompt_tokens += request->prompt_tokens;
    counts->generated_tokens += request->output_tokens;
    return kvspan_scheduler_end(scheduler, index, error);
}

kvspan_status kvspan_scheduler_complete(kvspan_scheduler *scheduler, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;
    uint32_t row_count;

    if (!scheduler) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "scheduler is NULL");
    }
    row_count = scheduler->row_count;
    if (row_count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "no step is planned");
    }
    if (kvspan_ledger_count(scheduler->ledger).epoch == scheduler->epoch) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the planned step of epoch %" PRIu64 " has not begun",
                           scheduler->epoch + 1);
    }
    scheduler->row_count = 0;
    scheduler->counts.steps++;
    for (uint32_t row = 0; row < row_count && status == KVSPAN_OK; row++) {
        status = complete_row(scheduler, scheduler->row_requests[row], error);
    }
    return status;
}

kvspan_scheduler_counts kvspan_scheduler_count(const kvspan_scheduler *scheduler)
{
    kvspan_scheduler_counts counts = { .waiting = 0 };

    if (!scheduler) {
        return counts;
    }
    counts = scheduler->counts;
    counts.waiting = scheduler->queue.waiting_count;
    counts.running = scheduler->queue.running_count;
    return counts;
}
