/** @file
 * One kernel of one architecture as the compiler left it: machine code and what it takes.
 */
#ifndef KVSPAN_GATES_KERNEL_CODE_H
#define KVSPAN_GATES_KERNEL_CODE_H

#include "gates/gate_error.h"

#include <stdint.h>

/* An instruction of sm_70 and later: 128 bits, the opcode in the low ones. */
typedef struct sass_word {
    uint64_t low;
    uint64_t high;
} sass_word;

/* A place that a branch to what a register holds may go to; words by index. */
typedef struct indirect_jump {
    uint32_t from;
    uint32_t to;
} indirect_jump;

typedef struct kernel_code {
    char *name;    /* the symbol, mangled */
    uint32_t arch; /* 90 for sm_90 */
    sass_word *words;
    uint32_t word_count;
    indirect_jump *jumps; /* by the compiler's own list */
    uint32_t jump_count;
    uint32_t registers;           /* per thread */
    uint32_t stack_bytes;         /* per thread: spills and arrays that are no registers */
    uint32_t static_shared_bytes; /* per block, without what the system keeps for itself */
    uint32_t block_threads;       /* most that a launch may have; 0 where the code sets no bound */
    uint32_t barriers;
} kernel_code;

typedef struct kernel_list {
    kernel_code *kernels;
    uint32_t count;
    uint32_t capacity;
} kernel_list;

/* A new entry at the end, all zero but for its name and room for @p word_count words; NULL without
 * memory. Pointers taken before are invalid. */
kernel_code *kernel_list_add(kernel_list *list, const char *name, uint32_t word_count);

/* By name, then architecture: a table that does not depend on the order of the file. */
void kernel_list_sort(kernel_list *list);
void kernel_list_fini(kernel_list *list);

#endif
