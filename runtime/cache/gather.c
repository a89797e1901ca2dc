#include "runtime/cache/attend_call.h"

#include <assert.h>

/* The heads and tokens of out that one member of the gather group contributes in a pass. */
static kvspan_head_block place_of(const kvspan_attend_call *call, uint32_t member, uint32_t pass)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_group *const sequence = &call->cache->geometry.sequence;
    const uint32_t split_count = placement->gathers_tokens ? sequence->count : 1;
    const kvspan_range heads =
        placement->head_member_count > 1
            ? call->cache->staging.shares[call->group * call->cache->geometry.heads.count +
                                          placement->first_head_member + member / split_count]
            : placement->meet_heads;
    const kvspan_range split =
        placement->gathers_tokens
            ? kvspan_split_range(call->extent.token_count, sequence->count, member % split_count)
            : placement->merge_tokens;
    const kvspan_range tokens = kvspan_pass_range(&call->passes, split, sequence->count, pass);

    return (kvspan_head_block){ .first_token = tokens.first - placement->out_tokens.first,
                                .token_count = tokens.count,
                                .first_head = heads.first - placement->out.first,
                                .head_count = heads.count,
                                .source_heads = heads.count,
                                .source_first = 0 };
}

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + KVSPAN_BLOCK_ALIGNMENT - 1) / KVSPAN_BLOCK_ALIGNMENT * KVSPAN_BLOCK_ALIGNMENT;
}

/* O and LSE of the widest block have room in every block. */
void kvspan_attend_lay_out_blocks(kvspan_attend_call *call)
{
    const uint64_t vector_bytes = (uint64_t)call->value_dim * kvspan_dtype_bytes(call->out->dtype);
    uint64_t offset = 0;

    for (uint32_t pass = 0; call->placement.gathers && pass < call->passes.count; pass++) {
        kvspan_block_layout *const layout = &call->blocks[pass];
        uint64_t vectors = 0;

        for (uint32_t i = 0; i < call->gather_group.count; i++) {
            const kvspan_head_block place = place_of(call, i, pass);

            vectors = place.token_count * place.head_count > vectors
                          ? place.token_count * place.head_count
                          : vectors;
        }
        layout->offset = offset;
        layout->lse_offset = aligned(vectors * vector_bytes);
        layout->stride =
            layout->lse_offset + (call->attention.lse_out ? aligned(vectors * sizeof(float)) : 0);
        offset += layout->stride * call->gather_group.count;
    }
    assert(offset <= call->cache->staging.blocks_bytes);
}

static uint64_t block_bytes(const kvspan_attend_call *call, const kvspan_block_layout *layout,
                            const kvspan_head_block *place)
{
    const uint64_t vectors = place->token_count * place->head_count;
    const uint64_t vector_bytes = (uint64_t)call->value_dim * kvspan_dtype_bytes(call->out->dtype);

    if (vectors == 0) {
        return 0;
    }
    return call->attention.lse_out ? layout->lse_offset + aligned(vectors * sizeof(float))
                                   : aligned(vectors * vector_bytes);
}

kvspan_status kvspan_attend_gather(const kvspan_attend_call *call, uint32_t pass,
                                   kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    kvspan_staging *const staging = &cache->staging;
    const kvspan_block_layout *const layout = &call->blocks[pass];
    kvspan_status status;

    for (uint32_t i = 0; i < call->gather_group.count; i++) {
        const kvspan_head_block place = place_of(call, i, pass);

        staging->receive_offsets[i] = i * layout->stride;
        staging->receive_counts[i] = block_bytes(call, layout, &place);
    }
    status = kvspan_exchange_lane_begin(&cache->lane, pass, error);
    if (status == KVSPAN_OK) {
        status = kvspan_device_comm_all_gather(
            cache->device_comm, &call->gather_group, staging->blocks + layout->offset,
            staging->receive_offsets, staging->receive_counts, cache->lane.stream, error);
    }
    return status == KVSPAN_OK ? kvspan_exchange_lane_end(&cache->lane, pass, error) : status;
}

kvspan_status kvspan_attend_place(const kvspan_attend_call *call, uint32_t pass,
                                  kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    const kvspan_block_layout *const layout = &call->blocks[pass];
    const kvspan_tensor *const lse = call->attention.lse_out;
    kvspan_place_heads_args args = { .blocks = cache->staging.blocks + layout->offset,
                                     .block_stride = layout->stride,
                                     .block_count = call->gather_group.count,
                                     .out = *call->out };
    kvspan_status status;

    for (uint32_t i = 0; i < call->gather_group.count; i++) {
        cache->staging.places[i] = place_of(call, i, pass);
    }
    status = kvspan_cache_keep_places(cache, cache->staging.places, args.block_count, call->stream,
                                      &args.places, error);
    if (status == KVSPAN_OK) {
        status = cache->device->kernels->place_heads(cache->device, &args, call->stream, error);
    }
    if (status == KVSPAN_OK && lse) {
        args.blocks += layout->lse_offset;
        args.out = *lse;
        status = cache->device->kernels->place_heads(cache->device, &args, call->stream, error);
    }
    return status;
}

