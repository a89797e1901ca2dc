#include "runtime/cache/cache_parts.h"

#include <math.h>

#include <kvspan/sized_struct.h>

#include "runtime/cache/placement.h"

/* One call of attend, resolved. */
typedef struct attend_call {
    kvspan_cache *cache;
    uint32_t group;
    uint32_t layer_index;
    kvspan_attention attention;
    kvspan_placement placement;
    const kvspan_tensor *q;
    kvspan_tensor *out;
    kvspan_stream stream;
    uint32_t key_plane;
    uint32_t value_plane;
    uint32_t value_dim;
    uint64_t part_token_bytes; /* of a token's partial results: O then LSE of all its heads */
    kvspan_group gather_group;
} attend_call;

static kvspan_status check_tensor(const char *name, const kvspan_tensor *tensor, uint32_t heads,
                                  uint32_t dim, uint64_t tokens, kvspan_error *error)
{
    if (tensor->heads != heads || tensor->dim != dim || tensor->tokens != tokens) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%s is [%llu tokens][%u heads][%u dim], [%llu][%u][%u] is needed", name,
                           (unsigned long long)tensor->tokens, tensor->heads, tensor->dim,
                           (unsigned long long)tokens, heads, dim);
    }
    if (!tensor->data && tokens > 0 && heads > 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s.data is NULL for %llu tokens", name,
                           (unsigned long long)tokens);
    }
    return KVSPAN_OK;
}

static kvspan_status check_tensors(const attend_call *call, kvspan_error *error)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_plane *const planes = call->cache->settings.groups[call->group].planes;
    const kvspan_tensor *const lse = call->attention.lse_out;
    kvspan_status status =
        check_tensor("q", call->q, placement->q.count, planes[call->key_plane].dim,
                     call->cache->result.token_count, error);

    if (status == KVSPAN_OK) {
        status = check_tensor("out", call->out, placement->out.count, call->value_dim,
                              placement->out_tokens.count, error);
    }
    if (status == KVSPAN_OK && lse) {
        status = check_tensor("lse_out", lse, placement->out.count, 1, placement->out_tokens.count,
                              error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (call->out->dtype != call->q->dtype) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "out is of type %s, q of %s",
                           kvspan_dtype_name(call->out->dtype), kvspan_dtype_name(call->q->dtype));
    }
    if (lse && (lse->dtype != KVSPAN_F32 || lse->head_stride != 1)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "lse_out is of type %s with head stride %lld, float32 and 1 are needed",
                           kvspan_dtype_name(lse->dtype), (long long)lse->head_stride);
    }
    for (uint32_t i = 0; i < call->cache->format.plane_count; i++) {
        if (!call->cache->device->kernels->has_dtype(call->q->dtype, planes[i].dtype)) {
            return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                               "q of type %s over planes of type %s is not built for %s",
                               kvspan_dtype_name(call->q->dtype),
                               kvspan_dtype_name(planes[i].dtype),
                               call->cache->device->kernels->name);
        }
    }
    return KVSPAN_OK;
}

/* A tensor of the step's tokens seen from one of its heads and tokens on. */
static kvspan_tensor slice(const kvspan_tensor *tensor, uint64_t first_token, uint64_t tokens,
                           uint32_t first_head, uint32_t heads)
{
    const int64_t elements =
        (int64_t)first_token * tensor->token_stride + (int64_t)first_head * tensor->head_stride;
    kvspan_tensor part = *tensor;

    part.data =
        (unsigned char *)tensor->data + elements * (int64_t)kvspan_dtype_bytes(tensor->dtype);
    part.tokens = tokens;
    part.heads = heads;
    return part;
}

static kvspan_status run_attend(const attend_call *call, const kvspan_tensor *out, float *lse,
                                uint64_t lse_stride, kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    const kvspan_layer_group *const layers = &cache->settings.groups[call->group];
    const kvspan_range compute = call->placement.compute;
    const kvspan_head_shard *const shard = &cache->geometry.head_shards[call->group];
    const kvspan_attend_pages_args args = {
        .keys = kvspan_page_format_view(&cache->format, cache->arena, call->layer_index,
                                        call->key_plane),
        .values = kvspan_page_format_view(&cache->format, cache->arena, call->layer_index,
                                          call->value_plane),
        .rows = kvspan_device_table_arrays(&cache->table, call->group, cache->result.row_count,
                                           cache->result.token_count, &cache->geometry.rule),
        .plan = cache->work_plan,
        .q = slice(call->q, 0, call->q->tokens, compute.first - call->placement.q.first,
                   compute.count),
        .out = *out,
        .lse = lse,
        .lse_stride = lse_stride,
        .q_first = compute.first,
        .kv_first = shard->kv.first,
        .group_size = layers->q_heads / layers->planes[call->key_plane].heads,
        .window = layers->window_tokens,
        .scale = call->attention.scale,
        .soft_cap = call->attention.soft_cap
    };

    if (compute.count == 0 || call->q->tokens == 0) {
        return KVSPAN_OK;
    }
    return cache->device->kernels->attend_pages(&args, call->stream, error);
}

