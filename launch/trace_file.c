#include "launch/trace_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "launch/agentic.h"
#include "launch/azure.h"
#include "launch/input_file.h"
#include "launch/mooncake.h"

enum {
    PROBE_BYTES = 1 << 16,
    SHOWN_BYTES = 24 /* of a beginning in an error message */
};

typedef enum trace_format {
    TRACE_MOONCAKE,
    TRACE_AZURE,
    TRACE_AGENTIC
} trace_format;

/* The beginning of a file. */
typedef struct probe {
    char bytes[PROBE_BYTES];
    size_t byte_count;
} probe;

static kvspan_status read_probe(const char *path, probe *probe_out, kvspan_error *error)
{
    FILE *file = NULL;
    kvspan_status status = kvspan_input_open(path, &file, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (fseek(file, 0, SEEK_SET) != 0) {
        status = kvspan_input_fail(path, "cannot be read twice", error);
    } else {
        probe_out->byte_count = fread(probe_out->bytes, 1, PROBE_BYTES, file);
        if (ferror(file)) {
            status = kvspan_input_fail(path, "cannot be read", error);
        }
    }
    (void)fclose(file);
    return status;
}

/* Where a text begins, byte_count if it is not there. */
static size_t find(const probe *in, const char *text)
{
    const char *found = memmem(in->bytes, in->byte_count, text, strlen(text));

    return found ? (size_t)(found - in->bytes) : in->byte_count;
}

static size_t count_blanks(const probe *in)
{
    size_t count = 0;

    while (count < in->byte_count && in->bytes[count] && strchr(" \t\r\n", in->bytes[count])) {
        count++;
    }
    return count;
}

/* Spells the beginning for an error message: what cannot be printed becomes '?'. */
static void show_beginning(const probe *in, size_t first, char shown[SHOWN_BYTES + 1])
{
    size_t count = 0;

    while (count < SHOWN_BYTES && first + count < in->byte_count) {
        const char byte = in->bytes[first + count];

        shown[count++] = (char)(byte >= ' ' && byte <= '~' ? byte : '?');
    }
    shown[count] = '\0';
}

static kvspan_status detect(const char *path, const probe *in, trace_format *format_out,
                            kvspan_error *error)
{
    static const char timestamp[] = "TIMESTAMP";
    const size_t blanks = count_blanks(in);
    char shown[SHOWN_BYTES + 1];

    if (blanks == in->byte_count) {
        *format_out = TRACE_MOONCAKE;
    } else if (in->bytes[blanks] == '{') {
        *format_out = find(in, "\"requests\"") < find(in, "\"input_length\"") ? TRACE_AGENTIC
                                                                              : TRACE_MOONCAKE;
    } else if (find(in, timestamp) == blanks) {
        *format_out = TRACE_AZURE;
    } else {
        show_beginning(in, blanks, shown);
        return kvspan_fail(error, KVSPAN_ERR_IO,
                           "%s: begins with \"%s\": neither a JSON object nor the columns %s",
                           kvspan_input_name(path), shown, KVSPAN_AZURE_COLUMNS);
    }
    return KVSPAN_OK;
}

/* Outside the reader's frame: the probe is large. */
static kvspan_status detect_file(const char *path, trace_format *format_out, kvspan_error *error)
{
    probe beginning = { .byte_count = 0 };
    const kvspan_status status = read_probe(path, &beginning, error);

    return status == KVSPAN_OK ? detect(path, &beginning, format_out, error) : status;
}

kvspan_status kvspan_trace_file_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                     kvspan_error *error)
{
    trace_format format = TRACE_MOONCAKE;
    const kvspan_status status = detect_file(path, &format, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    switch (format) {
    case TRACE_AGENTIC: return kvspan_agentic_read(path, limit, trace_out, error);
    case TRACE_AZURE: return kvspan_azure_read(path, limit, trace_out, error);
    default: return kvspan_mooncake_read(path, limit, trace_out, error);
    }
}