kvspan_group kvspan_attend_gather_group(const kvspan_attend_call *call)
{
    const kvspan_geometry *const geometry = &call->cache->geometry;
    const kvspan_placement *const placement = &call->placement;
    const uint32_t head_offset = geometry->heads.member - placement->first_head_member;

    if (placement->gathers_tokens) {
        const uint32_t splits = geometry->sequence.count;

        return (kvspan_group){ .ranks = geometry->spread.ranks +
                                        (size_t)placement->first_head_member * splits,
                               .count = placement->head_member_count * splits,
                               .member = head_offset * splits + geometry->sequence.member };
    }
    return (kvspan_group){ .ranks = geometry->heads.ranks + placement->first_head_member,
                           .count = placement->head_member_count,
                           .member = head_offset };
}

/* Copies q into this rank's block, one token after another without gaps: whole tokens where their
 * heads lie without gaps already, else head by head. */
static kvspan_status copy_q(const kvspan_attend_call *call, unsigned char *block,
                            kvspan_error *error)
{
    kvspan_device *const device = call->cache->device;
    const kvspan_tensor *const q = &call->q;
    const int64_t item = kvspan_dtype_bytes(q->dtype);
    const bool is_packed = q->head_stride == (int64_t)q->dim;
    const uint64_t vector_bytes = q->dim * (uint64_t)item;
    kvspan_copy_rows rows = { .target_stride = (int64_t)(q->heads * vector_bytes),
                              .source_stride = q->token_stride * item,
                              .row_bytes = is_packed ? q->heads * vector_bytes : vector_bytes,
                              .row_count = q->tokens };
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < (is_packed ? 1 : q->heads); i++) {
        rows.target = block + i * vector_bytes;
        rows.source = (const unsigned char *)q->data + (int64_t)i * q->head_stride * item;
        status = device->ops->copy_rows(device, &rows, call->stream, error);
    }
    return status;
}

/* Whose query heads of one token group's part share this rank's kv heads. */
static kvspan_group q_group(const kvspan_attend_call *call)
{
    const kvspan_geometry *const geometry = &call->cache->geometry;
    const kvspan_head_shard *const shard = &geometry->head_shards[call->group];

    return (kvspan_group){ .ranks = geometry->tokens.ranks +
                                    (size_t)geometry->sequence.member * shard->copy_count,
                           .count = shard->copy_count,
                           .member = shard->copy_index };
}

static kvspan_status exchange_q(const kvspan_attend_call *call, const kvspan_group *group,
                                kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    kvspan_staging *const staging = &cache->staging;
    kvspan_status status = kvspan_exchange_lane_computed(&cache->lane, call->stream, 0, error);

    for (uint32_t i = 0; i < group->count; i++) {
        staging->receive_offsets[i] = i * staging->q_block_bytes;
        staging->receive_counts[i] =
            call->q.tokens * call->q.heads * call->q.dim * kvspan_dtype_bytes(call->q.dtype);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_exchange_lane_begin(&cache->lane, 0, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_device_comm_all_gather(cache->device_comm, group, staging->q_blocks,
                                               staging->receive_offsets, staging->receive_counts,
                                               cache->lane.stream, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_exchange_lane_end(&cache->lane, 0, error);
    }
    return status == KVSPAN_OK ? kvspan_exchange_lane_await(&cache->lane, call->stream, 0, error)
                               : status;
}

kvspan_status kvspan_attend_gather_q(kvspan_attend_call *call, kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    kvspan_staging *const staging = &cache->staging;
    const kvspan_group group = q_group(call);
    kvspan_place_heads_args args = { .blocks = staging->q_blocks,
                                     .block_stride = staging->q_block_bytes,
                                     .block_count = group.count,
                                     .out = call->q };
    kvspan_status status =
        copy_q(call, staging->q_blocks + group.member * staging->q_block_bytes, error);

    args.out.data = staging->q;
    args.out.heads = call->placement.compute.count;
    args.out.head_stride = args.out.dim;
    args.out.token_stride = (int64_t)args.out.heads * args.out.dim;
    for (uint32_t i = 0; i < group.count; i++) {
        staging->places[i] = (kvspan_head_block){ .token_count = call->q.tokens,
                                                  .first_head = i * call->q.heads,
                                                  .head_count = call->q.heads,
                                                  .source_heads = call->q.heads };
    }
    if (status == KVSPAN_OK) {
        status = exchange_q(call, &group, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cache_keep_places(cache, staging->places, group.count, call->stream,
                                          &args.places, error);
    }
    if (status == KVSPAN_OK) {
        status = cache->device->kernels->place_heads(cache->device, &args, call->stream, error);
    }
    if (status == KVSPAN_OK) {
        call->q = args.out;
        call->q_range = call->placement.compute;
    }
    return status;
}
