/** @file
 * Reads traces as the Mooncake project publishes them: a JSON object per line, with "timestamp" in
 * ms, "input_length" and "output_length" in tokens. "hash_ids" and other fields are not looked at.
 */
#ifndef KVSPAN_LAUNCH_MOONCAKE_H
#define KVSPAN_LAUNCH_MOONCAKE_H

#include "launch/trace.h"

enum {
    KVSPAN_MOONCAKE_MAX_LINE_BYTES = 1 << 20
};

/* Reads the first `limit` requests, or all if limit is 0, line by line; blank lines are skipped,
 * and lines may end in CR LF. IO names file, line, field and value; MEMORY. The caller ends the
 * trace with kvspan_trace_fini(). */
kvspan_status kvspan_mooncake_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                   kvspan_error *error);

#endif
