/** @file
 * Finds accesses that nothing orders. Internal.
 *
 * Each warp has a vector clock over the warps of its block: how far it has seen each of them.
 * Barriers join clocks. Within a warp, lanes are ordered by the barriers at which they met.
 * Atomics, and loads and stores that are like them, order too: who sees what another one wrote
 * knows, from its own next fence on, what that one did before its last fence, be it in the same
 * block or in another one.
 *
 * Every byte remembers its last write and three reads: the last, the last of another lane and the
 * last of another warp. A race with a read that was forgotten shows under another schedule.
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

#endif
