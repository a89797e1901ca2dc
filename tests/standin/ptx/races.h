/** @file
 * Finds accesses that nothing orders. Internal.
 *
 * Each warp has a vector clock over the warps of its block: how far it has seen each of them.
 * Barriers join clocks. Within a warp, lanes are ordered by the barriers at which they met.
 * Atomics, and loads and stores that are like them, order too: who sees what another one wrote
 * knows, from its own next fence on, what that one did before its last fence, be it in the same
 * block or in another one.
 *
 * An mbarrier joins the clocks of those that arrived in a phase to the clocks of those that see the
 * phase done. Asynchronous copies that it tracks have a clock of their own, the number of the phase
 * in which they were done, so that only those know of them that know of the phase. What threads
 * wrote is known to the async proxy, which does bulk copies, from a fence between the two on.
 *
 * Every byte remembers its last write and three reads: the last, the last of another lane and the
 * last of another warp. A race with a read that was forgotten shows under another schedule.
 *
 * Lanes that arrive at an mbarrier, or see its phase done, do so for themselves and for those whom
 * they meet before, or after. Not looked at: fences between proxies in other blocks.
 */
#ifndef KVSPAN_STANDIN_PTX_RACES_H
#define KVSPAN_STANDIN_PTX_RACES_H

#include "standin/ptx/memory.h"

/* For blocks of as many warps as that one. */
ptx_races *ptx_races_create(const ptx_block *block);
void ptx_races_destroy(ptx_races *races);
/* A block begins: its warps know of nothing. */
void ptx_races_block_begin(ptx_block *block);

/* Reports at most one race, as a fault. */
void ptx_races_access(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes, bool is_shared,
                      const uint64_t *addresses, uint32_t bytes, ptx_access access);

/* These lanes have met. */
void ptx_races_lanes_meet(ptx_warp *warp, uint32_t lanes);
/* What atomics have passed on to the warp is known to it: of its block only, or of all. */
void ptx_races_acquire(ptx_warp *warp, bool is_of_block);
/* The same, and what the warp did until now is passed on by its next atomics: to its block only, or
 * to all. */
void ptx_races_fence(ptx_warp *warp, bool is_of_block);
/* The warp comes to a barrier, and leaves it. */
void ptx_races_arrive(ptx_warp *warp, uint32_t barrier);
void ptx_races_leave(ptx_warp *warp, uint32_t barrier);
/* All have left: the barrier begins anew. */
void ptx_races_barrier_clear(ptx_block *block, uint32_t barrier);

/* async_races.c: lanes arrive at an mbarrier, whose number this is; its phase is done; lanes have
 * seen that. */
void ptx_races_mbarrier_arrive(ptx_warp *warp, uint32_t lanes, uint32_t mbarrier);
void ptx_races_mbarrier_complete(ptx_block *block, uint32_t mbarrier);
void ptx_races_mbarrier_wait(ptx_warp *warp, uint32_t lanes, uint32_t mbarrier);

/* The number of the last execution that was looked at. */
uint32_t ptx_races_execution(const ptx_races *races);

/* A range that a lane gives to the async proxy, or takes back from it. */
typedef struct ptx_proxy_range {
    uint64_t address;
    uint32_t bytes;
    bool is_shared;
    bool is_write;
} ptx_proxy_range;

/* The lane lets the async proxy read or write. Returns a number of this execution. */
uint32_t ptx_races_proxy_access(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                                const ptx_proxy_range *range);
/* The lane lets the async proxy signal the mbarrier at this offset. */
void ptx_races_proxy_signal(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                            uint32_t offset);
/* Who knows of the mbarrier's present phase, and nobody else, knows of that access. */
void ptx_races_proxy_done(ptx_block *block, const ptx_proxy_range *range, uint32_t execution,
                          uint32_t mbarrier);
/* A fence between the async proxy and these lanes; kinds: a bit for each ptx_fenced. */
void ptx_races_proxy_fence(ptx_warp *warp, uint32_t lanes, uint32_t kinds);

#endif
