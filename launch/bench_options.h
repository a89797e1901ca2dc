/** @file
 * What `kvspan bench` was asked to measure.
 */
#ifndef KVSPAN_LAUNCH_BENCH_OPTIONS_H
#define KVSPAN_LAUNCH_BENCH_OPTIONS_H

#include <stdbool.h>

#include <kvspan/cache.h>
#include <kvspan/types.h>

#include "launch/device_choice.h"

typedef enum kvspan_bench_case {
    KVSPAN_BENCH_NONE = 0,
    KVSPAN_BENCH_ATTENTION,
    KVSPAN_BENCH_APPEND,
    KVSPAN_BENCH_LEDGER
} kvspan_bench_case;

/* Texts are the caller's argv. */
typedef struct kvspan_bench_options {
    kvspan_bench_case what;
    uint32_t q_heads;
    uint32_t kv_heads;
    uint32_t key_dim;
    uint32_t value_dim;
    uint32_t page_tokens;
    kvspan_layout layout;
    kvspan_dtype kv_dtype;
    uint32_t context_tokens; /* of a sequence, before those that are new */
    uint32_t new_tokens;     /* of a sequence */
    uint32_t sequence_count;
    const char *lengths_path; /* a trace whose requests' lengths are the contexts; or NULL */
    uint32_t window_tokens;   /* 0 = all */
    double soft_cap;          /* 0 = none */
    uint32_t layer_count;     /* 0 = as many as exceed the caches of the CPU by far */
    uint32_t rounds;
    kvspan_device_choice device;
    bool is_json;
    bool is_help; /* asked for help: nothing else counts */
} kvspan_bench_options;

/* Reads argv, whose first text is a name as main() gets it. ARGUMENT names option, value and
 * limits; MEMORY. Prints nothing. The order of argv may change. */
kvspan_status kvspan_bench_options_parse(int argc, char **argv, kvspan_bench_options *options_out,
                                         kvspan_error *error);

/* The word for a layout, which lives as long as the program. */
const char *kvspan_bench_options_layout_name(kvspan_layout layout);

/* Writes the help of `kvspan bench` to standard output. */
void kvspan_bench_options_help(void);

#endif
