/** @file
 * The loops of a kernel: what is in them, and the cheapest way around that does all their work.
 *
 * A loop is what lies between a block and the branches back to it, wherever the compiler put it.
 * Code in a loop that only some turns execute (a mask at the edge, the last tile) counts as part of
 * it; the path leaves out what the cheapest turn with the most products and copies skips. An inner
 * loop counts as if it took one turn.
 */
#ifndef KVSPAN_GATES_LOOP_FINDER_H
#define KVSPAN_GATES_LOOP_FINDER_H

#include "gates/flow_graph.h"
#include "gates/opcode_census.h"

typedef struct code_loop {
    uint32_t head;       /* block that branches go back to */
    uint32_t first_word; /* its first instruction */
    bool *has_block;     /* [block] */
    uint32_t parent;     /* the loop directly around it, or FLOW_NONE */
    uint32_t depth;      /* 0 outermost */
    opcode_census all;   /* everything between head and branch back */
    opcode_census path;  /* of the cheapest full turn */
} code_loop;

typedef struct loop_list {
    code_loop *loops;
    uint32_t count;
    opcode_census in_any; /* instructions in at least one loop */
} loop_list;

bool loop_list_find(loop_list *list, const kernel_code *kernel, const flow_graph *graph,
                    gate_error *error);
void loop_list_fini(loop_list *list);

/* Loops inside that of @p index, which count one turn each in it. */
uint32_t loop_list_inner(const loop_list *list, const code_loop *loop);

/* The loop that does the kernel's work: the innermost with matrix products, or where there are none
 * with accesses to global memory of 16 bytes; of several that with most of them on its path, then
 * that with fewest instructions. NULL if none has any. */
const code_loop *loop_list_main(const loop_list *list);

#endif
