#include "standin/ptx/warp.h"

#include "standin/ptx/array.h"
#include "standin/ptx/async_copy.h"
#include "standin/ptx/counts.h"
#include "standin/ptx/races.h"

enum {
    PATIENCE = 256
};

void ptx_warp_init(ptx_warp *warp, ptx_block *block, uint32_t index)
{
    const ptx_function *kernel = block->run->launch->kernel;

    *warp = (ptx_warp){ .block = block, .index = index };
    warp->register_capacity = kernel->register_count;
    warp->registers = ptx_allocate((size_t)warp->register_capacity * PTX_LANES, sizeof(uint64_t));
    warp->specials = ptx_allocate(PTX_SPECIALS, sizeof *warp->specials);
    warp->banks[PTX_BANK_CONSTANTS] = block->run->launch->module->constant_count
                                          ? block->run->launch->module->constants[0]
                                          : NULL;
    warp->banks[PTX_BANK_SPECIALS] = warp->specials[0];
    warp->banks[PTX_BANK_SYMBOLS] = block->run->symbols[0];
    *PTX_APPEND(warp->frames, warp->frame_count) = (ptx_frame){ .function = kernel };
    warp->copies = ptx_copies_create();
}

void ptx_warp_fini(ptx_warp *warp)
{
    ptx_copies_destroy(warp->copies);
    free(warp->frames);
    free(warp->specials);
    free(warp->registers);
}

static uint32_t special_value(const ptx_warp *warp, ptx_special special, uint32_t lane)
{
    const ptx_block *block = warp->block;
    const ptx_launch *launch = block->run->launch;
    const uint32_t thread = warp->index * PTX_LANES + lane;
    const uint32_t bit = 1u << lane;

    switch (special) {
    case PTX_TID_X: return thread % launch->block[0];
    case PTX_TID_Y: return thread / launch->block[0] % launch->block[1];
    case PTX_TID_Z: return thread / launch->block[0] / launch->block[1];
    case PTX_NTID_X:
    case PTX_NTID_Y:
    case PTX_NTID_Z: return launch->block[special - PTX_NTID_X];
    case PTX_CTAID_X:
    case PTX_CTAID_Y:
    case PTX_CTAID_Z: return block->id[special - PTX_CTAID_X];
    case PTX_NCTAID_X:
    case PTX_NCTAID_Y:
    case PTX_NCTAID_Z: return launch->grid[special - PTX_NCTAID_X];
    case PTX_LANEID: return lane;
    case PTX_WARPID: return warp->index;
    case PTX_NWARPID: return block->warp_count;
    case PTX_LANEMASK_EQ: return bit;
    case PTX_LANEMASK_LE: return bit | (bit - 1);
    case PTX_LANEMASK_LT: return bit - 1;
    case PTX_LANEMASK_GE: return ~(bit - 1);
    case PTX_LANEMASK_GT: return ~(bit | (bit - 1));
    case PTX_ONE: return 1;
    case PTX_DYNAMIC_SHARED: return launch->dynamic_shared_bytes;
    case PTX_TOTAL_SHARED: return block->shared_bytes;
    default: return 0;
    }
}

void ptx_warp_begin(ptx_warp *warp)
{
    const uint32_t threads = warp->block->thread_count - warp->index * PTX_LANES;

    for (uint32_t special = 0; special < PTX_SPECIALS; ++special) {
        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            warp->specials[special][lane] = special_value(warp, (ptx_special)special, lane);
        }
    }
    warp->live = threads >= PTX_LANES ? PTX_ALL_LANES : (1u << threads) - 1;
    warp->state = PTX_WARP_READY;
    warp->patience = PATIENCE;
    warp->awaiting = NULL;
    warp->groups[0] = (ptx_group){ .lanes = warp->live };
    warp->group_count = 1;
    ptx_copies_clear(warp->copies);
}

ptx_group *ptx_group_split(ptx_warp *warp, uint32_t lanes)
{
    ptx_group *group = ptx_warp_group(warp);
    ptx_group *split = &warp->groups[warp->group_count++];

    *split = *group;
    split->lanes = lanes;
    group->lanes &= ~lanes;
    return split;
}

static void group_remove(ptx_warp *warp, uint32_t index)
{
    warp->groups[index] = warp->groups[--warp->group_count];
}

/* Groups that have met become one, which looks again at what it waited for. */
static void groups_merge(ptx_warp *warp)
{
    for (uint32_t i = 0; i < warp->group_count; ++i) {
        ptx_group *group = &warp->groups[i];

        if (!group->lanes) {
            group_remove(warp, i--);
            continue;
        }
        for (uint32_t k = i + 1; k < warp->group_count; ++k) {
            const ptx_group *other = &warp->groups[k];

            if (other->pc == group->pc && other->frame == group->frame) {
                group->lanes |= other->lanes;
                group->waits = false;
                group->rests = false;
                group_remove(warp, k--);
            }
        }
    }
}

