/** @file
 * A trace: requests in the order of the file, whatever they were read from or made by.
 */
#ifndef KVSPAN_LAUNCH_TRACE_H
#define KVSPAN_LAUNCH_TRACE_H

#include <kvspan/scheduler.h>

enum {
    KVSPAN_TRACE_MAX_REQUESTS = 1 << 30
};

/* Zero-initialised it is empty. */
typedef struct kvspan_trace {
    kvspan_request *requests; /* [count]; a request's tag is its index */
    uint64_t *arrivals_ms;    /* [count] since the start of the recording */
    uint32_t count;
    uint32_t capacity;
} kvspan_trace;

/* Adds a request at the end; both lengths are in [1, KVSPAN_MAX_SEQUENCE_TOKENS]. MEMORY; ARGUMENT
 * (more than KVSPAN_TRACE_MAX_REQUESTS). */
kvspan_status kvspan_trace_add(kvspan_trace *trace, uint64_t prompt_tokens, uint64_t output_tokens,
                               uint64_t arrival_ms, kvspan_error *error);
void kvspan_trace_fini(kvspan_trace *trace);

/* Orders requests by arrival, those of one time by tag. They keep their tags. MEMORY. */
kvspan_status kvspan_trace_sort(kvspan_trace *trace, kvspan_error *error);

/* Divides all lengths by divisor, at least 1, rounding down, but no length to less than 1. */
void kvspan_trace_scale(kvspan_trace *trace, double divisor);

/* Tokens that the longest request appends: prompt + output - 1. 0 for an empty trace. */
uint64_t kvspan_trace_longest(const kvspan_trace *trace);

#endif
