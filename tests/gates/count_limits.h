/** @file
 * What is held against limits of what a kernel did. The fields stand at the top of counts.txt.
 */
#ifndef KVSPAN_GATES_COUNT_LIMITS_H
#define KVSPAN_GATES_COUNT_LIMITS_H

#include "gates/launch_counter.h"
#include "gates/limits.h"

typedef enum count_limit {
    COUNT_KV_READS,
    COUNT_SECTORS,
    COUNT_CONFLICTS,
    COUNT_ALL_CONFLICTS,
    COUNT_ALL_SECTORS,
    COUNT_LOOP_512,
    COUNT_LOOP_MMA,
    COUNT_KV_READS_LEAST, /* the same as KV_READS */
    COUNT_FIELD_COUNT
} count_limit;

extern const limit_schema count_limit_schema;

typedef struct count_figures {
    const char *kernel;
    const char *place; /* the case */
    uint64_t warp_instructions;
    uint64_t products;
    double figures[COUNT_FIELD_COUNT]; /* 0: cannot be told */
} count_figures;

/* kv_bytes: of all keys and values that there were to read, scales included. */
count_figures count_figures_of(const counted_launch *launch, const char *place, uint64_t kv_bytes);

void count_figures_heading(FILE *out);
void count_figures_row(const count_figures *figures, FILE *out);

#endif
