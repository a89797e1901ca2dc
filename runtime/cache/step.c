#include "runtime/cache/cache_parts.h"

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

/* Rows as the work plan wants them, then the plan. */
static void plan_work(kvspan_cache *cache)
{
    const kvspan_replica_result *const result = &cache->result;

    for (uint32_t i = 0; i < result->row_count; i++) {
        const kvspan_row *const row = &result->rows[i];

        cache->work_rows[i] = (kvspan_work_row){ .position = row->position,
                                                 .slot = row->slot,
                                                 .first_token = row->first_token,
                                                 .token_count = row->token_count };
    }
    for (uint32_t i = 0; i < cache->settings.config.group_count; i++) {
        cache->work_plans[i] = kvspan_work_plan_make(
            cache->work_rows, result->row_count, &cache->geometry.rule,
            cache->settings.groups[i].window_tokens, cache->device->tile_tokens,
            cache->work_items + (size_t)i * cache->work_item_capacity);
    }
}

/* Pages that someone is about to append into while others share them. Group by group, since copies
 * of a group are alike; no copy's target is another's source. */
static kvspan_status copy_pages(kvspan_cache *cache, kvspan_stream stream, kvspan_error *error)
{
    const kvspan_replica_result *const result = &cache->result;
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < result->copy_count; i++) {
        const kvspan_replica_copy *const copy = &result->copies[i];
        const kvspan_page_format *const format = &cache->formats[copy->group];
        const uint32_t pair[2] = { copy->source, copy->target };
        const bool is_page_first = format->layout == KVSPAN_PAGE_FIRST;
        const kvspan_copy_pages_args args = { .data = cache->arena,
                                              .page_stride = format->page_stride,
                                              .copy_bytes = is_page_first ? format->page_bytes
                                                                          : format->run_bytes,
                                              .part_count = is_page_first ? 1 : format->layer_count,
                                              .part_stride = format->layer_stride,
                                              .pairs = pair,
                                              .pair_count = 1 };

        status = cache->device->kernels->copy_pages(cache->device, &args, stream, error);
    }
    return status;
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
    if (status != KVSPAN_OK || !cache->arena) {
        return status;
    }
    plan_work(cache);
    status = copy_pages(cache, stream, error);
    return status == KVSPAN_OK
               ? kvspan_device_table_update(&cache->table, &cache->result, stream, error)
               : status;
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

kvspan_status kvspan_step_end(kvspan_cache *cache, kvspan_stream stream, kvspan_error *error)
{
    kvspan_status status = kvspan_cache_enter(cache, true, error);

    (void)stream; /* on CPUs everything before has finished */
    if (status != KVSPAN_OK) {
        return status;
    }
    cache->is_in_step = false;
    status = kvspan_broadcast_ended(&cache->broadcast, cache->replica.epoch, cache->notices, error);
    if (status == KVSPAN_OK) {
        status = kvspan_comm_poll(cache->comm, error);
    }
    return status == KVSPAN_OK ? status : kvspan_cache_spend(cache, status, error);
}

kvspan_status kvspan_cache_wait(kvspan_cache *cache, kvspan_stream stream, uint32_t timeout_ms,
                                kvspan_error *error)
{
    kvspan_status status = kvspan_cache_enter(cache, false, error);

    (void)stream;
    if (status == KVSPAN_OK && timeout_ms == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "timeout_ms is 0, at least 1 is needed");
    }
    if (status == KVSPAN_OK) {
        status = kvspan_comm_poll(cache->comm, error);
        status = status == KVSPAN_OK ? status : kvspan_cache_spend(cache, status, error);
    }
    return status;
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
