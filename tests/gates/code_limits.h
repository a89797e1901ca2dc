/** @file
 * What is held against limits of a kernel's machine code. The fields stand at the top of
 * limits.txt.
 */
#ifndef KVSPAN_GATES_CODE_LIMITS_H
#define KVSPAN_GATES_CODE_LIMITS_H

#include "gates/figures.h"
#include "gates/limits.h"

typedef enum code_limit {
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
} code_limit;

extern const limit_schema code_limit_schema;

limit_set code_limits_for(limit_list *list, const kernel_code *kernel);
launch_shape code_limits_launch(const limit_set *set);

/* limit_set_check() of all figures. */
uint32_t code_limits_check(const limit_set *set, const kernel_figures *figures, FILE *out);

#endif
