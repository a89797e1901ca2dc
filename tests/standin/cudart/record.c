#include "standin/cudart/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "standin/cudart/complain.h"
#include "standin/cudart/settings.h"
#include "standin/cudart/stream.h"
#include "standin/cudart/zeroed.h"

enum {
    LINE_BYTES = 2048,
    COUNT_MEMBERS = sizeof(ptx_counts) / sizeof(uint64_t)
};

typedef struct kernel_counts {
    struct kernel_counts *next;
    char *name;
    uint64_t launches;
    uint64_t sums[COUNT_MEMBERS];
} kernel_counts;

static kernel_counts *all_counts;

static int file_open(const char *name)
{
    const int file = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    if (file < 0) {
        complain_and_abort("cannot write %s", name);
    }
    return file;
}

static void line_append(int file, const char *line)
{
    if (write(file, line, strlen(line)) < 0) {
        complain_and_abort("a file of records cannot be written");
    }
}

void record_operation(uint32_t device, uint32_t stream_id, const struct operation *done)
{
    static int file = -1;
    char line[LINE_BYTES];

    if (settings_get()->record_file == NULL) {
        return;
    }
    if (file < 0) {
        file = file_open(settings_get()->record_file);
    }
    (void)snprintf(
        line, sizeof(line),
        "process=%ld device=%u stream=%u operation=%s enqueued=%llu begun=%llu ended=%llu "
        "after=%llu\n",
        (long)getpid(), device, stream_id, done->name, (unsigned long long)done->enqueued,
        (unsigned long long)done->begun, (unsigned long long)stream_next_number(),
        (unsigned long long)done->after);
    line_append(file, line);
}

void record_launch(const char *kernel, const ptx_counts *counts)
{
    kernel_counts *each = all_counts;
    uint64_t added[COUNT_MEMBERS];

    if (settings_get()->counts_file == NULL) {
        return;
    }
    while (each != NULL && strcmp(each->name, kernel) != 0) {
        each = each->next;
    }
    if (each == NULL) {
        each = zeroed_allocate(1, sizeof(*each));
        each->name = zeroed_allocate(strlen(kernel) + 1, 1);
        memcpy(each->name, kernel, strlen(kernel));
        each->next = all_counts;
        all_counts = each;
    }
    memcpy(added, counts, sizeof(added));
    each->launches++;
    for (uint32_t i = 0; i < COUNT_MEMBERS; i++) {
        each->sums[i] += added[i];
    }
}

void record_counts_write(void)
{
    int file;

    if (settings_get()->counts_file == NULL) {
        return;
    }
    file = file_open(settings_get()->counts_file);
    for (const kernel_counts *each = all_counts; each != NULL; each = each->next) {
        char line[LINE_BYTES];
        int length = snprintf(line, sizeof(line), "%.1024s %llu", each->name,
                              (unsigned long long)each->launches);

        for (uint32_t i = 0; i < COUNT_MEMBERS; i++) {
            length += snprintf(line + length, sizeof(line) - (size_t)length, " %llu",
                               (unsigned long long)each->sums[i]);
        }
        (void)snprintf(line + length, sizeof(line) - (size_t)length, "\n");
        line_append(file, line);
    }
    close(file);
}
