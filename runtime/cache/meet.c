#include "runtime/cache/attend_call.h"

kvspan_tensor kvspan_attend_target(const kvspan_attend_call *call, uint32_t pass, float **lse_out,
                                   uint64_t *lse_stride_out)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_block_layout *const layout = &call->blocks[pass];
    const kvspan_tensor *const lse = call->attention.lse_out;
    const kvspan_range tokens = kvspan_attend_pass_tokens(call, pass);
    unsigned char *block;

    if (!placement->gathers) {
        const int64_t row = (int64_t)(tokens.first - placement->merge_tokens.first);
        kvspan_tensor out = *call->out;

        out.data = (unsigned char *)out.data +
                   row * out.token_stride * (int64_t)kvspan_dtype_bytes(out.dtype);
        *lse_out = lse ? (float *)lse->data + row * lse->token_stride : NULL;
        *lse_stride_out = lse ? (uint64_t)lse->token_stride : 0;
        return out;
    }
    block =
        call->cache->staging.blocks + layout->offset + call->gather_group.member * layout->stride;
    *lse_out = lse ? (float *)(void *)(block + layout->lse_offset) : NULL;
    *lse_stride_out = placement->meet_heads.count;
    return (kvspan_tensor){ .data = block,
                            .dtype = call->out->dtype,
                            .heads = placement->meet_heads.count,
                            .dim = call->value_dim,
                            .tokens = tokens.count,
                            .token_stride = (int64_t)placement->meet_heads.count * call->value_dim,
                            .head_stride = call->value_dim };
}

/* O of all tokens and heads, contiguous, in memory from `data` on. */
static kvspan_tensor make_tensor(void *data, kvspan_dtype dtype, uint64_t tokens, uint32_t heads,
                                 uint32_t dim)
{
    return (kvspan_tensor){ .data = data,
                            .dtype = dtype,
                            .heads = heads,
                            .dim = dim,
                            .tokens = tokens,
                            .token_stride = (int64_t)heads * dim,
                            .head_stride = dim };
}

/* Straight into the parts that travel, O and LSE of a token side by side; where heads go to several
 * copies, first into memory that is packed from. */
kvspan_tensor kvspan_attend_partials(const kvspan_attend_call *call, float **lse_out,
                                     uint64_t *lse_stride_out)
{
    const kvspan_staging *const staging = &call->cache->staging;
    const uint32_t heads = call->placement.compute.count;
    const bool packs = call->placement.splits_heads;
    kvspan_tensor out = make_tensor(packs ? staging->unpacked : staging->parts_out, KVSPAN_F32,
                                    call->q.tokens, heads, call->value_dim);

    *lse_out = (float *)out.data + (uint64_t)out.token_stride * (packs ? out.tokens : 1);
    *lse_stride_out = heads;
    if (!packs) {
        out.token_stride = (int64_t)(call->part_token_bytes / sizeof(float));
        *lse_stride_out = (uint64_t)out.token_stride;
    }
    return out;
}

/* Bytes of the parts of all tokens that go to one copy. */
static uint64_t copy_bytes(const kvspan_attend_call *call)
{
    return call->q.tokens * call->part_token_bytes;
}

/* What arrives in a pass lies behind what arrived in those before. */
static unsigned char *parts_in(const kvspan_attend_call *call, uint32_t pass)
{
    const uint64_t tokens_before =
        kvspan_attend_pass_tokens(call, pass).first - call->placement.merge_tokens.first;

    return call->cache->staging.parts_in +
           tokens_before * call->cache->geometry.tokens.count * call->part_token_bytes;
}

