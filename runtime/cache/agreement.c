#include "runtime/cache/agreement.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "comm/agree.h"
#include "comm/device_comm.h"
#include "runtime/cache/capacity.h"

enum {
    FIELD_CAPACITY = 48,
    NAME_BYTES = 64
};

typedef struct field_list {
    kvspan_agree_field fields[FIELD_CAPACITY];
    char names[FIELD_CAPACITY][NAME_BYTES];
    uint32_t count;
} field_list;

/* The next field, named as printf() says it. */
__attribute__((format(printf, 2, 3))) static kvspan_agree_field *add_field(field_list *list,
                                                                           const char *format, ...)
{
    char *const name = list->names[list->count];
    kvspan_agree_field *const field = &list->fields[list->count];
    va_list args;

    assert(list->count < FIELD_CAPACITY);
    va_start(args, format);
    (void)vsnprintf(name, NAME_BYTES, format, args);
    va_end(args);
    *field = (kvspan_agree_field){ .name = name };
    list->count++;
    return field;
}

static void set_text(kvspan_agree_field *field, const char *text)
{
    field->kind = KVSPAN_AGREE_TEXT;
    field->text = text;
}

static kvspan_status agree(kvspan_comm *comm, const kvspan_group *world, const field_list *list,
                           const kvspan_settings *settings, kvspan_error *error)
{
    return kvspan_agree_equal(comm, world, list->fields, list->count, settings->config.deadline_ms,
                              error);
}

static kvspan_status agree_on_numbers(kvspan_comm *comm, const kvspan_group *world,
                                      const kvspan_settings *settings, const char *column,
                                      kvspan_error *error)
{
    const kvspan_cache_config *const config = &settings->config;
    field_list list = { .count = 0 };
    kvspan_agree_field *utilization;

    add_field(&list, "page_tokens")->number = config->page_tokens;
    add_field(&list, "page_count")->number = config->page_count;
    add_field(&list, "slot_count")->number = config->slot_count;
    add_field(&list, "max_sequence_tokens")->number = (int64_t)config->max_sequence_tokens;
    add_field(&list, "max_step_rows")->number = config->max_step_rows;
    add_field(&list, "max_step_tokens")->number = config->max_step_tokens;
    add_field(&list, "max_payload_bytes")->number = config->max_payload_bytes;
    add_field(&list, "layout")->number = config->layout;
    add_field(&list, "heads_policy")->number = config->heads_policy;
    add_field(&list, "control")->number = config->control;
    add_field(&list, "coordinator")->number = config->coordinator;
    add_field(&list, "run_ahead_steps")->number = config->run_ahead_steps;
    add_field(&list, "deadline_ms")->number = config->deadline_ms;
    add_field(&list, "flags")->number = config->flags;
    add_field(&list, "group_count")->number = config->group_count;
    utilization = add_field(&list, "memory_utilization");
    utilization->kind = KVSPAN_AGREE_REAL;
    utilization->real = config->memory_utilization;
    set_text(add_field(&list, "device"), column);
    set_text(add_field(&list, "exchanges"), kvspan_device_comm_backend(comm));
    return agree(comm, world, &list, settings, error);
}

static uint64_t set_number(const kvspan_axis_set *set)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i < set->count; i++) {
        number = number * 10 + set->axes[i] + 1;
    }
    return number;
}

static kvspan_status agree_on_mesh(kvspan_comm *comm, const kvspan_group *world,
                                   const kvspan_settings *settings, const kvspan_axis_roles *roles,
                                   kvspan_error *error)
{
    const kvspan_mesh *const mesh = &roles->mesh;
    field_list list = { .count = 0 };

    /* As many fields for every mesh: those it does not have are 0 and "". */
    for (uint32_t i = 0; i < KVSPAN_MESH_MAX_AXES; i++) {
        const bool is_axis = i < mesh->axis_count;

        add_field(&list, "mesh axis %u size", i)->number = is_axis ? mesh->sizes[i] : 0;
        set_text(add_field(&list, "mesh axis %u name", i), is_axis ? mesh->names[i] : "");
    }
    /* Which mesh axes, counted from 1, one decimal digit each. */
    add_field(&list, "mesh axes of batch_axis")->number = (int64_t)set_number(&roles->batch);
    add_field(&list, "mesh axes of kv_head_axis")->number = (int64_t)set_number(&roles->heads);
    add_field(&list, "mesh axes of generation_key_sequence_axis")->number =
        (int64_t)set_number(&roles->tokens);
    return agree(comm, world, &list, settings, error);
}

