#include "runtime/config/metadata_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <kvspan/sized_struct.h>

enum {
    MAX_RANKS = 1 << 20 /* more ranks than this are a mistake */
};

static kvspan_status check_number(const char *key, int64_t value, int64_t low, int64_t high,
                                  kvspan_error *error)
{
    if (value < low || value > high) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"%s\" is %" PRId64 ", not in [%" PRId64 ", %" PRId64 "]", key, value,
                           low, high);
    }
    return KVSPAN_OK;
}

/* In the order of the seed, then what the seed does not check. */
static kvspan_status check_fields(const kvspan_metadata_config *config, kvspan_error *error)
{
    const struct {
        const char *key;
        int64_t value;
        int64_t low;
        int64_t high;
    } checks[] = {
        { "batch_size", config->slot_count, 1, KVSPAN_MAX_SLOTS },
        { "num_hidden_layers", config->layer_count, 1, KVSPAN_MAX_LAYERS },
        { "max_sequences", config->max_sequence_tokens, 1, KVSPAN_MAX_SEQUENCE_TOKENS },
        { "page_size", config->page_tokens, 1, KVSPAN_MAX_PAGE_TOKENS },
        { "num_kv_heads", config->kv_heads, 1, KVSPAN_MAX_HEADS },
        { "kv_head_dim_size", config->dim, 1, KVSPAN_MAX_DIM },
    };

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        const kvspan_status status =
            check_number(checks[i].key, checks[i].value, checks[i].low, checks[i].high, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    if (!(config->memory_utilization > 0.0 && config->memory_utilization < 1.0)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"hbm_utilization\" is %g, not strictly between 0 and 1",
                           config->memory_utilization);
    }
    if (kvspan_dtype_bytes(config->dtype) == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"dtype\" is %d, no element type",
                           (int)config->dtype);
    }
    return KVSPAN_OK;
}

/* Given derived fields; 0 stands for what is to be derived. */
static kvspan_status check_derived(const kvspan_metadata_config *config, bool may_derive,
                                   kvspan_error *error)
{
    const int64_t low = may_derive ? 0 : 1;
    int64_t columns;
    kvspan_status status = KVSPAN_OK;

    assert(config->page_tokens > 0);
    columns = (config->max_sequence_tokens - 1) / config->page_tokens + 1;
    if (config->page_count != 0 || !may_derive) {
        status =
            check_number("num_pages_per_layer", config->page_count, 2, KVSPAN_MAX_PAGES, error);
    }
    if (status == KVSPAN_OK) {
        status =
            check_number("num_pages_per_sequence", config->pages_per_sequence, low, columns, error);
    }
    if (status == KVSPAN_OK) {
        status = check_number("hbm_bytes", config->usable_bytes, low, INT64_MAX, error);
    }
    return status;
}

static kvspan_layer_group group_of(const kvspan_metadata_config *config, uint32_t q_heads)
{
    const uint32_t heads = (uint32_t)config->kv_heads;
    const uint32_t dim = (uint32_t)config->dim;
    const uint32_t scale_tokens = kvspan_dtype_bytes(config->dtype) == 1;

    return (kvspan_layer_group){ .layer_count = (uint32_t)config->layer_count,
                                 .q_heads = q_heads ? q_heads : heads,
                                 .plane_count = 2,
                                 .planes = {
                                     { KVSPAN_KEY, heads, dim, config->dtype, scale_tokens },
                                     { KVSPAN_VALUE, heads, dim, config->dtype, scale_tokens } } };
}

static kvspan_cache_config cache_config_of(const kvspan_metadata_config *config,
                                           const kvspan_layer_group *group)
{
    return (kvspan_cache_config){ .size = sizeof(kvspan_cache_config),
                                  .group_count = 1,
                                  .groups = group,
                                  .page_tokens = (uint32_t)config->page_tokens,
                                  .slot_count = (uint32_t)config->slot_count,
                                  .max_sequence_tokens = (uint64_t)config->max_sequence_tokens,
                                  .page_count = (uint32_t)config->page_count,
                                  .memory_utilization = config->memory_utilization,
                                  .arena_bytes = (uint64_t)config->usable_bytes,
                                  .partition_axis = config->partition_axis };
}

