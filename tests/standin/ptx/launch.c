/* A launch: checks it, resolves symbols, and runs the blocks in the schedule's order. */
#include "standin/ptx/array.h"
#include "standin/ptx/device_calls.h"
#include "standin/ptx/races.h"

static const uint64_t default_budget = 4000000000;

uint64_t ptx_random(ptx_run *run)
{
    uint64_t x = run->random += 0x9e3779b97f4a7c15ull;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

/* Every function that the kernel can reach has to be executable, and its variables bound. */
static bool functions_check(ptx_run *run)
{
    const ptx_module *module = run->launch->module;
    bool *reached = ptx_allocate(module->function_count, sizeof *reached);

    ptx_kernel_reach(module, run->launch->kernel, reached);
    for (uint32_t i = 0; i < module->function_count; ++i) {
        const ptx_function *function = module->functions[i];

        if (!reached[i]) {
            continue;
        }
        if (function->problem[0]) {
            ptx_run_fail(run, "%s", function->problem);
        } else if (!function->has_body && !ptx_device_call_is_known(function)) {
            ptx_run_fail(run, "function %s has no body", function->name);
        }
        for (uint32_t k = 0; k < function->used_symbol_count; ++k) {
            const ptx_symbol *symbol = &module->symbols[function->used_symbols[k]];

            if (symbol->space != PTX_SHARED && !symbol->storage) {
                ptx_run_fail(run, "variable %s is not bound", symbol->name);
            }
        }
    }
    free(reached);
    return !run->has_failed;
}

static bool shape_check(ptx_run *run)
{
    const ptx_launch *launch = run->launch;
    const uint64_t threads = (uint64_t)launch->block[0] * launch->block[1] * launch->block[2];
    const uint64_t blocks = (uint64_t)launch->grid[0] * launch->grid[1] * launch->grid[2];
    const uint32_t most = launch->kernel->max_threads;

    if (threads == 0 || threads > 1024 || blocks == 0 || blocks > 1ull << 31) {
        ptx_run_fail(run, "%llu blocks of %llu threads", (unsigned long long)blocks,
                     (unsigned long long)threads);
    } else if (most && threads > most) {
        ptx_run_fail(run, "blocks of %llu threads, compiled for %u", (unsigned long long)threads,
                     most);
    }
    return !run->has_failed;
}

static void parameters_copy(ptx_run *run)
{
    const ptx_launch *launch = run->launch;
    const ptx_function *kernel = launch->kernel;

    run->parameters = ptx_allocate(kernel->parameter_bytes + 16, 1);
    for (uint32_t i = 0; i < kernel->parameter_count; ++i) {
        memcpy(run->parameters + kernel->parameters[i].offset, launch->parameters[i],
               kernel->parameters[i].bytes);
    }
}

/* Also finds how much shared memory a block has. */
static void symbols_resolve(ptx_run *run)
{
    const ptx_launch *launch = run->launch;
    const ptx_module *module = launch->module;
    uint64_t *offsets = ptx_allocate(module->symbol_count, sizeof *offsets);
    const uint32_t static_bytes = ptx_kernel_shared_layout(module, launch->kernel, offsets);
    uint64_t end = static_bytes;

    run->symbols = ptx_allocate(module->symbol_count, sizeof *run->symbols);
    for (uint32_t i = 0; i < module->symbol_count; ++i) {
        const ptx_symbol *symbol = &module->symbols[i];
        const uint64_t value =
            symbol->space == PTX_SHARED ? offsets[i] : (uint64_t)(uintptr_t)symbol->storage;

        if (offsets[i] > end) {
            end = offsets[i];
        }
        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            run->symbols[i][lane] = value;
        }
    }
    run->block.shared_bytes = (uint32_t)end + launch->dynamic_shared_bytes;
    free(offsets);
}

static void blocks_order(ptx_run *run, uint32_t *order, uint32_t count)
{
    const ptx_order schedule = run->launch->schedule.order;

    for (uint32_t k = 0; k < count; ++k) {
        order[k] = schedule == PTX_ORDER_REVERSED ? count - 1 - k : k;
    }
    for (uint32_t k = count; schedule == PTX_ORDER_RANDOM && k > 1; --k) {
        const uint32_t other = (uint32_t)(ptx_random(run) % k);
        const uint32_t kept = order[k - 1];

        order[k - 1] = order[other];
        order[other] = kept;
    }
}

static void blocks_run(ptx_run *run)
{
    const uint32_t *grid = run->launch->grid;
    const uint32_t count = grid[0] * grid[1] * grid[2];
    uint32_t *order = ptx_allocate(count, sizeof *order);

    blocks_order(run, order, count);
    for (uint32_t k = 0; k < count && !run->has_failed; ++k) {
        run->block.id[0] = order[k] % grid[0];
        run->block.id[1] = order[k] / grid[0] % grid[1];
        run->block.id[2] = order[k] / grid[0] / grid[1];
        ptx_block_run(&run->block);
    }
    free(order);
}

bool ptx_launch_run(const ptx_launch *launch, ptx_report *report_out)
{
    ptx_run run = {
        .launch = launch,
        .report = report_out,
        .budget =
            launch->schedule.max_instructions ? launch->schedule.max_instructions : default_budget,
        .random = launch->schedule.seed,
    };

    *report_out = (ptx_report){ 0 };
    if (!functions_check(&run) || !shape_check(&run)) {
        return false;
    }
    parameters_copy(&run);
    symbols_resolve(&run);
    ptx_block_init(&run.block, &run);
    if (launch->schedule.finds_races) {
        run.races = ptx_races_create(&run.block);
    }
    blocks_run(&run);
    ptx_races_destroy(run.races);
    ptx_block_fini(&run.block);
    free(run.symbols);
    free(run.parameters);
    return !run.has_failed;
}
