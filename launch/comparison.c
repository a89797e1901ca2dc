#include "launch/comparison.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "launch/number_types.h"

enum {
    TIMEOUT_MS = 10000
};

/* What a slot of the run holds. */
typedef struct twin {
    kvspan_sequence sequence; /* 0 = none */
    uint64_t tag;
} twin;

struct kvspan_comparison {
    kvspan_comparison_settings settings;
    kvspan_layer_group groups[KVSPAN_MAX_GROUPS];
    kvspan_device *device;
    kvspan_cache *cache;
    twin *twins; /* [slot_count] */
    void *memory;
    kvspan_tensor out;
    kvspan_comparison_result result;
};

/* ---- create -----------------------------------------------------------------------------------
 */

/* Pages for as many sequences as there are slots, twice: those given back in a step can be handed
 * out in the next. */
static kvspan_status count_pages(const kvspan_comparison_settings *settings, uint32_t *count_out,
                                 kvspan_error *error)
{
    const uint64_t pages =
        (settings->max_sequence_tokens + settings->page_tokens - 1) / settings->page_tokens;
    const uint64_t count = 2 * pages * settings->slot_count * settings->model->group_count + 1;

    if (count > KVSPAN_MAX_PAGES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "a comparison needs %" PRIu64 " pages, at most %d", count,
                           KVSPAN_MAX_PAGES);
    }
    *count_out = (uint32_t)count;
    return KVSPAN_OK;
}

static kvspan_status open_cache(kvspan_comparison *comparison, kvspan_error *error)
{
    const kvspan_comparison_settings *const settings = &comparison->settings;
    kvspan_cache_config config = { .size = sizeof(config),
                                   .group_count = settings->model->group_count,
                                   .groups = comparison->groups,
                                   .page_tokens = settings->page_tokens,
                                   .slot_count = settings->slot_count,
                                   .max_sequence_tokens = settings->max_sequence_tokens,
                                   .max_step_tokens = settings->max_step_tokens };
    kvspan_status status = count_pages(settings, &config.page_count, error);

    if (status == KVSPAN_OK) {
        status = kvspan_device_choice_open(settings->device, 0, &comparison->device, error);
    }
    if (status == KVSPAN_OK && !kvspan_device_has_host_memory(comparison->device)) {
        status = kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                             "results are compared with devices in the host's memory, not %s",
                             settings->device->name);
    }
    return status == KVSPAN_OK
               ? kvspan_cache_create(&config, comparison->device, NULL, &comparison->cache, error)
               : status;
}

static void choose_groups(kvspan_comparison *comparison)
{
    const kvspan_comparison_settings *const settings = &comparison->settings;

    for (uint32_t i = 0; i < settings->model->group_count; i++) {
        kvspan_layer_group *const group = &comparison->groups[i];

        *group = settings->model->groups[i];
        group->q_heads = settings->q_heads;
        for (uint32_t plane = 0; plane < group->plane_count; plane++) {
            group->planes[plane].heads = settings->kv_heads;
        }
    }
}

static kvspan_status take_memory(kvspan_comparison *comparison, kvspan_error *error)
{
    const kvspan_comparison_settings *const settings = &comparison->settings;
    const kvspan_model_config *const shape = &settings->model->shape;
    const uint64_t row_elements = (uint64_t)settings->q_heads * shape->value_dim;
    const uint64_t bytes =
        row_elements * settings->max_step_tokens * kvspan_dtype_bytes(shape->dtype);

    comparison->twins = calloc(settings->slot_count, sizeof(*comparison->twins));
    comparison->memory = calloc(1, bytes);
    if (!comparison->twins || !comparison->memory) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY,
                           "no memory to compare: %u slots, %" PRIu64 " bytes",
                           settings->slot_count, bytes);
    }
    comparison->out = (kvspan_tensor){ .data = comparison->memory,
                                       .dtype = shape->dtype,
                                       .heads = settings->q_heads,
                                       .dim = shape->value_dim,
                                       .token_stride = (int64_t)row_elements,
                                       .head_stride = shape->value_dim };
    return KVSPAN_OK;
}

kvspan_status kvspan_comparison_create(const kvspan_comparison_settings *settings,
                                       kvspan_comparison **comparison_out, kvspan_error *error)
{
    kvspan_comparison *const comparison = calloc(1, sizeof(*comparison));
    kvspan_status status;

    if (!comparison) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory to compare");
    }
    comparison->settings = *settings;
    choose_groups(comparison);
    status = open_cache(comparison, error);
    if (status == KVSPAN_OK) {
        status = take_memory(comparison, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_comparison_destroy(comparison);
        return status;
    }
    *comparison_out = comparison;
    return KVSPAN_OK;
}

void kvspan_comparison_destroy(kvspan_comparison *comparison)
{
    if (comparison) {
        free(comparison->memory);
        free(comparison->twins);
        kvspan_cache_destroy(comparison->cache);
        kvspan_device_close(comparison->device);
        free(comparison);
    }
}

