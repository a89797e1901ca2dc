/** @file
 * A recorded trace in any of the formats that are known, told by what is in the file, not by its
 * name: of its first 64 KiB,
 *
 * - what begins with '{' (behind blanks) and has the key "requests" before any "input_length" is a
 *   session of an agent (launch/agentic.h),
 * - what begins with '{' otherwise, and what is blank, is Mooncake's (launch/mooncake.h),
 * - what begins with "TIMESTAMP" is Azure's (launch/azure.h).
 */
#ifndef KVSPAN_LAUNCH_TRACE_FILE_H
#define KVSPAN_LAUNCH_TRACE_FILE_H

#include "launch/trace.h"

/* Reads the first `limit` requests, or all if limit is 0. IO: also what is of no format, and what
 * cannot be read twice, such as a pipe; MEMORY. The caller ends the trace with kvspan_trace_fini().
 */
kvspan_status kvspan_trace_file_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                     kvspan_error *error);

#endif
