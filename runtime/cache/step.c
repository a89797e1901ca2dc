#include "runtime/cache/stream_order.h"

#include "comm/agree.h"

static kvspan_status check_begin(const kvspan_cache *cache, const kvspan_step *step,
                                 const kvspan_step_view *view_out, kvspan_error *error)
{
    const kvspan_status status = kvspan_cache_enter(cache, false, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (!view_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "view_out is NULL");
    }
    if (cache->is_in_step) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "step %llu has not ended: call kvspan_step_end() first",
                           (unsigned long long)cache->replica.epoch);
    }
    if (!step && cache->ledger) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "step is NULL on rank %u, which decides",
                           kvspan_comm_rank(cache->comm));
    }
    if (step && !cache->ledger) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "a step is given on rank %u, but rank %u is the coordinator",
                           kvspan_comm_rank(cache->comm), cache->geometry.coordinator_rank);
    }
    if (step && kvspan_step_ledger(step) != cache->ledger) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the step is of another ledger");
    }
    return KVSPAN_OK;
}

/* Every rank has made the same step, or all hear which has not. */
static kvspan_status compare_steps(kvspan_cache *cache, const kvspan_changes *changes,
                                   kvspan_error *error)
{
    const kvspan_agree_field fields[] = {
        { .name = "epoch", .number = (int64_t)changes->epoch },
        { .name = "rows of the step", .number = changes->row_count },
        { .name = "tokens of the step", .number = changes->token_count },
        { .name = "table digest", .number = (int64_t)changes->table_digest },
    };
    kvspan_error why;
    const kvspan_status status = kvspan_agree_equal(cache->comm, &cache->geometry.step, fields,
                                                    sizeof(fields) / sizeof(fields[0]),
                                                    cache->settings.config.deadline_ms, &why);

    if (status != KVSPAN_OK) {
        kvspan_comm_settle(cache->comm, &why);
        (void)kvspan_comm_verdict(cache->comm, error);
    }
    return status;
}

