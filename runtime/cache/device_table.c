#include "runtime/cache/device_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 256,         /* of parts of a slot */
    JOINED_GAP_BYTES = 16384 /* unused memory that is copied rather than a second copy made */
};

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t table_bytes(const kvspan_step_limits *limits)
{
    return (uint64_t)limits->group_count * limits->slot_count * limits->column_count *
           sizeof(uint32_t);
}

/* Starts, slots and positions, in this order. */
static uint64_t array_bytes(const kvspan_step_limits *limits, uint32_t token_count)
{
    return (2 * (uint64_t)limits->max_rows + 1 + token_count) * sizeof(uint32_t);
}

static kvspan_slot_layout make_layout(const kvspan_step_limits *limits, uint64_t plan_bytes,
                                      uint32_t plan_count, uint32_t place_capacity)
{
    kvspan_slot_layout layout = { .plan_bytes = aligned(plan_bytes),
                                  .plan_count = plan_bytes > 0 ? plan_count : 0,
                                  .place_capacity = place_capacity };
    const uint64_t pair_bytes = 2 * sizeof(uint32_t) * kvspan_step_max_page_runs(limits);
    const uint64_t patch_bytes = kvspan_replica_max_patches(limits) * sizeof(kvspan_table_patch);

    layout.plans_offset = aligned(array_bytes(limits, limits->max_tokens));
    layout.device_bytes = layout.plans_offset + layout.plan_count * layout.plan_bytes;
    layout.pairs_offset = layout.device_bytes;
    layout.patches_offset = layout.pairs_offset + aligned(pair_bytes);
    layout.places_offset = layout.patches_offset + aligned(patch_bytes);
    layout.slot_bytes = layout.places_offset + aligned(place_capacity * sizeof(kvspan_head_block));
    return layout;
}

static kvspan_status create_memory(kvspan_device_table *table, kvspan_error *error)
{
    kvspan_device *const device = table->device;
    const kvspan_device_ops *const ops = device->ops;
    void *data = NULL;
    kvspan_status status = ops->allocate(device, table_bytes(&table->limits), &data, error);

    if (status == KVSPAN_OK) {
        table->tables = data;
        status = ops->allocate(device, table->layout.device_bytes, &data, error);
    }
    if (status == KVSPAN_OK) {
        table->block = data;
        status = ops->allocate_pinned(device, table->slot_count * table->layout.slot_bytes, &data,
                                      error);
    }
    if (status == KVSPAN_OK) {
        table->slots = data;
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < table->slot_count; i++) {
        status = ops->create_event(device, &table->past[i], error);
        table->has_past[i] = status == KVSPAN_OK;
    }
    return status;
}

kvspan_status kvspan_device_table_init(kvspan_device_table *table, kvspan_device *device,
                                       const kvspan_step_limits *limits, uint64_t plan_bytes,
                                       uint32_t plan_count, uint32_t place_capacity,
                                       uint32_t slot_count, kvspan_error *error)
{
    kvspan_status status;

    assert(slot_count >= 1);
    assert(slot_count <= KVSPAN_TABLE_MAX_SLOTS);
    memset(table, 0, sizeof(*table));
    table->device = device;
    table->limits = *limits;
    table->layout = make_layout(limits, plan_bytes, plan_count, place_capacity);
    table->slot_count = slot_count;
    if (table->layout.plan_count > 0) {
        table->plan_used_bytes = calloc(table->layout.plan_count, sizeof(*table->plan_used_bytes));
        if (!table->plan_used_bytes) {
            return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u packed plans",
                               table->layout.plan_count);
        }
    }
    status = create_memory(table, error);
    if (status != KVSPAN_OK) {
        kvspan_device_table_fini(table);
        return status;
    }
    table->row_starts = (uint32_t *)(void *)table->block;
    table->row_slots = table->row_starts + limits->max_rows + 1;
    table->positions = (int32_t *)(table->row_slots + limits->max_rows);
    return KVSPAN_OK;
}

void kvspan_device_table_fini(kvspan_device_table *table)
{
    kvspan_device *const device = table->device;

    if (!device) {
        return;
    }
    for (uint32_t i = 0; i < table->slot_count; i++) {
        if (table->has_past[i]) {
            device->ops->destroy_event(device, table->past[i]);
        }
    }
    if (table->slots) {
        device->ops->release_pinned(device, table->slots,
                                    table->slot_count * table->layout.slot_bytes);
    }
    if (table->block) {
        device->ops->release(device, table->block, table->layout.device_bytes);
    }
    if (table->tables) {
        device->ops->release(device, table->tables, table_bytes(&table->limits));
    }
    free(table->plan_used_bytes);
    memset(table, 0, sizeof(*table));
}

kvspan_event *kvspan_device_table_past(const kvspan_device_table *table, uint64_t epoch)
{
    return table->past[epoch % table->slot_count];
}

void kvspan_device_table_turn(kvspan_device_table *table, uint64_t epoch)
{
    table->current = (uint32_t)(epoch % table->slot_count);
    for (uint32_t i = 0; i < table->layout.plan_count; i++) {
        table->plan_used_bytes[i] = 0;
    }
}

