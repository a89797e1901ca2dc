/* A block of threads: its memory, and the turns that its warps take. */
#include "standin/ptx/array.h"
#include "standin/ptx/bulk_copy.h"
#include "standin/ptx/mbarriers.h"
#include "standin/ptx/races.h"

enum {
    LONGEST_TURN = 1 << 20,
    LONGEST_RANDOM_TURN = 400,
    CALL_STACK_BYTES = 16 << 10,
    POISON = 0xff
};

void ptx_block_init(ptx_block *block, ptx_run *run)
{
    const ptx_launch *launch = run->launch;
    const bool calls = launch->kernel->callee_count || launch->kernel->calls_by_address;
    const uint32_t local_bytes = launch->kernel->local_bytes + (calls ? CALL_STACK_BYTES : 0);

    block->run = run;
    block->thread_count = launch->block[0] * launch->block[1] * launch->block[2];
    block->warp_count = (block->thread_count + PTX_LANES - 1) / PTX_LANES;
    block->shared = ptx_allocate(block->shared_bytes + 16, 1);
    block->pending = ptx_allocate(block->shared_bytes / 4 + 4, 1);
    block->mbarriers = ptx_mbarriers_create();
    block->bulk_copies = ptx_bulk_copies_create();
    block->local_bytes = (local_bytes + 15) & ~15u;
    block->local = ptx_allocate((size_t)block->local_bytes * block->warp_count * PTX_LANES + 16, 1);
    block->warps = ptx_allocate(block->warp_count, sizeof *block->warps);
    for (uint32_t k = 0; k < block->warp_count; ++k) {
        ptx_warp_init(&block->warps[k], block, k);
    }
}

void ptx_block_fini(ptx_block *block)
{
    for (uint32_t k = 0; k < block->warp_count; ++k) {
        ptx_warp_fini(&block->warps[k]);
    }
    free(block->warps);
    free(block->local);
    ptx_bulk_copies_destroy(block->bulk_copies);
    ptx_mbarriers_destroy(block->mbarriers);
    free(block->pending);
    free(block->shared);
}

static void turns_order(const ptx_block *block, uint32_t *order)
{
    const uint32_t count = block->warp_count;
    const ptx_order schedule = block->run->launch->schedule.order;

    for (uint32_t k = 0; k < count; ++k) {
        order[k] = schedule == PTX_ORDER_REVERSED ? count - 1 - k : k;
    }
    for (uint32_t k = count; schedule == PTX_ORDER_RANDOM && k > 1; --k) {
        const uint32_t other = (uint32_t)(ptx_random(block->run) % k);
        const uint32_t kept = order[k - 1];

        order[k - 1] = order[other];
        order[other] = kept;
    }
}

/* Each warp has a turn. False: none could use it. */
static bool turns_take(ptx_block *block)
{
    ptx_run *run = block->run;
    const bool is_random = run->launch->schedule.order == PTX_ORDER_RANDOM;
    uint32_t order[PTX_LANES];
    bool is_any_run = false;

    turns_order(block, order);
    for (uint32_t k = 0; k < block->warp_count && !run->has_failed; ++k) {
        ptx_warp *warp = &block->warps[order[k]];

        if (warp->state == PTX_WARP_READY || warp->state == PTX_WARP_RELEASED) {
            ptx_warp_run(warp,
                         is_random ? 1 + ptx_random(run) % LONGEST_RANDOM_TURN : LONGEST_TURN);
            is_any_run = true;
        }
    }
    return is_any_run;
}

static bool is_done(const ptx_block *block)
{
    for (uint32_t k = 0; k < block->warp_count; ++k) {
        if (block->warps[k].state != PTX_WARP_DONE) {
            return false;
        }
    }
    return true;
}

/* Whether all warps wait for ever, and some of them at mbarriers, where waiting takes turns. */
static bool is_stuck(const ptx_block *block)
{
    bool is_any_stuck = false;

    for (uint32_t k = 0; k < block->warp_count; ++k) {
        const ptx_warp *warp = &block->warps[k];

        if (warp->state == PTX_WARP_AT_BARRIER || warp->state == PTX_WARP_DONE) {
            continue;
        }
        if (warp->state == PTX_WARP_RELEASED || !ptx_mbarrier_is_stuck(warp)) {
            return false;
        }
        is_any_stuck = true;
    }
    return is_any_stuck;
}

static size_t wait_describe(const ptx_warp *warp, char *text, size_t text_bytes)
{
    const ptx_barrier *barrier = &warp->block->barriers[warp->barrier];

    if (warp->state != PTX_WARP_AT_BARRIER) {
        return ptx_mbarrier_describe(warp, text, text_bytes);
    }
    return (size_t)snprintf(text, text_bytes, "warp %u waits at barrier %u (%u of %u threads)",
                            warp->index, warp->barrier, barrier->arrived, barrier->expected);
}

/* Everybody waits at barriers that will never be complete: says where. */
static void deadlock_report(ptx_block *block)
{
    char text[PTX_TEXT_BYTES / 2] = "";
    size_t length = 0;
    ptx_warp *first = NULL;

    for (uint32_t k = 0; k < block->warp_count && length < sizeof text - 80; ++k) {
        ptx_warp *warp = &block->warps[k];

        if (warp->state == PTX_WARP_DONE) {
            continue;
        }
        if (first) {
            length += (size_t)snprintf(text + length, sizeof text - length, ", ");
        } else {
            first = warp;
        }
        length += wait_describe(warp, text + length, sizeof text - length);
    }
    if (!first) {
        return; /* nobody waits */
    }
    const ptx_group *group = &first->groups[0];
    const bool is_at_barrier = first->state == PTX_WARP_AT_BARRIER;

    ptx_fault(first,
              is_at_barrier ? &first->frames[group->frame].function->instructions[group->pc]
                            : first->awaiting,
              is_at_barrier ? ptx_lowest_lane(group->lanes) : first->awaiting_lane, "deadlock: %s",
              text);
}

void ptx_block_run(ptx_block *block)
{
    ptx_run *run = block->run;

    ++block->ordinal;
    memset(block->shared, POISON, block->shared_bytes);
    memset(block->pending, 0, block->shared_bytes / 4 + 4);
    memset(block->barriers, 0, sizeof block->barriers);
    block->pending_count = 0;
    block->has_async = false;
    ptx_mbarriers_clear(block->mbarriers);
    ptx_bulk_copies_clear(block->bulk_copies);
    ptx_races_block_begin(block);
    for (uint32_t k = 0; k < block->warp_count; ++k) {
        ptx_warp_begin(&block->warps[k]);
    }
    while (!run->has_failed && !is_done(block)) {
        const bool is_any_run = turns_take(block);

        ptx_barriers_release(block);
        if (run->has_failed) {
            return;
        }
        if (run->budget == 0) {
            ptx_run_fail(run,
                         "block (%u, %u, %u) is not done after %llu instructions of the launch",
                         block->id[0], block->id[1], block->id[2],
                         (unsigned long long)run->report->counts.warp_instructions);
        } else if (!is_any_run || (block->has_async && is_stuck(block))) {
            deadlock_report(block);
        }
    }
    ptx_bulk_copies_end(block);
}
