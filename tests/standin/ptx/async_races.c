/* Races with what is asynchronous: mbarriers, and copies by the async proxy. */
#include "standin/ptx/array.h"
#include "standin/ptx/mbarriers.h"
#include "standin/ptx/race_state.h"

enum {
    CHUNK_BYTES = 16 /* bulk copies are made of so many */
};

/* What of each lane has passed when these lanes let something pass now. */
static ptx_passing passing_begin(ptx_warp *warp, uint32_t lanes)
{
    ptx_warp_order *order = ptx_races_order(warp);
    ptx_passing passing = { .clock = order->clocks[warp->index] };

    memcpy(passing.clocks, order->clocks, sizeof passing.clocks);
    if (order->lane_clocks) {
        PTX_EACH_LANE(knowing, lanes)
        {
            ptx_clocks_join(passing.clocks, order->lane_clocks[knowing]);
        }
    }
    ++order->meetings; /* tells what follows from what came before */
    for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
        passing.meetings[lane] =
            ptx_later(order->whole_meeting, ptx_races_known_of(order, lane, lanes));
    }
    return passing;
}

void ptx_races_mbarrier_arrive(ptx_warp *warp, uint32_t lanes, uint32_t mbarrier)
{
    ptx_races *races = warp->block->run->races;

    if (races) {
        ptx_warp_order *order = ptx_races_order(warp);
        const ptx_passing passing = passing_begin(warp, lanes);

        ++order->clocks[warp->index];
        ptx_clocks_join(races->arriving[mbarrier].clocks, passing.clocks);
        ptx_knowledges_join(&races->arriving[mbarrier].others, &order->others);
        if (lanes != warp->live) {
            ptx_passings_add(&order->arrivals, &passing);
        }
    }
}

bool ptx_races_arrivals_passed(const ptx_warp_order *order, const ptx_touch *before, uint32_t clock)
{
    const ptx_passings *arrivals = &order->arrivals;
    const uint32_t until = ptx_passings_until(arrivals, clock);
    const uint32_t earlier = ptx_passings_until(arrivals, before->clock - 1);

    /* Each step of the clock was one or the other. */
    return until - earlier < clock - before->clock + 1 ||
           arrivals->passings[until - 1].meetings[before->thread % PTX_LANES] > before->meetings;
}

void ptx_races_lanes_share(ptx_warp *warp, uint32_t lanes)
{
    ptx_warp_order *order = ptx_races_order(warp);
    uint32_t shared[PTX_ACTORS] = { 0 };

    if (!order->lane_clocks) {
        return;
    }
    PTX_EACH_LANE(from, lanes)
    {
        ptx_clocks_join(shared, order->lane_clocks[from]);
    }
    if ((warp->live & ~lanes) == 0) {
        ptx_clocks_join(order->clocks, shared);
    }
    PTX_EACH_LANE(to, lanes)
    {
        memcpy(order->lane_clocks[to], shared, sizeof shared);
    }
}

void ptx_races_mbarrier_complete(ptx_block *block, uint32_t mbarrier)
{
    ptx_races *races = block->run->races;

    if (races) {
        ptx_gathering_clear(&races->arrived[mbarrier]);
        races->arrived[mbarrier] = races->arriving[mbarrier];
        races->arrived[mbarrier].clocks[PTX_LANES + mbarrier] = races->phases[mbarrier]++;
        memset(&races->arriving[mbarrier], 0, sizeof races->arriving[mbarrier]);
    }
}

static void lanes_learn(ptx_warp_order *order, uint32_t lanes, const uint32_t *clocks)
{
    if (!order->lane_clocks) {
        order->lane_clocks = ptx_allocate(PTX_LANES, sizeof *order->lane_clocks);
    }
    PTX_EACH_LANE(lane, lanes)
    {
        ptx_clocks_join(order->lane_clocks[lane], clocks);
    }
}

void ptx_races_mbarrier_wait(ptx_warp *warp, uint32_t lanes, uint32_t mbarrier)
{
    const ptx_races *races = warp->block->run->races;

    if (!races) {
        return;
    }
    ptx_warp_order *order = ptx_races_order(warp);

    ptx_knowledges_join(&order->others, &races->arrived[mbarrier].others);
    if (lanes == warp->live) {
        ptx_clocks_join(order->clocks, races->arrived[mbarrier].clocks);
    } else {
        lanes_learn(order, lanes, races->arrived[mbarrier].clocks);
    }
}

void ptx_races_proxy_fence(ptx_warp *warp, uint32_t lanes, uint32_t kinds)
{
    if (!warp->block->run->races) {
        return;
    }
    const ptx_passing fence = passing_begin(warp, lanes);

    for (uint32_t kind = 0; kind < PTX_FENCED_KINDS; ++kind) {
        if (kinds >> kind & 1) {
            ptx_passings_add(&ptx_races_order(warp)->proxy_fences[kind], &fence);
        }
    }
}