static unsigned char *slot_of(const kvspan_device_table *table)
{
    return table->slots + table->current * table->layout.slot_bytes;
}

uint32_t *kvspan_device_table_pairs(const kvspan_device_table *table)
{
    return (uint32_t *)(void *)(slot_of(table) + table->layout.pairs_offset);
}

kvspan_head_block *kvspan_device_table_places(const kvspan_device_table *table)
{
    return (kvspan_head_block *)(void *)(slot_of(table) + table->layout.places_offset);
}

static uint64_t plan_offset(const kvspan_device_table *table, uint32_t plan)
{
    assert(plan < table->layout.plan_count);
    return table->layout.plans_offset + plan * table->layout.plan_bytes;
}

unsigned char *kvspan_device_table_packed(const kvspan_device_table *table, uint32_t plan)
{
    return slot_of(table) + plan_offset(table, plan);
}

const void *kvspan_device_table_use_plan(kvspan_device_table *table, uint32_t plan,
                                         uint64_t used_bytes)
{
    assert(used_bytes <= table->layout.plan_bytes);
    table->plan_used_bytes[plan] = used_bytes;
    return table->block + plan_offset(table, plan);
}

/* Patches of all groups, as one list over one tall table: group · slot_count + slot. */
static kvspan_status patch_tables(kvspan_device_table *table, const kvspan_replica_result *result,
                                  kvspan_stream stream, kvspan_error *error)
{
    kvspan_table_patch *const patches =
        (kvspan_table_patch *)(void *)(slot_of(table) + table->layout.patches_offset);
    const kvspan_patch_table_args args = { .table = table->tables,
                                           .stride = table->limits.column_count,
                                           .patches = patches,
                                           .patch_count = result->patch_count };

    for (uint32_t i = 0; i < result->patch_count; i++) {
        const kvspan_replica_patch *const patch = &result->patches[i];

        patches[i] =
            (kvspan_table_patch){ .slot = patch->group * table->limits.slot_count + patch->slot,
                                  .column = patch->column,
                                  .page = patch->page };
    }
    return result->patch_count == 0
               ? KVSPAN_OK
               : table->device->kernels->patch_table(table->device, &args, stream, error);
}

/* Fills the slot's arrays, the starts to their end; returns how many of their bytes are in use. */
static uint64_t stage_rows(kvspan_device_table *table, const kvspan_replica_result *result)
{
    uint32_t *const starts = (uint32_t *)(void *)slot_of(table);
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
    for (uint32_t i = result->row_count; i <= table->limits.max_rows; i++) {
        starts[i] = result->token_count;
    }
    return array_bytes(&table->limits, result->token_count);
}

static kvspan_status copy_to_block(const kvspan_device_table *table, uint64_t begin, uint64_t end,
                                   kvspan_stream stream, kvspan_error *error)
{
    return table->device->ops->copy(table->device, table->block + begin, slot_of(table) + begin,
                                    end - begin, stream, error);
}

/* Arrays and plans, in one copy unless much between them is unused. */
static kvspan_status copy_block(const kvspan_device_table *table, uint64_t array_end,
                                kvspan_stream stream, kvspan_error *error)
{
    uint64_t begin = 0;
    uint64_t end = array_end;
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < table->layout.plan_count; i++) {
        const uint64_t offset = plan_offset(table, i);

        if (table->plan_used_bytes[i] == 0) {
            continue;
        }
        if (offset - end > JOINED_GAP_BYTES) {
            status = copy_to_block(table, begin, end, stream, error);
            begin = offset;
        }
        end = offset + table->plan_used_bytes[i];
    }
    return status == KVSPAN_OK ? copy_to_block(table, begin, end, stream, error) : status;
}

kvspan_status kvspan_device_table_update(kvspan_device_table *table,
                                         const kvspan_replica_result *result, kvspan_stream stream,
                                         kvspan_error *error)
{
    const uint64_t array_end = stage_rows(table, result);
    const kvspan_status status = patch_tables(table, result, stream, error);

    return status == KVSPAN_OK ? copy_block(table, array_end, stream, error) : status;
}

kvspan_status kvspan_device_table_end(kvspan_device_table *table, kvspan_stream stream,
                                      kvspan_error *error)
{
    return table->device->ops->record_event(table->device, table->past[table->current], stream,
                                            error);
}

const uint32_t *kvspan_device_table_of(const kvspan_device_table *table, uint32_t group)
{
    return table->tables + group * (uint64_t)table->limits.slot_count * table->limits.column_count;
}

kvspan_step_arrays kvspan_device_table_arrays(const kvspan_device_table *table, uint32_t group,
                                              const kvspan_step_extent *extent,
                                              const kvspan_token_rule *rule)
{
    return (kvspan_step_arrays){ .row_count = extent->row_count,
                                 .token_count = extent->token_count,
                                 .row_starts = table->row_starts,
                                 .row_slots = table->row_slots,
                                 .positions = table->positions,
                                 .page_table = kvspan_device_table_of(table, group),
                                 .page_table_stride = table->limits.column_count,
                                 .rule = *rule,
                                 .is_captured = extent->is_captured };
}
