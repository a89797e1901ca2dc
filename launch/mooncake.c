#include "launch/mooncake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/json.h"

enum {
    SHOWN_PATH_BYTES = 80 /* of a path in an error message, from its end */
};

typedef struct line_reader {
    const char *path;
    FILE *file;
    char *line; /* [KVSPAN_MOONCAKE_MAX_LINE_BYTES] */
    size_t line_bytes;
    uint64_t line_number;
    bool is_at_end; /* behind the last line */
} line_reader;

static const char *shown_path(const char *path)
{
    const size_t bytes = strlen(path);

    return bytes > SHOWN_PATH_BYTES ? path + bytes - SHOWN_PATH_BYTES : path;
}

static kvspan_status fail_line(const line_reader *reader, const char *reason, kvspan_error *error)
{
    return kvspan_fail(error, KVSPAN_ERR_IO, "%s, line %" PRIu64 ": %s", shown_path(reader->path),
                       reader->line_number, reason);
}

static kvspan_status fail_system(const char *path, const char *what, kvspan_error *error)
{
    const int reason = errno;
    const kvspan_status status =
        kvspan_fail(error, KVSPAN_ERR_IO, "%s: %s: %s", shown_path(path), what, strerror(reason));

    if (error) {
        error->native = reason;
    }
    return status;
}

/* Reads a line without its line feed; is_at_end if there is none. */
static kvspan_status read_line(line_reader *reader, kvspan_error *error)
{
    int byte = getc_unlocked(reader->file);

    reader->line_bytes = 0;
    reader->line_number++;
    reader->is_at_end = byte == EOF;
    while (byte != EOF && byte != '\n') {
        if (reader->line_bytes == KVSPAN_MOONCAKE_MAX_LINE_BYTES) {
            return kvspan_fail(error, KVSPAN_ERR_IO, "%s, line %" PRIu64 ": more than %d bytes",
                               shown_path(reader->path), reader->line_number,
                               KVSPAN_MOONCAKE_MAX_LINE_BYTES);
        }
        reader->line[reader->line_bytes++] = (char)byte;
        byte = getc_unlocked(reader->file);
    }
    if (ferror(reader->file)) {
        return fail_system(reader->path, "cannot be read", error);
    }
    return KVSPAN_OK;
}

static bool is_blank(const line_reader *reader)
{
    for (size_t i = 0; i < reader->line_bytes; i++) {
        const char byte = reader->line[i];

        if (byte != ' ' && byte != '\t' && byte != '\r') {
            return false;
        }
    }
    return true;
}

/* Adds the request that a line's object tells. */
static kvspan_status add_object(const line_reader *reader, const kvspan_json *object,
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
        return fail_line(reader, reason.message, error);
    }
    return kvspan_trace_add(trace, (uint64_t)prompt_tokens, (uint64_t)output_tokens,
                            (uint64_t)arrival_ms, error);
}

static kvspan_status add_line(const line_reader *reader, kvspan_trace *trace, kvspan_error *error)
{
    kvspan_json *object = NULL;
    kvspan_error reason;
    kvspan_status status = kvspan_json_parse(reader->line, reader->line_bytes, &object, &reason);

    if (status != KVSPAN_OK) {
        /* The parser sees one line only: its place begins with "line 1, ". */
        const char *place = strchr(reason.message, ',');

        return fail_line(reader, place ? place + 2 : reason.message, error);
    }
    status = add_object(reader, object, trace, error);
    kvspan_json_free(object);
    return status;
}

static kvspan_status read_lines(line_reader *reader, uint64_t limit, kvspan_trace *trace,
                                kvspan_error *error)
{
    while (limit == 0 || trace->count < limit) {
        kvspan_status status = read_line(reader, error);

        if (status == KVSPAN_OK && reader->is_at_end) {
            break;
        }
        if (status == KVSPAN_OK && !is_blank(reader)) {
            status = add_line(reader, trace, error);
        }
        if (status != KVSPAN_OK) {
            return status;
        }
    }
    if (trace->count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_IO, "%s: no request in it", shown_path(reader->path));
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_mooncake_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                   kvspan_error *error)
{
    line_reader reader = { .path = path };
    kvspan_trace trace = { 0 };
    kvspan_status status = KVSPAN_OK;

    reader.file = fopen(path, "r");
    if (!reader.file) {
        return fail_system(path, "cannot be opened", error);
    }
    reader.line = malloc(KVSPAN_MOONCAKE_MAX_LINE_BYTES);
    if (!reader.line) {
        status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a line of %d bytes",
                             KVSPAN_MOONCAKE_MAX_LINE_BYTES);
        goto err_close_file;
    }
    status = read_lines(&reader, limit, &trace, error);
    free(reader.line);
    if (status != KVSPAN_OK) {
        goto err_free_trace;
    }
    (void)fclose(reader.file);
    *trace_out = trace;
    return KVSPAN_OK;

err_free_trace:
    kvspan_trace_fini(&trace);
err_close_file:
    (void)fclose(reader.file);
    return status;
}
