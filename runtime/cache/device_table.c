#include "runtime/cache/device_table.h"

#include <string.h>

static uint64_t table_bytes(const kvspan_step_limits *limits)
{
    return (uint64_t)limits->group_count * limits->slot_count * limits->column_count *
           sizeof(uint32_t);
}

/* Starts, slots and positions, in this order. */
static uint64_t array_bytes(const kvspan_step_limits *limits)
{
    return (2 * (uint64_t)limits->max_rows + 1 + limits->max_tokens) * sizeof(uint32_t);
}

static uint64_t patch_bytes(const kvspan_step_limits *limits)
{
    return (uint64_t)kvspan_replica_max_patches(limits) * sizeof(kvspan_table_patch);
}

kvspan_status kvspan_device_table_init(kvspan_device_table *table, kvspan_device *device,
                                       const kvspan_step_limits *limits, kvspan_error *error)
{
    const kvspan_device_ops *const ops = device->ops;
    void *tables = NULL;
    void *arrays = NULL;
    void *patches = NULL;
    void *staged = NULL;
    kvspan_status status;

    memset(table, 0, sizeof(*table));
    table->device = device;
    table->limits = *limits;
    status = ops->allocate(device, table_bytes(limits), &tables, error);
    if (status == KVSPAN_OK) {
        table->tables = tables;
        status = ops->allocate(device, array_bytes(limits), &arrays, error);
    }
    if (status == KVSPAN_OK) {
        table->arrays = arrays;
        status = ops->allocate_pinned(device, patch_bytes(limits), &patches, error);
    }
    if (status == KVSPAN_OK) {
        table->patches = patches;
        status = ops->allocate_pinned(device, array_bytes(limits), &staged, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_device_table_fini(table);
        return status;
    }
    table->staged = staged;
    table->row_starts = (uint32_t *)arrays;
    table->row_slots = table->row_starts + limits->max_rows + 1;
    table->positions = (int32_t *)(table->row_slots + limits->max_rows);
    return KVSPAN_OK;
}

void kvspan_device_table_fini(kvspan_device_table *table)
{
    const kvspan_step_limits *const limits = &table->limits;
    kvspan_device *const device = table->device;

    if (!device) {
        return;
    }
    if (table->staged) {
        device->ops->release_pinned(device, table->staged, array_bytes(limits));
    }
    if (table->patches) {
        device->ops->release_pinned(device, table->patches, patch_bytes(limits));
    }
    if (table->arrays) {
        device->ops->release(device, table->arrays, array_bytes(limits));
    }
    if (table->tables) {
        device->ops->release(device, table->tables, table_bytes(limits));
    }
    memset(table, 0, sizeof(*table));
}

/* Patches of all groups, as one list over one tall table: group · slot_count + slot. */
static kvspan_status patch_tables(kvspan_device_table *table, const kvspan_replica_result *result,
                                  kvspan_stream stream, kvspan_error *error)
{
    const kvspan_patch_table_args args = { .table = table->tables,
                                           .stride = table->limits.column_count,
                                           .patches = table->patches,
                                           .patch_count = result->patch_count };

    for (uint32_t i = 0; i < result->patch_count; i++) {
        const kvspan_replica_patch *const patch = &result->patches[i];

        table->patches[i] =
            (kvspan_table_patch){ .slot = patch->group * table->limits.slot_count + patch->slot,
                                  .column = patch->column,
                                  .page = patch->page };
    }
    return result->patch_count == 0
               ? KVSPAN_OK
               : table->device->kernels->patch_table(table->device, &args, stream, error);
}

/* Fills the staged arrays; returns how many of their bytes are in use. */
static uint64_t stage_rows(kvspan_device_table *table, const kvspan_replica_result *result)
{
    uint32_t *const starts = (uint32_t *)table->staged;
    uint32_t *const slots = starts + table->limits.max_rows + 1;
    int32_t *const positions = (int32_t *)(slots + table->limits.max_rows);

    for (uint32_t i = 0; i < result->row_count; i++) {
        const kvspan_row *const row = &result->rows[i];

        starts[i] = row->first_token;
        slots[i] = row->slot;
        for (uint32_t j = 0; j < row->token_count; j++) {
            positions[row->first_token + j] = (int32_t)(row->position + j);
        }
    }
    starts[result->row_count] = result->token_count;
    return (2 * (uint64_t)table->limits.max_rows + 1 + result->token_count) * sizeof(uint32_t);
}

kvspan_status kvspan_device_table_update(kvspan_device_table *table,
                                         const kvspan_replica_result *result, kvspan_stream stream,
                                         kvspan_error *error)
{
    const uint64_t used_bytes = stage_rows(table, result);
    const kvspan_status status = patch_tables(table, result, stream, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return table->device->ops->copy(table->device, table->arrays, table->staged, used_bytes, stream,
                                    error);
}

kvspan_step_arrays kvspan_device_table_arrays(const kvspan_device_table *table, uint32_t group,
                                              uint32_t row_count, uint32_t token_count,
                                              const kvspan_token_rule *rule)
{
    const uint64_t group_entries = (uint64_t)table->limits.slot_count * table->limits.column_count;

    return (kvspan_step_arrays){ .row_count = row_count,
                                 .token_count = token_count,
                                 .row_starts = table->row_starts,
                                 .row_slots = table->row_slots,
                                 .positions = table->positions,
                                 .page_table = table->tables + group * group_entries,
                                 .page_table_stride = table->limits.column_count,
                                 .rule = *rule };
}
