#include "runtime/cache/agreement.h"

#include <assert.h>
#include <stdlib.h>

#include "comm/agree.h"
#include "runtime/cache/capacity.h"

enum {
    FIELD_CAPACITY = 64
};

typedef struct field_list {
    kvspan_agree_field fields[FIELD_CAPACITY];
    uint32_t count;
} field_list;

static void add_field(field_list *list, const char *name, uint64_t value)
{
    assert(list->count < FIELD_CAPACITY);
    list->fields[list->count++] = (kvspan_agree_field){ .name = name, .value = (int64_t)value };
}

static void add_numbers(field_list *list, const kvspan_cache_config *config)
{
    add_field(list, "page_tokens", config->page_tokens);
    add_field(list, "page_count", config->page_count);
    add_field(list, "slot_count", config->slot_count);
    add_field(list, "max_sequence_tokens", config->max_sequence_tokens);
    add_field(list, "max_step_rows", config->max_step_rows);
    add_field(list, "max_step_tokens", config->max_step_tokens);
    add_field(list, "max_payload_bytes", config->max_payload_bytes);
    add_field(list, "layout", config->layout);
    add_field(list, "heads_policy", config->heads_policy);
    add_field(list, "control", config->control);
    add_field(list, "coordinator", config->coordinator);
    add_field(list, "run_ahead_steps", config->run_ahead_steps);
    add_field(list, "deadline_ms", config->deadline_ms);
    add_field(list, "flags", config->flags);
    add_field(list, "group_count", config->group_count);
}

/* Layers enter as a sum that changes with any of them and with their order. */
static uint64_t layers_sum(const kvspan_layer_group *group)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < group->layer_count; i++) {
        sum = sum * 4099 + group->layers[i] + 1;
    }
    return sum;
}

static void add_group(field_list *list, const kvspan_layer_group *group)
{
    add_field(list, "layer_count", group->layer_count);
    add_field(list, "layers (hashed)", layers_sum(group));
    add_field(list, "q_heads", group->q_heads);
    add_field(list, "window_tokens", group->window_tokens);
    add_field(list, "plane_count", group->plane_count);
    for (uint32_t i = 0; i < group->plane_count; i++) {
        add_field(list, "plane role", group->planes[i].role);
        add_field(list, "plane heads", group->planes[i].heads);
        add_field(list, "plane dim", group->planes[i].dim);
        add_field(list, "plane dtype", group->planes[i].dtype);
    }
}

static uint64_t set_number(const kvspan_axis_set *set)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i < set->count; i++) {
        number = number * 10 + set->axes[i] + 1;
    }
    return number;
}

static void add_mesh(field_list *list, const kvspan_axis_roles *roles)
{
    static const char *const names[KVSPAN_MESH_MAX_AXES] = {
        "mesh axis 0 size", "mesh axis 1 size", "mesh axis 2 size", "mesh axis 3 size",
        "mesh axis 4 size", "mesh axis 5 size", "mesh axis 6 size", "mesh axis 7 size"
    };

    add_field(list, "mesh axes", roles->mesh.axis_count);
    for (uint32_t i = 0; i < roles->mesh.axis_count; i++) {
        add_field(list, names[i], roles->mesh.sizes[i]);
    }
    /* Which mesh axes, counted from 1, one decimal digit each. */
    add_field(list, "mesh axes of batch_axis", set_number(&roles->batch));
    add_field(list, "mesh axes of kv_head_axis", set_number(&roles->heads));
    add_field(list, "mesh axes of generation_key_sequence_axis", set_number(&roles->tokens));
}

kvspan_status kvspan_agree_on_settings(kvspan_comm *comm, const kvspan_group *world,
                                       const kvspan_settings *settings,
                                       const kvspan_axis_roles *roles, kvspan_error *error)
{
    field_list list = { .count = 0 };
    kvspan_status status;

    add_numbers(&list, &settings->config);
    add_mesh(&list, roles);
    status = kvspan_agree_equal(comm, world, list.fields, list.count, settings->config.deadline_ms,
                                error);
    for (uint32_t i = 0; status == KVSPAN_OK && i < settings->config.group_count; i++) {
        list.count = 0;
        add_group(&list, &settings->groups[i]);
        status = kvspan_agree_equal(comm, world, list.fields, list.count,
                                    settings->config.deadline_ms, error);
    }
    return status;
}

