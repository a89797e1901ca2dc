/** @file
 * How many pages fit: one function for the planner and for create.
 */
#ifndef KVSPAN_CACHE_CAPACITY_H
#define KVSPAN_CACHE_CAPACITY_H

#include "runtime/cache/geometry.h"

/* usable_bytes: [rank_count]; NULL without an arena: only page_count and the longest sequence are
 * checked. Errors as kvspan_plan_capacity(). */
kvspan_status kvspan_capacity_plan(const kvspan_settings *settings, const kvspan_axis_roles *roles,
                                   const uint64_t *usable_bytes, kvspan_plan *plan_out,
                                   kvspan_error *error);

/* Local kv heads of each plane of a group: [KVSPAN_MAX_PLANES]. */
void kvspan_local_heads(const kvspan_layer_group *group, const kvspan_head_shard *shard,
                        uint32_t *local_heads_out);

#endif
