/** @file
 * Which heads a member of the kv-head group holds. The one place that knows: kv range, query
 * ranges, copy index, first owner.
 */
#ifndef KVSPAN_SHARDING_HEADS_H
#define KVSPAN_SHARDING_HEADS_H

#include <kvspan/cache.h>

/* What one member of the kv-head group has. */
typedef struct kvspan_head_shard {
    kvspan_range kv;      /* global kv heads */
    kvspan_range q_of_kv; /* global query heads of these kv heads: g for each */
    kvspan_range q_even;  /* Hq/T of them; {0, 0} where Hq/T is no integer or ranges are uneven */
    uint32_t copy_index;  /* which of the members that hold these kv heads, in [0, copy_count) */
    uint32_t copy_count;  /* r; 1 where T divides H or the split is uneven */
    uint32_t first_owner; /* the lowest member that holds these kv heads */
} kvspan_head_shard;

/* kv_heads H and q_heads Hq = g·H over member_count T members. T divides H: equal ranges. T = r·H:
 * each head on r neighbours (policy default, replicate or split_sequence). Otherwise: balanced
 * ranges, the first H mod T members one more, if allow_uneven; members may have none. Policy refuse
 * takes only T that divides H, allow_uneven or not. ARGUMENT: zero or too large sizes, Hq no
 * multiple of H, member out of range, no such policy, or refused by it (names both numbers). */
kvspan_status kvspan_head_shard_of(uint32_t kv_heads, uint32_t q_heads, uint32_t member_count,
                                   uint32_t member, kvspan_heads_policy policy, int allow_uneven,
                                   kvspan_head_shard *shard_out, kvspan_error *error);

/* The lowest member that holds a kv head, where kvspan_head_shard_of() accepts H over T. */
uint32_t kvspan_head_owner(uint32_t kv_heads, uint32_t member_count, uint32_t head);

#endif
