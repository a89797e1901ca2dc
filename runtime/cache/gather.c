#include "runtime/cache/attend_call.h"

/* The heads and tokens of out that one member of the gather group contributes. */
static kvspan_head_block place_of(const kvspan_attend_call *call, uint32_t member)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_group *const sequence = &call->cache->geometry.sequence;
    const uint32_t split_count = placement->gathers_tokens ? sequence->count : 1;
    const kvspan_range heads =
        placement->head_member_count > 1
            ? call->cache->staging.shares[call->group * call->cache->geometry.heads.count +
                                          placement->first_head_member + member / split_count]
            : placement->meet_heads;
    const kvspan_range split = placement->gathers_tokens
                                   ? kvspan_split_range(call->cache->result.token_count,
                                                        sequence->count, member % split_count)
                                   : placement->merge_tokens;

    return (kvspan_head_block){ .first_token = split.first - placement->out_tokens.first,
                                .token_count = split.count,
                                .first_head = heads.first - placement->out.first,
                                .head_count = heads.count,
                                .source_heads = heads.count,
                                .source_first = 0 };
}

kvspan_status kvspan_attend_gather(const kvspan_attend_call *call, kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    kvspan_staging *const staging = &cache->staging;
    const kvspan_tensor *const lse = call->attention.lse_out;
    const uint64_t item = kvspan_dtype_bytes(call->out->dtype);
    kvspan_place_heads_args args = { .blocks = staging->blocks,
                                     .block_stride = staging->block_bytes,
                                     .places = staging->places,
                                     .block_count = call->gather_group.count,
                                     .out = *call->out };
    kvspan_status status;

    for (uint32_t i = 0; i < call->gather_group.count; i++) {
        const kvspan_head_block place = place_of(call, i);
        const uint64_t vectors = place.token_count * place.head_count;

        staging->places[i] = place;
        staging->receive_offsets[i] = i * staging->block_bytes;
        staging->receive_counts[i] = lse ? staging->block_lse_offset + vectors * sizeof(float)
                                         : vectors * call->value_dim * item;
    }
    status = kvspan_exchange_all_gather(&cache->exchange, &call->gather_group, staging->blocks,
                                        staging->receive_offsets, staging->receive_counts,
                                        cache->settings.config.deadline_ms, error);
    if (status == KVSPAN_OK) {
        status = cache->device->kernels->place_heads(cache->device, &args, call->stream, error);
    }
    if (status == KVSPAN_OK && lse) {
        args.blocks = staging->blocks + staging->block_lse_offset;
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

/* Copies q into this rank's block, one token after another without gaps. */
static kvspan_status copy_q(const kvspan_attend_call *call, unsigned char *block,
                            kvspan_error *error)
{
    kvspan_device *const device = call->cache->device;
    const kvspan_tensor *const q = &call->q;
    const uint64_t item = kvspan_dtype_bytes(q->dtype);
    const uint64_t vector_bytes = q->dim * item;
    kvspan_status status = KVSPAN_OK;

    for (uint64_t i = 0; status == KVSPAN_OK && i < q->tokens * q->heads; i++) {
        const int64_t elements =
            (int64_t)(i / q->heads) * q->token_stride + (int64_t)(i % q->heads) * q->head_stride;

        status = device->ops->copy(device, block + i * vector_bytes,
                                   (const unsigned char *)q->data + elements * (int64_t)item,
                                   vector_bytes, call->stream, error);
    }
    return status;
}

kvspan_status kvspan_attend_gather_q(kvspan_attend_call *call, kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    kvspan_staging *const staging = &cache->staging;
    const kvspan_head_shard *const shard = &cache->geometry.head_shards[call->group];
    const uint32_t copies = shard->copy_count;
    const kvspan_group group = { .ranks = cache->geometry.tokens.ranks +
                                          (size_t)cache->geometry.sequence.member * copies,
                                 .count = copies,
                                 .member = shard->copy_index };
    kvspan_tensor all = call->q;
    kvspan_status status =
        copy_q(call, staging->q_blocks + group.member * staging->q_block_bytes, error);

    all.data = staging->q;
    all.heads = call->placement.compute.count;
    all.head_stride = all.dim;
    all.token_stride = (int64_t)all.heads * all.dim;
    for (uint32_t i = 0; i < copies; i++) {
        staging->places[i] = (kvspan_head_block){ .token_count = all.tokens,
                                                  .first_head = i * call->q.heads,
                                                  .head_count = call->q.heads,
                                                  .source_heads = call->q.heads };
        staging->receive_offsets[i] = i * staging->q_block_bytes;
        staging->receive_counts[i] =
            all.tokens * call->q.heads * all.dim * kvspan_dtype_bytes(all.dtype);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_exchange_all_gather(&cache->exchange, &group, staging->q_blocks,
                                            staging->receive_offsets, staging->receive_counts,
                                            cache->settings.config.deadline_ms, error);
    }
    if (status == KVSPAN_OK) {
        const kvspan_place_heads_args args = { .blocks = staging->q_blocks,
                                               .block_stride = staging->q_block_bytes,
                                               .places = staging->places,
                                               .block_count = copies,
                                               .out = all };

        status = cache->device->kernels->place_heads(cache->device, &args, call->stream, error);
    }
    if (status == KVSPAN_OK) {
        call->q = all;
        call->q_range = call->placement.compute;
    }
    return status;
}