/* Where the results that are computed here go: into out, or into this rank's block of the gather.
 */
static kvspan_tensor target_of(const attend_call *call, float **lse_out, uint64_t *lse_stride_out)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_staging *const staging = &call->cache->staging;
    const kvspan_tensor *const lse = call->attention.lse_out;
    unsigned char *const block = staging->blocks + call->gather_group.member * staging->block_bytes;

    if (!placement->gathers) {
        *lse_out = lse ? lse->data : NULL;
        *lse_stride_out = lse ? (uint64_t)lse->token_stride : 0;
        return *call->out;
    }
    *lse_out = lse ? (float *)(block + staging->block_lse_offset) : NULL;
    *lse_stride_out = placement->compute.count;
    return (kvspan_tensor){ .data = block,
                            .dtype = call->out->dtype,
                            .heads = placement->compute.count,
                            .dim = call->value_dim,
                            .tokens = placement->merge_tokens.count,
                            .token_stride = (int64_t)placement->compute.count * call->value_dim,
                            .head_stride = call->value_dim };
}

static kvspan_status attend_partial(const attend_call *call, kvspan_error *error)
{
    float *const parts = (float *)call->cache->staging.parts_out;
    const uint64_t token_floats = call->part_token_bytes / sizeof(float);
    const kvspan_tensor out = { .data = parts,
                                .dtype = KVSPAN_F32,
                                .heads = call->placement.compute.count,
                                .dim = call->value_dim,
                                .tokens = call->q->tokens,
                                .token_stride = (int64_t)token_floats,
                                .head_stride = call->value_dim };

    return run_attend(call, &out, parts + (uint64_t)out.heads * out.dim, token_floats, error);
}

/* Sends every member of the token group the partial results of its split of the tokens. A token's O
 * and LSE lie side by side, so one message has both. */
static kvspan_status exchange_partials(const attend_call *call, kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    kvspan_staging *const staging = &cache->staging;
    const kvspan_group *const tokens = &cache->geometry.tokens;
    const uint32_t token_count = cache->result.token_count;
    const uint64_t my_bytes = call->placement.merge_tokens.count * call->part_token_bytes;

    for (uint32_t i = 0; i < tokens->count; i++) {
        const kvspan_range split = kvspan_split_range(token_count, tokens->count, i);

        staging->send_offsets[i] = split.first * call->part_token_bytes;
        staging->send_counts[i] = split.count * call->part_token_bytes;
        staging->receive_offsets[i] = i * my_bytes;
        staging->receive_counts[i] = my_bytes;
    }
    return kvspan_exchange_all_to_all(
        &cache->exchange, tokens, staging->parts_out, staging->send_offsets, staging->send_counts,
        staging->parts_in, staging->receive_offsets, staging->receive_counts,
        cache->settings.config.deadline_ms, error);
}

static kvspan_status merge(const attend_call *call, kvspan_error *error)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_staging *const staging = &call->cache->staging;
    const float *const sinks = call->attention.sink_logits;
    kvspan_merge_partials_args args = {
        .part_count = placement->meets ? call->cache->geometry.tokens.count : 1,
        .tokens = placement->merge_tokens.count,
        .heads = placement->compute.count,
        .dim = call->value_dim,
        .parts = placement->meets ? staging->parts_in : staging->parts_out,
        .part_stride = placement->merge_tokens.count * call->part_token_bytes,
        .token_stride = call->part_token_bytes,
        .lse_token_stride = call->part_token_bytes,
        .lse_offset = (uint64_t)placement->compute.count * call->value_dim * sizeof(float),
        .sinks = sinks ? sinks + (placement->compute.first - placement->out.first) : NULL
    };

    if (args.tokens == 0 || args.heads == 0) {
        return KVSPAN_OK;
    }
    args.out = target_of(call, &args.lse, &args.lse_stride);
    return call->cache->device->kernels->merge_partials(&args, call->stream, error);
}

