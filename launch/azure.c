#include "launch/azure.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "launch/input_file.h"
#include "launch/line_reader.h"

enum {
    COLUMN_COUNT = 3,
    MAX_NUMBER_DIGITS = 18, /* fits in 64 bits */
    MAX_FRACTION_DIGITS = 9,
    REASON_BYTES = 160
};

static size_t count_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* A part of a timestamp: so many digits, and what is behind them. */
typedef struct time_part {
    size_t digits;
    int low;
    int high;
    char separator; /* NUL: anything */
} time_part;

enum {
    YEAR,
    MONTH,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    TIME_PART_COUNT
};

static const time_part time_parts[TIME_PART_COUNT] = {
    [YEAR] = { 4, 1970, 9999, '-' }, [MONTH] = { 2, 1, 12, '-' },  [DAY] = { 2, 1, 31, ' ' },
    [HOUR] = { 2, 0, 23, ':' },      [MINUTE] = { 2, 0, 59, ':' }, [SECOND] = { 2, 0, 59, '\0' },
};

/* Takes one part off the text. */
static bool take_part(const char **text, const time_part *part, int *value_out)
{
    int value = 0;

    if (count_digits(*text) != part->digits) {
        return false;
    }
    for (size_t i = 0; i < part->digits; i++) {
        value = 10 * value + (*text)[i] - '0';
    }
    *text += part->digits;
    if (part->separator && *(*text)++ != part->separator) {
        return false;
    }
    *value_out = value;
    return value >= part->low && value <= part->high;
}

/* Takes ".6805900" off the text, if it begins so, as 680. */
static bool take_fraction(const char **text, unsigned *ms_out)
{
    unsigned ms = 0;
    size_t digits;

    *ms_out = 0;
    if (**text != '.') {
        return true;
    }
    digits = count_digits(*text + 1);
    for (size_t i = 0; i < 3; i++) {
        ms = 10 * ms + (i < digits ? (unsigned)((*text)[i + 1] - '0') : 0);
    }
    *text += 1 + digits;
    *ms_out = ms;
    return digits >= 1 && digits <= MAX_FRACTION_DIGITS;
}

/* Milliseconds since 1970. */
static bool parse_timestamp(const char *text, uint64_t *ms_out)
{
    int values[TIME_PART_COUNT] = { 0 };
    struct tm date = { 0 };
    unsigned ms = 0;
    time_t seconds;

    for (int i = 0; i < TIME_PART_COUNT; i++) {
        if (!take_part(&text, &time_parts[i], &values[i])) {
            return false;
        }
    }
    if (!take_fraction(&text, &ms) || (*text && strcmp(text, "+00:00") != 0)) {
        return false;
    }
    date = (struct tm){ .tm_year = values[YEAR] - 1900,
                        .tm_mon = values[MONTH] - 1,
                        .tm_mday = values[DAY],
                        .tm_hour = values[HOUR],
                        .tm_min = values[MINUTE],
                        .tm_sec = values[SECOND] };
    seconds = timegm(&date);
    *ms_out = (uint64_t)seconds * 1000u + ms;
    return date.tm_mday == values[DAY]; /* else it was one of the next month */
}

static bool parse_tokens(const char *text, uint64_t *tokens_out)
{
    const size_t digits = count_digits(text);

    if (digits == 0 || digits > MAX_NUMBER_DIGITS || text[digits] != '\0') {
        return false;
    }
    *tokens_out = strtoull(text, NULL, 10);
    return *tokens_out >= 1 && *tokens_out <= KVSPAN_MAX_SEQUENCE_TOKENS;
}

static kvspan_status fail_tokens(const kvspan_line_reader *reader, const char *column,
                                 const char *text, kvspan_error *error)
{
    char reason[REASON_BYTES];

    (void)snprintf(reason, sizeof(reason), "%s is \"%.32s\", not a whole number in [1, %d]", column,
                   text, KVSPAN_MAX_SEQUENCE_TOKENS);
    return kvspan_line_reader_fail(reader, reason, error);
}

/* Cuts the line at its commas; false if it has not as many fields as there are columns. */
static bool split_line(char *line, char *fields[COLUMN_COUNT])
{
    char *field = line;

    for (int i = 0; i < COLUMN_COUNT; i++) {
        char *end = strchrnul(field, ',');

        if ((*end == '\0') != (i == COLUMN_COUNT - 1)) {
            return false;
        }
        *end = '\0';
        fields[i] = field;
        field = end + 1;
    }
    return true;
}

