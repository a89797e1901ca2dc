#include "runtime/scheduler/queue.h"

#include <assert.h>
#include <stdlib.h>

kvspan_status kvspan_queue_init(kvspan_queue *queue, uint32_t capacity, kvspan_error *error)
{
    kvspan_queued *requests = calloc(capacity, sizeof(*requests));

    if (!requests) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u requests of %zu bytes",
                           capacity, sizeof(*requests));
    }
    *queue = (kvspan_queue){ .requests = requests,
                             .capacity = capacity,
                             .oldest = KVSPAN_NO_REQUEST,
                             .newest = KVSPAN_NO_REQUEST,
                             .youngest_running = KVSPAN_NO_REQUEST,
                             .first_waiting = KVSPAN_NO_REQUEST };
    return KVSPAN_OK;
}

void kvspan_queue_fini(kvspan_queue *queue)
{
    free(queue->requests);
}

void kvspan_queue_push(kvspan_queue *queue, const kvspan_queued *request)
{
    const uint32_t index = queue->submitted_count;

    assert(index < queue->capacity);
    queue->requests[index] = (kvspan_queued){ .tag = request->tag,
                                              .prompt_tokens = request->prompt_tokens,
                                              .output_tokens = request->output_tokens,
                                              .previous = queue->newest,
                                              .next = KVSPAN_NO_REQUEST };
    if (queue->newest == KVSPAN_NO_REQUEST) {
        queue->oldest = index;
    } else {
        queue->requests[queue->newest].next = index;
    }
    if (queue->waiting_count == 0) {
        queue->first_waiting = index;
    }
    queue->newest = index;
    queue->submitted_count++;
    queue->waiting_count++;
}

void kvspan_queue_start(kvspan_queue *queue, kvspan_sequence sequence)
{
    const uint32_t index = queue->first_waiting;
    kvspan_queued *request = &queue->requests[index];

    assert(queue->waiting_count > 0);
    request->sequence = sequence;
    queue->youngest_running = index;
    queue->first_waiting = request->next;
    queue->waiting_count--;
    queue->running_count++;
}

void kvspan_queue_send_back(kvspan_queue *queue)
{
    const uint32_t index = queue->youngest_running;
    kvspan_queued *request = &queue->requests[index];

    assert(queue->running_count > 0);
    request->sequence = 0;
    request->token_count = 0;
    queue->first_waiting = index;
    queue->youngest_running = request->previous;
    queue->running_count--;
    queue->waiting_count++;
}

void kvspan_queue_remove(kvspan_queue *queue, uint32_t index)
{
    const kvspan_queued *request = &queue->requests[index];

    if (request->sequence != 0) {
        queue->running_count--;
    } else {
        queue->waiting_count--;
    }
    if (queue->youngest_running == index) {
        queue->youngest_running = request->previous;
    }
    if (queue->first_waiting == index) {
        queue->first_waiting = request->next;
    }
    if (request->previous == KVSPAN_NO_REQUEST) {
        queue->oldest = request->next;
    } else {
        queue->requests[request->previous].next = request->next;
    }
    if (request->next == KVSPAN_NO_REQUEST) {
        queue->newest = request->previous;
    } else {
        queue->requests[request->next].previous = request->previous;
    }
}
