/** @file
 * Reads traces as Azure publishes them (github.com/Azure/AzurePublicDataset, LLM inference): a CSV
 * file whose first line is the columns "TIMESTAMP,ContextTokens,GeneratedTokens". A timestamp is
 * "2023-11-16 18:15:46.6805900", the fraction up to nine digits or absent, with "+00:00" behind it
 * or nothing; arrivals are milliseconds since the earliest, the rest cut off.
 */
#ifndef KVSPAN_LAUNCH_AZURE_H
#define KVSPAN_LAUNCH_AZURE_H

#include "launch/trace.h"

#define KVSPAN_AZURE_COLUMNS "TIMESTAMP,ContextTokens,GeneratedTokens"

enum {
    KVSPAN_AZURE_MAX_LINE_BYTES = 1024
};

/* Reads the first `limit` rows, or all if limit is 0, line by line; blank lines are skipped, lines
 * may end in CR LF, and the last may end in nothing. A row without tokens of one kind is refused:
 * a request has both. IO names file, line, column and value; MEMORY. The caller ends the trace with
 * kvspan_trace_fini(). */
kvspan_status kvspan_azure_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                kvspan_error *error);

#endif