static kvspan_status add_row(const kvspan_line_reader *reader, kvspan_trace *trace,
                             kvspan_error *error)
{
    char *fields[COLUMN_COUNT] = { NULL };
    uint64_t arrival_ms = 0;
    uint64_t prompt_tokens = 0;
    uint64_t output_tokens = 0;

    if (!split_line(reader->line, fields)) {
        return kvspan_line_reader_fail(reader, "not three fields, " KVSPAN_AZURE_COLUMNS, error);
    }
    if (!parse_timestamp(fields[0], &arrival_ms)) {
        char reason[REASON_BYTES];

        (void)snprintf(reason, sizeof(reason),
                       "TIMESTAMP is \"%.40s\", not a time such as \"2023-11-16 18:15:46.6805900\"",
                       fields[0]);
        return kvspan_line_reader_fail(reader, reason, error);
    }
    if (!parse_tokens(fields[1], &prompt_tokens)) {
        return fail_tokens(reader, "ContextTokens", fields[1], error);
    }
    if (!parse_tokens(fields[2], &output_tokens)) {
        return fail_tokens(reader, "GeneratedTokens", fields[2], error);
    }
    return kvspan_trace_add(trace, prompt_tokens, output_tokens, arrival_ms, error);
}

/* Reads a line that is not blank, without the CR of its end. */
static kvspan_status read_filled_line(kvspan_line_reader *reader, kvspan_error *error)
{
    kvspan_status status;

    do {
        status = kvspan_line_reader_next(reader, error);
    } while (status == KVSPAN_OK && !reader->is_at_end && kvspan_line_reader_is_blank(reader));
    if (status == KVSPAN_OK && strlen(reader->line) < reader->line_bytes) {
        return kvspan_line_reader_fail(reader, "a NUL byte in it", error);
    }
    if (status == KVSPAN_OK && reader->line_bytes > 0 &&
        reader->line[reader->line_bytes - 1] == '\r') {
        reader->line[--reader->line_bytes] = '\0';
    }
    return status;
}

static kvspan_status read_columns(kvspan_line_reader *reader, kvspan_error *error)
{
    char reason[REASON_BYTES];
    const kvspan_status status = read_filled_line(reader, error);

    if (status != KVSPAN_OK || reader->is_at_end ||
        strcmp(reader->line, KVSPAN_AZURE_COLUMNS) == 0) {
        return status;
    }
    (void)snprintf(reason, sizeof(reason), "the columns are \"%.60s\", not %s", reader->line,
                   KVSPAN_AZURE_COLUMNS);
    return kvspan_line_reader_fail(reader, reason, error);
}

static kvspan_status read_rows(kvspan_line_reader *reader, uint64_t limit, kvspan_trace *trace,
                               kvspan_error *error)
{
    kvspan_status status = read_columns(reader, error);

    while (status == KVSPAN_OK && !reader->is_at_end && (limit == 0 || trace->count < limit)) {
        status = read_filled_line(reader, error);
        if (status == KVSPAN_OK && !reader->is_at_end) {
            status = add_row(reader, trace, error);
        }
    }
    if (status == KVSPAN_OK && trace->count == 0) {
        status = kvspan_fail(error, KVSPAN_ERR_IO, "%s: no request in it",
                             kvspan_input_name(reader->path));
    }
    return status;
}

/* Makes the earliest arrival 0. */
static void begin_at_zero(kvspan_trace *trace)
{
    uint64_t earliest_ms = UINT64_MAX;

    for (uint32_t i = 0; i < trace->count; i++) {
        earliest_ms = trace->arrivals_ms[i] < earliest_ms ? trace->arrivals_ms[i] : earliest_ms;
    }
    for (uint32_t i = 0; i < trace->count; i++) {
        trace->arrivals_ms[i] -= earliest_ms;
    }
}

kvspan_status kvspan_azure_read(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                kvspan_error *error)
{
    kvspan_line_reader reader;
    kvspan_trace trace = { 0 };
    kvspan_status status =
        kvspan_line_reader_open(&reader, path, KVSPAN_AZURE_MAX_LINE_BYTES, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = read_rows(&reader, limit, &trace, error);
    kvspan_line_reader_close(&reader);
    if (status != KVSPAN_OK) {
        goto err_free_trace;
    }
    begin_at_zero(&trace);
    *trace_out = trace;
    return KVSPAN_OK;

err_free_trace:
    kvspan_trace_fini(&trace);
    return status;
}
