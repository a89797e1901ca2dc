#include "runtime/cache/cache_parts.h"

kvspan_status kvspan_cache_enter(const kvspan_cache *cache, bool needs_step, kvspan_error *error)
{
    if (!cache) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "cache is NULL");
    }
    if (cache->spent.status != KVSPAN_OK) {
        if (error) {
            *error = cache->spent;
        }
        return cache->spent.status;
    }
    if (needs_step && !cache->is_in_step) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "no step has begun: the last one, %llu, has ended",
                           (unsigned long long)cache->replica.epoch);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_cache_find_layer(const kvspan_cache *cache, uint32_t layer,
                                      uint32_t *group_out, uint32_t *index_out, kvspan_error *error)
{
    if (!kvspan_settings_find_layer(&cache->settings, layer, group_out, index_out)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "no layer group has layer %u", layer);
    }
    if (!cache->arena) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "layer %u has no pages: the cache was created without an arena", layer);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_cache_spend(kvspan_cache *cache, kvspan_status status, kvspan_error *error)
{
    const uint32_t rank = kvspan_comm_rank(cache->comm);
    kvspan_error why;

    if (error) {
        why = *error;
    } else if (kvspan_comm_verdict(cache->comm, &why) == KVSPAN_OK) {
        (void)kvspan_fail(&why, status, "%s", kvspan_status_name(status));
    }
    if (why.rank < 0) {
        why.rank = (int32_t)rank; /* it is about this rank itself */
        why.epoch = cache->replica.epoch + !cache->is_in_step;
    }
    if (kvspan_comm_verdict(cache->comm, NULL) == KVSPAN_OK) {
        kvspan_comm_raise(cache->comm, &why);
    }
    kvspan_device_comm_abort(cache->device_comm);
    cache->spent = why;
    if (error) {
        *error = why;
    }
    return status;
}

kvspan_ledger *kvspan_cache_ledger(kvspan_cache *cache)
{
    return cache ? cache->ledger : NULL;
}

kvspan_plan kvspan_cache_plan(const kvspan_cache *cache)
{
    return cache ? cache->plan : (kvspan_plan){ .page_bytes = 0 };
}

static uint64_t count_reference_groups(const kvspan_cache *cache)
{
    uint64_t count = 0;

    for (uint32_t i = 0; cache->formats && i < cache->settings.config.group_count; i++) {
        count += cache->formats[i].id != cache->device->kernels->attended_format;
    }
    return count;
}

kvspan_metrics kvspan_cache_metrics(const kvspan_cache *cache)
{
    kvspan_metrics metrics = { .steps = 0 };

    if (!cache) {
        return metrics;
    }
    metrics = cache->metrics;
    metrics.last_broadcast_bytes = cache->broadcast.last_bytes;
    metrics.exchange_bytes = kvspan_comm_sent_bytes(cache->comm, KVSPAN_CHANNEL_EXCHANGE);
    metrics.exchange_messages = kvspan_comm_sent_messages(cache->comm, KVSPAN_CHANNEL_EXCHANGE);
    if (cache->device_comm && cache->device_comm->ops->counts_own_bytes) {
        metrics.exchange_bytes += cache->device_comm->sent_bytes;
        metrics.exchange_messages += cache->device_comm->sent_messages;
    }
    metrics.abandoned_requests = kvspan_comm_abandoned(cache->comm);
    metrics.reference_groups = count_reference_groups(cache);
    return metrics;
}

kvspan_status kvspan_cache_shard(const kvspan_cache *cache, uint32_t layer, kvspan_shard *shard_out,
                                 kvspan_error *error)
{
    const kvspan_geometry *geometry;
    const kvspan_head_shard *heads;
    uint32_t group = 0;
    uint32_t index = 0;

    if (!cache || !shard_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL", cache ? "shard_out" : "cache");
    }
    geometry = &cache->geometry;
    if (!kvspan_settings_find_layer(&cache->settings, layer, &group, &index)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "no layer group has layer %u", layer);
    }
    heads = &geometry->head_shards[group];
    *shard_out = (kvspan_shard){ .rank = kvspan_comm_rank(cache->comm),
                                 .step_group = geometry->step_group,
                                 .step_group_count = geometry->step_group_count,
                                 .coordinator_rank = geometry->coordinator_rank,
                                 .head_member = geometry->heads.member,
                                 .head_member_count = geometry->heads.count,
                                 .copy = heads->copy_index,
                                 .copy_count = heads->copy_count,
                                 .twin = geometry->twin,
                                 .twin_count = geometry->twin_count,
                                 .kv_heads = heads->kv,
                                 .q_heads_of_kv = heads->q_of_kv,
                                 .q_heads_even = heads->q_even,
                                 .tokens = geometry->rule,
                                 .split_member = geometry->sequence.member,
                                 .split_count = geometry->sequence.count };
    return KVSPAN_OK;
}

kvspan_status kvspan_cache_check(const kvspan_cache *cache, kvspan_error *error)
{
    kvspan_status status;

    if (!cache) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "cache is NULL");
    }
    status = kvspan_replica_check(&cache->replica, error);
    if (status == KVSPAN_OK && cache->ledger) {
        status = kvspan_ledger_check(cache->ledger, error);
    }
    if (status != KVSPAN_OK && error) {
        error->rank = (int32_t)kvspan_comm_rank(cache->comm);
        error->epoch = cache->replica.epoch;
    }
    return status;
}

kvspan_status kvspan_cache_layer_view(const kvspan_cache *cache, uint32_t layer, kvspan_role role,
                                      kvspan_layer_view *view_out, kvspan_error *error)
{
    kvspan_plane_view plane;
    uint32_t group = 0;
    uint32_t index = 0;
    uint32_t number;
    kvspan_status status;

    if (!cache || !view_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL", cache ? "view_out" : "cache");
    }
    status = kvspan_cache_find_layer(cache, layer, &group, &index, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    number = kvspan_settings_find_plane(&cache->settings.groups[group], role);
    if (number == cache->settings.groups[group].plane_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "layer %u has no plane of role %d", layer,
                           (int)role);
    }
    plane = kvspan_page_format_view(&cache->formats[group], cache->arena, index, number);
    *view_out = (kvspan_layer_view){ .data = plane.data,
                                     .page_stride = plane.page_stride,
                                     .head_stride = plane.head_stride,
                                     .token_stride = plane.token_stride,
                                     .dtype = plane.dtype,
                                     .scale_offset = plane.scale_offset,
                                     .order = (uint32_t)plane.order,
                                     .heads = plane.heads,
                                     .first_head = cache->geometry.head_shards[group].kv.first,
                                     .dim = plane.dim,
                                     .page_tokens = cache->settings.config.page_tokens,
                                     .page_count = (uint32_t)cache->plan.page_count,
                                     .page_table = kvspan_device_table_of(&cache->table, group),
                                     .page_table_stride = cache->limits.column_count };
    return KVSPAN_OK;
}
