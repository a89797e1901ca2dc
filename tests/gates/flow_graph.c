#include "gates/flow_graph.h"

#include "gates/opcode.h"

#include <stdlib.h>
#include <string.h>

/* Scratch of the construction, one entry per instruction or per block. */
typedef struct flow_scratch {
    bool *is_leader;    /* instruction begins a block */
    bool *is_returning; /* block is of a function: comes to a RET */
    uint32_t *block_of; /* block of a leader */
    bool *is_root;      /* block is an entry */
    bool *is_seen;
    uint32_t *stack;
    uint32_t *stack_edge;
    uint32_t *previous; /* predecessors, as a list of edges */
    uint32_t *edge_from;
    uint32_t *edge_next;
} flow_scratch;

static void scratch_fini(flow_scratch *scratch)
{
    free(scratch->is_leader);
    free(scratch->is_returning);
    free(scratch->block_of);
    free(scratch->is_root);
    free(scratch->is_seen);
    free(scratch->stack);
    free(scratch->stack_edge);
    free(scratch->previous);
    free(scratch->edge_from);
    free(scratch->edge_next);
}

static bool scratch_init(flow_scratch *scratch, const kernel_code *kernel)
{
    const size_t count = (size_t)kernel->word_count + 1;
    const size_t edge_count = 2 * count + kernel->jump_count;

    *scratch = (flow_scratch){
        .is_leader = calloc(count, sizeof(bool)),
        .is_returning = calloc(count, sizeof(bool)),
        .block_of = calloc(count, sizeof(uint32_t)),
        .is_root = calloc(count, sizeof(bool)),
        .is_seen = calloc(count, sizeof(bool)),
        .stack = calloc(count, sizeof(uint32_t)),
        .stack_edge = calloc(count, sizeof(uint32_t)),
        .previous = calloc(count, sizeof(uint32_t)),
        .edge_from = calloc(edge_count, sizeof(uint32_t)),
        .edge_next = calloc(edge_count, sizeof(uint32_t)),
    };
    if (scratch->is_leader == NULL || scratch->is_returning == NULL || scratch->block_of == NULL ||
        scratch->is_root == NULL || scratch->is_seen == NULL || scratch->stack == NULL ||
        scratch->stack_edge == NULL || scratch->previous == NULL || scratch->edge_from == NULL ||
        scratch->edge_next == NULL) {
        scratch_fini(scratch);
        return false;
    }
    return true;
}

static bool ends_block(opcode_kind kind)
{
    return kind == OPCODE_BRA || kind == OPCODE_CALL || kind == OPCODE_EXIT || kind == OPCODE_RET ||
           kind == OPCODE_INDIRECT;
}

/* Instructions that begin blocks: those behind branches and those that branches go to. */
static bool mark_leaders(const kernel_code *kernel, flow_scratch *scratch, gate_error *error)
{
    scratch->is_leader[0] = true;
    for (uint32_t index = 0; index < kernel->word_count; index++) {
        const sass_word word = kernel->words[index];
        const opcode_kind kind = opcode_of(word);
        uint32_t target;
        if (ends_block(kind) && index + 1 < kernel->word_count) {
            scratch->is_leader[index + 1] = true;
        }
        if (kind != OPCODE_BRA && kind != OPCODE_CALL) {
            continue;
        }
        if (opcode_target(word, kernel->arch, index, kernel->word_count, &target)) {
            scratch->is_leader[target] = true;
        } else if (kind == OPCODE_BRA) {
            return gate_fail(error, "%s: the branch at 0x%x leaves the code", kernel->name,
                             index * 16);
        }
    }
    for (uint32_t jump = 0; jump < kernel->jump_count; jump++) {
        if (kernel->jumps[jump].to >= kernel->word_count) {
            return gate_fail(error, "%s: an indirect jump leaves the code", kernel->name);
        }
        scratch->is_leader[kernel->jumps[jump].to] = true;
    }
    return true;
}

static uint32_t cut_blocks(const kernel_code *kernel, flow_scratch *scratch, flow_block *blocks)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < kernel->word_count; index++) {
        if (scratch->is_leader[index]) {
            scratch->block_of[index] = count;
            scratch->is_root[count] = index == 0;
            blocks[count++] = (flow_block){
                .first = index,
                .order = FLOW_NONE,
                .dominator = FLOW_NONE,
            };
        }
        blocks[count - 1].count++;
    }
    return count;
}

/* Appends the blocks that the indirect branch at @p last may go to. */
static void connect_jumps(const kernel_code *kernel, const flow_scratch *scratch, flow_graph *graph,
                          flow_block *from, uint32_t last)
{
    for (uint32_t jump = 0; jump < kernel->jump_count; jump++) {
        if (kernel->jumps[jump].from == last) {
            graph->edges[from->first_edge + from->edge_count++] =
                scratch->block_of[kernel->jumps[jump].to];
        }
    }
    graph->indirect_branches += from->edge_count == 2 ? 1 : 0;
}

