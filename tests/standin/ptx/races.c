#include "standin/ptx/races.h"

#include "standin/ptx/array.h"
#include "standin/ptx/race_state.h"

ptx_races *ptx_races_create(const ptx_block *block)
{
    ptx_races *races = ptx_allocate(1, sizeof *races);

    races->warp_count = block->warp_count;
    races->warps = ptx_allocate(races->warp_count, sizeof *races->warps);
    races->global = ptx_shadow_create();
    races->shared = ptx_shadow_create();
    return races;
}

void ptx_gathering_clear(ptx_gathering *gathering)
{
    ptx_knowledges_fini(&gathering->others);
    memset(gathering->clocks, 0, sizeof gathering->clocks);
}

static void order_fini(ptx_warp_order *order)
{
    ptx_knowledges_fini(&order->others);
    ptx_knowledges_fini(&order->others_passed);
    ptx_knowledges_fini(&order->others_fenced);
    for (uint32_t kind = 0; kind < PTX_FENCED_KINDS; ++kind) {
        ptx_passings_fini(&order->proxy_fences[kind]);
    }
    ptx_passings_fini(&order->arrivals);
    free(order->lane_clocks);
}

void ptx_races_destroy(ptx_races *races)
{
    if (!races) {
        return;
    }
    for (uint32_t i = 0; i < races->place_count; ++i) {
        ptx_knowledges_fini(&races->places[i].blocks);
    }
    for (uint32_t i = 0; i < PTX_BARRIERS; ++i) {
        ptx_gathering_clear(&races->barriers[i]);
    }
    for (uint32_t i = 0; i < PTX_MBARRIERS; ++i) {
        ptx_gathering_clear(&races->arriving[i]);
        ptx_gathering_clear(&races->arrived[i]);
    }
    for (uint32_t i = 0; i < races->warp_count; ++i) {
        order_fini(&races->warps[i]);
    }
    free(races->places);
    ptx_shadow_destroy(races->shared);
    ptx_shadow_destroy(races->global);
    free(races->warps);
    free(races);
}

void ptx_races_block_begin(ptx_block *block)
{
    ptx_races *races = block->run->races;

    if (!races) {
        return;
    }
    for (uint32_t i = 0; i < races->warp_count; ++i) {
        ptx_warp_order *order = &races->warps[i];

        order_fini(order);
        *order = (ptx_warp_order){ .clocks = { 0 } };
        order->clocks[i] = 1;
    }
    for (uint32_t i = 0; i < PTX_BARRIERS; ++i) {
        ptx_races_barrier_clear(block, i);
    }
    for (uint32_t i = 0; i < PTX_MBARRIERS; ++i) {
        ptx_gathering_clear(&races->arriving[i]);
        ptx_gathering_clear(&races->arrived[i]);
        races->phases[i] = 1;
    }
    for (uint32_t i = 0; i < races->place_count; ++i) {
        if ((races->places[i].address & PTX_WINDOW_MASK) == PTX_SHARED_BASE) {
            ptx_knowledges_fini(&races->places[i].blocks); /* of the last block's memory */
        }
    }
}

void ptx_races_barrier_clear(ptx_block *block, uint32_t barrier)
{
    ptx_races *races = block->run->races;

    if (races) {
        ptx_gathering_clear(&races->barriers[barrier]);
    }
}

uint32_t ptx_races_known_of(const ptx_warp_order *order, uint32_t lane, uint32_t lanes)
{
    uint32_t known = 0;

    if (lanes >> lane & 1) {
        return order->meetings;
    }
    PTX_EACH_LANE(knowing, lanes)
    {
        known = ptx_later(known, order->lane_meetings[lane][knowing]);
    }
    return known;
}

void ptx_races_lanes_meet(ptx_warp *warp, uint32_t lanes)
{
    if (!warp->block->run->races) {
        return;
    }
    ptx_warp_order *order = ptx_races_order(warp);

    ptx_races_lanes_share(warp, lanes);
    ++order->meetings;
    if (lanes == PTX_ALL_LANES) {
        order->whole_meeting = order->meetings;
        return;
    }
    for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
        const uint32_t known = ptx_races_known_of(order, lane, lanes);

        PTX_EACH_LANE(meeting, lanes)
        {
            order->lane_meetings[lane][meeting] = known;
        }
    }
}

void ptx_races_acquire(ptx_warp *warp, bool is_of_block)
{
    if (!warp->block->run->races) {
        return;
    }
    ptx_warp_order *order = ptx_races_order(warp);

    ptx_clocks_join(order->clocks, order->passed);
    if (!is_of_block) {
        ptx_knowledges_join(&order->others, &order->others_passed);
    }
}

