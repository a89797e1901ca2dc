/** @file
 * The file of limits: which figure of which kernel may be how large or must be how small. Its
 * format stands at the top of limits.txt.
 */
#ifndef KVSPAN_GATES_LIMITS_H
#define KVSPAN_GATES_LIMITS_H

#include "gates/figures.h"

#include <stdio.h>

typedef enum limit_field {
    LIMIT_THREADS, /* facts of the launch */
    LIMIT_DYNAMIC,
    LIMIT_REGISTERS, /* no more than */
    LIMIT_STACK,
    LIMIT_LOCAL_STORES,
    LIMIT_LOCAL_IN_LOOPS,
    LIMIT_CALLS_IN_LOOPS,
    LIMIT_INDIRECT_BRANCHES,
    LIMIT_INNER_LOOPS,
    LIMIT_NARROW_COPIES,
    LIMIT_NARROW_LOADS,
    LIMIT_NARROW_STORES,
    LIMIT_INSTRUCTIONS_512,
    LIMIT_PATH_512,
    LIMIT_MMA_RATIO,
    LIMIT_PATH_MMA_RATIO,
    LIMIT_BLOCKS, /* no fewer than */
    LIMIT_FLIGHT,
    LIMIT_COPIES,
    LIMIT_MMA,
    LIMIT_FIELD_COUNT
} limit_field;

typedef struct limit_set {
    bool is_set[LIMIT_FIELD_COUNT];
    double value[LIMIT_FIELD_COUNT];
    bool is_named; /* by a line that is not for all kernels */
} limit_set;

typedef struct limit_line {
    char *kernel; /* patterns as fnmatch(3) has them */
    char *arch;
    uint32_t number; /* in the file */
    bool is_lifted[LIMIT_FIELD_COUNT];
    bool is_matched;
    limit_set set;
} limit_line;

typedef struct limit_list {
    limit_line *lines;
    uint32_t count;
} limit_list;

bool limit_list_read(limit_list *list, FILE *file, gate_error *error);
void limit_list_fini(limit_list *list);

/* What all lines that match the kernel say, a later one over an earlier one; marks them matched. */
limit_set limit_list_for(limit_list *list, const kernel_code *kernel);

launch_shape limit_set_launch(const limit_set *set);

/* Writes a line to @p out for each figure beyond its limit: kernel, architecture, figure and limit.
 * Returns how many. */
uint32_t limit_set_check(const limit_set *set, const kernel_figures *figures, FILE *out);

/* The same for each line that no kernel matched: what it meant to guard is gone. */
uint32_t limit_list_check_matched(const limit_list *list, FILE *out);

#endif
