#include "runtime/cache/staging.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cache/step_work.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Widens the staging to what the widest call of one group needs: every query head of this rank's kv
 * heads, f32. Products stay below 2^63: tokens < 2^24, heads ≤ 2^16, dim ≤ 2^10, members by the
 * caller's mesh. */
static void widen(kvspan_staging *staging, const kvspan_layer_group *group,
                  const kvspan_head_shard *shard, const kvspan_geometry *geometry, uint64_t tokens)
{
    const uint64_t dim = group->planes[kvspan_settings_find_plane(group, KVSPAN_VALUE)].dim;
    const uint64_t key_dim = group->planes[kvspan_settings_find_plane(group, KVSPAN_KEY)].dim;
    const uint64_t split_tokens = tokens / geometry->sequence.count + 1;
    const uint64_t heads = shard->q_of_kv.count;
    const uint64_t met_heads = heads / geometry->token_copies;
    const uint64_t met_bytes = met_heads * (dim + 1) * sizeof(float);
    const uint64_t part_bytes = tokens * heads * (dim + 1) * sizeof(float);
    const uint64_t block_bytes = split_tokens * heads * (dim + 1) * sizeof(float) +
                                 (uint64_t)KVSPAN_MAX_PASSES * 4 * KVSPAN_BLOCK_ALIGNMENT;

    staging->part_bytes = larger(staging->part_bytes, part_bytes);
    staging->parts_in_bytes =
        larger(staging->parts_in_bytes, geometry->tokens.count * split_tokens * met_bytes);
    staging->q_block_bytes =
        larger(staging->q_block_bytes, tokens * met_heads * key_dim * sizeof(float));
    staging->q_bytes = larger(staging->q_bytes, tokens * heads * key_dim * sizeof(float));
    staging->blocks_bytes =
        larger(staging->blocks_bytes,
               geometry->spread.count > 1 ? geometry->spread.count * block_bytes : 0);
}

static void size_staging(kvspan_staging *staging, const kvspan_settings *settings,
                         const kvspan_geometry *geometry)
{
    for (uint32_t i = 0; i < settings->config.group_count; i++) {
        widen(staging, &settings->groups[i], &geometry->head_shards[i], geometry,
              settings->config.max_step_tokens);
    }
    staging->max_members = geometry->spread.count;
    staging->parts_in_bytes *= geometry->tokens.count > 1;
    staging->q_bytes *= geometry->token_copies > 1;
}

enum {
    MEMORY_COUNT = 6,
    MEMORY_ALIGNMENT = 4096
};

/* One of the memories of the arena. */
typedef struct memory {
    unsigned char **data;
    uint64_t bytes;
} memory;

static memory memory_of(kvspan_staging *staging, uint32_t number)
{
    const uint64_t unpacked_bytes = staging->q_bytes > 0 ? staging->part_bytes : 0;
    const memory memories[MEMORY_COUNT] = { { &staging->parts_out, staging->part_bytes },
                                            { &staging->parts_in, staging->parts_in_bytes },
                                            { &staging->blocks, staging->blocks_bytes },
                                            { &staging->unpacked, unpacked_bytes },
                                            { &staging->q_blocks, staging->q_bytes },
                                            { &staging->q, staging->q_bytes } };

    return memories[number];
}

static uint64_t place_memories(kvspan_staging *staging)
{
    uint64_t offset = 0;

    for (uint32_t i = 0; i < MEMORY_COUNT; i++) {
        const memory placed = memory_of(staging, i);

        *placed.data = staging->arena && placed.bytes > 0 ? staging->arena + offset : NULL;
        offset += (placed.bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    }
    return offset;
}

void kvspan_staging_place(kvspan_staging *staging, unsigned char *arena)
{
    staging->arena = arena;
    (void)place_memories(staging);
}

static kvspan_status take_lists(kvspan_staging *staging, size_t share_count, kvspan_error *error)
{
    const size_t members = staging->max_members;

    assert(share_count > 0);
    staging->shares = calloc(share_count, sizeof(*staging->shares));
    staging->places = calloc(members, sizeof(*staging->places));
    staging->send_offsets = calloc(members * 4, sizeof(*staging->send_offsets));
    if (!staging->shares || !staging->places || !staging->send_offsets) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for exchanges of %zu ranks",
                           members);
    }
    staging->send_counts = staging->send_offsets + members;
    staging->receive_offsets = staging->send_counts + members;
    staging->receive_counts = staging->receive_offsets + members;
    return KVSPAN_OK;
}

static kvspan_status find_shares(kvspan_staging *staging, const kvspan_settings *settings,
                                 const kvspan_geometry *geometry, kvspan_error *error)
{
    const uint32_t members = geometry->heads.count;

    for (uint32_t i = 0; i < settings->config.group_count * members; i++) {
        kvspan_head_shard shard;
        const kvspan_status status =
            kvspan_axis_roles_heads(&geometry->roles, settings, i / members,
                                    geometry->heads.ranks[i % members], &shard, error);

        if (status != KVSPAN_OK) {
            return status;
        }
        staging->shares[i] = kvspan_head_share(&shard);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_staging_init(kvspan_staging *staging, const kvspan_settings *settings,
                                  const kvspan_geometry *geometry, kvspan_error *error)
{
    kvspan_status status;

    memset(staging, 0, sizeof(*staging));
    size_staging(staging, settings, geometry);
    status =
        take_lists(staging, (size_t)settings->config.group_count * geometry->heads.count, error);
    if (status == KVSPAN_OK) {
        status = find_shares(staging, settings, geometry, error);
    }
    staging->arena_bytes = place_memories(staging);
    if (status != KVSPAN_OK) {
        kvspan_staging_fini(staging);
    }
    return status;
}

void kvspan_staging_fini(kvspan_staging *staging)
{
    free(staging->shares);
    free(staging->places);
    free(staging->send_offsets);
    memset(staging, 0, sizeof(*staging));
}