/* Usable bytes of each rank: those given, or floor(limit × utilization) − used. */
static kvspan_status find_usable(const kvspan_metadata_config *config,
                                 const kvspan_metadata_place *place, uint64_t *usable,
                                 kvspan_error *error)
{
    for (uint32_t rank = 0; rank < place->rank_count; rank++) {
        uint64_t share;
        uint64_t used;

        if (config->usable_bytes != 0) {
            usable[rank] = (uint64_t)config->usable_bytes;
            continue;
        }
        if (!place->limit_bytes) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "\"hbm_bytes\" is not given, and limit_bytes is NULL");
        }
        share = (uint64_t)((double)place->limit_bytes[rank] * config->memory_utilization);
        used = place->used_bytes ? place->used_bytes[rank] : 0;
        if (used >= share) {
            return kvspan_fail_rank(error, KVSPAN_ERR_NEVER_FITS, rank, 0,
                                    "rank %u has %" PRIu64 " bytes in use, \"hbm_utilization\" %g "
                                    "of its %" PRIu64 " bytes leaves nothing",
                                    rank, used, config->memory_utilization,
                                    place->limit_bytes[rank]);
        }
        usable[rank] = share - used;
    }
    return KVSPAN_OK;
}

static kvspan_status apply_plan(kvspan_metadata_config *config, const kvspan_plan *plan,
                                uint64_t usable_bytes, kvspan_error *error)
{
    const int64_t columns = (config->max_sequence_tokens - 1) / (int64_t)plan->page_tokens + 1;

    if (config->pages_per_sequence != 0 && config->pages_per_sequence != columns) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"num_pages_per_sequence\" is %" PRId64 ", but %" PRId64
                           " tokens are %" PRId64 " pages of %" PRIu64,
                           config->pages_per_sequence, config->max_sequence_tokens, columns,
                           plan->page_tokens);
    }
    if (usable_bytes > INT64_MAX) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"hbm_bytes\" would be %" PRIu64 ", above %" PRId64, usable_bytes,
                           INT64_MAX);
    }
    config->page_count = (int64_t)plan->page_count;
    config->pages_per_sequence = columns;
    config->usable_bytes = (int64_t)usable_bytes;
    return KVSPAN_OK;
}