/* What a rank brings to the agreement. Fixed width: it travels. */
typedef struct memory_record {
    uint64_t usable_bytes;
    uint64_t domain; /* 0: the bytes are this rank's alone */
} memory_record;

static uint64_t apply_utilization(uint64_t limit_bytes, double utilization, uint64_t used_bytes)
{
    const double target = (double)limit_bytes * utilization;
    const uint64_t usable = target >= 9.2e18 ? limit_bytes : (uint64_t)target;

    return usable > used_bytes ? usable - used_bytes : 0;
}

static kvspan_status measure(const kvspan_cache_config *config, kvspan_device *device,
                             memory_record *record_out, kvspan_error *error)
{
    kvspan_device_memory memory = { 0 };
    kvspan_status status;

    if (config->arena_bytes) {
        *record_out = (memory_record){ .usable_bytes = config->arena_bytes };
        return KVSPAN_OK;
    }
    if (config->memory_limit_bytes) {
        *record_out =
            (memory_record){ .usable_bytes = apply_utilization(config->memory_limit_bytes,
                                                               config->memory_utilization, 0) };
        return KVSPAN_OK;
    }
    status = device->ops->memory(device, &memory, error);
    if (status == KVSPAN_OK) {
        *record_out =
            (memory_record){ .usable_bytes = apply_utilization(
                                 memory.total_bytes, config->memory_utilization, memory.used_bytes),
                             .domain = memory.domain };
    }
    return status;
}

/* Ranks in one memory measured the same bytes: each gets its share of them. */
static uint64_t share_of(const memory_record *records, uint32_t rank_count, uint32_t rank)
{
    uint64_t sharers = 0;

    if (records[rank].domain == 0) {
        return records[rank].usable_bytes;
    }
    for (uint32_t i = 0; i < rank_count; i++) {
        sharers += records[i].domain == records[rank].domain;
    }
    return records[rank].usable_bytes / sharers;
}

static kvspan_status plan_from_records(const memory_record *records, uint32_t rank_count,
                                       const kvspan_settings *settings,
                                       const kvspan_axis_roles *roles, kvspan_plan *plan_out,
                                       kvspan_error *error)
{
    uint64_t *const usable_bytes = calloc(rank_count, sizeof(*usable_bytes));
    kvspan_status status;

    if (!usable_bytes) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u ranks' sizes", rank_count);
    }
    for (uint32_t i = 0; i < rank_count; i++) {
        usable_bytes[i] = share_of(records, rank_count, i);
    }
    status = kvspan_capacity_plan(settings, roles, usable_bytes, plan_out, error);
    free(usable_bytes);
    return status;
}

kvspan_status kvspan_agree_on_capacity(kvspan_comm *comm, const kvspan_group *world,
                                       const kvspan_settings *settings,
                                       const kvspan_axis_roles *roles, kvspan_device *device,
                                       kvspan_plan *plan_out, kvspan_error *error)
{
    const kvspan_cache_config *const config = &settings->config;
    memory_record mine = { 0 };
    memory_record *records;
    kvspan_error local;
    kvspan_status status;

    if (config->flags & KVSPAN_CACHE_NO_ARENA) {
        return kvspan_capacity_plan(settings, roles, NULL, plan_out, error);
    }
    records = calloc(world->count, sizeof(*records));
    status = records ? measure(config, device, &mine, &local)
                     : kvspan_fail(&local, KVSPAN_ERR_MEMORY, "no memory for %u ranks' records",
                                   world->count);
    status = kvspan_agree_status(comm, world, status, &local, config->deadline_ms, error);
    if (status == KVSPAN_OK && records) {
        status = kvspan_agree_all_gather(comm, world, &mine, sizeof(mine), records,
                                         config->deadline_ms, error);
    }
    if (status == KVSPAN_OK && records) {
        /* Equal input, equal answer: no further agreement is needed. */
        status = plan_from_records(records, world->count, settings, roles, plan_out, error);
    }
    free(records);
    return status;
}
