#include "gates/figures.h"

#include "gates/occupancy.h"

#include <stddef.h>

static double ratio(uint32_t instructions, uint32_t units)
{
    return units == 0 ? 0.0 : (double)instructions / units;
}

/* After a wait that lets n groups be pending, more are begun before the next wait. Plain loads are
 * under way as many as a turn has. */
static double flight_of_block(const code_loop *loop, uint32_t block_threads)
{
    const opcode_census *path = &loop->path;
    const uint32_t groups = path->kinds[OPCODE_LDGDEPBAR];
    const uint32_t waits = path->kinds[OPCODE_DEPBAR];

    if (census_wide(path, OPCODE_LDGSTS) == 0) {
        return 16.0 * census_wide_loads(path) * block_threads;
    }
    if (groups == 0 || waits == 0) {
        return 0.0;
    }
    const double begun = groups > waits ? (double)groups / waits : 1.0;
    const double group_bytes = (double)census_bytes(path, OPCODE_LDGSTS) * block_threads / groups;
    return group_bytes * (loop->all.most_pending_groups + begun);
}

static void read_main_loop(kernel_figures *figures)
{
    const code_loop *loop = loop_list_main(&figures->loops);

    figures->main = loop;
    if (loop == NULL) {
        return;
    }
    figures->copies = census_wide_loads(&loop->all);
    figures->instructions_512 = ratio(loop->all.instructions, figures->copies);
    figures->path_512 = ratio(loop->path.instructions, census_wide_loads(&loop->path));
    figures->mma_ratio = ratio(loop->all.instructions, 8 * census_mma(&loop->all));
    figures->path_mma_ratio = ratio(loop->path.instructions, 8 * census_mma(&loop->path));
    figures->flight_bytes = figures->blocks * flight_of_block(loop, figures->block_threads);
}

bool kernel_figures_init(kernel_figures *figures, const kernel_code *kernel,
                         const launch_shape *launch, gate_error *error)
{
    flow_graph graph;

    if (!flow_graph_build(&graph, kernel, error)) {
        return false;
    }
    *figures = (kernel_figures){
        .kernel = kernel,
        .block_threads = launch->block_threads == 0 ? kernel->block_threads : launch->block_threads,
        .shared_bytes = kernel->static_shared_bytes + launch->dynamic_shared_bytes,
        .indirect_branches = graph.indirect_branches,
    };
    const bool is_found = loop_list_find(&figures->loops, kernel, &graph, error);
    flow_graph_fini(&graph);
    if (!is_found) {
        return false;
    }
    figures->blocks = occupancy_blocks(kernel->arch, figures->block_threads, kernel->registers,
                                       figures->shared_bytes);
    census_add_range(&figures->all, kernel, 0, kernel->word_count);
    read_main_loop(figures);
    return true;
}

void kernel_figures_fini(kernel_figures *figures)
{
    loop_list_fini(&figures->loops);
    *figures = (kernel_figures){ 0 };
}
