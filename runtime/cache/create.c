#include "runtime/cache/cache_parts.h"

#include <assert.h>
#include <stdlib.h>

#include "comm/agree.h"
#include "runtime/cache/agreement.h"
#include "runtime/cache/capacity.h"

/* What needs no peer. */
static kvspan_status prepare_locally(kvspan_cache *cache, const kvspan_cache_config *config,
                                     kvspan_cache **cache_out, kvspan_error *error)
{
    kvspan_status status;

    if (!cache->device || !cache_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL on rank %u",
                           cache->device ? "cache_out" : "device", kvspan_comm_rank(cache->comm));
    }
    status = kvspan_settings_init(&cache->settings, config, error);
    if (status == KVSPAN_OK) {
        status =
            kvspan_geometry_init(&cache->geometry, &cache->settings, kvspan_comm_rank(cache->comm),
                                 kvspan_comm_rank_count(cache->comm), error);
    }
    return status;
}

static void set_limits(kvspan_cache *cache)
{
    const kvspan_cache_config *const config = &cache->settings.config;
    const kvspan_token_rule *const rule = &cache->geometry.rule;

    assert(rule->page_tokens > 0);
    assert(rule->member_count > 0);
    cache->limits = (kvspan_step_limits){ .group_count = config->group_count,
                                          .slot_count = config->slot_count,
                                          .column_count = (uint32_t)kvspan_token_pages(
                                              rule, config->max_sequence_tokens),
                                          .page_count = (uint32_t)cache->plan.page_count,
                                          .page_tokens = rule->page_tokens * rule->member_count,
                                          .max_rows = config->max_step_rows,
                                          .max_tokens = config->max_step_tokens,
                                          .max_payload_bytes = config->max_payload_bytes,
                                          .max_sequence_tokens = config->max_sequence_tokens };
}

static kvspan_status create_ledger(kvspan_cache *cache, kvspan_error *error)
{
    const kvspan_cache_config *const config = &cache->settings.config;
    kvspan_ledger_config ledger = { .size = sizeof(ledger),
                                    .group_count = config->group_count,
                                    .page_count = (uint32_t)cache->plan.page_count,
                                    .slot_count = config->slot_count,
                                    .page_tokens = config->page_tokens,
                                    .token_members = cache->geometry.rule.member_count,
                                    .max_step_rows = config->max_step_rows,
                                    .max_step_tokens = config->max_step_tokens,
                                    .max_payload_bytes = config->max_payload_bytes,
                                    .max_sequence_tokens = config->max_sequence_tokens };
    kvspan_status status;

    for (uint32_t i = 0; i < config->group_count; i++) {
        ledger.group_windows[i] = config->groups[i].window_tokens;
    }
    if (config->control == KVSPAN_COORDINATED &&
        kvspan_comm_rank(cache->comm) != cache->geometry.coordinator_rank) {
        return KVSPAN_OK;
    }
    status = kvspan_ledger_create(&ledger, &cache->ledger, error);
    if (status == KVSPAN_OK) {
        kvspan_ledger_adopt(cache->ledger);
    }
    return status;
}