kvspan_status kvspan_attend_pack(const kvspan_attend_call *call, kvspan_error *error)
{
    const kvspan_staging *const staging = &call->cache->staging;
    kvspan_device *const device = call->cache->device;
    const uint32_t heads = call->placement.compute.count;
    const uint32_t met_heads = call->placement.meet_heads.count;
    const int64_t token_floats = (int64_t)(call->part_token_bytes / sizeof(float));
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < heads / met_heads; i++) {
        const kvspan_head_block place = { .token_count = call->q.tokens,
                                          .head_count = met_heads,
                                          .source_heads = heads,
                                          .source_first = i * met_heads };
        unsigned char *const parts = staging->parts_out + i * copy_bytes(call);
        const kvspan_head_block *places = NULL;
        kvspan_place_heads_args args = { .blocks = staging->unpacked,
                                         .block_count = 1,
                                         .out = make_tensor(parts, KVSPAN_F32, call->q.tokens,
                                                            met_heads, call->value_dim) };

        args.out.token_stride = token_floats;
        status = kvspan_cache_keep_places(call->cache, &place, 1, call->stream, &places, error);
        args.places = places;
        if (status == KVSPAN_OK) {
            status = device->kernels->place_heads(device, &args, call->stream, error);
        }
        if (status == KVSPAN_OK) {
            args.blocks += call->q.tokens * heads * call->value_dim * sizeof(float);
            args.out = make_tensor(parts + (uint64_t)met_heads * call->value_dim * sizeof(float),
                                   KVSPAN_F32, call->q.tokens, met_heads, 1);
            args.out.token_stride = token_floats;
            status = device->kernels->place_heads(device, &args, call->stream, error);
        }
    }
    return status;
}

/* Every member of the token group gets the partial results that meet there: its split of the
 * tokens, and where copies share tokens its heads. One message has both O and LSE. */
kvspan_status kvspan_attend_exchange(const kvspan_attend_call *call, uint32_t pass,
                                     kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    kvspan_staging *const staging = &cache->staging;
    const kvspan_geometry *const geometry = &cache->geometry;
    const uint32_t copies = geometry->token_copies;
    const uint32_t splits = geometry->sequence.count;
    const uint64_t my_bytes = kvspan_attend_pass_tokens(call, pass).count * call->part_token_bytes;
    const kvspan_device_exchange exchange = { .group = geometry->tokens,
                                              .send = staging->parts_out,
                                              .send_offsets = staging->send_offsets,
                                              .send_counts = staging->send_counts,
                                              .receive = parts_in(call, pass),
                                              .receive_offsets = staging->receive_offsets,
                                              .receive_counts = staging->receive_counts };
    kvspan_status status;

    for (uint32_t i = 0; i < geometry->tokens.count; i++) {
        const kvspan_range split = kvspan_pass_range(
            &call->passes, kvspan_split_range(call->extent.token_count, splits, i / copies), splits,
            pass);

        staging->send_offsets[i] =
            i % copies * copy_bytes(call) + split.first * call->part_token_bytes;
        staging->send_counts[i] = split.count * call->part_token_bytes;
        staging->receive_offsets[i] = i * my_bytes;
        staging->receive_counts[i] = my_bytes;
    }
    status = kvspan_exchange_lane_begin(&cache->lane, pass, error);
    if (status == KVSPAN_OK) {
        status =
            kvspan_device_comm_all_to_all(cache->device_comm, &exchange, cache->lane.stream, error);
    }
    return status == KVSPAN_OK ? kvspan_exchange_lane_end(&cache->lane, pass, error) : status;
}

kvspan_status kvspan_attend_merge(const kvspan_attend_call *call, uint32_t pass,
                                  kvspan_error *error)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_staging *const staging = &call->cache->staging;
    const kvspan_range tokens = kvspan_attend_pass_tokens(call, pass);
    const float *const sinks = call->attention.sink_logits;
    kvspan_merge_partials_args args = {
        .part_count = placement->meets ? call->cache->geometry.tokens.count : 1,
        .tokens = tokens.count,
        .heads = placement->meet_heads.count,
        .dim = call->value_dim,
        .parts = placement->meets ? parts_in(call, pass)
                                  : staging->parts_out + tokens.first * call->part_token_bytes,
        .part_stride = tokens.count * call->part_token_bytes,
        .token_stride = call->part_token_bytes,
        .lse_token_stride = call->part_token_bytes,
        .lse_offset = (uint64_t)placement->meet_heads.count * call->value_dim * sizeof(float),
        .sinks = sinks ? sinks + (placement->meet_heads.first - placement->out.first) : NULL
    };

    if (args.tokens == 0 || args.heads == 0) {
        return KVSPAN_OK;
    }
    args.out = kvspan_attend_target(call, pass, &args.lse, &args.lse_stride);
    return call->cache->device->kernels->merge_partials(call->cache->device, &args, call->stream,
                                                        error);
}
