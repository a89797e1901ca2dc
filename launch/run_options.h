/** @file
 * What `kvspan run` was asked to do.
 */
#ifndef KVSPAN_LAUNCH_RUN_OPTIONS_H
#define KVSPAN_LAUNCH_RUN_OPTIONS_H

#include <kvspan/cache.h>
#include <stdbool.h>

#include "launch/device_choice.h"

/* Where the results of attention go. */
typedef enum kvspan_gather {
    KVSPAN_GATHER_NONE = 0, /* each rank keeps the rows of its own query heads */
    KVSPAN_GATHER_HEADS = 1 /* every rank gets all query heads */
} kvspan_gather;

/* How results travel between GPUs. */
typedef enum kvspan_exchange_choice {
    KVSPAN_EXCHANGE_NCCL,
    KVSPAN_EXCHANGE_HOST
} kvspan_exchange_choice;

/* Zero means the library's default where the comment says so. Texts are the caller's argv. */
typedef struct kvspan_run_options {
    const char *trace_path; /* NULL = the built-in workload */
    const char *workload;
    uint64_t request_count; /* the first so many of a trace (0 = all), or how many are made */
    bool honours_arrivals;  /* requests wait for the times recorded, by a clock of steps */
    uint32_t step_ms;       /* of that clock */
    double scale;           /* at least 1: lengths are divided by it */
    /* The model. 0 = as --model says, or a small one; windows and soft cap: negative, for 0 has a
     * meaning. */
    const char *model_path; /* a config.json; NULL = the small one */
    uint32_t layer_count;
    uint32_t q_heads;
    uint32_t kv_heads;
    uint32_t head_dim;
    uint32_t value_dim; /* where it is another */
    int64_t window_tokens;
    uint32_t full_every; /* layers n - 1, 2n - 1, … have no window */
    double soft_cap;
    kvspan_dtype dtype;
    kvspan_dtype kv_dtype;      /* 0 = as dtype */
    const char *mesh;           /* NULL = all ranks on tp */
    const char *partition_axis; /* JSON; NULL = the defaults */
    kvspan_heads_policy heads_policy;
    kvspan_gather gather;
    uint32_t page_tokens;
    uint32_t page_count; /* with page 0; 0 = as many as fit */
    uint32_t slot_count;
    uint64_t memory_limit_bytes;  /* 0 = the device's */
    double memory_utilization;    /* 0 = the library's */
    uint32_t token_budget;        /* new tokens of a step */
    uint64_t max_sequence_tokens; /* 0 = those of the longest request */
    uint64_t seed;
    uint32_t deadline_ms;
    kvspan_device_choice device;
    kvspan_exchange_choice exchange; /* of device cuda */
    kvspan_device_choice compare;    /* a second one whose results are compared; no name = none */
    uint64_t verify_rows;            /* checked against the oracle; 0 = none */
    int64_t flip_bit_rank;           /* a test's: this rank damages one stored bit; -1 = none */
    bool no_attention;
    bool is_json;
    bool is_progress;
    bool is_help; /* asked for help: nothing else counts */
} kvspan_run_options;

/* Reads argv, whose first text is a name as main() gets it. ARGUMENT names option, value and
 * limits; MEMORY. Prints nothing. The order of argv may change. */
kvspan_status kvspan_run_options_parse(int argc, char **argv, kvspan_run_options *options_out,
                                       kvspan_error *error);

/* Writes the help of `kvspan run` to standard output. */
void kvspan_run_options_help(void);

#endif
