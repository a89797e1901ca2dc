#include "launch/mooncake.h"

#include <string.h>

#include "launch/input_file.h"
#include "launch/line_reader.h"
#include "runtime/json.h"

/* Adds the request that a line's object tells. */
static kvspan_status add_object(const kvspan_line_reader *reader, const kvspan_json *object,
                                kvspan_trace *trace, kvspan_error *error)
{
    int64_t arrival_ms = 0;
    int64_t prompt_tokens = 0;
    int64_t output_tokens = 0;
    kvspan_error reason;
    kvspan_status status =
        kvspan_json_integer(object, "timestamp", 0, INT64_MAX, true, &arrival_ms, &reason);

    if (status == KVSPAN_OK) {
        status = kvspan_json_integer(object, "input_length", 1, KVSPAN_MAX_SEQUENCE_TOKENS, true,
                                     &prompt_tokens, &reason);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_json_integer(object, "output_length", 1, KVSPAN_MAX_SEQUENCE_TOKENS, true,
                                     &output_tokens, &reason);
    }
    if (status != KVSPAN_OK) {
        return kvspan_line_reader_fail(reader, reason.message, error);
    }
    return kvspan_trace_add(trace, (uint64_t)prompt_tokens, (uint64_t)output_tokens,
                            (uint64_t)arrival_ms, error);
}

static kvspan_status add_line(const kvspan_line_reader *reader, kvspan_trace *trace,
                              kvspan_error *error)
{
    kvspan_json *object = NULL;
    kvspan_error reason;
    kvspan_status status = kvspan_json_parse(reader->line, reader->line_bytes, &object, &reason);

    if (status != KVSPAN_OK) {
        /* The parser sees one line only: its place begins with "line 1, ". */
        const char *place = strchr(reason.message, ',');

        return kvspan_line_reader_fail(reader, place ? place + 2 : reason.message, error);
    }
    status = add_object(reader, object, trace, error);
    kvspan_json_free(object);
    return status;
}

static kvspan_status read_lines(kvspan_line_reader *reader, uint64_t limit, kvspan_trace *trace,
                                kvspan_error *error)
{
    while (limit == 0 || trace->count < limit) {
        kvspan_status status = kvspan_line_reader_next(reader, error);

        if (status == KVSPAN_OK && reader->is_at_end) {
            break;
        }
        if (status == KVSPAN_OK && !kvspan_line_reader_is_blank(reader)) {
            status = add_line(reader, trace, error);
        }
        if (status != KVSPAN_OK) {
            return status;
        }
    }
    if (trace->count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_IO, "%s: no request in it",
                           kvspan_input_name(reader->path));
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_mooncake_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                   kvspan_error *error)
{
    kvspan_line_reader reader;
    kvspan_trace trace = { 0 };
    kvspan_status status =
        kvspan_line_reader_open(&reader, path, KVSPAN_MOONCAKE_MAX_LINE_BYTES, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = read_lines(&reader, limit, &trace, error);
    kvspan_line_reader_close(&reader);
    if (status != KVSPAN_OK) {
        goto err_free_trace;
    }
    *trace_out = trace;
    return KVSPAN_OK;

err_free_trace:
    kvspan_trace_fini(&trace);
    return status;
}
