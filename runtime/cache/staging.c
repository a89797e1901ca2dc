#include "runtime/cache/staging.h"

#include <stdlib.h>
#include <string.h>

/* Sizes from the widest call: every query head of this rank's kv heads, f32. Products stay below
 * 2^63: tokens < 2^24, heads ≤ 2^16, dim ≤ 2^10, members by the caller's mesh. */
static void size_staging(kvspan_staging *staging, const kvspan_settings *settings,
                         const kvspan_geometry *geometry)
{
    const kvspan_layer_group *const group = &settings->groups[0];
    const uint64_t dim = group->planes[kvspan_settings_find_plane(group, KVSPAN_VALUE)].dim;
    const uint64_t tokens = settings->config.max_step_tokens;
    const uint64_t members = geometry->tokens.count;
    const uint64_t split_tokens = tokens / members + 1;
    const uint64_t heads = geometry->head_shards[0].q_of_kv.count;
    const uint64_t token_bytes = heads * (dim + 1) * sizeof(float);

    staging->max_members = geometry->spread.count;
    staging->part_bytes = tokens * token_bytes;
    staging->parts_in_bytes = members > 1 ? members * split_tokens * token_bytes : 0;
    staging->block_lse_offset = split_tokens * heads * dim * sizeof(float);
    staging->block_bytes = staging->block_lse_offset + split_tokens * heads * sizeof(float);
    staging->blocks_bytes =
        staging->max_members > 1 ? staging->max_members * staging->block_bytes : 0;
}

static kvspan_status take_device_memory(kvspan_device *device, uint64_t bytes,
                                        unsigned char **data_out, kvspan_error *error)
{
    void *data = NULL;
    const kvspan_status status =
        bytes == 0 ? KVSPAN_OK : device->ops->allocate(device, bytes, &data, error);

    *data_out = data;
    return status;
}

static kvspan_status take_lists(kvspan_staging *staging, uint32_t head_members, kvspan_error *error)
{
    const size_t members = staging->max_members;

    staging->shares = calloc(head_members, sizeof(*staging->shares));
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
    for (uint32_t i = 0; i < geometry->heads.count; i++) {
        kvspan_head_shard shard;
        const kvspan_status status = kvspan_axis_roles_heads(
            &geometry->roles, settings, 0, geometry->heads.ranks[i], &shard, error);

        if (status != KVSPAN_OK) {
            return status;
        }
        staging->shares[i] = kvspan_head_share(&shard);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_staging_init(kvspan_staging *staging, kvspan_device *device,
                                  const kvspan_settings *settings, const kvspan_geometry *geometry,
                                  kvspan_error *error)
{
    kvspan_status status;

    memset(staging, 0, sizeof(*staging));
    staging->device = device;
    size_staging(staging, settings, geometry);
    status = take_lists(staging, geometry->heads.count, error);
    if (status == KVSPAN_OK) {
        status = find_shares(staging, settings, geometry, error);
    }
    if (status == KVSPAN_OK) {
        status = take_device_memory(device, staging->part_bytes, &staging->parts_out, error);
    }
    if (status == KVSPAN_OK) {
        status = take_device_memory(device, staging->parts_in_bytes, &staging->parts_in, error);
    }
    if (status == KVSPAN_OK) {
        status = take_device_memory(device, staging->blocks_bytes, &staging->blocks, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_staging_fini(staging, false);
    }
    return status;
}

void kvspan_staging_fini(kvspan_staging *staging, bool keep_memory)
{
    kvspan_device *const device = staging->device;

    if (!device) {
        return;
    }
    if (!keep_memory) {
        if (staging->parts_out) {
            device->ops->release(device, staging->parts_out, staging->part_bytes);
        }
        if (staging->parts_in) {
            device->ops->release(device, staging->parts_in, staging->parts_in_bytes);
        }
        if (staging->blocks) {
            device->ops->release(device, staging->blocks, staging->blocks_bytes);
        }
    }
    free(staging->shares);
    free(staging->places);
    free(staging->send_offsets);
    memset(staging, 0, sizeof(*staging));
}
