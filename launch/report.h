/** @file
 * What a run has done: totals, and how they are told to people and to programs.
 */
#ifndef KVSPAN_LAUNCH_REPORT_H
#define KVSPAN_LAUNCH_REPORT_H

#include <kvspan/digest.h>
#include <kvspan/scheduler.h>
#include <stdio.h>

#include "launch/percentiles.h"

/* Totals of one step group or of several. A plain struct without pointers: ranks can send it.
 * Zero-initialised nothing has been done. */
typedef struct kvspan_tally {
    uint64_t requests_finished;
    uint64_t requests_refused;
    uint64_t prompt_tokens;
    uint64_t generated_tokens;
    uint64_t tokens_appended;
    uint64_t tokens_recomputed;
    uint64_t preemptions;
    uint64_t steps;
    uint64_t pages_total; /* that can be handed out */
    uint64_t pages_high_water;
    uint64_t pages_in_use;
    kvspan_percentiles step_us;         /* of each step */
    kvspan_percentiles broadcast_bytes; /* of each step, sent to one rank */
} kvspan_tally;

/* Takes over what the scheduler and the ledger of a step group count. */
void kvspan_tally_take(kvspan_tally *tally, const kvspan_scheduler_counts *scheduler,
                       const kvspan_ledger_counts *ledger);

/* Adds another step group's totals: all are sums, and the percentiles are of all steps. */
void kvspan_tally_merge(kvspan_tally *tally, const kvspan_tally *other);

/* The GPU that a rank works on. A plain struct: ranks can send it. */
typedef struct kvspan_report_gpu {
    uint32_t index; /* among those that its process sees */
    char isa[16];
    char model[64];
} kvspan_report_gpu;

/* A run, ready to be told. */
typedef struct kvspan_report {
    const kvspan_tally *tally;
    double seconds;
    uint64_t exchange_bytes; /* Σ over the ranks */
    kvspan_digest output_digest;
    uint64_t verify_rows;    /* checked against the oracle; 0 = none were asked for */
    double verify_max_error; /* of the worst row, and its bound */
    double verify_bound;
    const char *verify_worst;   /* which row that is; "" if none */
    const char *compare_device; /* NULL = none was asked for */
    uint64_t compare_rows;
    double compare_max_difference;
    const char *compare_worst; /* where that is; "" if there are no rows */
    const char *mesh;
    uint32_t rank_count;
    const char *device; /* its name, and what it is */
    const char *device_isa;
    const kvspan_report_gpu *gpus; /* [rank_count]; NULL = the device is none */
    const char *exchanges;         /* how results travel: "host", "nccl" */
} kvspan_report;

/* Writes a summary for people. IO. */
kvspan_status kvspan_report_write_text(const kvspan_report *report, FILE *file,
                                       kvspan_error *error);

/* Writes one JSON object and a line feed; the keys and their order are the same for every run.
 * MEMORY, IO. */
kvspan_status kvspan_report_write_json(const kvspan_report *report, FILE *file,
                                       kvspan_error *error);

#endif