static kvspan_status derive(kvspan_metadata_config *config, const kvspan_metadata_place *given,
                            kvspan_error *error)
{
    const kvspan_layer_group group = group_of(config, 0);
    kvspan_cache_config cache = cache_config_of(config, &group);
    kvspan_metadata_place place;
    kvspan_plan plan;
    uint64_t *usable;
    kvspan_status status =
        kvspan_read_sized(&place, sizeof(place), given,
                          offsetof(kvspan_metadata_place, heads_policy), "place", error);

    if (status == KVSPAN_OK) {
        status = check_number("place.rank_count", place.rank_count, 1, MAX_RANKS, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    usable = calloc(place.rank_count, sizeof(*usable));
    if (!usable) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u ranks", place.rank_count);
    }
    cache.mesh = place.mesh;
    cache.heads_policy = place.heads_policy;
    cache.max_step_tokens = 1;
    status = find_usable(config, &place, usable, error);
    if (status == KVSPAN_OK) {
        status = kvspan_plan_capacity(&cache, usable, place.rank_count, &plan, error);
    }
    if (status == KVSPAN_OK) {
        status = apply_plan(config, &plan, usable[plan.limiting_rank], error);
    }
    free(usable);
    return status;
}

/* Fills in what is derived and owns both texts. */
static kvspan_status complete(kvspan_metadata *metadata, const kvspan_metadata_place *place,
                              kvspan_error *error)
{
    kvspan_metadata_config *const config = &metadata->config;
    kvspan_partition_axis axis;
    kvspan_json *json;
    kvspan_status status;

    config->dtype = config->dtype ? config->dtype : KVSPAN_BF16;
    status = check_fields(config, error);
    if (status == KVSPAN_OK) {
        status = check_derived(config, place != NULL, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_partition_axis_read(config->partition_axis, &axis, error);
    }
    if (status == KVSPAN_OK && place) {
        status = derive(config, place, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    json = kvspan_partition_axis_write(&axis);
    metadata->partition_axis = kvspan_json_write(json);
    kvspan_json_free(json);
    metadata->json = kvspan_metadata_text(config, &axis);
    if (!metadata->partition_axis || !metadata->json) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a description");
    }
    config->partition_axis = metadata->partition_axis;
    return KVSPAN_OK;
}

kvspan_status kvspan_metadata_create(const kvspan_metadata_config *config,
                                     const kvspan_metadata_place *place,
                                     kvspan_metadata **metadata_out, kvspan_error *error)
{
    kvspan_metadata *metadata;
    kvspan_status status;

    if (!metadata_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "metadata_out is NULL");
    }
    metadata = calloc(1, sizeof(*metadata));
    if (!metadata) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a description");
    }
    status = kvspan_read_sized(&metadata->config, sizeof(metadata->config), config,
                               offsetof(kvspan_metadata_config, usable_bytes), "config", error);
    if (status == KVSPAN_OK) {
        status = complete(metadata, place, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_metadata_destroy(metadata);
        return status;
    }
    *metadata_out = metadata;
    return KVSPAN_OK;
}

void kvspan_metadata_destroy(kvspan_metadata *metadata)
{
    if (metadata) {
        free(metadata->partition_axis);
        free(metadata->json);
        free(metadata);
    }
}

kvspan_metadata_config kvspan_metadata_fields(const kvspan_metadata *metadata)
{
    return metadata ? metadata->config : (kvspan_metadata_config){ .size = 0 };
}

const char *kvspan_metadata_json(const kvspan_metadata *metadata)
{
    return metadata ? metadata->json : NULL;
}

kvspan_status kvspan_metadata_read(const char *text, size_t length, uint32_t flags,
                                   const kvspan_metadata_place *place,
                                   kvspan_metadata **metadata_out, kvspan_error *error)
{
    kvspan_metadata_config config = { .size = sizeof(config) };
    char *partition_axis = NULL;
    kvspan_status status;

    if (!text) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "text is NULL");
    }
    if (flags > KVSPAN_METADATA_IGNORE_UNKNOWN) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "flags is %u, not in [0, %d]", flags,
                           KVSPAN_METADATA_IGNORE_UNKNOWN);
    }
    status = kvspan_metadata_parse(text, length, true, flags != 0, &config, &partition_axis, error);
    if (status == KVSPAN_OK) {
        status = kvspan_metadata_create(&config, place, metadata_out, error);
    }
    free(partition_axis);
    return status;
}

kvspan_status kvspan_metadata_replace(const kvspan_metadata *metadata, const char *changes,
                                      size_t length, const kvspan_metadata_place *place,
                                      kvspan_metadata **metadata_out, kvspan_error *error)
{
    kvspan_metadata_config config = kvspan_metadata_fields(metadata);
    char *partition_axis = NULL;
    kvspan_status status;

    if (!metadata || !changes) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           metadata ? "changes" : "metadata");
    }
    config.page_count = 0;
    config.pages_per_sequence = 0;
    config.usable_bytes = 0;
    status = kvspan_metadata_parse(changes, length, false, false, &config, &partition_axis, error);
    if (status == KVSPAN_OK) {
        status = kvspan_metadata_create(&config, place, metadata_out, error);
    }
    free(partition_axis);
    return status;
}

kvspan_status kvspan_metadata_cache_config(const kvspan_metadata *metadata, uint32_t q_heads,
                                           kvspan_layer_group *group_out,
                                           kvspan_cache_config *config_out, kvspan_error *error)
{
    const kvspan_metadata_config *config;

    if (!metadata || !group_out || !config_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           !metadata    ? "metadata"
                           : !group_out ? "group_out"
                                        : "config_out");
    }
    config = &metadata->config;
    if (q_heads > KVSPAN_MAX_HEADS || q_heads % config->kv_heads != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "q_heads is %u, no multiple of the %" PRId64 " kv heads up to %d",
                           q_heads, config->kv_heads, KVSPAN_MAX_HEADS);
    }
    *group_out = group_of(config, q_heads);
    *config_out = cache_config_of(config, group_out);
    return KVSPAN_OK;
}