static bool runs_before(const ptx_warp *warp, const ptx_group *a, const ptx_group *b)
{
    const uint32_t depth_a = warp->frames[a->frame].depth;
    const uint32_t depth_b = warp->frames[b->frame].depth;

    return depth_a != depth_b ? depth_a > depth_b : a->pc < b->pc;
}

static bool can_any_run(const ptx_warp *warp)
{
    for (uint32_t i = 0; i < warp->group_count; ++i) {
        if (!warp->groups[i].waits && !warp->groups[i].rests) {
            return true;
        }
    }
    return false;
}

/* The deepest group that comes first in the text, so that groups meet where branches join; the
 * last one for once after a long loop. false: all groups wait. */
static bool group_choose(ptx_warp *warp)
{
    const bool is_last = warp->patience == 0;
    bool is_found = false;

    if (is_last || warp->group_count == 1) {
        warp->patience = PATIENCE;
    }
    if (is_last || !can_any_run(warp)) { /* those that rest have rested */
        for (uint32_t i = 0; i < warp->group_count; ++i) {
            warp->groups[i].rests = false;
        }
    }
    for (uint32_t i = 0; i < warp->group_count; ++i) {
        const ptx_group *group = &warp->groups[i];

        if (!group->waits && !group->rests &&
            (!is_found || runs_before(warp, group, &warp->groups[warp->current]) != is_last)) {
            warp->current = i;
            is_found = true;
        }
    }
    return is_found;
}

/* Where the current group may meet another one. */
static uint32_t meeting_pc(const ptx_warp *warp)
{
    const ptx_group *group = &warp->groups[warp->current];
    uint32_t pc = UINT32_MAX;

    for (uint32_t i = 0; i < warp->group_count; ++i) {
        const ptx_group *other = &warp->groups[i];

        if (i != warp->current && other->frame == group->frame && other->pc >= group->pc &&
            other->pc < pc) {
            pc = other->pc;
        }
    }
    return pc;
}

static uint32_t guarded_lanes(const ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    if (i->guard == PTX_SINK) {
        return lanes;
    }
    const uint64_t *values = warp->banks[PTX_BANK_REGISTERS] + (size_t)i->guard * PTX_LANES;

    return lanes & ptx_predicate_lanes(values, i->guard_is_negated);
}

static void branch_take(ptx_warp *warp, uint32_t target, uint32_t lanes)
{
    ptx_group *group = ptx_warp_group(warp);

    if (target <= group->pc && warp->patience) {
        --warp->patience;
    }
    if (lanes == group->lanes) {
        group->pc = target;
    } else {
        ptx_group_split(warp, lanes)->pc = target;
        group->pc += 1;
    }
}

static void branch_indexed(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const ptx_branch_table *table = &warp->block->run->launch->module->branch_tables[i->target];
    const uint64_t *index = ptx_source(warp, i, 0);
    const uint32_t fallen_through = ptx_warp_group(warp)->lanes & ~lanes;

    PTX_EACH_LANE(lane, lanes)
    {
        if ((uint32_t)index[lane] >= table->count) {
            ptx_fault(warp, i, lane, "branch %u of a table of %u", (uint32_t)index[lane],
                      table->count);
            return;
        }
    }
    while (lanes) {
        const uint32_t target = table->targets[(uint32_t)index[ptx_lowest_lane(lanes)]];
        uint32_t alike = 0;

        PTX_EACH_LANE(lane, lanes)
        {
            alike |= table->targets[(uint32_t)index[lane]] == target ? 1u << lane : 0;
        }
        lanes &= ~alike;
        if (lanes || fallen_through) {
            ptx_group_split(warp, alike)->pc = target;
        } else {
            ptx_warp_group(warp)->pc = target;
            return;
        }
    }
    ptx_warp_group(warp)->pc += 1;
}

static void lanes_exit(ptx_warp *warp, uint32_t lanes)
{
    ptx_group *group = ptx_warp_group(warp);

    group->lanes &= ~lanes;
    group->pc += 1;
    warp->live &= ~lanes;
    for (uint32_t i = 0; i < warp->group_count; ++i) {
        warp->groups[i].waits = false; /* they may have waited for the ones that left */
    }
}

/* The lanes that have to execute a converging instruction together with `lanes`. */
static uint32_t lanes_needed(const ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    if (i->flow != PTX_FLOW_MASKED) {
        return warp->live;
    }
    const uint64_t *mask = ptx_source(warp, i, i->source_count - 1u);
    uint32_t needed = 0;

    PTX_EACH_LANE(lane, lanes)
    {
        needed |= (uint32_t)mask[lane];
    }
    return needed & warp->live;
}

