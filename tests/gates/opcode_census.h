/** @file
 * Counts instructions by kind and width.
 */
#ifndef KVSPAN_GATES_OPCODE_CENSUS_H
#define KVSPAN_GATES_OPCODE_CENSUS_H

#include "gates/flow_graph.h"
#include "gates/opcode.h"

/* Widths of an access: 1, 2, 4, 8, 16 and 32 bytes. */
enum {
    CENSUS_WIDTHS = 6,
    CENSUS_NARROW_WIDTHS = 4 /* those below 16 bytes */
};

typedef struct opcode_census {
    uint32_t instructions; /* all but NOP */
    uint32_t kinds[OPCODE_KIND_COUNT];
    uint32_t accesses[OPCODE_KIND_COUNT][CENSUS_WIDTHS]; /* of LDGSTS to STL */
    uint32_t most_pending_groups;                        /* of DEPBAR */
} opcode_census;

void census_add(opcode_census *census, sass_word word, uint32_t arch);
void census_add_range(opcode_census *census, const kernel_code *kernel, uint32_t first,
                      uint32_t count);

/* The same of a block; its call is counted as the branch that it may be. */
void census_add_block(opcode_census *census, const kernel_code *kernel, const flow_block *block);

bool census_has_width(opcode_kind kind);

/* Accesses below 16 bytes per thread. */
uint32_t census_narrow(const opcode_census *census, opcode_kind kind);

/* Accesses of 16 bytes per thread; one of 32 counts twice. */
uint32_t census_wide(const opcode_census *census, opcode_kind kind);

/* What all accesses of a kind move, per thread. */
uint32_t census_bytes(const opcode_census *census, opcode_kind kind);

/* Loads and stores of global memory, by whatever instruction: those of 16 bytes, those below. */
uint32_t census_wide_loads(const opcode_census *census);   /* with asynchronous copies */
uint32_t census_narrow_loads(const opcode_census *census); /* without */
uint32_t census_wide_stores(const opcode_census *census);
uint32_t census_narrow_stores(const opcode_census *census);

/* Matrix products that a warp issues alone (HMMA, IMMA, QMMA). */
uint32_t census_mma(const opcode_census *census);

#endif