/* A message to itself: a step goes one way, whoever has decided it. */
static kvspan_status write_own_step(kvspan_cache *cache, kvspan_step *step,
                                    const unsigned char **message_out, size_t *bytes_out,
                                    kvspan_error *error)
{
    kvspan_broadcast *const broadcast = &cache->broadcast;
    const kvspan_changes changes = kvspan_step_changes(step);
    unsigned char *message = NULL;
    kvspan_status status;

    kvspan_comm_set_epoch(cache->comm, changes.epoch);
    status = compare_steps(cache, &changes, error);
    if (status == KVSPAN_OK) {
        status = kvspan_broadcast_prepare(broadcast, &message, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_encode(&changes, broadcast->first_bytes, message, broadcast->capacity,
                                    bytes_out, error);
    }
    if (status == KVSPAN_OK) {
        *message_out = message;
        kvspan_broadcast_keep(broadcast);
        kvspan_step_seal(step);
    }
    return status;
}

/* The coordinator writes the message and sends it. The step is consumed once it is under way. */
static kvspan_status send_step(kvspan_cache *cache, kvspan_step *step,
                               const unsigned char **message_out, size_t *bytes_out,
                               kvspan_error *error)
{
    kvspan_broadcast *const broadcast = &cache->broadcast;
    const kvspan_changes changes = kvspan_step_changes(step);
    const uint64_t behind = 1 + (uint64_t)cache->settings.config.run_ahead_steps;
    unsigned char *message = NULL;
    uint32_t next_first_bytes;
    kvspan_status status = KVSPAN_OK;

    kvspan_comm_set_epoch(cache->comm, changes.epoch);
    if (changes.epoch > behind) {
        status = kvspan_broadcast_wait_ended(broadcast, changes.epoch - behind, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_broadcast_prepare(broadcast, &message, error);
    }
    if (status == KVSPAN_OK) {
        /* The length is not known before it is written, so the announcement goes by the last. */
        next_first_bytes = kvspan_step_next_first_bytes(
            broadcast->first_bytes, (uint32_t)broadcast->last_bytes, broadcast->capacity);
        status = kvspan_step_encode(&changes, next_first_bytes, message, broadcast->capacity,
                                    bytes_out, error);
    }
    if (status == KVSPAN_OK) {
        *message_out = message;
        status = kvspan_broadcast_send(broadcast, *bytes_out, next_first_bytes, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_step_seal(step);
    }
    return status;
}

/* Pages of one group that someone is about to append into while others share them. No copy's target
 * is another's source. */
static kvspan_status copy_group(kvspan_cache *cache, uint32_t group, const uint32_t *pairs,
                                uint32_t pair_count, kvspan_stream stream, kvspan_error *error)
{
    const kvspan_page_format *const format = &cache->formats[group];
    const bool is_page_first = format->layout == KVSPAN_PAGE_FIRST;
    const kvspan_copy_pages_args args = { .data = cache->arena,
                                          .page_stride = format->page_stride,
                                          .copy_bytes = is_page_first ? format->page_bytes
                                                                      : format->run_bytes,
                                          .part_count = is_page_first ? 1 : format->layer_count,
                                          .part_stride = format->layer_stride,
                                          .pairs = pairs,
                                          .pair_count = pair_count };

    return cache->device->kernels->copy_pages(cache->device, &args, stream, error);
}

static kvspan_status copy_pages(kvspan_cache *cache, kvspan_stream stream, kvspan_error *error)
{
    const kvspan_replica_result *const result = &cache->result;
    uint32_t *pairs = kvspan_device_table_pairs(&cache->table);
    uint32_t copied = 0;
    kvspan_status status = KVSPAN_OK;

    for (uint32_t group = 0; status == KVSPAN_OK && copied < result->copy_count; group++) {
        uint32_t count = 0;

        for (uint32_t i = 0; i < result->copy_count; i++) {
            if (result->copies[i].group == group) {
                pairs[(size_t)2 * count] = result->copies[i].source;
                pairs[(size_t)2 * count + 1] = result->copies[i].target;
                count++;
            }
        }
        if (count > 0) {
            status = copy_group(cache, group, pairs, count, stream, error);
        }
        copied += count;
        pairs += (size_t)2 * count;
    }
    return status;
}

/* The step goes to the device: plans first, since they travel with the arrays of the rows. */
static kvspan_status bring_to_device(kvspan_cache *cache, kvspan_stream stream, kvspan_error *error)
{
    kvspan_device_table *const table = &cache->table;
    kvspan_status status = kvspan_cache_follow(cache, stream, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    kvspan_device_table_turn(table, cache->replica.epoch);
    kvspan_place_lists_begin(&cache->places, kvspan_device_table_places(table),
                             table->layout.place_capacity);
    kvspan_step_work_plan(&cache->work, &cache->result, &cache->settings, &cache->geometry.rule,
                          table);
    status = copy_pages(cache, stream, error);
    return status == KVSPAN_OK ? kvspan_device_table_update(table, &cache->result, stream, error)
                               : status;
}

/* Decodes, applies and checks the tables before any page is touched. */
static kvspan_status apply_step(kvspan_cache *cache, const unsigned char *message, size_t bytes,
                                kvspan_stream stream, kvspan_error *error)
{
    kvspan_status status =
        kvspan_step_decode(message, bytes, &cache->limits, &cache->message, error);

    if (status == KVSPAN_OK) {
        status = kvspan_replica_apply(&cache->replica, &cache->message, &cache->result, error);
    }
    return status == KVSPAN_OK && cache->arena ? bring_to_device(cache, stream, error) : status;
}

static kvspan_step_view make_view(const kvspan_cache *cache)
{
    return (kvspan_step_view){ .epoch = cache->replica.epoch,
                               .row_count = cache->result.row_count,
                               .token_count = cache->result.token_count,
                               .rows = cache->result.rows,
                               .row_starts = cache->table.row_starts,
                               .row_slots = cache->table.row_slots,
                               .positions = cache->table.positions,
                               .payload = cache->message.payload,
                               .payload_bytes = cache->message.header.payload_bytes };
}

kvspan_status kvspan_step_begin(kvspan_cache *cache, kvspan_step *step, kvspan_stream stream,
                                uint32_t timeout_ms, kvspan_step_view *view_out,
                                kvspan_error *error)
{
    const unsigned char *message = NULL;
    size_t bytes = 0;
    kvspan_status status = check_begin(cache, step, view_out, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    /* Between the message and the beginning of its step nothing may wait: a wait hears of other
     * ranks that have ended it already. */
    status = kvspan_cache_await_slot(cache, cache->replica.epoch + 1, error);
    if (status != KVSPAN_OK) {
        return kvspan_cache_spend(cache, status, error);
    }
    if (cache->settings.config.control == KVSPAN_REPLICATED) {
        status = write_own_step(cache, step, &message, &bytes, error);
    } else if (step) {
        status = send_step(cache, step, &message, &bytes, error);
    } else {
        status = kvspan_broadcast_receive(&cache->broadcast, &cache->limits, timeout_ms, &message,
                                          &bytes, error);
        if (status == KVSPAN_ERR_TIMEOUT) {
            return status;
        }
    }
    if (status == KVSPAN_OK) {
        status = apply_step(cache, message, bytes, stream, error);
    }
    if (status != KVSPAN_OK) {
        return kvspan_cache_spend(cache, status, error);
    }
    kvspan_comm_set_epoch(cache->comm, cache->replica.epoch);
    kvspan_broadcast_begun(&cache->broadcast, cache->replica.epoch, cache->replica.digest);
    cache->is_in_step = true;
    cache->metrics.steps++;
    cache->metrics.tokens += cache->result.token_count;
    *view_out = make_view(cache);
    return KVSPAN_OK;
}

static kvspan_exchange_order issued(const kvspan_cache *cache)
{
    return cache->device_comm ? (kvspan_exchange_order){ .count = cache->device_comm->count,
                                                         .hash = cache->device_comm->order }
                              : (kvspan_exchange_order){ .count = 0 };
}

kvspan_status kvspan_step_end(kvspan_cache *cache, kvspan_stream stream, kvspan_error *error)
{
    kvspan_status status = kvspan_cache_enter(cache, true, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    cache->is_in_step = false;
    if (cache->device_comm) {
        kvspan_device_comm_note_replays(cache->device_comm);
    }
    status = kvspan_cache_close_stream(cache, stream, error);
    if (status == KVSPAN_OK) {
        status = kvspan_broadcast_ended(&cache->broadcast, cache->replica.epoch, cache->notices,
                                        issued(cache), error);
    }
    if (status == KVSPAN_OK && cache->device_comm) {
        status = kvspan_device_comm_poll(cache->device_comm, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_comm_poll(cache->comm, error);
    }
    return status == KVSPAN_OK ? status : kvspan_cache_spend(cache, status, error);
}

kvspan_status kvspan_cache_wait(kvspan_cache *cache, kvspan_stream stream, uint32_t timeout_ms,
                                kvspan_error *error)
{
    kvspan_status status = kvspan_cache_enter(cache, false, error);

    if (status == KVSPAN_OK && timeout_ms == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "timeout_ms is 0, at least 1 is needed");
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    status = kvspan_comm_poll(cache->comm, error);
    if (status == KVSPAN_OK && !cache->device->host_memory) {
        status = kvspan_cache_await_stream(cache, stream, timeout_ms, error);
    }
    return status == KVSPAN_OK || status == KVSPAN_ERR_TIMEOUT
               ? status
               : kvspan_cache_spend(cache, status, error);
}

void kvspan_cache_notify(kvspan_cache *cache, uint32_t bits)
{
    if (cache) {
        cache->notices |= bits;
    }
}

uint32_t kvspan_cache_notices(const kvspan_cache *cache)
{
    return !cache ? 0 : cache->notices | cache->broadcast.fold.notices;
}
