/* Barriers of the block: bar and barrier. A warp comes to them as a whole, and counts with all its
 * lanes. */
#include "standin/ptx/builders.h"
#include "standin/ptx/races.h"

typedef enum barrier_kind {
    BARRIER_SYNC,
    BARRIER_ARRIVE,
    BARRIER_POPC,
    BARRIER_AND,
    BARRIER_OR
} barrier_kind;

static uint32_t uniform_value(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                              uint32_t source)
{
    const uint64_t *values = ptx_source(warp, i, source);
    const uint32_t first = (uint32_t)values[ptx_lowest_lane(lanes)];

    PTX_EACH_LANE(lane, lanes)
    {
        if ((uint32_t)values[lane] != first) {
            ptx_fault(warp, i, lane, "lanes disagree on a barrier: %u and %u", first,
                      (uint32_t)values[lane]);
        }
    }
    return first;
}

static void predicate_add(ptx_barrier *barrier, const ptx_warp *warp, const ptx_instruction *i,
                          uint32_t lanes)
{
    const uint32_t yes = ptx_predicate_lanes(ptx_source(warp, i, i->source_count - 1u),
                                             i->flags & PTX_FLAG_NEGATED) &
                         lanes;

    barrier->any += (uint32_t)__builtin_popcount(yes);
    barrier->all_count += (uint32_t)__builtin_popcount(lanes);
}

static void result_write(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t yes = (uint32_t)warp->barrier_result;
    const uint32_t asked = (uint32_t)(warp->barrier_result >> 32);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] = i->variant == BARRIER_POPC  ? yes
                  : i->variant == BARRIER_AND ? yes == asked
                                              : yes != 0;
    }
}

bool ptx_barrier_come(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_block *block = warp->block;
    const bool is_reduction = i->variant >= BARRIER_POPC;
    const uint32_t count_source = i->source_count - is_reduction > 1;

    if (warp->state == PTX_WARP_RELEASED) {
        warp->state = PTX_WARP_READY;
        if (is_reduction) {
            result_write(warp, i, lanes);
        }
        return true;
    }
    const uint32_t id = uniform_value(warp, i, lanes, 0);
    const uint32_t expected = count_source ? uniform_value(warp, i, lanes, 1) : 0;

    if (id >= PTX_BARRIERS) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "barrier %u of %d", id, PTX_BARRIERS);
        return false;
    }
    ptx_barrier *barrier = &block->barriers[id];

    if (expected % PTX_LANES || (i->variant == BARRIER_ARRIVE && !expected)) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "barrier %u of %u threads, not whole warps", id,
                  expected);
        return false;
    }
    if (barrier->arrived && barrier->expected != expected) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "barrier %u of %u threads, of %u before", id,
                  expected, barrier->expected);
        return false;
    }
    if (is_reduction) {
        predicate_add(barrier, warp, i, lanes);
    }
    barrier->expected = expected;
    barrier->arrived += PTX_LANES;
    ptx_races_arrive(warp, id);
    if (i->variant == BARRIER_ARRIVE) {
        return true;
    }
    warp->barrier = id;
    warp->state = PTX_WARP_AT_BARRIER;
    return false;
}

static void barrier_release(ptx_block *block, uint32_t id)
{
    ptx_barrier *barrier = &block->barriers[id];

    for (uint32_t k = 0; k < block->warp_count; ++k) {
        ptx_warp *warp = &block->warps[k];

        if (warp->state == PTX_WARP_AT_BARRIER && warp->barrier == id) {
            ptx_races_leave(warp, id);
            warp->state = PTX_WARP_RELEASED;
            warp->barrier_result = (uint64_t)barrier->all_count << 32 | barrier->any;
        }
    }
    ptx_races_barrier_clear(block, id);
    *barrier = (ptx_barrier){ 0 };
    ++block->run->report->counts.barriers;
}

void ptx_barriers_release(ptx_block *block)
{
    uint32_t live_threads = 0;

    for (uint32_t k = 0; k < block->warp_count; ++k) {
        live_threads += block->warps[k].state == PTX_WARP_DONE ? 0 : PTX_LANES;
    }
    for (uint32_t id = 0; id < PTX_BARRIERS; ++id) {
        const ptx_barrier *barrier = &block->barriers[id];

        if (barrier->arrived &&
            barrier->arrived >= (barrier->expected ? barrier->expected : live_threads)) {
            barrier_release(block, id);
        }
    }
}

/* bar.warp.sync: lanes meet those that their masks name. */
static void execute_meeting(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *masks = ptx_source(warp, i, i->source_count - 1u);

    while (lanes) {
        const uint32_t mask = (uint32_t)masks[ptx_lowest_lane(lanes)];
        uint32_t alike = 0;

        PTX_EACH_LANE(lane, lanes)
        {
            alike |= (uint32_t)masks[lane] == mask ? 1u << lane : 0;
        }
        ptx_races_lanes_meet(warp, alike);
        lanes &= ~alike;
    }
}

bool ptx_build_barrier(ptx_statement *statement)
{
    static const char *const reductions[] = { "popc", "and", "or", NULL };
    ptx_instruction *i = &statement->instruction;
    const uint32_t first = ptx_take(statement, "red") ? 1 : 0;

    if (ptx_take(statement, "cluster")) {
        return ptx_build_nothing(statement); /* of a cluster of one block */
    }
    if (ptx_take(statement, "warp")) {
        i->flow = PTX_FLOW_MASKED;
        i->execute = execute_meeting;
        return (ptx_take(statement, "sync") || ptx_refuse(statement, "needs .sync")) &&
               ptx_operand_sources(statement, 0);
    }
    ptx_take(statement, "cta");
    ptx_take(statement, "aligned"); /* warps have to come as a whole either way */
    i->flow = PTX_FLOW_BARRIER;
    if (first) {
        const int reduction = ptx_take_one_of(statement, reductions);

        ptx_take_type(statement);
        if (reduction < 0 || !ptx_operand_destinations(statement, 0)) {
            return ptx_refuse(statement, "needs .popc, .and or .or");
        }
        i->variant = (uint8_t)(BARRIER_POPC + reduction);
    } else if (ptx_take(statement, "arrive")) {
        i->variant = BARRIER_ARRIVE;
    } else if (!ptx_take(statement, "sync")) {
        return ptx_refuse(statement, "needs .sync, .arrive or .red");
    }
    for (uint32_t k = first; k < statement->operand_count; ++k) {
        if (!ptx_operand_sources(statement, k)) {
            return false;
        }
    }
    return (i->source_count >= 1u + first && i->source_count <= 2u + first) ||
           ptx_refuse(statement, "the number of operands is wrong");
}
