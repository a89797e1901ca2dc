/** @file
 * What races.c and async_races.c both know. Part of races.h. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_RACE_STATE_H
#define KVSPAN_STANDIN_PTX_RACE_STATE_H

#include "standin/ptx/knowledge.h"
#include "standin/ptx/passings.h"
#include "standin/ptx/races.h"
#include "standin/ptx/shadow.h"

typedef struct ptx_warp_order {
    uint32_t clocks[PTX_ACTORS]; /* of the block's actors; its own one counts its releases */
    ptx_knowledges others;       /* blocks */
    uint32_t meetings;
    uint32_t whole_meeting;                       /* the last one of all lanes */
    uint32_t lane_meetings[PTX_LANES][PTX_LANES]; /* what the first did when there had been fewer is
                                                     known to the second */
    /* What atomics have passed on: */
    uint32_t passed[PTX_ACTORS];
    ptx_knowledges others_passed;
    /* As of the last fence: */
    uint32_t block_fenced[PTX_ACTORS];
    uint32_t fenced[PTX_ACTORS];
    ptx_knowledges others_fenced;
    bool has_fenced;
    ptx_passings proxy_fences[PTX_FENCED_KINDS];
    ptx_passings arrivals; /* at mbarriers, of some lanes without the others */
    /* What lanes have learnt from mbarriers without the others; NULL: nothing yet. */
    uint32_t (*lane_clocks)[PTX_ACTORS];
} ptx_warp_order;

/* What those who come to a barrier know. */
typedef struct ptx_gathering {
    uint32_t clocks[PTX_ACTORS];
    ptx_knowledges others;
} ptx_gathering;

/* What atomics at one address have passed on. */
typedef struct ptx_atomic_place {
    uint64_t address;
    uint32_t block; /* that wrote block_clocks */
    uint32_t block_clocks[PTX_ACTORS];
    ptx_knowledges blocks;
} ptx_atomic_place;

struct ptx_races {
    ptx_shadow *global;
    ptx_shadow *shared;
    ptx_warp_order *warps;
    uint32_t warp_count;
    ptx_gathering barriers[PTX_BARRIERS];
    ptx_gathering arriving[PTX_MBARRIERS]; /* in the phase that is under way */
    ptx_gathering arrived[PTX_MBARRIERS];  /* in the last phase that is done */
    uint32_t phases[PTX_MBARRIERS];        /* from 1: that under way, the actor's clock */
    ptx_atomic_place *places;
    uint32_t place_count;
    uint32_t execution;
};

static inline ptx_warp_order *ptx_races_order(const ptx_warp *warp)
{
    return &warp->block->run->races->warps[warp->index];
}

/* How far the lane has seen the actor. */
static inline uint32_t ptx_races_known(const ptx_warp_order *order, uint32_t lane, uint32_t actor)
{
    const uint32_t clock = order->clocks[actor];

    return order->lane_clocks ? ptx_later(clock, order->lane_clocks[lane][actor]) : clock;
}

/* Until which meeting what a lane did is known to one of these lanes. */
uint32_t ptx_races_known_of(const ptx_warp_order *order, uint32_t lane, uint32_t lanes);
/* async_races.c: lanes tell each other what they have learnt, the warp's last ones all. */
void ptx_races_lanes_share(ptx_warp *warp, uint32_t lanes);
/* Whether what a warp did is among what had passed at that clock of it, by arrivals of some lanes
 * or by anything that passes what all have done. */
bool ptx_races_arrivals_passed(const ptx_warp_order *order, const ptx_touch *before,
                               uint32_t clock);
static inline bool ptx_races_has_passed(const ptx_warp_order *order, const ptx_touch *before,
                                        uint32_t clock)
{
    return !order->arrivals.count || ptx_races_arrivals_passed(order, before, clock);
}

void ptx_gathering_clear(ptx_gathering *gathering);

/* One cell of memory is read or written: reports a race with those before, and remembers. */
void ptx_races_cell_touch(ptx_warp *warp, ptx_cell *cell, const ptx_touch *now, bool is_write,
                          uint64_t address, bool is_shared);
/* A touch by the warp as of now, but for its thread. */
ptx_touch ptx_races_touch_begin(ptx_warp *warp, const ptx_instruction *i);

#endif