/* True: executed. Else the group waits for others, or the rule is broken. */
static bool converge(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_group *group = ptx_warp_group(warp);
    const uint32_t missing = lanes_needed(warp, i, lanes) & ~lanes;

    if (missing & group->lanes) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes),
                  "lanes %08x have come, %08x go past by their guard", lanes,
                  missing & group->lanes);
        return false;
    }
    if (missing) {
        group->waits = true;
        return false;
    }
    if (i->flow == PTX_FLOW_BARRIER && !ptx_barrier_come(warp, i, lanes)) {
        return false;
    }
    if (i->flow == PTX_FLOW_BARRIER) { /* what is only aligned, or has a mask, orders no memory */
        ptx_races_lanes_meet(warp, lanes);
    }
    if (i->execute) {
        i->execute(warp, i, lanes);
    }
    group->pc += 1;
    return true;
}

/* An instruction that has to do with the flow. False: the group does not go on as it was. */
static bool flow_step(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    if (!lanes) {
        ptx_warp_group(warp)->pc += 1;
        return true;
    }
    switch (i->flow) {
    case PTX_FLOW_BRANCH: branch_take(warp, i->target, lanes); break;
    case PTX_FLOW_BRANCH_INDEXED: branch_indexed(warp, i, lanes); break;
    case PTX_FLOW_CALL: ptx_call_enter(warp, i, lanes); return false;
    case PTX_FLOW_RETURN:
        if (ptx_warp_frame(warp)->depth > 0) {
            ptx_call_return(warp, lanes);
        } else {
            lanes_exit(warp, lanes);
        }
        return false;
    case PTX_FLOW_EXIT: lanes_exit(warp, lanes); return false;
    default: return converge(warp, i, lanes);
    }
    return warp->group_count == 1;
}

/* Executes one instruction. False: the group does not go on as it was. */
static bool step(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    if (i->flow != PTX_FLOW_NONE) {
        return flow_step(warp, i, lanes);
    }
    if (lanes) {
        i->execute(warp, i, lanes);
    }
    ptx_warp_group(warp)->pc += 1;
    return true;
}

/* The same, with what it does added to the instruction's own counts. */
static bool step_counted(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes, ptx_counts *own)
{
    const ptx_counts *counts = &warp->block->run->report->counts;
    const ptx_counts before = *counts;
    const bool goes_on = step(warp, i, lanes);

    ptx_counts_add(own, counts, &before);
    own->warp_instructions += 1;
    own->lane_instructions += (uint32_t)__builtin_popcount(lanes);
    return goes_on;
}

/* Nobody in the warp can go on: says who waits for whom. */
static void waiting_report(ptx_warp *warp)
{
    const ptx_group *group = &warp->groups[0];
    const ptx_instruction *i = &warp->frames[group->frame].function->instructions[group->pc];

    ptx_fault(warp, i, ptx_lowest_lane(group->lanes),
              "%s in divergent code: lanes %08x have come, %08x of the warp are elsewhere",
              i->flow == PTX_FLOW_BARRIER  ? "a barrier"
              : i->flow == PTX_FLOW_MASKED ? "an instruction with a member mask"
                                           : "an instruction of the whole warp",
              group->lanes, warp->live & ~group->lanes);
}

/* Runs the current group until it may have met another one, or does not go on as it was. */
static uint64_t group_run(ptx_warp *warp, uint64_t instructions)
{
    ptx_run *run = warp->block->run;
    ptx_counts *counts = &run->report->counts;
    const ptx_frame *frame = ptx_warp_frame(warp);
    const ptx_instruction *code = frame->function->instructions;
    ptx_counts *own = frame->function == run->launch->kernel ? run->launch->by_instruction : NULL;
    const uint32_t meeting = warp->group_count > 1 ? meeting_pc(warp) : UINT32_MAX;
    ptx_group *group = ptx_warp_group(warp);
    uint64_t left = instructions;

    warp->banks[PTX_BANK_REGISTERS] = warp->registers + (size_t)frame->register_base * PTX_LANES;
    while (left) {
        const uint32_t pc = group->pc;
        const uint32_t lanes = guarded_lanes(warp, &code[pc], group->lanes);

        --left;
        counts->lane_instructions += (uint32_t)__builtin_popcount(lanes);
        if (!(own ? step_counted(warp, &code[pc], lanes, &own[pc])
                  : step(warp, &code[pc], lanes))) {
            break;
        }
        if (run->has_failed || warp->yields || group->pc >= meeting) {
            break;
        }
    }
    counts->warp_instructions += instructions - left;
    return instructions - left;
}

void ptx_warp_run(ptx_warp *warp, uint64_t instructions)
{
    ptx_run *run = warp->block->run;

    if (instructions > run->budget) {
        instructions = run->budget;
    }
    warp->yields = false;
    while (instructions && !run->has_failed && !warp->yields &&
           warp->state != PTX_WARP_AT_BARRIER) {
        groups_merge(warp);
        if (warp->group_count == 0) {
            warp->state = PTX_WARP_DONE;
            return;
        }
        if (!group_choose(warp)) {
            waiting_report(warp);
            return;
        }
        const uint64_t executed = group_run(warp, instructions);

        instructions -= executed;
        run->budget -= executed;
    }
}