void ptx_races_fence(ptx_warp *warp, bool is_of_block)
{
    if (!warp->block->run->races) {
        return;
    }
    ptx_warp_order *order = ptx_races_order(warp);

    ptx_races_acquire(warp, is_of_block);
    ptx_races_lanes_share(warp, warp->live);
    memcpy(order->block_fenced, order->clocks, sizeof order->clocks);
    order->has_fenced = true;
    if (!is_of_block) {
        memcpy(order->fenced, order->clocks, sizeof order->clocks);
        ptx_knowledges_join(&order->others_fenced, &order->others);
    }
    ++order->clocks[warp->index];
}

void ptx_races_arrive(ptx_warp *warp, uint32_t barrier)
{
    ptx_races *races = warp->block->run->races;

    if (races) {
        ptx_warp_order *order = ptx_races_order(warp);

        ptx_races_lanes_share(warp, warp->live);
        ptx_clocks_join(races->barriers[barrier].clocks, order->clocks);
        ptx_knowledges_join(&races->barriers[barrier].others, &order->others);
        ++order->clocks[warp->index];
    }
}

void ptx_races_leave(ptx_warp *warp, uint32_t barrier)
{
    const ptx_races *races = warp->block->run->races;

    if (races) {
        ptx_clocks_join(ptx_races_order(warp)->clocks, races->barriers[barrier].clocks);
        ptx_knowledges_join(&ptx_races_order(warp)->others, &races->barriers[barrier].others);
    }
}

static ptx_atomic_place *place_find(const ptx_races *races, uint64_t address)
{
    for (uint32_t i = 0; i < races->place_count; ++i) {
        if (races->places[i].address == address) {
            return &races->places[i];
        }
    }
    return NULL;
}

static ptx_atomic_place *place_add(ptx_races *races, uint64_t address)
{
    ptx_atomic_place *place = PTX_APPEND(races->places, races->place_count);

    place->address = address;
    return place;
}

/* Passes on what the warp did before its fence. */
static void place_release(const ptx_warp *warp, ptx_atomic_place *place)
{
    const ptx_warp_order *order = ptx_races_order(warp);
    ptx_knowledge own = { .block = warp->block->ordinal };

    if (place->block != own.block) {
        memset(place->block_clocks, 0, sizeof place->block_clocks);
        place->block = own.block;
    }
    ptx_clocks_join(place->block_clocks, order->block_fenced);
    memcpy(own.clocks, order->fenced, sizeof own.clocks);
    ptx_knowledges_join(&place->blocks, &order->others_fenced);
    ptx_knowledges_add(&place->blocks, &own);
}

static void place_pass(const ptx_warp *warp, const ptx_atomic_place *place)
{
    ptx_warp_order *order = ptx_races_order(warp);

    ptx_knowledges_join(&order->others_passed, &place->blocks);
    if (place->block == warp->block->ordinal) {
        ptx_clocks_join(order->passed, place->block_clocks);
    }
}

static void atomic_pass(ptx_warp *warp, const ptx_instruction *i, uint64_t address,
                        ptx_access access)
{
    ptx_races *races = warp->block->run->races;
    ptx_atomic_place *place = place_find(races, address);

    if (place && i->destination_count) {
        place_pass(warp, place);
    }
    if (access == PTX_ACCESS_ATOMIC && ptx_races_order(warp)->has_fenced) {
        place_release(warp, place ? place : place_add(races, address));
    }
}

static bool is_ordered(const ptx_warp *warp, const ptx_touch *before, const ptx_touch *now,
                       bool is_shared)
{
    const ptx_warp_order *order = ptx_races_order(warp);
    const uint32_t before_warp = before->thread / PTX_LANES; /* or another actor */

    if (!before->block || (before->is_atomic && now->is_atomic)) {
        return true;
    }
    if (before->block != now->block) {
        const ptx_knowledge *known = ptx_knowledges_find(&order->others, before->block);

        return is_shared || (known && known->clocks[before_warp] >= before->clock);
    }
    if (before_warp != warp->index) {
        const uint32_t known = ptx_races_known(order, now->thread % PTX_LANES, before_warp);

        return known >= before->clock &&
               (before_warp >= PTX_LANES ||
                ptx_races_has_passed(&warp->block->run->races->warps[before_warp], before, known));
    }
    return before->thread == now->thread || order->whole_meeting > before->meetings ||
           order->lane_meetings[before->thread % PTX_LANES][now->thread % PTX_LANES] >
               before->meetings;
}

