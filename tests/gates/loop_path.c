#include "gates/loop_path.h"

#include <stdlib.h>

/* The best way found from the head to the end of a block. */
typedef struct path_step {
    uint32_t from; /* the block before; FLOW_NONE at the head */
    bool is_reached;
    uint32_t mma;
    uint32_t copies;
    uint32_t instructions;
} path_step;

static bool is_better(const path_step *left, const path_step *right)
{
    if (!right->is_reached) {
        return true;
    }
    if (left->mma != right->mma) {
        return left->mma > right->mma;
    }
    if (left->copies != right->copies) {
        return left->copies > right->copies;
    }
    return left->instructions < right->instructions;
}

static path_step step_through(const path_step *before, uint32_t from, const kernel_code *kernel,
                              const flow_block *range)
{
    opcode_census census = { 0 };

    census_add_block(&census, kernel, range);
    return (path_step){
        .from = from,
        .is_reached = true,
        .mma = before->mma + census_mma(&census),
        .copies = before->copies + census_wide_loads(&census),
        .instructions = before->instructions + census.instructions,
    };
}

/* In reverse postorder every way that does not go back comes to a block after those before it. */
static uint32_t walk(path_step *steps, const code_loop *loop, const kernel_code *kernel,
                     const flow_graph *graph)
{
    const path_step none = { .from = FLOW_NONE };
    uint32_t tail = loop->head;
    path_step best = none;

    steps[loop->head] = step_through(&none, FLOW_NONE, kernel, &graph->blocks[loop->head]);
    for (uint32_t order = graph->blocks[loop->head].order; order < graph->reached_count; order++) {
        const uint32_t block = graph->sequence[order];
        if (!loop->has_block[block] || !steps[block].is_reached) {
            continue;
        }
        for (uint32_t side = 0; side < graph->blocks[block].edge_count; side++) {
            const uint32_t next = flow_graph_next(graph, block, side);
            if (next == loop->head && is_better(&steps[block], &best)) {
                best = steps[block];
                tail = block;
            }
            if (next == FLOW_NONE || !loop->has_block[next] || graph->blocks[next].order <= order) {
                continue;
            }
            const path_step step = step_through(&steps[block], block, kernel, &graph->blocks[next]);
            if (is_better(&step, &steps[next])) {
                steps[next] = step;
            }
        }
    }
    return tail;
}

bool loop_path_find(code_loop *loop, const kernel_code *kernel, const flow_graph *graph,
                    gate_error *error)
{
    path_step *steps = calloc(graph->block_count, sizeof(*steps));

    if (steps == NULL) {
        return gate_fail(error, "%s: out of memory", kernel->name);
    }
    for (uint32_t block = walk(steps, loop, kernel, graph); block != FLOW_NONE;
         block = steps[block].from) {
        census_add_block(&loop->path, kernel, &graph->blocks[block]);
    }
    free(steps);
    return true;
}
