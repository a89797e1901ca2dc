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
                     call->extent.token_count, error);

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

static kvspan_status run_attend(const kvspan_attend_call *call, uint32_t pass,
                                const kvspan_tensor *out, float *lse, uint64_t lse_stride,
                                kvspan_error *error)
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
        .rows = kvspan_device_table_arrays(&cache->table, call->group, &call->extent,
                                           &cache->geometry.rule),
        .plan = *kvspan_step_work_pass(&cache->work, call->group, call->passes.count, pass),
        .scratch = cache->work.scratch,
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

    if (compute.count == 0 || (args.plan.item_count == 0 && !call->extent.is_captured)) {
        return KVSPAN_OK;
    }
    return cache->device->kernels->attend_pages(cache->device, &args, call->stream, error);
}

/* Heads that go to several copies are packed first, all tokens at once. Where passes meet follows
 * from the step, which captured calls are not made for. */
static kvspan_passes choose_passes(const kvspan_attend_call *call)
{
    const kvspan_placement *const placement = &call->placement;
    const bool exchanges = placement->meets || placement->gathers;

    return exchanges && !placement->splits_heads && !call->extent.is_captured
               ? call->cache->work.passes
               : (kvspan_passes){ .count = 1 };
}

kvspan_range kvspan_attend_pass_tokens(const kvspan_attend_call *call, uint32_t pass)
{
    return kvspan_pass_range(&call->passes, call->placement.merge_tokens,
                             call->cache->geometry.sequence.count, pass);
}

static bool has_exchanges(const kvspan_attend_call *call)
{
    const kvspan_placement *const placement = &call->placement;

    return placement->meets || placement->gathers || placement->gathers_q;
}

/* Exchanges that need the host while they are done cannot be replayed. */
static kvspan_status check_captured(const kvspan_attend_call *call, kvspan_error *error)
{
    kvspan_device_comm *const device_comm = call->cache->device_comm;

    if (!has_exchanges(call)) {
        return KVSPAN_OK;
    }
    if (!device_comm->ops->can_be_captured) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "exchanges by \"%s\" cannot be captured, those by \"nccl\" can",
                           device_comm->ops->name);
    }
    kvspan_device_comm_expect_replays(device_comm);
    return KVSPAN_OK;
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
                                   call->extent.token_count, &call->placement, error);
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
    call->passes = choose_passes(call);
    kvspan_attend_lay_out_blocks(call);
    if (call->attention.scale == 0.0f) {
        call->attention.scale = 1.0f / sqrtf((float)layers->planes[call->key_plane].dim);
    }
    status = check_tensors(call, error);
    return status == KVSPAN_OK && call->extent.is_captured ? check_captured(call, error) : status;
}

/* Attention writes by the step's tokens: what begins with the pass is seen from token 0 on. */
static kvspan_tensor from_first_token(const kvspan_attend_call *call, uint32_t pass, float **lse,
                                      uint64_t *lse_stride)
{
    const uint64_t first = kvspan_attend_pass_tokens(call, pass).first;
    kvspan_tensor out = kvspan_attend_target(call, pass, lse, lse_stride);

    if (first > 0) {
        out.data = (unsigned char *)out.data -
                   first * (uint64_t)out.token_stride * kvspan_dtype_bytes(out.dtype);
        *lse = *lse ? *lse - first * *lse_stride : NULL;
    }
    return out;
}

/* Partial results where tokens are split or sinks enter; else straight to the target. */
static kvspan_status compute(const kvspan_attend_call *call, uint32_t pass, bool merges,
                             kvspan_error *error)
{
    float *lse = NULL;
    uint64_t lse_stride = 0;
    const kvspan_tensor out = merges ? kvspan_attend_partials(call, &lse, &lse_stride)
                                     : from_first_token(call, pass, &lse, &lse_stride);
    kvspan_status status = run_attend(call, pass, &out, lse, lse_stride, error);

    if (status == KVSPAN_OK && merges && call->placement.splits_heads) {
        status = kvspan_attend_pack(call, error);
    }
    return status == KVSPAN_OK && (call->placement.meets || call->placement.gathers)
               ? kvspan_exchange_lane_computed(&call->cache->lane, call->stream, pass, error)
               : status;
}

static kvspan_status merge(const kvspan_attend_call *call, uint32_t pass, kvspan_error *error)
{
    kvspan_exchange_lane *const lane = &call->cache->lane;
    kvspan_status status = KVSPAN_OK;

    if (call->placement.meets) {
        status = kvspan_exchange_lane_await(lane, call->stream, pass, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_attend_merge(call, pass, error);
    }
    return status == KVSPAN_OK && call->placement.gathers
               ? kvspan_exchange_lane_computed(lane, call->stream, pass, error)
               : status;
}

static kvspan_status place(const kvspan_attend_call *call, uint32_t pass, kvspan_error *error)
{
    const kvspan_status status =
        kvspan_exchange_lane_await(&call->cache->lane, call->stream, pass, error);

    return status == KVSPAN_OK ? kvspan_attend_place(call, pass, error) : status;
}

/* Results of two layers look alike: ranks that attend them in another order would swap them. */
static void mark_exchanges(const kvspan_attend_call *call, uint32_t layer)
{
    if (has_exchanges(call)) {
        kvspan_device_comm_mark(call->cache->device_comm, layer);
    }
}

typedef kvspan_status (*stage)(const kvspan_attend_call *call, uint32_t pass, kvspan_error *error);

/* One stage of all passes, if the call has it at all. */
static kvspan_status run_stage(const kvspan_attend_call *call, bool has_stage, stage run,
                               kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; has_stage && status == KVSPAN_OK && i < call->passes.count; i++) {
        status = run(call, i, error);
    }
    return status;
}

static kvspan_status run_stages(const kvspan_attend_call *call, kvspan_error *error)
{
    const kvspan_placement *const placement = &call->placement;
    const bool merges = placement->meets || call->attention.sink_logits;
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < call->passes.count; i++) {
        status = compute(call, i, merges, error);
    }
    if (status == KVSPAN_OK) {
        status = run_stage(call, placement->meets, kvspan_attend_exchange, error);
    }
    if (status == KVSPAN_OK) {
        status = run_stage(call, merges, merge, error);
    }
    if (status == KVSPAN_OK) {
        status = run_stage(call, placement->gathers, kvspan_attend_gather, error);
    }
    return status == KVSPAN_OK ? run_stage(call, placement->gathers, place, error) : status;
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
    status = kvspan_cache_enter_stream(cache, stream, &call.extent, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status = resolve(&call, layer, attention, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    mark_exchanges(&call, layer);
    if (!call.extent.is_captured) {
        status = kvspan_cache_follow(cache, stream, error);
    }
    if (status == KVSPAN_OK && call.placement.gathers_q) {
        status = kvspan_attend_gather_q(&call, error);
    }
    if (status == KVSPAN_OK) {
        status = run_stages(&call, error);
    }
    if (status == KVSPAN_OK || (call.extent.is_captured && !has_exchanges(&call))) {
        return status;
    }
    /* Past the checks a failure leaves the ranks apart. */
    return kvspan_cache_spend(cache, status, error);
}
