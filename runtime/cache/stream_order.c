#include "runtime/cache/stream_order.h"

#include "comm/clock.h"

kvspan_status kvspan_cache_follow(kvspan_cache *cache, kvspan_stream stream, kvspan_error *error)
{
    const kvspan_device_ops *const ops = cache->device->ops;
    kvspan_status status = KVSPAN_OK;

    if (cache->device->host_memory || (cache->has_stream && stream == cache->stream)) {
        return KVSPAN_OK;
    }
    if (cache->has_stream) {
        /* Behind the last step its stream may be gone, but the event is recorded. */
        if (!cache->is_stream_closed) {
            status = ops->record_event(cache->device, cache->stream_event, cache->stream, error);
        }
        if (status == KVSPAN_OK) {
            status = ops->await_event(cache->device, stream, cache->stream_event, error);
        }
    }
    if (status == KVSPAN_OK) {
        cache->stream = stream;
        cache->has_stream = true;
        cache->is_stream_closed = false;
    }
    return status;
}

kvspan_status kvspan_cache_enter_stream(kvspan_cache *cache, kvspan_stream stream,
                                        kvspan_step_extent *extent_out, kvspan_error *error)
{
    const kvspan_device_ops *const ops = cache->device->ops;
    int is_capturing = 0;
    kvspan_status status = KVSPAN_OK;

    if (ops->is_capturing) {
        status = ops->is_capturing(cache->device, stream, &is_capturing, error);
    }
    *extent_out = is_capturing ? (kvspan_step_extent){ .row_count = cache->limits.max_rows,
                                                       .token_count = cache->limits.max_tokens,
                                                       .is_captured = true }
                               : (kvspan_step_extent){ .row_count = cache->result.row_count,
                                                       .token_count = cache->result.token_count };
    return status == KVSPAN_OK ? status : kvspan_cache_spend(cache, status, error);
}

kvspan_status kvspan_cache_close_stream(kvspan_cache *cache, kvspan_stream stream,
                                        kvspan_error *error)
{
    kvspan_status status;

    if (!cache->arena) {
        return KVSPAN_OK;
    }
    status = kvspan_cache_follow(cache, stream, error);
    if (status == KVSPAN_OK) {
        status = kvspan_device_table_end(&cache->table, stream, error);
    }
    if (status == KVSPAN_OK) {
        status =
            cache->device->ops->record_event(cache->device, cache->stream_event, stream, error);
    }
    cache->is_stream_closed = status == KVSPAN_OK;
    return status;
}

enum {
    PEER_IS_LOST = 1 /* a deadline of long ago */
};

typedef struct device_work {
    kvspan_cache *cache;
    kvspan_stream stream;
    kvspan_event *event;
    bool is_event;
    kvspan_condition condition;
} device_work;

static kvspan_status test_work(void *context, bool *done_out, kvspan_error *error)
{
    device_work *const work = context;
    kvspan_device *const device = work->cache->device;
    int is_done = 0;
    kvspan_status status = work->is_event
                               ? device->ops->query_event(device, work->event, &is_done, error)
                               : device->ops->query(device, work->stream, &is_done, error);

    if (status == KVSPAN_OK && work->cache->device_comm) {
        status = kvspan_device_comm_poll(work->cache->device_comm, error);
        if (work->cache->device_comm->is_peer_lost) {
            work->condition.late_ns = PEER_IS_LOST;
        }
    }
    /* What was ended because a peer is gone is done, but it is not what it was to be. */
    *done_out = is_done != 0 && work->condition.late_ns != PEER_IS_LOST;
    return status;
}

/* If exchanges are under way, their members are what the device may wait for in vain. */
static kvspan_status await_work(device_work *work, uint32_t timeout_ms, kvspan_error *error)
{
    kvspan_cache *const cache = work->cache;
    const kvspan_device_comm *const exchanges = cache->device_comm;
    kvspan_condition *const condition = &work->condition;

    *condition = (kvspan_condition){ .test = test_work, .context = work };
    if (exchanges && exchanges->count > 0) {
        condition->members = &exchanges->last;
        condition->late_ns =
            exchanges->last_ns + (uint64_t)cache->settings.config.deadline_ms * KVSPAN_NS_PER_MS;
    }
    return kvspan_comm_await(cache->comm, condition, timeout_ms, error);
}

kvspan_status kvspan_cache_await_slot(kvspan_cache *cache, uint64_t epoch, kvspan_error *error)
{
    const uint32_t deadline_ms = cache->settings.config.deadline_ms;
    device_work work = { .cache = cache, .is_event = true };
    bool is_done = false;
    kvspan_status status;

    if (!cache->arena || cache->device->host_memory) {
        return KVSPAN_OK;
    }
    work.event = kvspan_device_table_past(&cache->table, epoch);
    status = test_work(&work, &is_done, error);
    if (status == KVSPAN_OK && !is_done) {
        status = await_work(&work, deadline_ms, error);
    }
    return status == KVSPAN_ERR_TIMEOUT
               ? kvspan_fail_rank(error, KVSPAN_ERR_LATE, kvspan_comm_rank(cache->comm),
                                  cache->replica.epoch,
                                  "the device of rank %u has not finished earlier steps within "
                                  "%u ms",
                                  kvspan_comm_rank(cache->comm), deadline_ms)
               : status;
}

kvspan_status kvspan_cache_await_stream(kvspan_cache *cache, kvspan_stream stream,
                                        uint32_t timeout_ms, kvspan_error *error)
{
    device_work work = { .cache = cache, .stream = stream };

    return await_work(&work, timeout_ms, error);
}

kvspan_status kvspan_cache_keep_places(kvspan_cache *cache, const kvspan_head_block *places,
                                       uint32_t count, kvspan_stream stream,
                                       const kvspan_head_block **kept_out, kvspan_error *error)
{
    const kvspan_head_block *kept = kvspan_place_lists_put(&cache->places, places, count);
    kvspan_status status = KVSPAN_OK;

    if (!kept) {
        /* More different lists than any model has: begin anew behind all that was enqueued. */
        status =
            kvspan_cache_await_stream(cache, stream, cache->settings.config.deadline_ms, error);
        kvspan_place_lists_begin(&cache->places, cache->places.places, cache->places.capacity);
        kept = kvspan_place_lists_put(&cache->places, places, count);
    }
    *kept_out = kept;
    return status;
}
