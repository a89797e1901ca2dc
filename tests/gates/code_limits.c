#include "gates/code_limits.h"

enum {
    ARCH_BYTES = 16
};

const limit_schema code_limit_schema = {
    .place = "architecture",
    .cause = "cannot be told: no loop with copies or products; limit",
    .field_count = LIMIT_FIELD_COUNT,
    .fields = { [LIMIT_THREADS] = { "threads", LIMIT_KIND_FACT },
                [LIMIT_DYNAMIC] = { "dynamic", LIMIT_KIND_FACT },
                [LIMIT_REGISTERS] = { "registers", LIMIT_KIND_MOST },
                [LIMIT_STACK] = { "stack", LIMIT_KIND_MOST },
                [LIMIT_LOCAL_STORES] = { "local_stores", LIMIT_KIND_MOST },
                [LIMIT_LOCAL_IN_LOOPS] = { "local_in_loops", LIMIT_KIND_MOST },
                [LIMIT_CALLS_IN_LOOPS] = { "calls_in_loops", LIMIT_KIND_MOST },
                [LIMIT_INDIRECT_BRANCHES] = { "indirect_branches", LIMIT_KIND_MOST },
                [LIMIT_INNER_LOOPS] = { "inner_loops", LIMIT_KIND_MOST },
                [LIMIT_NARROW_COPIES] = { "narrow_copies", LIMIT_KIND_MOST },
                [LIMIT_NARROW_LOADS] = { "narrow_loads", LIMIT_KIND_MOST },
                [LIMIT_NARROW_STORES] = { "narrow_stores", LIMIT_KIND_MOST },
                [LIMIT_INSTRUCTIONS_512] = { "instructions_512", LIMIT_KIND_COST },
                [LIMIT_PATH_512] = { "path_512", LIMIT_KIND_COST },
                [LIMIT_MMA_RATIO] = { "mma_ratio", LIMIT_KIND_COST },
                [LIMIT_PATH_MMA_RATIO] = { "path_mma_ratio", LIMIT_KIND_COST },
                [LIMIT_BLOCKS] = { "blocks", LIMIT_KIND_LEAST },
                [LIMIT_FLIGHT] = { "flight", LIMIT_KIND_LEAST },
                [LIMIT_COPIES] = { "copies", LIMIT_KIND_LEAST },
                [LIMIT_MMA] = { "mma", LIMIT_KIND_LEAST } },
};

static void name_arch(char text[ARCH_BYTES], const kernel_code *kernel)
{
    (void)snprintf(text, ARCH_BYTES, "sm_%u", kernel->arch);
}

limit_set code_limits_for(limit_list *list, const kernel_code *kernel)
{
    char arch[ARCH_BYTES];

    name_arch(arch, kernel);
    return limit_list_for(list, kernel->name, arch);
}

launch_shape code_limits_launch(const limit_set *set)
{
    return (launch_shape){
        .block_threads = set->is_set[LIMIT_THREADS] ? (uint32_t)set->value[LIMIT_THREADS] : 0,
        .dynamic_shared_bytes =
            set->is_set[LIMIT_DYNAMIC] ? (uint32_t)set->value[LIMIT_DYNAMIC] : 0,
    };
}

uint32_t code_limits_check(const limit_set *set, const kernel_figures *figures, FILE *out)
{
    static const opcode_census nothing = { 0 };
    const opcode_census *main = figures->main == NULL ? &nothing : &figures->main->all;
    const opcode_census *in_loops = &figures->loops.in_any;
    char arch[ARCH_BYTES];
    const double all[LIMIT_FIELD_COUNT] = {
        [LIMIT_REGISTERS] = figures->kernel->registers,
        [LIMIT_STACK] = figures->kernel->stack_bytes,
        [LIMIT_LOCAL_STORES] = census_bytes(&figures->all, OPCODE_STL),
        [LIMIT_LOCAL_IN_LOOPS] = in_loops->kinds[OPCODE_LDL] + in_loops->kinds[OPCODE_STL],
        [LIMIT_CALLS_IN_LOOPS] = in_loops->kinds[OPCODE_CALL],
        [LIMIT_INDIRECT_BRANCHES] = figures->indirect_branches,
        [LIMIT_INNER_LOOPS] =
            figures->main == NULL ? 0.0 : loop_list_inner(&figures->loops, figures->main),
        [LIMIT_NARROW_COPIES] = census_narrow(&figures->all, OPCODE_LDGSTS),
        [LIMIT_NARROW_LOADS] = census_narrow_loads(in_loops),
        [LIMIT_NARROW_STORES] = census_narrow_stores(in_loops),
        [LIMIT_INSTRUCTIONS_512] = figures->instructions_512,
        [LIMIT_PATH_512] = figures->path_512,
        [LIMIT_MMA_RATIO] = figures->mma_ratio,
        [LIMIT_PATH_MMA_RATIO] = figures->path_mma_ratio,
        [LIMIT_BLOCKS] = figures->blocks,
        [LIMIT_FLIGHT] = figures->flight_bytes,
        [LIMIT_COPIES] = figures->copies,
        [LIMIT_MMA] = census_mma(main),
    };

    name_arch(arch, figures->kernel);
    return limit_set_check(set, figures->kernel->name, arch, all, out);
}