/* Lanes that store the same value to the same place with one instruction do no harm. */
static bool is_same_store(const ptx_warp *warp, const ptx_touch *before, const ptx_touch *now)
{
    const ptx_instruction *i = now->instruction;
    const uint32_t bytes = ptx_type_bytes((ptx_type)i->type);

    if (before->execution != now->execution || !(i->flags & PTX_FLAG_STORE)) {
        return false;
    }
    for (uint32_t k = 1; k < i->source_count; ++k) {
        const uint64_t *values = ptx_source(warp, i, k);

        if (ptx_zero_extended(values[before->thread % PTX_LANES], bytes) !=
            ptx_zero_extended(values[now->thread % PTX_LANES], bytes)) {
            return false;
        }
    }
    return true;
}

static void race_report(ptx_warp *warp, const ptx_touch *before, const ptx_touch *now,
                        const char *kinds, uint64_t address, bool is_shared)
{
    char place[PTX_TEXT_BYTES / 4];

    ptx_place_print(warp->block->run->launch->module, before->instruction, place, sizeof place);
    if (before->thread >= PTX_LANES * PTX_LANES) {
        ptx_fault(warp, now->instruction, now->thread % PTX_LANES,
                  "race (%s) on %s 0x%llx with the asynchronous copy at %s", kinds,
                  is_shared ? "shared" : "global", (unsigned long long)address, place);
    } else if (before->block == now->block) {
        ptx_fault(warp, now->instruction, now->thread % PTX_LANES,
                  "race (%s) on %s 0x%llx with thread %u of the block at %s", kinds,
                  is_shared ? "shared" : "global", (unsigned long long)address, before->thread,
                  place);
    } else {
        ptx_fault(
            warp, now->instruction, now->thread % PTX_LANES,
            "race (%s) on global 0x%llx with thread %u of another block (the %u. to run) at %s",
            kinds, (unsigned long long)address, before->thread, before->block, place);
    }
}

static void read_remember(ptx_cell *cell, const ptx_touch *now)
{
    const ptx_touch *last = &cell->read;

    if (last->block != now->block || last->thread / PTX_LANES != now->thread / PTX_LANES) {
        cell->warp_read = *last;
    } else if (last->thread != now->thread) {
        cell->lane_read = *last;
    }
    cell->read = *now;
}

void ptx_races_cell_touch(ptx_warp *warp, ptx_cell *cell, const ptx_touch *now, bool is_write,
                          uint64_t address, bool is_shared)
{
    if (!is_ordered(warp, &cell->write, now, is_shared) &&
        !(is_write && is_same_store(warp, &cell->write, now))) {
        race_report(warp, &cell->write, now, is_write ? "write after write" : "read after write",
                    address, is_shared);
    }
    if (!is_write) {
        read_remember(cell, now);
        return;
    }
    const ptx_touch *const reads[] = { &cell->read, &cell->lane_read, &cell->warp_read };

    for (size_t k = 0; k < 3; ++k) {
        if (!is_ordered(warp, reads[k], now, is_shared)) {
            race_report(warp, reads[k], now, "write after read", address, is_shared);
        }
    }
    *cell = (ptx_cell){ .write = *now };
}

ptx_touch ptx_races_touch_begin(ptx_warp *warp, const ptx_instruction *i)
{
    const ptx_warp_order *order = ptx_races_order(warp);

    return (ptx_touch){
        .instruction = i,
        .block = warp->block->ordinal,
        .clock = order->clocks[warp->index],
        .meetings = order->meetings,
        .execution = ++warp->block->run->races->execution,
    };
}

void ptx_races_access(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes, bool is_shared,
                      const uint64_t *addresses, uint32_t bytes, ptx_access access)
{
    const ptx_run *run = warp->block->run;
    const bool is_write = ptx_access_writes(access);
    ptx_touch now = ptx_races_touch_begin(warp, i);

    now.is_atomic = access >= PTX_ACCESS_ATOMIC;
    PTX_EACH_LANE(lane, lanes)
    {
        uint32_t count;
        ptx_cell *cells = ptx_shadow_cells(is_shared ? run->races->shared : run->races->global,
                                           addresses[lane], bytes, &count);

        now.thread = (uint16_t)(warp->index * PTX_LANES + lane);
        if (now.is_atomic) {
            atomic_pass(warp, i, is_shared ? PTX_SHARED_BASE | addresses[lane] : addresses[lane],
                        access);
        }
        for (uint32_t k = 0; k < count && !run->has_failed; ++k) {
            ptx_races_cell_touch(warp, &cells[k], &now, is_write, addresses[lane], is_shared);
        }
    }
}