/* ---- a step -----------------------------------------------------------------------------------
 */

/* The sequence of a row, new where the slot has another one's, or it starts again. */
static kvspan_status follow(kvspan_comparison *comparison, const kvspan_row *row,
                            kvspan_error *error)
{
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = row->tag };
    kvspan_ledger *const ledger = kvspan_cache_ledger(comparison->cache);
    twin *const held = &comparison->twins[row->slot];
    kvspan_status status = KVSPAN_OK;

    if (held->sequence && held->tag == row->tag &&
        kvspan_sequence_tokens(ledger, held->sequence) == row->position) {
        return KVSPAN_OK;
    }
    if (row->position != 0) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "sequence %" PRIu64 " goes on at token %" PRIu64
                           ", which the comparison has not seen it reach",
                           row->tag, row->position);
    }
    if (held->sequence) {
        status = kvspan_sequence_free(ledger, held->sequence, error);
    }
    held->sequence = 0;
    held->tag = row->tag;
    return status == KVSPAN_OK
               ? kvspan_sequence_create(ledger, &config, &held->sequence, NULL, error)
               : status;
}

kvspan_status kvspan_comparison_begin(kvspan_comparison *comparison, const kvspan_step_view *view,
                                      kvspan_error *error)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(comparison->cache);
    kvspan_step *step = NULL;
    kvspan_step_view own;
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < view->row_count; i++) {
        status = follow(comparison, &view->rows[i], error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_open(ledger, &step, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < view->row_count; i++) {
        const kvspan_row *const row = &view->rows[i];

        status = kvspan_step_add(step, comparison->twins[row->slot].sequence, row->token_count,
                                 NULL, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_begin(comparison->cache, step, NULL, TIMEOUT_MS, &own, error);
    }
    comparison->out.tokens = view->token_count;
    return status;
}

kvspan_status kvspan_comparison_attend(kvspan_comparison *comparison, uint32_t layer,
                                       const kvspan_tensor *planes, const kvspan_tensor *q,
                                       kvspan_error *error)
{
    const kvspan_model_config *const shape = &comparison->settings.model->shape;
    const kvspan_attention attention = { .size = sizeof(attention),
                                         .scale = shape->scale,
                                         .soft_cap = shape->soft_cap };
    const kvspan_status status = kvspan_cache_append(comparison->cache, layer, planes, NULL, error);

    return status == KVSPAN_OK ? kvspan_cache_attend(comparison->cache, layer, q, &attention,
                                                     &comparison->out, NULL, error)
                               : status;
}

kvspan_status kvspan_comparison_end(kvspan_comparison *comparison, kvspan_error *error)
{
    return kvspan_step_end(comparison->cache, NULL, error);
}

/* ---- judgement --------------------------------------------------------------------------------
 */

static double bound_of(kvspan_dtype dtype, double value)
{
    switch (dtype) {
    case KVSPAN_BF16: return 4e-3 + fabs(value) / 128;
    case KVSPAN_F16: return 1e-3 + fabs(value) / 512;
    default: return 5e-4;
    }
}

void kvspan_comparison_judge(kvspan_comparison *comparison, const kvspan_oracle_place *place,
                             uint64_t token, uint32_t local_head, const void *row)
{
    const kvspan_tensor *const out = &comparison->out;
    const int64_t offset =
        (int64_t)token * out->token_stride + (int64_t)local_head * out->head_stride;
    const void *const own =
        (const unsigned char *)out->data + offset * (int64_t)kvspan_dtype_bytes(out->dtype);
    kvspan_comparison_result *const result = &comparison->result;
    bool fails = false;

    for (uint32_t dim = 0; dim < out->dim; dim++) {
        const double actual = kvspan_number_load(out->dtype, row, dim);
        const double expected = kvspan_number_load(out->dtype, own, dim);
        const double difference =
            isfinite(actual) && isfinite(expected) ? fabs(actual - expected) : INFINITY;

        fails = fails || difference > bound_of(out->dtype, expected);
        if (difference > result->max_difference || (result->rows == 0 && dim == 0)) {
            result->max_difference = difference;
            result->worst = *place;
            result->worst_dim = dim;
            result->actual = actual;
            result->expected = expected;
        }
    }
    result->rows++;
    result->failed_rows += fails;
}

kvspan_comparison_result kvspan_comparison_results(const kvspan_comparison *comparison)
{
    return comparison->result;
}

void kvspan_comparison_merge(kvspan_comparison_result *result,
                             const kvspan_comparison_result *other)
{
    const uint64_t rows = result->rows + other->rows;
    const uint64_t failed_rows = result->failed_rows + other->failed_rows;

    if (other->rows > 0 && (result->rows == 0 || other->max_difference > result->max_difference)) {
        *result = *other;
    }
    result->rows = rows;
    result->failed_rows = failed_rows;
}
