/* The loop that does a kernel's work, found from its branches and from what it executed.
 *
 * The loop of a head is all code that no path from the entry reaches but through the head, and from
 * which a path within that code leads back to the head. The entry is the head of none. */
#include "standin/ptx/array.h"
#include "standin/ptx/counts.h"

typedef struct edge { /* instructions that may follow each other */
    uint32_t from;
    uint32_t to;
} edge;

typedef struct flow {
    edge *edges; /* by where they begin */
    uint32_t edge_count;
    uint32_t instruction_count;
    bool *is_target;    /* [instruction]: a branch leads to it */
    bool *is_elsewhere; /* [instruction]: a path from the entry to it avoids the head */
    bool *is_within;    /* [instruction]: of the head's loop */
} flow;

static void edge_add(flow *f, uint32_t from, uint32_t to)
{
    *PTX_APPEND(f->edges, f->edge_count) = (edge){ .from = from, .to = to };
}

static void branch_add(flow *f, uint32_t from, uint32_t to)
{
    edge_add(f, from, to);
    f->is_target[to] = true;
}

static void edges_add(flow *f, const ptx_module *module, const ptx_instruction *i, uint32_t pc)
{
    const bool may_end = i->flow == PTX_FLOW_BRANCH || i->flow == PTX_FLOW_BRANCH_INDEXED ||
                         i->flow == PTX_FLOW_RETURN || i->flow == PTX_FLOW_EXIT;

    if (!may_end || i->guard != PTX_SINK) {
        edge_add(f, pc, pc + 1);
    }
    if (i->flow == PTX_FLOW_BRANCH) {
        branch_add(f, pc, i->target);
    } else if (i->flow == PTX_FLOW_BRANCH_INDEXED) {
        const ptx_branch_table *table = &module->branch_tables[i->target];

        for (uint32_t k = 0; k < table->count; ++k) {
            branch_add(f, pc, table->targets[k]);
        }
    }
}

static void elsewhere_find(flow *f, uint32_t head)
{
    bool is_changed = true;

    memset(f->is_elsewhere, 0, f->instruction_count * sizeof *f->is_elsewhere);
    f->is_elsewhere[0] = true;
    while (is_changed) {
        is_changed = false;
        for (uint32_t k = 0; k < f->edge_count; ++k) {
            const edge *e = &f->edges[k];

            if (f->is_elsewhere[e->from] && e->to != head && !f->is_elsewhere[e->to]) {
                f->is_elsewhere[e->to] = true;
                is_changed = true;
            }
        }
    }
}

/* Finds the head's loop: empty if it is none. */
static void loop_find(flow *f, uint32_t head)
{
    bool is_changed = true;

    elsewhere_find(f, head);
    memset(f->is_within, 0, f->instruction_count * sizeof *f->is_within);
    while (is_changed) {
        is_changed = false;
        for (uint32_t k = f->edge_count; k > 0; --k) {
            const edge *e = &f->edges[k - 1];

            if (!f->is_elsewhere[e->from] && !f->is_within[e->from] &&
                (e->to == head || f->is_within[e->to])) {
                f->is_within[e->from] = true;
                is_changed = true;
            }
        }
    }
}

/* Sums up what the loop did; returns how many instructions it has. */
static uint32_t loop_count(const flow *f, const ptx_counts *by_instruction, ptx_counts *counts_out)
{
    const ptx_counts nothing = { 0 };
    uint32_t length = 0;

    *counts_out = nothing;
    for (uint32_t pc = 0; pc < f->instruction_count; ++pc) {
        if (f->is_within[pc]) {
            ptx_counts_add(counts_out, &by_instruction[pc], &nothing);
            ++length;
        }
    }
    return length;
}

static uint64_t work_of(const ptx_counts *counts, bool has_products)
{
    return has_products ? counts->matrix_products : counts->loads.requests;
}

static bool smallest_find(flow *f, const ptx_counts *by_instruction, ptx_counts *counts_out)
{
    uint32_t shortest = UINT32_MAX;
    ptx_counts all;

    memset(f->is_within, 1, f->instruction_count * sizeof *f->is_within);
    loop_count(f, by_instruction, &all);
    const bool has_products = all.matrix_products > 0;

    for (uint32_t head = 0; head < f->instruction_count; ++head) {
        if (f->is_target[head]) {
            ptx_counts counts;

            loop_find(f, head);
            const uint32_t length = loop_count(f, by_instruction, &counts);
            const uint64_t work = work_of(&counts, has_products);

            if (work > 0 && 2 * work >= work_of(&all, has_products) && length < shortest) {
                shortest = length;
                *counts_out = counts;
            }
        }
    }
    return shortest != UINT32_MAX;
}

bool ptx_main_loop_count(const ptx_module *module, const ptx_kernel *kernel,
                         const ptx_counts *by_instruction, ptx_counts *counts_out)
{
    flow f = { .instruction_count = kernel->instruction_count };

    f.is_target = ptx_allocate(f.instruction_count, sizeof *f.is_target);
    f.is_elsewhere = ptx_allocate(f.instruction_count, sizeof *f.is_elsewhere);
    f.is_within = ptx_allocate(f.instruction_count, sizeof *f.is_within);
    for (uint32_t pc = 0; pc < f.instruction_count; ++pc) {
        edges_add(&f, module, &kernel->instructions[pc], pc);
    }
    const bool is_found = smallest_find(&f, by_instruction, counts_out);

    free(f.edges);
    free(f.is_within);
    free(f.is_elsewhere);
    free(f.is_target);
    return is_found;
}
