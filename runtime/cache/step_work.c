#include "runtime/cache/step_work.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cache/placement.h"

static kvspan_plan_limits make_limits(const kvspan_settings *settings,
                                      const kvspan_geometry *geometry, uint32_t group,
                                      uint32_t max_items)
{
    const kvspan_cache_config *const config = &settings->config;
    const kvspan_layer_group *const layers = &settings->groups[group];
    const kvspan_head_shard *const shard = &geometry->head_shards[group];
    const kvspan_plane *const keys =
        &layers->planes[kvspan_settings_find_plane(layers, KVSPAN_KEY)];
    const kvspan_plane *const values =
        &layers->planes[kvspan_settings_find_plane(layers, KVSPAN_VALUE)];

    assert(keys->heads > 0);
    return (kvspan_plan_limits){
        .max_rows = config->max_step_rows,
        .max_tokens = config->max_step_tokens,
        .max_items = max_items,
        .max_local_tokens = kvspan_token_pages(&geometry->rule, config->max_sequence_tokens) *
                            geometry->rule.page_tokens,
        .group_size = layers->q_heads / keys->heads,
        .q_heads = shard->q_of_kv.count,
        .kv_heads = shard->kv.count,
        .key_dim = keys->dim,
        .value_dim = values->dim,
    };
}

static void size_for_column(kvspan_step_work *work)
{
    const kvspan_kernels *const kernels = work->device->kernels;

    for (uint32_t i = 0; i < work->group_count; i++) {
        const uint64_t plan_bytes =
            kernels->packed_plan_bytes ? kernels->packed_plan_bytes(&work->limits[i]) : 0;
        const uint64_t scratch_bytes =
            kernels->attend_scratch_bytes ? kernels->attend_scratch_bytes(&work->limits[i]) : 0;

        work->plan_bytes = plan_bytes > work->plan_bytes ? plan_bytes : work->plan_bytes;
        work->scratch_bytes =
            scratch_bytes > work->scratch_bytes ? scratch_bytes : work->scratch_bytes;
    }
}

kvspan_status kvspan_step_work_init(kvspan_step_work *work, kvspan_device *device,
                                    const kvspan_settings *settings,
                                    const kvspan_geometry *geometry, kvspan_error *error)
{
    const kvspan_cache_config *const config = &settings->config;
    const bool can_overlap = !device->host_memory && geometry->spread.count > 1;
    void *scratch = NULL;
    kvspan_status status;

    memset(work, 0, sizeof(*work));
    work->device = device;
    work->group_count = config->group_count;
    work->split_count = geometry->sequence.count;
    work->plans_per_group = can_overlap ? 1 + KVSPAN_MAX_PASSES : 1;
    work->item_capacity = kvspan_work_plan_capacity(config->max_step_rows, config->max_step_tokens,
                                                    device->tile_tokens);
    work->limits = calloc(config->group_count, sizeof(*work->limits));
    work->rows = calloc(config->max_step_rows, sizeof(*work->rows));
    work->plans = calloc((size_t)config->group_count * work->plans_per_group, sizeof(*work->plans));
    work->items = calloc((size_t)config->group_count * (can_overlap ? 2 : 1) * work->item_capacity,
                         sizeof(*work->items));
    if (!work->limits || !work->rows || !work->plans || !work->items) {
        kvspan_step_work_fini(work);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u work items of %u groups",
                           work->item_capacity, config->group_count);
    }
    for (uint32_t i = 0; i < work->group_count; i++) {
        work->limits[i] = make_limits(settings, geometry, i, work->item_capacity);
    }
    size_for_column(work);
    status = device->ops->allocate(device, work->scratch_bytes, &scratch, error);
    if (status != KVSPAN_OK) {
        kvspan_step_work_fini(work);
        return status;
    }
    work->scratch = scratch;
    return KVSPAN_OK;
}

void kvspan_step_work_fini(kvspan_step_work *work)
{
    if (work->scratch) {
        work->device->ops->release(work->device, work->scratch, work->scratch_bytes);
    }
    free(work->items);
    free(work->plans);
    free(work->rows);
    free(work->limits);
    memset(work, 0, sizeof(*work));
}

kvspan_range kvspan_pass_range(const kvspan_passes *passes, kvspan_range split,
                               uint32_t split_count, uint32_t pass)
{
    const uint32_t half = split_count == 1 ? passes->border : split.count / 2;

    if (passes->count == 1) {
        return split;
    }
    return pass == 0 ? (kvspan_range){ .first = split.first, .count = half }
                     : (kvspan_range){ .first = split.first + half, .count = split.count - half };
}

