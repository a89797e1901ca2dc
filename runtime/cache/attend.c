#include "runtime/cache/attend_call.h"

#include <math.h>

#include <kvspan/sized_struct.h>

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

static kvspan_status check_tensors(const kvspan_attend_call *call, kvspan_error *error)
{
    const kvspan_placement *const placement = &call->placement;
    const kvspan_plane *const planes = call->cache->settings.groups[call->group].planes;
    const kvspan_tensor *const lse = call->attention.lse_out;
    kvspan_status status =
        check_tensor("q", &call->q, placement->q.count, planes[call->key_plane].dim,
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
    if (call->out->dtype != call->q.dtype) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "out is of type %s, q of %s",
                           kvspan_dtype_name(call->out->dtype), kvspan_dtype_name(call->q.dtype));
    }
    if (lse && (lse->dtype != KVSPAN_F32 || lse->head_stride != 1)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "lse_out is of type %s with head stride %lld, float32 and 1 are needed",
                           kvspan_dtype_name(lse->dtype), (long long)lse->head_stride);
    }
    for (uint32_t i = 0; i < call->cache->formats[call->group].plane_count; i++) {
        if (!call->cache->device->kernels->has_dtype(call->q.dtype, planes[i].dtype)) {
            return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                               "q of type %s over planes of type %s is not built for %s",
                               kvspan_dtype_name(call->q.dtype), kvspan_dtype_name(planes[i].dtype),
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

static kvspan_status run_attend(const kvspan_attend_call *call, const kvspan_tensor *out,
                                float *lse, uint64_t lse_stride, kvspan_error *error)
{
    kvspan_cache *const cache = call->cache;
    const kvspan_layer_group *const layers = &cache->settings.groups[call->group];
    const kvspan_range compute = call->placement.compute;
    const kvspan_head_shard *const shard = &cache->geometry.head_shards[call->group];
    const kvspan_attend_pages_args args = {
        .keys = kvspan_page_format_view(&cache->formats[call->group], cache->arena,
                                        call->layer_index, call->key_plane),
        .values = kvspan_page_format_view(&cache->formats[call->group], cache->arena,
                                          call->layer_index, call->value_plane),
        .rows = kvspan_device_table_arrays(&cache->table, call->group, cache->result.row_count,
                                           cache->result.token_count, &cache->geometry.rule),
        .plan = cache->work_plans[call->group],
        .q = slice(&call->q, 0, call->q.tokens, compute.first - call->q_range.first, compute.count),
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

    if (compute.count == 0 || call->q.tokens == 0) {
        return KVSPAN_OK;
    }
    return cache->device->kernels->attend_pages(cache->device, &args, call->stream, error);
}

static kvspan_status resolve(kvspan_attend_call *call, uint32_t layer,
                             const kvspan_attention *attention, kvspan_error *error)
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
        (uint64_t)call->placement.meet_heads.count * (call->value_dim + 1) * sizeof(float);
    call->q_range = call->placement.q;
    call->gather_group = kvspan_attend_gather_group(call);
    if (call->attention.scale == 0.0f) {
        call->attention.scale = 1.0f / sqrtf((float)layers->planes[call->key_plane].dim);
    }
    return check_tensors(call, error);
}

/* Partial results where tokens are split or sinks enter; else straight to the target. */
static kvspan_status compute(const kvspan_attend_call *call, kvspan_error *error)
{
    const bool merges = call->placement.meets || call->attention.sink_logits;
    float *lse = NULL;
    uint64_t lse_stride = 0;
    const kvspan_tensor out = merges ? kvspan_attend_partials(call, &lse, &lse_stride)
                                     : kvspan_attend_target(call, &lse, &lse_stride);
    const kvspan_status status = run_attend(call, &out, lse, lse_stride, error);

    return status == KVSPAN_OK && merges ? kvspan_attend_meet(call, error) : status;
}

kvspan_status kvspan_cache_attend(kvspan_cache *cache, uint32_t layer, const kvspan_tensor *q,
                                  const kvspan_attention *attention, kvspan_tensor *out,
                                  kvspan_stream stream, kvspan_error *error)
{
    kvspan_attend_call call = { .cache = cache, .out = out, .stream = stream };
    kvspan_status status = kvspan_cache_enter(cache, true, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (!q || !out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL", q ? "out" : "q");
    }
    call.q = *q;
    status = resolve(&call, layer, attention, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    if (call.placement.gathers_q) {
        status = kvspan_attend_gather_q(&call, error);
    }
    if (status == KVSPAN_OK) {
        status = compute(&call, error);
    }
    if (status == KVSPAN_OK && call.placement.gathers) {
        status = kvspan_attend_gather(&call, error);
    }
    /* Past the checks a failure leaves the ranks apart. */
    return status == KVSPAN_OK ? status : kvspan_cache_spend(cache, status, error);
}
