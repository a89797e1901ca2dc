#include "gates/loop_finder.h"

#include "gates/loop_path.h"

#include <assert.h>
#include <stdlib.h>

static code_loop *loop_at(loop_list *list, const flow_graph *graph, uint32_t head)
{
    for (uint32_t index = 0; index < list->count; index++) {
        if (list->loops[index].head == head) {
            return &list->loops[index];
        }
    }
    bool *has_block = calloc(graph->block_count, sizeof(bool));
    if (has_block == NULL) {
        return NULL;
    }
    code_loop *loop = &list->loops[list->count++];
    *loop = (code_loop){
        .head = head,
        .first_word = graph->blocks[head].first,
        .has_block = has_block,
        .parent = FLOW_NONE,
    };
    has_block[head] = true;
    return loop;
}

/* Whether the block goes on to one of the loop's without passing the head. */
static bool leads_into(const code_loop *loop, const flow_graph *graph, uint32_t block)
{
    for (uint32_t side = 0; side < graph->blocks[block].edge_count; side++) {
        const uint32_t next = flow_graph_next(graph, block, side);

        if (next != FLOW_NONE && next != loop->head && loop->has_block[next]) {
            return true;
        }
    }
    return false;
}

/* All blocks from which @p tail is reached without passing the head: until nothing is added. */
static void loop_fill(code_loop *loop, const flow_graph *graph, uint32_t tail)
{
    bool is_changed = true;

    loop->has_block[tail] = true;
    while (is_changed) {
        is_changed = false;
        for (uint32_t order = graph->reached_count; order-- > 0;) {
            const uint32_t block = graph->sequence[order];

            if (!loop->has_block[block] && leads_into(loop, graph, block)) {
                loop->has_block[block] = true;
                is_changed = true;
            }
        }
    }
}

static bool find_loops(loop_list *list, const kernel_code *kernel, const flow_graph *graph,
                       gate_error *error)
{
    for (uint32_t order = 0; order < graph->reached_count; order++) {
        const uint32_t block = graph->sequence[order];
        for (uint32_t side = 0; side < graph->blocks[block].edge_count; side++) {
            const uint32_t next = flow_graph_next(graph, block, side);
            if (next == FLOW_NONE || graph->blocks[next].order > order) {
                continue;
            }
            if (!flow_graph_dominates(graph, next, block)) {
                return gate_fail(error, "%s: a loop at 0x%x is entered at two places", kernel->name,
                                 graph->blocks[next].first * 16);
            }
            code_loop *loop = loop_at(list, graph, next);
            if (loop == NULL) {
                return gate_fail(error, "%s: out of memory", kernel->name);
            }
            loop_fill(loop, graph, block);
        }
    }
    return true;
}

static uint32_t loop_block_count(const code_loop *loop, const flow_graph *graph)
{
    uint32_t count = 0;

    for (uint32_t block = 0; block < graph->block_count; block++) {
        count += loop->has_block[block] ? 1 : 0;
    }
    return count;
}

/* The smallest of the others that holds its head is directly around a loop. */
static void nest_loops(loop_list *list, const flow_graph *graph)
{
    for (uint32_t index = 0; index < list->count; index++) {
        code_loop *loop = &list->loops[index];
        uint32_t smallest = UINT32_MAX;
        for (uint32_t other = 0; other < list->count; other++) {
            if (other == index || !list->loops[other].has_block[loop->head]) {
                continue;
            }
            const uint32_t count = loop_block_count(&list->loops[other], graph);
            loop->depth++;
            if (count < smallest) {
                smallest = count;
                loop->parent = other;
            }
        }
    }
}

static void count_loops(loop_list *list, const kernel_code *kernel, const flow_graph *graph)
{
    for (uint32_t block = 0; block < graph->block_count; block++) {
        const flow_block *range = &graph->blocks[block];
        bool is_in_any = false;
        for (uint32_t index = 0; index < list->count; index++) {
            if (list->loops[index].has_block[block]) {
                is_in_any = true;
                census_add_block(&list->loops[index].all, kernel, range);
            }
        }
        if (is_in_any) {
            census_add_block(&list->in_any, kernel, range);
        }
    }
}

bool loop_list_find(loop_list *list, const kernel_code *kernel, const flow_graph *graph,
                    gate_error *error)
{
    *list = (loop_list){ .loops = calloc(graph->block_count, sizeof(list->loops[0])) };
    if (list->loops == NULL) {
        return gate_fail(error, "%s: out of memory", kernel->name);
    }
    bool is_found = find_loops(list, kernel, graph, error);
    if (is_found) {
        nest_loops(list, graph);
        count_loops(list, kernel, graph);
    }
    for (uint32_t index = 0; is_found && index < list->count; index++) {
        is_found = loop_path_find(&list->loops[index], kernel, graph, error);
    }
    if (!is_found) {
        loop_list_fini(list);
    }
    return is_found;
}

void loop_list_fini(loop_list *list)
{
    for (uint32_t index = 0; index < list->count; index++) {
        free(list->loops[index].has_block);
    }
    free(list->loops);
    *list = (loop_list){ 0 };
}

static uint32_t wide_accesses(const opcode_census *census)
{
    return census_wide_loads(census) + census_wide_stores(census) + census->kinds[OPCODE_BULK];
}

/* An inner loop takes the place of one around it if it has products, or both have none and it has
 * accesses; a loop that only copies inside one that multiplies does not. */
static bool is_replaced_by(const code_loop *loop, const code_loop *inner)
{
    if (census_mma(&loop->all) > 0) {
        return census_mma(&inner->all) > 0;
    }
    return wide_accesses(&inner->all) > 0;
}

static bool is_replaced(const loop_list *list, uint32_t index)
{
    for (uint32_t inner = 0; inner < list->count; inner++) {
        if (list->loops[inner].parent == index &&
            is_replaced_by(&list->loops[index], &list->loops[inner])) {
            return true;
        }
    }
    return false;
}

static bool is_more(const opcode_census *left, const opcode_census *right)
{
    const uint32_t left_mma = census_mma(left);
    const uint32_t right_mma = census_mma(right);
    const uint32_t left_wide = wide_accesses(left);
    const uint32_t right_wide = wide_accesses(right);

    if (left_mma != right_mma) {
        return left_mma > right_mma;
    }
    if (left_mma == 0 && left_wide != right_wide) {
        return left_wide > right_wide;
    }
    return left->instructions < right->instructions;
}

const code_loop *loop_list_main(const loop_list *list)
{
    const code_loop *best = NULL;

    assert(list->count == 0 || list->loops != NULL);
    for (uint32_t index = 0; index < list->count; index++) {
        const code_loop *loop = &list->loops[index];
        if (census_mma(&loop->all) == 0 && wide_accesses(&loop->all) == 0) {
            continue;
        }
        if (!is_replaced(list, index) && (best == NULL || is_more(&loop->path, &best->path))) {
            best = loop;
        }
    }
    return best;
}

uint32_t loop_list_inner(const loop_list *list, const code_loop *loop)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < list->count; index++) {
        const code_loop *other = &list->loops[index];
        count += other != loop && loop->has_block[other->head] ? 1 : 0;
    }
    return count;
}
