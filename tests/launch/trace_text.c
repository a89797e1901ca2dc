#include "trace_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/suite.h"

typedef struct temporary {
    char path[32];
} temporary;

static temporary write_file(const char *bytes, size_t count)
{
    temporary file = { .path = "/tmp/kvspan_trace_XXXXXX" };
    const int descriptor = mkstemp(file.path);

    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, bytes, count), (ssize_t)count);
    (void)close(descriptor);
    return file;
}

kvspan_trace read_trace(trace_reader *reader, const char *text, uint64_t limit)
{
    const temporary file = write_file(text, strlen(text));
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };
    const kvspan_status status = reader(file.path, limit, &trace, &error);

    (void)unlink(file.path);
    ck_assert_msg(status == KVSPAN_OK, "%s", error.message);
    return trace;
}

void expect_trace_refused(trace_reader *reader, const char *text, size_t count,
                          const char *const reasons[3])
{
    const temporary file = write_file(text, count);
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };
    const kvspan_status status = reader(file.path, 0, &trace, &error);

    (void)unlink(file.path);
    ck_assert_msg(status == KVSPAN_ERR_IO, "\"%.60s\" gives status %d", text, (int)status);
    ck_assert_ptr_null(trace.requests);
    ck_assert_msg(strstr(error.message, file.path) != NULL, "\"%s\" names no file", error.message);
    for (size_t i = 0; i < 3 && reasons[i]; i++) {
        ck_assert_msg(strstr(error.message, reasons[i]) != NULL, "\"%s\" has no \"%s\"",
                      error.message, reasons[i]);
    }
}

void expect_request(const kvspan_trace *trace, uint32_t index, uint64_t prompt_tokens,
                    uint64_t output_tokens, uint64_t arrival_ms)
{
    ck_assert_uint_lt(index, trace->count);
    ck_assert_uint_eq(trace->requests[index].tag, index);
    ck_assert_uint_eq(trace->requests[index].prompt_tokens, prompt_tokens);
    ck_assert_uint_eq(trace->requests[index].output_tokens, output_tokens);
    ck_assert_uint_eq(trace->arrivals_ms[index], arrival_ms);
}