/* Returns the first edge behind those of the block. */
static uint32_t connect_block(const kernel_code *kernel, const flow_scratch *scratch,
                              flow_graph *graph, uint32_t block, uint32_t first_edge)
{
    flow_block *from = &graph->blocks[block];
    uint32_t *edges = graph->edges + first_edge;
    const uint32_t last = from->first + from->count - 1;
    const sass_word word = kernel->words[last];
    const opcode_kind kind = opcode_of(word);
    const bool goes_on = !ends_block(kind) || kind == OPCODE_CALL ||
                         (!opcode_is_unconditional(word) && !opcode_is_taken_if_whole(word));
    uint32_t target;

    from->first_edge = first_edge;
    from->edge_count = 2;
    edges[0] = goes_on && block + 1 < graph->block_count ? block + 1 : FLOW_NONE;
    edges[1] = FLOW_NONE;
    if (kind == OPCODE_BRA && !opcode_is_taken_if_split(word) &&
        opcode_target(word, kernel->arch, last, kernel->word_count, &target)) {
        edges[1] = scratch->block_of[target];
    }
    if (kind == OPCODE_INDIRECT) {
        connect_jumps(kernel, scratch, graph, from, last);
    }
    return first_edge + from->edge_count;
}

static void connect_blocks(const kernel_code *kernel, const flow_scratch *scratch,
                           flow_graph *graph)
{
    uint32_t edge = 0;

    for (uint32_t block = 0; block < graph->block_count; block++) {
        edge = connect_block(kernel, scratch, graph, block, edge);
    }
}

static bool is_returning_block(const flow_graph *graph, const flow_scratch *scratch,
                               const kernel_code *kernel, uint32_t block)
{
    const flow_block *range = &graph->blocks[block];

    for (uint32_t side = 0; side < range->edge_count; side++) {
        const uint32_t next = flow_graph_next(graph, block, side);
        if (next != FLOW_NONE && scratch->is_returning[next]) {
            return true;
        }
    }
    return opcode_of(kernel->words[range->first + range->count - 1]) == OPCODE_RET;
}

static void find_returning_blocks(const flow_graph *graph, const kernel_code *kernel,
                                  flow_scratch *scratch)
{
    bool is_changed = true;

    while (is_changed) {
        is_changed = false;
        for (uint32_t block = graph->block_count; block-- > 0;) {
            if (!scratch->is_returning[block] &&
                is_returning_block(graph, scratch, kernel, block)) {
                scratch->is_returning[block] = true;
                is_changed = true;
            }
        }
    }
}

/* A call of what returns is one and makes its target an entry. The compiler also writes long jumps
 * as calls, to code that never returns. */
static void resolve_calls(flow_graph *graph, const kernel_code *kernel, flow_scratch *scratch)
{
    find_returning_blocks(graph, kernel, scratch);
    for (uint32_t block = 0; block < graph->block_count; block++) {
        flow_block *from = &graph->blocks[block];
        const uint32_t last = from->first + from->count - 1;
        const sass_word word = kernel->words[last];
        uint32_t target;
        if (opcode_of(word) != OPCODE_CALL ||
            !opcode_target(word, kernel->arch, last, kernel->word_count, &target)) {
            continue;
        }
        const uint32_t called = scratch->block_of[target];
        if (scratch->is_returning[called]) {
            scratch->is_root[called] = true;
            continue;
        }
        from->is_jump_by_call = true;
        graph->edges[from->first_edge + 1] = called;
        if (opcode_is_unconditional(word)) {
            graph->edges[from->first_edge] = FLOW_NONE;
        }
    }
}

/* Depth first from @p root; blocks enter the sequence, from its end, when all behind them have. */
static uint32_t visit_from(flow_graph *graph, flow_scratch *scratch, uint32_t root, uint32_t place)
{
    uint32_t depth = 0;

    scratch->is_seen[root] = true;
    scratch->stack[0] = root;
    scratch->stack_edge[0] = 0;
    for (;;) {
        const uint32_t block = scratch->stack[depth];
        if (scratch->stack_edge[depth] < graph->blocks[block].edge_count) {
            const uint32_t next = flow_graph_next(graph, block, scratch->stack_edge[depth]++);
            if (next != FLOW_NONE && !scratch->is_seen[next]) {
                depth++;
                scratch->is_seen[next] = true;
                scratch->stack[depth] = next;
                scratch->stack_edge[depth] = 0;
            }
            continue;
        }
        graph->sequence[--place] = block;
        if (depth == 0) {
            return place;
        }
        depth--;
    }
}

