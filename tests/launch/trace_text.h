/** @file
 * Traces written in a test: a text becomes a file, is read, and is gone.
 */
#ifndef KVSPAN_TESTS_TRACE_TEXT_H
#define KVSPAN_TESTS_TRACE_TEXT_H

#include "launch/trace.h"

/* kvspan_mooncake_read() and its like. */
typedef kvspan_status trace_reader(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                   kvspan_error *error);

/* Fails the test unless the text is read. */
kvspan_trace read_trace(trace_reader *reader, const char *text, uint64_t limit);

/* Fails the test unless the bytes are refused in words that name the file and contain all of
 * `reasons`, of which some may be NULL. */
void expect_trace_refused(trace_reader *reader, const char *text, size_t count,
                          const char *const reasons[3]);

#define EXPECT_TRACE_REFUSED(reader, text, ...) \
    expect_trace_refused(reader, text, sizeof(text) - 1, (const char *const[3]){ __VA_ARGS__ })

void expect_request(const kvspan_trace *trace, uint32_t index, uint64_t prompt_tokens,
                    uint64_t output_tokens, uint64_t arrival_ms);

#endif