/* The heads and tokens of out that one member of the gather group contributes. */
static kvspan_head_block place_of(const attend_call *call, uint32_t member)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_group *const tokens = &call->cache->geometry.tokens;
    const uint32_t split_count = placement->gathers_tokens ? tokens->count : 1;
    const kvspan_range heads =
        placement->head_member_count > 1
            ? call->cache->staging.shares[placement->first_head_member + member / split_count]
            : placement->compute;
    const kvspan_range split = placement->gathers_tokens
                                   ? kvspan_split_range(call->cache->result.token_count,
                                                        tokens->count, member % split_count)
                                   : placement->merge_tokens;

    return (kvspan_head_block){ .first_token = split.first - placement->out_tokens.first,
                                .token_count = split.count,
                                .first_head = heads.first - placement->out.first,
                                .head_count = heads.count,
                                .source_heads = heads.count,
                                .source_first = 0 };
}

static kvspan_status gather(const attend_call *call, kvspan_error *error)
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
        status = cache->device->kernels->place_heads(&args, call->stream, error);
    }
    if (status == KVSPAN_OK && lse) {
        args.blocks = staging->blocks + staging->block_lse_offset;
        args.out = *lse;
        status = cache->device->kernels->place_heads(&args, call->stream, error);
    }
    return status;
}

static kvspan_group gather_group_of(const attend_call *call)
{
    const kvspan_geometry *const geometry = &call->cache->geometry;
    const kvspan_placement *const placement = &call->placement;
    const uint32_t head_offset = geometry->heads.member - placement->first_head_member;

    if (placement->gathers_tokens) {
        const uint32_t splits = geometry->tokens.count;

        return (kvspan_group){ .ranks = geometry->spread.ranks +
                                        (size_t)placement->first_head_member * splits,
                               .count = placement->head_member_count * splits,
                               .member = head_offset * splits + geometry->tokens.member };
    }
    return (kvspan_group){ .ranks = geometry->heads.ranks + placement->first_head_member,
                           .count = placement->head_member_count,
                           .member = head_offset };
}

static kvspan_status resolve(attend_call *call, uint32_t layer, const kvspan_attention *attention,
                             kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    const kvspan_layer_group *layers;
    kvspan_status status =
        kvspan_cache_find_layer(cache, layer, &call->group, &call->layer_index, error);

    if (status == KVSPAN_OK) {
        status = kvspan_read_sized(&call->attention, sizeof(call->attention), attention,
                                   offsetof(kvspan_attention, scale), "attention", error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (!call->q || !call->out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "q is %s and out is %s",
                           call->q ? "given" : "NULL", call->out ? "given" : "NULL");
    }
    layers = &cache->settings.groups[call->group];
    status = kvspan_placement_make(&cache->geometry, call->group, layers->q_heads, &call->attention,
                                   cache->result.token_count, &call->placement, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    call->key_plane = kvspan_settings_find_plane(layers, KVSPAN_KEY);
    call->value_plane = kvspan_settings_find_plane(layers, KVSPAN_VALUE);
    call->value_dim = layers->planes[call->value_plane].dim;
    call->part_token_bytes =
        (uint64_t)call->placement.compute.count * (call->value_dim + 1) * sizeof(float);
    call->gather_group = gather_group_of(call);
    if (call->attention.scale == 0.0f) {
        call->attention.scale = 1.0f / sqrtf((float)layers->planes[call->key_plane].dim);
    }
    return check_tensors(call, error);
}

/* Partial results where tokens are split or sinks enter; else straight to the target. */
static kvspan_status compute(const attend_call *call, kvspan_error *error)
{
    const bool merges = call->placement.meets || call->attention.sink_logits;
    float *lse = NULL;
    uint64_t lse_stride = 0;
    kvspan_status status;

    if (!merges) {
        const kvspan_tensor target = target_of(call, &lse, &lse_stride);

        return run_attend(call, &target, lse, lse_stride, error);
    }
    status = attend_partial(call, error);
    if (status == KVSPAN_OK && call->placement.meets) {
        status = exchange_partials(call, error);
    }
    if (status == KVSPAN_OK) {
        status = merge(call, error);
    }
    return status;
}

kvspan_status kvspan_cache_attend(kvspan_cache *cache, uint32_t layer, const kvspan_tensor *q,
                                  const kvspan_attention *attention, kvspan_tensor *out,
                                  kvspan_stream stream, kvspan_error *error)
{
    attend_call call = { .cache = cache, .q = q, .out = out, .stream = stream };
    kvspan_status status = kvspan_cache_enter(cache, true, error);

    if (status == KVSPAN_OK) {
        status = resolve(&call, layer, attention, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    status = compute(&call, error);
    if (status == KVSPAN_OK && call.placement.gathers) {
        status = gather(&call, error);
    }
    /* Past the checks a failure leaves the ranks apart. */
    return status == KVSPAN_OK ? status : kvspan_cache_spend(cache, status, error);
}
