/** @file
 * Blocks of instructions that run together, and where control goes from each.
 *
 * Reached from the kernel's first instruction and from the functions it calls. Slow paths for warps
 * that are not whole are left out, and what no block reaches.
 */
#ifndef KVSPAN_GATES_FLOW_GRAPH_H
#define KVSPAN_GATES_FLOW_GRAPH_H

#include "gates/kernel_code.h"

enum {
    FLOW_NONE = UINT32_MAX
};

typedef struct flow_block {
    uint32_t first; /* instruction */
    uint32_t count;
    uint32_t first_edge; /* into edges: fallen into, jumped to, and where a register tells more */
    uint32_t edge_count;
    bool is_jump_by_call; /* its last instruction is a call that never returns */
    uint32_t order;       /* in reverse postorder; FLOW_NONE if not reached */
    uint32_t dominator;   /* the nearest block on every way here; itself at an entry */
} flow_block;

typedef struct flow_graph {
    flow_block *blocks;
    uint32_t block_count;
    uint32_t *edges;    /* blocks or FLOW_NONE */
    uint32_t *sequence; /* reached blocks in reverse postorder */
    uint32_t reached_count;
    uint32_t indirect_branches; /* by a register, of which the compiler lists no target */
} flow_graph;

bool flow_graph_build(flow_graph *graph, const kernel_code *kernel, gate_error *error);
void flow_graph_fini(flow_graph *graph);

/* The block, or FLOW_NONE, behind edge @p side of @p block. */
static inline uint32_t flow_graph_next(const flow_graph *graph, uint32_t block, uint32_t side)
{
    return graph->edges[graph->blocks[block].first_edge + side];
}

/* Whether every way to @p block goes through @p over. */
bool flow_graph_dominates(const flow_graph *graph, uint32_t over, uint32_t block);

#endif
