/** @file
 * Where this rank stands: the mesh, the partition axis on it, and the groups of ranks that follow.
 */
#ifndef KVSPAN_CACHE_GEOMETRY_H
#define KVSPAN_CACHE_GEOMETRY_H

#include "comm/comm.h"
#include "runtime/cache/config.h"
#include "sharding/heads.h"
#include "sharding/mesh.h"

/* Axes of the mesh by what the cache uses them for; disjoint. */
typedef struct kvspan_axis_roles {
    kvspan_mesh mesh;
    kvspan_axis_set batch;  /* batch_axis: step groups */
    kvspan_axis_set heads;  /* kv_head_axis */
    kvspan_axis_set tokens; /* generation_key_sequence_axis */
    kvspan_axis_set twins;  /* what shards nothing */
} kvspan_axis_roles;

/* ARGUMENT names the axis that is missing or used twice, or the text that does not parse. */
kvspan_status kvspan_axis_roles_make(const kvspan_settings *settings, uint32_t rank_count,
                                     kvspan_axis_roles *roles_out, kvspan_error *error);

/* Which heads a rank holds of a layer group, by its place on the kv-head axes. */
kvspan_status kvspan_axis_roles_heads(const kvspan_axis_roles *roles,
                                      const kvspan_settings *settings, uint32_t group,
                                      uint32_t rank, kvspan_head_shard *heads_out,
                                      kvspan_error *error);

/* Ranks of one kv head that share its tokens: r where T = r·H under split_sequence, else 1. */
kvspan_status kvspan_axis_roles_token_copies(const kvspan_axis_roles *roles,
                                             const kvspan_settings *settings, uint32_t *copies_out,
                                             kvspan_error *error);

typedef struct kvspan_geometry {
    kvspan_axis_roles roles;
    uint32_t *ranks;       /* memory of the groups below */
    kvspan_group world;    /* all ranks */
    kvspan_group step;     /* one cache: all ranks with my batch coordinates */
    kvspan_group heads;    /* differ from me in the kv-head axes alone */
    kvspan_group sequence; /* differ from me in the sequence axes alone */
    kvspan_group spread;   /* both: member = head member · sequence members + sequence member */
    kvspan_group tokens;   /* share the tokens of my kv heads: member = sequence member · copies +
                              copy; the sequence group itself unless copies share tokens */
    uint32_t token_copies; /* ranks of a kv head that share its tokens: r under split_sequence */
    uint32_t step_group;
    uint32_t step_group_count;
    uint32_t coordinator_rank; /* of the communicator */
    uint32_t twin;
    uint32_t twin_count;
    kvspan_head_shard *head_shards; /* [layer group] */
    kvspan_token_rule rule;
} kvspan_geometry;

kvspan_status kvspan_geometry_init(kvspan_geometry *geometry, const kvspan_settings *settings,
                                   uint32_t rank, uint32_t rank_count, kvspan_error *error);
void kvspan_geometry_fini(kvspan_geometry *geometry);

#endif