static kvspan_status create_control(kvspan_cache *cache, kvspan_error *error)
{
    const kvspan_cache_config *const config = &cache->settings.config;
    kvspan_status status;

    set_limits(cache);
    status = create_ledger(cache, error);
    if (status == KVSPAN_OK) {
        status = kvspan_step_message_init(&cache->message, &cache->limits, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_replica_init(&cache->replica, &cache->limits, error);
    }
    if (status == KVSPAN_OK) {
        cache->result.rows = calloc(config->max_step_rows, sizeof(*cache->result.rows));
        cache->result.patches =
            calloc(kvspan_replica_max_patches(&cache->limits), sizeof(*cache->result.patches));
        cache->result.copies =
            calloc(kvspan_step_max_page_runs(&cache->limits), sizeof(*cache->result.copies));
        if (!cache->result.rows || !cache->result.patches || !cache->result.copies) {
            status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the rows of a step");
        }
    }
    if (status == KVSPAN_OK) {
        status = kvspan_broadcast_init(&cache->broadcast, cache->comm, &cache->geometry.step,
                                       config->coordinator, kvspan_step_max_bytes(&cache->limits),
                                       config->run_ahead_steps, config->deadline_ms, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_comm_set_progress(cache->comm, kvspan_broadcast_progress, &cache->broadcast);
    }
    return status;
}

/* Pages of all groups lie in one arena and have equal bytes, those of the widest group. */
static kvspan_status create_formats(kvspan_cache *cache, kvspan_error *error)
{
    const kvspan_cache_config *const config = &cache->settings.config;
    uint64_t page_bytes = 0;
    kvspan_status status = KVSPAN_OK;

    cache->formats = calloc(config->group_count, sizeof(*cache->formats));
    if (!cache->formats) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u page formats",
                           config->group_count);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < config->group_count; i++) {
        uint32_t local_heads[KVSPAN_MAX_PLANES];

        kvspan_local_heads(&cache->settings.groups[i], &cache->geometry.head_shards[i],
                           local_heads);
        status = kvspan_page_format_make(&cache->settings.groups[i], local_heads,
                                         config->page_tokens, (uint32_t)cache->plan.page_count,
                                         (kvspan_layout)config->layout, &cache->formats[i], error);
        if (status == KVSPAN_OK) {
            kvspan_page_format_reorder(&cache->formats[i],
                                       cache->device->kernels->choose_format(
                                           &cache->settings.groups[i], config->page_tokens));
            page_bytes = cache->formats[i].page_bytes > page_bytes ? cache->formats[i].page_bytes
                                                                   : page_bytes;
        }
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < config->group_count; i++) {
        status =
            kvspan_page_format_widen(&cache->formats[i], page_bytes, &cache->formats[0], error);
    }
    return status;
}

static kvspan_status create_arena(kvspan_cache *cache, kvspan_error *error)
{
    void *arena = NULL;
    kvspan_status status = create_formats(cache, error);

    if (status == KVSPAN_OK) {
        status = cache->device->ops->allocate(cache->device, cache->formats[0].arena_bytes, &arena,
                                              error);
        cache->arena = arena;
    }
    return status;
}

enum {
    PLACE_LIST_CAPACITY = 8 /* of the longest lists of a layer group: heads, queries, two passes */
};

/* One step is written while others run: as many slots as may be under way, within bounds. */
static kvspan_status create_table(kvspan_cache *cache, kvspan_error *error)
{
    const kvspan_cache_config *const config = &cache->settings.config;
    const uint32_t wanted = config->run_ahead_steps + 1;
    const uint32_t slot_count = wanted < KVSPAN_TABLE_MAX_SLOTS ? wanted : KVSPAN_TABLE_MAX_SLOTS;

    return kvspan_device_table_init(
        &cache->table, cache->device, &cache->limits, cache->work.plan_bytes,
        config->group_count * cache->work.plans_per_group,
        config->group_count * PLACE_LIST_CAPACITY * cache->geometry.spread.count, slot_count,
        error);
}

static kvspan_status create_order(kvspan_cache *cache, kvspan_error *error)
{
    const kvspan_status status =
        cache->device->ops->create_event(cache->device, &cache->stream_event, error);

    cache->has_stream_event = status == KVSPAN_OK;
    return status == KVSPAN_OK ? kvspan_exchange_lane_init(&cache->lane, cache->device, error)
                               : status;
}