/* Where tokens are not split, passes meet where an item begins: in the middle or behind it. Items
 * are cut alike for every group and on every rank. */
static kvspan_passes make_passes(const kvspan_step_work *work, const kvspan_work_plan *plan,
                                 uint32_t token_count)
{
    kvspan_passes passes = { .count = 1 };

    if (work->plans_per_group == 1 || token_count < KVSPAN_MAX_PASSES * KVSPAN_PASS_MIN_TOKENS) {
        return passes;
    }
    if (work->split_count > 1) {
        passes.count = KVSPAN_MAX_PASSES;
        return passes;
    }
    for (uint32_t i = 0; passes.count == 1 && i < plan->item_count; i++) {
        if (plan->items[i].first_token >= token_count / 2) {
            passes.count = KVSPAN_MAX_PASSES;
            passes.border = plan->items[i].first_token;
        }
    }
    return passes;
}

/* An item is computed as soon as any of its tokens is wanted. */
static bool is_in_first_pass(const kvspan_step_work *work, const kvspan_work_item *item,
                             uint32_t token_count)
{
    for (uint32_t i = 0; i < work->split_count; i++) {
        const kvspan_range wanted =
            kvspan_pass_range(&work->passes, kvspan_split_range(token_count, work->split_count, i),
                              work->split_count, 0);

        if (item->first_token < wanted.first + wanted.count &&
            wanted.first < item->first_token + item->token_count) {
            return true;
        }
    }
    return false;
}

/* The items of a group once more, those of the first pass before the others. */
static void plan_passes(const kvspan_step_work *work, uint32_t group, uint32_t token_count)
{
    kvspan_work_plan *const plans = work->plans + (size_t)group * work->plans_per_group;
    const kvspan_work_plan *const whole = plans;
    kvspan_work_item *const sorted = work->items + ((size_t)group * 2 + 1) * work->item_capacity;
    uint32_t count = 0;

    for (uint32_t pass = 0; pass < KVSPAN_MAX_PASSES; pass++) {
        const uint32_t first = count;

        for (uint32_t i = 0; i < whole->item_count; i++) {
            if (is_in_first_pass(work, &whole->items[i], token_count) == (pass == 0)) {
                sorted[count++] = whole->items[i];
            }
        }
        plans[1 + pass] =
            (kvspan_work_plan){ .items = sorted + first, .item_count = count - first };
    }
}

static void pack(kvspan_step_work *work, uint32_t group, kvspan_device_table *table)
{
    const kvspan_kernels *const kernels = work->device->kernels;
    const uint32_t plan_count = work->passes.count == 1 ? 1 : work->plans_per_group;

    for (uint32_t i = 0; work->plan_bytes > 0 && i < plan_count; i++) {
        const uint32_t number = group * work->plans_per_group + i;
        kvspan_work_plan *const plan = &work->plans[number];
        unsigned char *const packed = kvspan_device_table_packed(table, number);
        const uint64_t bytes = kernels->pack_plan(&work->limits[group], plan, packed);

        plan->packed = packed;
        plan->device = kvspan_device_table_use_plan(table, number, bytes);
    }
}

void kvspan_step_work_plan(kvspan_step_work *work, const kvspan_replica_result *result,
                           const kvspan_settings *settings, const kvspan_token_rule *rule,
                           kvspan_device_table *table)
{
    const size_t orders = work->plans_per_group > 1 ? 2 : 1;

    for (uint32_t i = 0; i < result->row_count; i++) {
        const kvspan_row *const row = &result->rows[i];

        work->rows[i] = (kvspan_work_row){ .position = row->position,
                                           .slot = row->slot,
                                           .first_token = row->first_token,
                                           .token_count = row->token_count };
    }
    for (uint32_t i = 0; i < work->group_count; i++) {
        kvspan_work_plan *const plans = work->plans + (size_t)i * work->plans_per_group;

        *plans = kvspan_work_plan_make(work->rows, result->row_count, rule,
                                       settings->groups[i].window_tokens, work->device->tile_tokens,
                                       work->items + i * orders * work->item_capacity);
        if (i == 0) {
            work->passes = make_passes(work, plans, result->token_count);
        }
        if (work->passes.count > 1) {
            plan_passes(work, i, result->token_count);
        }
        pack(work, i, table);
    }
}

const kvspan_work_plan *kvspan_step_work_pass(const kvspan_step_work *work, uint32_t group,
                                              uint32_t pass_count, uint32_t pass)
{
    const kvspan_work_plan *const plans = work->plans + (size_t)group * work->plans_per_group;

    assert(pass_count == 1 || pass_count == work->passes.count);
    return pass_count == 1 ? plans : plans + 1 + pass;
}
