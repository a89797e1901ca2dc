#include "support/stream_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_BYTES = 2048
};

static bool read_line(const char *line, stream_operation *operation_out)
{
    long process = 0;
    unsigned long long numbers[4] = { 0 };

    *operation_out = (stream_operation){ .stream = 0 };
    if (sscanf(line,
               "process=%ld device=%*u stream=%u operation=%159s enqueued=%llu begun=%llu "
               "ended=%llu after=%llu",
               &process, &operation_out->stream, operation_out->name, &numbers[0], &numbers[1],
               &numbers[2], &numbers[3]) != 7) {
        return false;
    }
    operation_out->enqueued = numbers[0];
    operation_out->begun = numbers[1];
    operation_out->ended = numbers[2];
    operation_out->after = numbers[3];
    return process == (long)getpid();
}

static int compare_enqueued(const void *left, const void *right)
{
    const stream_operation *const a = left;
    const stream_operation *const b = right;

    return (a->enqueued > b->enqueued) - (a->enqueued < b->enqueued);
}

/* What is enqueued later never comes before, so one pass in this order finds all. */
static void find_order(stream_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        stream_operation *const later = &record->operations[i];

        for (uint32_t j = 0; j < i; j++) {
            const stream_operation *const earlier = &record->operations[j];

            if (earlier->stream != later->stream && earlier->enqueued != later->after) {
                continue;
            }
            later->follows[j] = true;
            for (uint32_t k = 0; k < j; k++) {
                later->follows[k] |= earlier->follows[k];
            }
        }
    }
}

static const char *find_label(const stream_label *labels, const char *name)
{
    const stream_label *each = labels;

    while (each->text && !strstr(name, each->text)) {
        each++;
    }
    return each->label;
}

static void put_labels(stream_record *record, const stream_label *labels)
{
    for (uint32_t i = 0; i < record->count; i++) {
        stream_operation *const operation = &record->operations[i];

        operation->label = find_label(labels, operation->name);
        for (uint32_t j = 0; operation->label && j < i; j++) {
            const char *const earlier = record->operations[j].label;

            operation->number += earlier && strcmp(earlier, operation->label) == 0;
        }
    }
}

static FILE *open_record(void)
{
    const char *const path = getenv("KVSPAN_STANDIN_RECORD");

    return path ? fopen(path, "r") : NULL;
}

/* The next operation of this process. */
static bool read_operation(FILE *file, stream_operation *operation_out)
{
    char line[LINE_BYTES];

    while (fgets(line, sizeof(line), file)) {
        if (read_line(line, operation_out)) {
            return true;
        }
    }
    return false;
}

uint64_t stream_record_end(void)
{
    FILE *const file = open_record();
    stream_operation operation;
    uint64_t end = 1;

    while (file && read_operation(file, &operation)) {
        end = operation.ended >= end ? operation.ended + 1 : end;
    }
    if (file) {
        (void)fclose(file);
    }
    return end;
}

bool stream_record_read(stream_record *record, uint64_t from, const stream_label *labels)
{
    FILE *const file = open_record();
    stream_operation operation;
    bool is_good = file != NULL;

    memset(record, 0, sizeof(*record));
    while (is_good && read_operation(file, &operation)) {
        if (operation.enqueued < from) {
            continue;
        }
        is_good = record->count < STREAM_RECORD_OPERATIONS;
        if (is_good) {
            record->operations[record->count++] = operation;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    qsort(record->operations, record->count, sizeof(record->operations[0]), compare_enqueued);
    find_order(record);
    put_labels(record, labels);
    return is_good;
}

static void append(char *text, size_t text_bytes, const char *word)
{
    const size_t length = strlen(text);

    (void)snprintf(text + length, text_bytes - length, "%s", word);
}

static void append_operation(char *text, size_t text_bytes, const stream_operation *operation)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "%s%u", operation->label, operation->number);
    append(text, text_bytes, name);
}

void stream_record_order(const stream_record *record, char *text, size_t text_bytes)
{
    text[0] = '\0';
    for (uint32_t i = 0; i < record->count; i++) {
        const stream_operation *const operation = &record->operations[i];
        const char *separator = "(";

        if (!operation->label) {
            continue;
        }
        append_operation(text, text_bytes, operation);
        for (uint32_t j = 0; j < i; j++) {
            if (operation->follows[j] && record->operations[j].label) {
                append(text, text_bytes, separator);
                append_operation(text, text_bytes, &record->operations[j]);
                separator = " ";
            }
        }
        append(text, text_bytes, *separator == '(' ? "() " : ") ");
    }
}

uint32_t stream_record_overtakings(const stream_record *record, const char *label,
                                   const char *other)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < record->count; i++) {
        const stream_operation *const overtaker = &record->operations[i];

        for (uint32_t j = 0; j < i; j++) {
            const stream_operation *const overtaken = &record->operations[j];

            count += overtaker->label && overtaken->label && strcmp(overtaker->label, label) == 0 &&
                     strcmp(overtaken->label, other) == 0 && overtaker->begun < overtaken->begun;
        }
    }
    return count;
}