/* What every rank does alone. */
static kvspan_status create_data(kvspan_cache *cache, kvspan_error *error)
{
    kvspan_status status;

    if (cache->settings.config.flags & KVSPAN_CACHE_NO_ARENA) {
        return KVSPAN_OK;
    }
    status = create_arena(cache, error);
    if (status == KVSPAN_OK) {
        status = kvspan_step_work_init(&cache->work, cache->device, &cache->settings,
                                       &cache->geometry, error);
    }
    if (status == KVSPAN_OK) {
        status = create_table(cache, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_staging_init(&cache->staging, &cache->settings, &cache->geometry, error);
    }
    return status == KVSPAN_OK ? create_order(cache, error) : status;
}

static kvspan_status take_staging(kvspan_cache *cache, kvspan_error *error)
{
    unsigned char *arena = NULL;
    const kvspan_status status = kvspan_device_comm_take_arena(
        cache->device_comm, cache->staging.arena_bytes, &arena, error);

    if (status == KVSPAN_OK) {
        kvspan_staging_place(&cache->staging, arena);
    }
    return status;
}

static kvspan_status create_device_comm(kvspan_cache *cache, kvspan_error *error)
{
    kvspan_device *const device = cache->device;
    const kvspan_device_verbs verbs = { .device = device,
                                        .is_host_memory = device->host_memory != 0,
                                        .allocate = device->ops->allocate,
                                        .release = device->ops->release,
                                        .allocate_pinned = device->ops->allocate_pinned,
                                        .release_pinned = device->ops->release_pinned,
                                        .copy = device->ops->copy,
                                        .query = device->ops->query };
    kvspan_status status;

    if (!cache->arena) {
        return KVSPAN_OK;
    }
    status =
        kvspan_device_comm_create(cache->comm, &verbs, cache->staging.max_members,
                                  cache->settings.config.deadline_ms, &cache->device_comm, error);
    return status == KVSPAN_OK && device->host_memory ? take_staging(cache, error) : status;
}

/* The mesh axis of a group that lies along one axis alone, NULL if there is no such. */
static const char *axis_of(const kvspan_mesh *mesh, const kvspan_axis_set *set)
{
    return set->count == 1 ? mesh->names[set->axes[0]] : NULL;
}

/* Only where results travel, which the mesh decides alike on every rank of a group. */
static kvspan_status prepare_exchanges(kvspan_cache *cache, kvspan_error *error)
{
    const kvspan_geometry *const geometry = &cache->geometry;
    const kvspan_axis_roles *const roles = &geometry->roles;
    const char *axis = NULL;
    kvspan_status status = KVSPAN_OK;

    if (!cache->device_comm) {
        return KVSPAN_OK;
    }
    if (geometry->sequence.count == 1) {
        axis = axis_of(&roles->mesh, &roles->heads);
    } else if (geometry->heads.count == 1) {
        axis = axis_of(&roles->mesh, &roles->tokens);
    }
    if (geometry->spread.count > 1) {
        status = kvspan_device_comm_prepare(cache->device_comm, &geometry->spread, axis, error);
    }
    if (status == KVSPAN_OK) {
        status = take_staging(cache, error);
    }
    /* The other members wait for this rank where they hear of nothing but alarms. */
    return status != KVSPAN_OK && cache->device_comm->fails_alone
               ? kvspan_cache_spend(cache, status, error)
               : status;
}

/* Memory for what the agreement itself needs: the peers, who wait in it already, are told at once.
 */
static kvspan_status fail_alone(kvspan_comm *comm, const char *what, kvspan_error *error)
{
    kvspan_error why;
    const kvspan_status status =
        kvspan_fail(&why, KVSPAN_ERR_MEMORY, "no memory for the %s of a cache", what);

    if (comm) {
        why.rank = (int32_t)kvspan_comm_rank(comm);
        kvspan_comm_raise(comm, &why);
    }
    if (error) {
        *error = why;
    }
    return status;
}

/* All ranks: the same phases, and an agreement after each that can fail on one rank alone. */
static kvspan_status create_together(kvspan_cache *cache, const kvspan_cache_config *config,
                                     kvspan_cache **cache_out, kvspan_error *error)
{
    kvspan_comm *const comm = cache->comm;
    uint32_t *ranks = calloc(kvspan_comm_rank_count(comm), sizeof(*ranks));
    kvspan_group world = { .ranks = ranks,
                           .count = kvspan_comm_rank_count(comm),
                           .member = kvspan_comm_rank(comm) };
    kvspan_error local;
    uint32_t deadline_ms;
    kvspan_status status;

    if (!ranks) {
        return fail_alone(comm, "list of ranks", error);
    }
    for (uint32_t i = 0; i < world.count; i++) {
        ranks[i] = i;
    }
    kvspan_comm_begin_era(comm);
    status = prepare_locally(cache, config, cache_out, &local);
    deadline_ms = status == KVSPAN_OK ? cache->settings.config.deadline_ms : 60000;
    status = kvspan_agree_status(comm, &world, status, &local, deadline_ms, error);
    if (status == KVSPAN_OK) {
        status = kvspan_agree_on_settings(comm, &world, &cache->settings, &cache->geometry.roles,
                                          cache->device->kernels->name, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_agree_on_capacity(comm, &world, &cache->settings, &cache->geometry.roles,
                                          cache->device, &cache->plan, &local);
        if (status == KVSPAN_OK) {
            status = kvspan_comm_watch(comm, &cache->geometry.step, &local);
        }
        if (status == KVSPAN_OK) {
            status = create_control(cache, &local);
        }
        if (status == KVSPAN_OK) {
            status = create_data(cache, &local);
        }
        if (status == KVSPAN_OK) {
            status = create_device_comm(cache, &local);
        }
        status = kvspan_agree_status(comm, &world, status, &local, deadline_ms, error);
    }
    if (status == KVSPAN_OK && !cache->device->host_memory) {
        status = prepare_exchanges(cache, &local);
        status = kvspan_agree_status(comm, &world, status, &local, deadline_ms, error);
    }
    free(ranks);
    return status;
}

/* A cache without peers is one rank of one: it gets a communicator of its own. */
static kvspan_status stand_alone(kvspan_cache *cache, kvspan_error *error)
{
    kvspan_status status = kvspan_local_hub_create(1, &cache->lone_hub, error);

    if (status == KVSPAN_OK) {
        status = kvspan_comm_create_local(cache->lone_hub, 0, &cache->comm, error);
    }
    return status;
}

kvspan_status kvspan_cache_create(const kvspan_cache_config *config, kvspan_device *device,
                                  kvspan_comm *comm, kvspan_cache **cache_out, kvspan_error *error)
{
    kvspan_cache *cache;
    kvspan_status status = KVSPAN_OK;

    cache = calloc(1, sizeof(*cache));
    if (!cache) {
        return fail_alone(comm, "handle", error);
    }
    cache->device = device;
    cache->comm = comm;
    if (!comm) {
        status = stand_alone(cache, error);
    }
    if (status == KVSPAN_OK) {
        status = create_together(cache, config, cache_out, error);
    }
    if (status != KVSPAN_OK) {
        /* Nobody needs what is on its way; who is to blame may never take it. */
        kvspan_device_comm_abort(cache->device_comm);
        kvspan_cache_destroy(cache);
        return status;
    }
    assert(cache_out);
    *cache_out = cache;
    return KVSPAN_OK;
}

void kvspan_cache_destroy(kvspan_cache *cache)
{
    if (!cache) {
        return;
    }
    if (cache->comm) {
        kvspan_comm_set_progress(cache->comm, NULL, NULL);
    }
    kvspan_device_comm_destroy(cache->device_comm);
    kvspan_exchange_lane_fini(&cache->lane);
    if (cache->has_stream_event) {
        cache->device->ops->destroy_event(cache->device, cache->stream_event);
    }
    kvspan_staging_fini(&cache->staging);
    kvspan_device_table_fini(&cache->table);
    kvspan_step_work_fini(&cache->work);
    if (cache->arena) {
        cache->device->ops->release(cache->device, cache->arena, cache->formats[0].arena_bytes);
    }
    free(cache->formats);
    kvspan_broadcast_fini(&cache->broadcast);
    free(cache->result.copies);
    free(cache->result.patches);
    free(cache->result.rows);
    kvspan_replica_fini(&cache->replica);
    kvspan_step_message_fini(&cache->message);
    kvspan_ledger_destroy(cache->ledger);
    kvspan_geometry_fini(&cache->geometry);
    kvspan_settings_fini(&cache->settings);
    if (cache->lone_hub) {
        kvspan_comm_destroy(cache->comm);
        kvspan_local_hub_destroy(cache->lone_hub);
    }
    free(cache);
}