static kvspan_status agree_on_group(kvspan_comm *comm, const kvspan_group *world,
                                    const kvspan_settings *settings, uint32_t index,
                                    kvspan_error *error)
{
    const kvspan_layer_group *const group = &settings->groups[index];
    field_list list = { .count = 0 };

    add_field(&list, "groups[%u].layer_count", index)->number = group->layer_count;
    add_field(&list, "groups[%u].q_heads", index)->number = group->q_heads;
    add_field(&list, "groups[%u].window_tokens", index)->number = group->window_tokens;
    add_field(&list, "groups[%u].sink_tokens", index)->number = group->sink_tokens;
    add_field(&list, "groups[%u].plane_count", index)->number = group->plane_count;
    for (uint32_t i = 0; i < group->plane_count; i++) {
        const kvspan_plane *const plane = &group->planes[i];

        add_field(&list, "groups[%u].planes[%u].role", index, i)->number = plane->role;
        add_field(&list, "groups[%u].planes[%u].heads", index, i)->number = plane->heads;
        add_field(&list, "groups[%u].planes[%u].dim", index, i)->number = plane->dim;
        set_text(add_field(&list, "groups[%u].planes[%u].dtype", index, i),
                 kvspan_dtype_name(plane->dtype));
        add_field(&list, "groups[%u].planes[%u].scale_tokens", index, i)->number =
            plane->scale_tokens;
    }
    return agree(comm, world, &list, settings, error);
}

/* A sum that changes with any of the layers and with their order. */
static uint64_t layers_sum(const kvspan_layer_group *group)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < group->layer_count; i++) {
        sum = sum * 4099 + group->layers[i] + 1;
    }
    return sum;
}

/* All of them are compared only once it is known that one differs, to name that. */
static kvspan_status agree_on_layers(kvspan_comm *comm, const kvspan_group *world,
                                     const kvspan_settings *settings, uint32_t index,
                                     kvspan_error *error)
{
    const kvspan_layer_group *const group = &settings->groups[index];
    field_list list = { .count = 0 };
    kvspan_status sums;
    kvspan_status status = KVSPAN_OK;

    add_field(&list, "sum of groups[%u].layers", index)->number = (int64_t)layers_sum(group);
    sums = agree(comm, world, &list, settings, error);
    if (sums != KVSPAN_ERR_MISMATCH) {
        return sums;
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < group->layer_count; i++) {
        list.count = i % FIELD_CAPACITY == 0 ? 0 : list.count;
        add_field(&list, "groups[%u].layers[%u]", index, i)->number = group->layers[i];
        if (list.count == FIELD_CAPACITY || i + 1 == group->layer_count) {
            status = agree(comm, world, &list, settings, error);
        }
    }
    return status == KVSPAN_OK ? sums : status;
}

kvspan_status kvspan_agree_on_settings(kvspan_comm *comm, const kvspan_group *world,
                                       const kvspan_settings *settings,
                                       const kvspan_axis_roles *roles, const char *column,
                                       kvspan_error *error)
{
    kvspan_status status = agree_on_numbers(comm, world, settings, column, error);

    if (status == KVSPAN_OK) {
        status = agree_on_mesh(comm, world, settings, roles, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < settings->config.group_count; i++) {
        status = agree_on_group(comm, world, settings, i, error);
        if (status == KVSPAN_OK) {
            status = agree_on_layers(comm, world, settings, i, error);
        }
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
