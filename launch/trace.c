#include "launch/trace.h"

#include <stdlib.h>

static kvspan_status grow(kvspan_trace *trace, kvspan_error *error)
{
    const uint32_t capacity = trace->capacity == 0 ? 1024 : 2 * trace->capacity;
    kvspan_request *requests = NULL;
    uint64_t *arrivals_ms = NULL;

    if (trace->count == KVSPAN_TRACE_MAX_REQUESTS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "more than %d requests",
                           KVSPAN_TRACE_MAX_REQUESTS);
    }
    requests = realloc(trace->requests, capacity * sizeof(requests[0]));
    if (!requests) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u requests", capacity);
    }
    trace->requests = requests;
    arrivals_ms = realloc(trace->arrivals_ms, capacity * sizeof(arrivals_ms[0]));
    if (!arrivals_ms) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u requests", capacity);
    }
    trace->arrivals_ms = arrivals_ms;
    trace->capacity = capacity;
    return KVSPAN_OK;
}

kvspan_status kvspan_trace_add(kvspan_trace *trace, uint64_t prompt_tokens, uint64_t output_tokens,
                               uint64_t arrival_ms, kvspan_error *error)
{
    if (trace->count == trace->capacity) {
        const kvspan_status status = grow(trace, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    trace->requests[trace->count] = (kvspan_request){ .tag = trace->count,
                                                      .prompt_tokens = prompt_tokens,
                                                      .output_tokens = output_tokens };
    trace->arrivals_ms[trace->count] = arrival_ms;
    trace->count++;
    return KVSPAN_OK;
}

void kvspan_trace_fini(kvspan_trace *trace)
{
    free(trace->requests);
    free(trace->arrivals_ms);
    *trace = (kvspan_trace){ 0 };
}

typedef struct arrival {
    uint64_t time_ms;
    kvspan_request request;
} arrival;

static int compare_arrivals(const void *a, const void *b)
{
    const arrival *left = a;
    const arrival *right = b;

    if (left->time_ms != right->time_ms) {
        return left->time_ms < right->time_ms ? -1 : 1;
    }
    return (left->request.tag > right->request.tag) - (left->request.tag < right->request.tag);
}

kvspan_status kvspan_trace_sort(kvspan_trace *trace, kvspan_error *error)
{
    arrival *arrivals = calloc((size_t)trace->count + 1, sizeof(*arrivals));

    if (!arrivals) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory to sort %u requests", trace->count);
    }
    for (uint32_t i = 0; i < trace->count; i++) {
        arrivals[i] = (arrival){ trace->arrivals_ms[i], trace->requests[i] };
    }
    qsort(arrivals, trace->count, sizeof(*arrivals), compare_arrivals);
    for (uint32_t i = 0; i < trace->count; i++) {
        trace->arrivals_ms[i] = arrivals[i].time_ms;
        trace->requests[i] = arrivals[i].request;
    }
    free(arrivals);
    return KVSPAN_OK;
}

static uint64_t scale_length(uint64_t tokens, double divisor)
{
    const uint64_t scaled = (uint64_t)((double)tokens / divisor);

    return scaled > 0 ? scaled : 1;
}

void kvspan_trace_scale(kvspan_trace *trace, double divisor)
{
    for (uint32_t i = 0; i < trace->count; i++) {
        kvspan_request *request = &trace->requests[i];

        request->prompt_tokens = scale_length(request->prompt_tokens, divisor);
        request->output_tokens = scale_length(request->output_tokens, divisor);
    }
}

uint64_t kvspan_trace_longest(const kvspan_trace *trace)
{
    uint64_t longest = 0;

    for (uint32_t i = 0; i < trace->count; i++) {
        const uint64_t tokens =
            trace->requests[i].prompt_tokens + trace->requests[i].output_tokens - 1;

        longest = tokens > longest ? tokens : longest;
    }
    return longest;
}
