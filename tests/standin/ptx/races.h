/** @file
 * Finds accesses that nothing orders. Internal.
 *
 * Each warp has a vector clock over the warps of its block: how far it has seen each of them.
 * Barriers join clocks. Within a warp, lanes are ordered by the instructions at which they met. A
 * block is ordered behind another one once an atomic of it has seen an atomic of that one, as far
 * as that one's fence before its atomic reached.
 */
#ifndef KVSPAN_STANDIN_PTX_RACES_H
#define KVSPAN_STANDIN_PTX_RACES_H

#include "standin/ptx/memory.h"

ptx_races *ptx_races_create(const ptx_run *run);
void ptx_races_destroy(ptx_races *races);

void ptx_races_warp_init(ptx_warp *warp);
void ptx_races_warp_fini(ptx_warp *warp);
void ptx_races_warp_begin(ptx_warp *warp);

/* Reports at most one race, as a fault. */
void ptx_races_access(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes, bool is_shared,
                      const uint64_t *addresses, uint32_t bytes, ptx_access access);

/* These lanes have met. */
void ptx_races_lanes_meet(ptx_warp *warp, uint32_t lanes);
/* What the warp did until now is visible to who sees its next atomic. */
void ptx_races_fence(ptx_warp *warp);
/* Everybody in `joining` learns what everybody in `arrived` has seen: masks of warps. */
void ptx_races_join(ptx_block *block, uint32_t arrived, uint32_t joining);

#endif