/* Whether the async proxy sees what was done, as far as the lane knows. */
static bool is_fenced(const ptx_warp *warp, uint32_t lane, const ptx_touch *before, ptx_fenced kind)
{
    const ptx_races *races = warp->block->run->races;
    const uint32_t actor = before->thread / PTX_LANES;

    if (before->block != warp->block->ordinal || before->is_async) {
        return true;
    }
    for (uint32_t k = 0; k < races->warp_count; ++k) {
        const ptx_passing *fence = ptx_passings_last(
            &races->warps[k].proxy_fences[kind], ptx_races_known(ptx_races_order(warp), lane, k));

        if (fence && (k == actor ? fence->meetings[before->thread % PTX_LANES] > before->meetings
                                 : fence->clocks[actor] >= before->clock)) {
            return true;
        }
    }
    return false;
}

static void fence_demand(ptx_warp *warp, const ptx_touch *before, const ptx_touch *now,
                         ptx_fenced kind, uint64_t address)
{
    static const char *const needs[] = { "written", "written", "an mbarrier initialised" };
    char place[PTX_TEXT_BYTES / 4];
    char who[32] = "an asynchronous copy";

    if (is_fenced(warp, now->thread % PTX_LANES, before, kind)) {
        return;
    }
    ptx_place_print(warp->block->run->launch->module, before->instruction, place, sizeof place);
    if (before->thread < PTX_LANES * PTX_LANES) {
        (void)snprintf(who, sizeof who, "thread %u", before->thread);
    }
    ptx_fault(warp, now->instruction, now->thread % PTX_LANES,
              "bulk copy of %s 0x%llx, %s by %s at %s, with no fence.%s between",
              kind == PTX_FENCED_GLOBAL ? "global" : "shared", (unsigned long long)address,
              needs[kind], who, place,
              kind == PTX_FENCED_MBARRIERS ? "mbarrier_init" : "proxy.async");
}

uint32_t ptx_races_proxy_access(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                                const ptx_proxy_range *range)
{
    const ptx_run *run = warp->block->run;
    ptx_shadow *shadow = range->is_shared ? run->races->shared : run->races->global;
    ptx_touch now = ptx_races_touch_begin(warp, i);

    now.thread = (uint16_t)(warp->index * PTX_LANES + lane);
    now.is_async = true;
    for (uint32_t done = 0; done < range->bytes; done += CHUNK_BYTES) {
        const uint64_t address = range->address + done;
        uint32_t count;
        ptx_cell *cells = ptx_shadow_cells(shadow, address, CHUNK_BYTES, &count);

        for (uint32_t k = 0; k < count && !run->has_failed; ++k) {
            const ptx_touch before = cells[k].write;

            ptx_races_cell_touch(warp, &cells[k], &now, range->is_write, address, range->is_shared);
            fence_demand(warp, &before, &now,
                         range->is_shared ? PTX_FENCED_SHARED : PTX_FENCED_GLOBAL, address);
        }
    }
    return now.execution;
}

void ptx_races_proxy_signal(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                            uint32_t offset)
{
    uint64_t offsets[PTX_LANES];
    uint32_t count;
    const ptx_cell *cells =
        ptx_shadow_cells(warp->block->run->races->shared, offset, PTX_MBARRIER_BYTES, &count);
    ptx_touch now = ptx_races_touch_begin(warp, i);

    now.thread = (uint16_t)(warp->index * PTX_LANES + lane);
    offsets[lane] = offset;
    ptx_races_access(warp, i, 1u << lane, true, offsets, PTX_MBARRIER_BYTES, PTX_ACCESS_MBARRIER);
    fence_demand(warp, &cells->write, &now, PTX_FENCED_MBARRIERS, offset);
}

uint32_t ptx_races_execution(const ptx_races *races)
{
    return races->execution;
}

static void touch_hand_over(ptx_touch *touch, uint32_t execution, uint32_t mbarrier, uint32_t phase)
{
    if (touch->execution == execution) {
        touch->thread = (uint16_t)((PTX_LANES + mbarrier) * PTX_LANES);
        touch->clock = phase;
    }
}

void ptx_races_proxy_done(ptx_block *block, const ptx_proxy_range *range, uint32_t execution,
                          uint32_t mbarrier)
{
    ptx_races *races = block->run->races;
    const uint32_t phase = races->phases[mbarrier];

    for (uint32_t done = 0; done < range->bytes; done += CHUNK_BYTES) {
        const uint32_t left = range->bytes - done;
        uint32_t count;
        ptx_cell *cells = ptx_shadow_cells(range->is_shared ? races->shared : races->global,
                                           range->address + done,
                                           left < CHUNK_BYTES ? left : CHUNK_BYTES, &count);

        for (uint32_t k = 0; k < count; ++k) {
            touch_hand_over(&cells[k].write, execution, mbarrier, phase);
            touch_hand_over(&cells[k].read, execution, mbarrier, phase);
            touch_hand_over(&cells[k].lane_read, execution, mbarrier, phase);
            touch_hand_over(&cells[k].warp_read, execution, mbarrier, phase);
        }
    }
}