static void order_blocks(flow_graph *graph, flow_scratch *scratch)
{
    uint32_t place = graph->block_count;

    for (uint32_t block = 0; block < graph->block_count; block++) {
        if (scratch->is_root[block] && !scratch->is_seen[block]) {
            place = visit_from(graph, scratch, block, place);
        }
    }
    graph->reached_count = graph->block_count - place;
    memmove(graph->sequence, graph->sequence + place,
            graph->reached_count * sizeof(graph->sequence[0]));
    for (uint32_t order = 0; order < graph->reached_count; order++) {
        graph->blocks[graph->sequence[order]].order = order;
    }
}

static void list_edges(const flow_graph *graph, flow_scratch *scratch)
{
    uint32_t edge = 0;

    for (uint32_t block = 0; block < graph->block_count; block++) {
        scratch->previous[block] = FLOW_NONE;
    }
    for (uint32_t order = 0; order < graph->reached_count; order++) {
        const uint32_t block = graph->sequence[order];
        for (uint32_t side = 0; side < graph->blocks[block].edge_count; side++) {
            const uint32_t next = flow_graph_next(graph, block, side);
            if (next != FLOW_NONE) {
                scratch->edge_from[edge] = block;
                scratch->edge_next[edge] = scratch->previous[next];
                scratch->previous[next] = edge++;
            }
        }
    }
}

/* FLOW_NONE where the two share none (they hang on different entries). */
static uint32_t common_dominator(const flow_graph *graph, uint32_t left, uint32_t right)
{
    while (left != right) {
        uint32_t *later = graph->blocks[left].order > graph->blocks[right].order ? &left : &right;
        const uint32_t up = graph->blocks[*later].dominator;
        if (up == *later || up == FLOW_NONE) {
            return FLOW_NONE;
        }
        *later = up;
    }
    return left;
}

static uint32_t dominator_of(const flow_graph *graph, const flow_scratch *scratch, uint32_t block)
{
    uint32_t dominator = FLOW_NONE;
    bool is_first = true;

    for (uint32_t edge = scratch->previous[block]; edge != FLOW_NONE;
         edge = scratch->edge_next[edge]) {
        const uint32_t from = scratch->edge_from[edge];
        if (graph->blocks[from].dominator == FLOW_NONE) {
            continue;
        }
        dominator = is_first ? from : common_dominator(graph, dominator, from);
        is_first = false;
        if (dominator == FLOW_NONE) {
            return block; /* reached from two entries: as if one itself */
        }
    }
    return dominator;
}

/* Cooper, Harvey, Kennedy, A Simple, Fast Dominance Algorithm (2001). */
static void find_dominators(flow_graph *graph, const flow_scratch *scratch)
{
    bool is_changed = true;

    while (is_changed) {
        is_changed = false;
        for (uint32_t order = 0; order < graph->reached_count; order++) {
            const uint32_t block = graph->sequence[order];
            const uint32_t dominator =
                scratch->is_root[block] ? block : dominator_of(graph, scratch, block);
            if (graph->blocks[block].dominator != dominator) {
                graph->blocks[block].dominator = dominator;
                is_changed = true;
            }
        }
    }
}

static bool graph_init(flow_graph *graph, const kernel_code *kernel)
{
    const size_t count = kernel->word_count;

    *graph = (flow_graph){
        .blocks = calloc(count, sizeof(graph->blocks[0])),
        .edges = calloc(2 * count + kernel->jump_count, sizeof(graph->edges[0])),
        .sequence = calloc(count, sizeof(graph->sequence[0])),
    };
    if (graph->blocks == NULL || graph->edges == NULL || graph->sequence == NULL) {
        flow_graph_fini(graph);
        return false;
    }
    return true;
}

bool flow_graph_build(flow_graph *graph, const kernel_code *kernel, gate_error *error)
{
    flow_scratch scratch;

    if (kernel->word_count == 0) {
        return gate_fail(error, "%s: no instruction", kernel->name);
    }
    if (!scratch_init(&scratch, kernel)) {
        return gate_fail(error, "%s: out of memory", kernel->name);
    }
    if (!graph_init(graph, kernel)) {
        scratch_fini(&scratch);
        return gate_fail(error, "%s: out of memory", kernel->name);
    }
    const bool is_built = mark_leaders(kernel, &scratch, error);
    if (is_built) {
        graph->block_count = cut_blocks(kernel, &scratch, graph->blocks);
        connect_blocks(kernel, &scratch, graph);
        resolve_calls(graph, kernel, &scratch);
        order_blocks(graph, &scratch);
        list_edges(graph, &scratch);
        find_dominators(graph, &scratch);
    } else {
        flow_graph_fini(graph);
    }
    scratch_fini(&scratch);
    return is_built;
}

void flow_graph_fini(flow_graph *graph)
{
    free(graph->blocks);
    free(graph->edges);
    free(graph->sequence);
    *graph = (flow_graph){ 0 };
}

bool flow_graph_dominates(const flow_graph *graph, uint32_t over, uint32_t block)
{
    while (block != over && graph->blocks[block].dominator != block) {
        block = graph->blocks[block].dominator;
    }
    return block == over;
}
