/** @file
 * Reads a session of a coding agent (github.com/callanjfox/kv-cache-tester): one JSON document
 * whose "requests" are calls of a model and sub-agents.
 *
 * A call has "t" in seconds, "in" and "out" in tokens; it becomes one request with that arrival,
 * prompt and output, the whole of "in" being its prompt: nothing is kept from one call to the next.
 * A sub-agent is what has "requests" of its own, whose "t" count from the sub-agent's. Requests
 * are in the order of their arrival, those of one time in the order of the file. "hash_ids", the
 * model of a call and other fields are not looked at.
 */
#ifndef KVSPAN_LAUNCH_AGENTIC_H
#define KVSPAN_LAUNCH_AGENTIC_H

#include "launch/trace.h"

enum {
    KVSPAN_AGENTIC_MAX_BYTES = 64 << 20, /* of a file */
    KVSPAN_AGENTIC_MAX_DEPTH = 4,        /* of sub-agents: the session's own calls are at 0 */
    KVSPAN_AGENTIC_MAX_SECONDS = 1000000000
};

/* Reads the whole session and leaves its first `limit` requests, or all if limit is 0. IO names
 * file, place in the document, field and value; MEMORY. The caller ends the trace with
 * kvspan_trace_fini(). */
kvspan_status kvspan_agentic_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                  kvspan_error *error);

#endif
