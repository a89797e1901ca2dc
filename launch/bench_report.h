/** @file
 * What a benchmark has found: settings, and figures of which every round gives one. A figure is
 * told as its median, least and most.
 */
#ifndef KVSPAN_LAUNCH_BENCH_REPORT_H
#define KVSPAN_LAUNCH_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <kvspan/status.h>

enum {
    KVSPAN_BENCH_MAX_FIGURES = 16,
    KVSPAN_BENCH_MAX_SETTINGS = 32,
    KVSPAN_BENCH_TEXT_BYTES = 128, /* of a setting, with the NUL */
    KVSPAN_BENCH_MAX_ROUNDS = 1000
};

/* A setting is a text or a number. Keys outlive the report. */
typedef struct kvspan_bench_setting {
    const char *key;
    char text[KVSPAN_BENCH_TEXT_BYTES]; /* or, where it is empty, */
    uint64_t number;
} kvspan_bench_setting;

typedef struct kvspan_bench_figure {
    const char *key;
    uint32_t count;
    double values[KVSPAN_BENCH_MAX_ROUNDS];
} kvspan_bench_figure;

typedef struct kvspan_bench_summary {
    double median; /* the mean of the two in the middle of an even count */
    double least;
    double most;
} kvspan_bench_summary;

typedef struct kvspan_bench_report {
    uint32_t setting_count;
    uint32_t figure_count;
    kvspan_bench_setting settings[KVSPAN_BENCH_MAX_SETTINGS];
    kvspan_bench_figure figures[KVSPAN_BENCH_MAX_FIGURES];
} kvspan_bench_report;

/* In the order of adding. A text is copied, as far as it fits, and not empty. */
void kvspan_bench_report_set_text(kvspan_bench_report *report, const char *key, const char *text);
void kvspan_bench_report_set_number(kvspan_bench_report *report, const char *key, uint64_t number);

/* Adds a round's value to the figure of that key, which the first one makes. */
void kvspan_bench_report_add(kvspan_bench_report *report, const char *key, double value);

/* Takes the figures back, the settings stay: after a round that does not count. */
void kvspan_bench_report_forget(kvspan_bench_report *report);

/* count is at least 1; orders the values. */
kvspan_bench_summary kvspan_bench_summarise(double *values, uint32_t count);

/* Writes lines for people, or one JSON object: each setting under its key, and under each figure's
 * an object of median, min and max. Orders the values. IO, MEMORY. */
kvspan_status kvspan_bench_report_write(kvspan_bench_report *report, bool is_json, FILE *file,
                                        kvspan_error *error);

#endif
