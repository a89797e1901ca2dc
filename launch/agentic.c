#include "launch/agentic.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "launch/input_file.h"
#include "runtime/json.h"

_Static_assert((int)KVSPAN_AGENTIC_MAX_BYTES <= (int)KVSPAN_JSON_MAX_BYTES, "what is parsed");

enum {
    LEVEL_COUNT = KVSPAN_AGENTIC_MAX_DEPTH + 1,
    PLACE_BYTES = LEVEL_COUNT * 24 /* "requests[12345678]." per level */
};

/* The list of calls that is being read at one depth. */
typedef struct level {
    const kvspan_json *requests;
    size_t next; /* behind the element that is being read */
    uint64_t start_ms;
} level;

/* Invariant: each of levels[1, level_count) is the list of the element that the level before it is
 * reading. */
typedef struct walk {
    const char *path;
    level levels[LEVEL_COUNT];
    uint32_t level_count;
    kvspan_trace trace;
} walk;

/* Names file and place before the reason. */
static kvspan_status fail_at(const walk *at, const char *reason, kvspan_error *error)
{
    char place[PLACE_BYTES] = "";
    size_t bytes = 0;

    for (uint32_t i = 0; i < at->level_count && bytes < sizeof(place); i++) {
        bytes += (size_t)snprintf(place + bytes, sizeof(place) - bytes, "%srequests[%zu]",
                                  i > 0 ? "." : "", at->levels[i].next - 1);
    }
    return kvspan_fail(error, KVSPAN_ERR_IO, "%s%s%s: %s", kvspan_input_name(at->path),
                       at->level_count > 0 ? ", " : "", place, reason);
}

/* Reads the time of a call or a sub-agent. */
static kvspan_status read_time(const walk *at, const kvspan_json *object, uint64_t *time_ms_out,
                               kvspan_error *error)
{
    char message[96];
    double seconds = 0;
    kvspan_error reason;

    if (kvspan_json_real(object, "t", true, &seconds, &reason) != KVSPAN_OK) {
        return fail_at(at, reason.message, error);
    }
    if (!(seconds >= 0 && seconds <= KVSPAN_AGENTIC_MAX_SECONDS)) {
        (void)snprintf(message, sizeof(message), "\"t\" is %g, not in [0, %d]", seconds,
                       KVSPAN_AGENTIC_MAX_SECONDS);
        return fail_at(at, message, error);
    }
    *time_ms_out = at->levels[at->level_count - 1].start_ms + (uint64_t)(seconds * 1000 + 0.5);
    return KVSPAN_OK;
}

static kvspan_status enter(walk *at, const kvspan_json *requests, uint64_t start_ms,
                           kvspan_error *error)
{
    if (!kvspan_json_is_array(requests)) {
        return fail_at(at, "\"requests\" is not an array", error);
    }
    if (at->level_count == LEVEL_COUNT) {
        char message[96];

        (void)snprintf(message, sizeof(message), "sub-agents are nested more than %d deep",
                       KVSPAN_AGENTIC_MAX_DEPTH);
        return fail_at(at, message, error);
    }
    at->levels[at->level_count++] = (level){ .requests = requests, .start_ms = start_ms };
    return KVSPAN_OK;
}

static kvspan_status add_call(walk *at, const kvspan_json *call, uint64_t arrival_ms,
                              kvspan_error *error)
{
    int64_t prompt_tokens = 0;
    int64_t output_tokens = 0;
    kvspan_error reason;
    kvspan_status status = kvspan_json_integer(call, "in", 1, KVSPAN_MAX_SEQUENCE_TOKENS, true,
                                               &prompt_tokens, &reason);

    if (status == KVSPAN_OK) {
        status = kvspan_json_integer(call, "out", 1, KVSPAN_MAX_SEQUENCE_TOKENS, true,
                                     &output_tokens, &reason);
    }
    if (status != KVSPAN_OK) {
        return fail_at(at, reason.message, error);
    }
    return kvspan_trace_add(&at->trace, (uint64_t)prompt_tokens, (uint64_t)output_tokens,
                            arrival_ms, error);
}

/* Reads one element of the innermost list: a call, or a sub-agent, which becomes a list of its own.
 */
static kvspan_status read_element(walk *at, const kvspan_json *element, kvspan_error *error)
{
    const kvspan_json *requests = kvspan_json_member(element, "requests");
    uint64_t time_ms = 0;
    const kvspan_status status = read_time(at, element, &time_ms, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return requests ? enter(at, requests, time_ms, error) : add_call(at, element, time_ms, error);
}

static kvspan_status read_session(walk *at, const kvspan_json *session, kvspan_error *error)
{
    const kvspan_json *requests = kvspan_json_member(session, "requests");
    kvspan_status status;

    if (!requests) {
        return fail_at(at, "not an object with \"requests\"", error);
    }
    status = enter(at, requests, 0, error);
    while (status == KVSPAN_OK && at->level_count > 0) {
        level *innermost = &at->levels[at->level_count - 1];

        if (innermost->next == kvspan_json_length(innermost->requests)) {
            at->level_count--;
        } else {
            status = read_element(at, kvspan_json_element(innermost->requests, innermost->next++),
                                  error);
        }
    }
    if (status == KVSPAN_OK && at->trace.count == 0) {
        status = fail_at(at, "no request in it", error);
    }
    return status;
}

static kvspan_status parse_file(const char *path, kvspan_json **session_out, kvspan_error *error)
{
    char *bytes = NULL;
    size_t byte_count = 0;
    kvspan_error reason;
    kvspan_status status =
        kvspan_input_read(path, KVSPAN_AGENTIC_MAX_BYTES, &bytes, &byte_count, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (kvspan_json_parse(bytes, byte_count, session_out, &reason) != KVSPAN_OK) {
        status =
            kvspan_fail(error, KVSPAN_ERR_IO, "%s, %s", kvspan_input_name(path), reason.message);
    }
    free(bytes);
    return status;
}

kvspan_status kvspan_agentic_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                  kvspan_error *error)
{
    walk at = { .path = path };
    kvspan_json *session = NULL;
    kvspan_status status = parse_file(path, &session, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = read_session(&at, session, error);
    kvspan_json_free(session);
    if (status == KVSPAN_OK) {
        status = kvspan_trace_sort(&at.trace, error);
    }
    if (status != KVSPAN_OK) {
        goto err_free_trace;
    }
    for (uint32_t i = 0; i < at.trace.count; i++) {
        at.trace.requests[i].tag = i;
    }
    if (limit > 0 && at.trace.count > limit) {
        at.trace.count = (uint32_t)limit;
    }
    *trace_out = at.trace;
    return KVSPAN_OK;

err_free_trace:
    kvspan_trace_fini(&at.trace);
    return status;
}
