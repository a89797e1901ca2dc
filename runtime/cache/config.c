#include "runtime/cache/config.h"

#include <stdlib.h>
#include <string.h>

#include <kvspan/sized_struct.h>

static kvspan_status check_range(const char *name, uint64_t value, uint64_t low, uint64_t high,
                                 kvspan_error *error)
{
    if (value < low || value > high) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is %llu, not in [%llu, %llu]", name,
                           (unsigned long long)value, (unsigned long long)low,
                           (unsigned long long)high);
    }
    return KVSPAN_OK;
}

static kvspan_status unsupported(const char *what, uint64_t value, kvspan_error *error)
{
    return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "%s %llu is not built yet", what,
                       (unsigned long long)value);
}

/* The numbers that stand for themselves. */
static kvspan_status check_numbers(const kvspan_cache_config *config, kvspan_error *error)
{
    const struct {
        const char *name;
        uint64_t value;
        uint64_t low;
        uint64_t high;
    } ranges[] = {
        { "page_tokens", config->page_tokens, 1, KVSPAN_MAX_PAGE_TOKENS },
        { "slot_count", config->slot_count, 1, KVSPAN_MAX_SLOTS },
        { "max_sequence_tokens", config->max_sequence_tokens, 1, KVSPAN_MAX_SEQUENCE_TOKENS },
        { "max_step_rows", config->max_step_rows, 1, config->slot_count },
        { "max_step_tokens", config->max_step_tokens, 1, KVSPAN_MAX_STEP_TOKENS },
        { "page_count", config->page_count, 0, KVSPAN_MAX_PAGES },
        { "layout", config->layout, 0, KVSPAN_LAYER_FIRST },
        { "heads_policy", config->heads_policy, 0, KVSPAN_HEADS_SPLIT_SEQUENCE },
        { "control", config->control, 0, KVSPAN_REPLICATED },
        { "run_ahead_steps", config->run_ahead_steps, 1, 64 },
        { "flags", config->flags, 0, KVSPAN_CACHE_NO_ARENA },
        { "max_payload_bytes", config->max_payload_bytes, 1, 1u << 30 },
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const kvspan_status status =
            check_range(ranges[i].name, ranges[i].value, ranges[i].low, ranges[i].high, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    if (!(config->memory_utilization > 0.0 && config->memory_utilization < 1.0)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "memory_utilization is %g, not strictly between 0 and 1",
                           config->memory_utilization);
    }
    if (config->page_count == 1) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "page_count is 1: page 0 is never handed out, at least 2 are needed");
    }
    if (config->page_count == 0 && (config->flags & KVSPAN_CACHE_NO_ARENA)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "page_count is 0: without an arena it cannot be derived");
    }
    return KVSPAN_OK;
}

static void fill_defaults(kvspan_cache_config *config)
{
    if (config->max_step_rows == 0) {
        config->max_step_rows = config->slot_count;
    }
    if (config->max_payload_bytes == 0) {
        const uint64_t bytes = 65536 + 16 * (uint64_t)config->max_step_tokens;

        config->max_payload_bytes = bytes < (1u << 30) ? (uint32_t)bytes : 1u << 30;
    }
    if (config->memory_utilization == 0.0) {
        config->memory_utilization = 0.9;
    }
    if (config->run_ahead_steps == 0) {
        config->run_ahead_steps = 1;
    }
    if (config->deadline_ms == 0) {
        config->deadline_ms = 60000;
    }
}

static kvspan_status check_scales(const kvspan_plane *plane, uint32_t index, kvspan_error *error)
{
    if (plane->scale_tokens > 1) {
        return unsupported("plane.scale_tokens", plane->scale_tokens, error);
    }
    if (plane->scale_tokens == 0 && plane->dtype == KVSPAN_I8) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "plane %u of type %s has scale_tokens %u: it needs scales, 1", index,
                           kvspan_dtype_name(plane->dtype), plane->scale_tokens);
    }
    if (plane->scale_tokens != 0 && kvspan_dtype_bytes(plane->dtype) != 1) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "plane %u of type %s has scale_tokens %u: only 8-bit types have scales",
                           index, kvspan_dtype_name(plane->dtype), plane->scale_tokens);
    }
    return KVSPAN_OK;
}

static kvspan_status check_plane(const kvspan_plane *plane, uint32_t index, kvspan_error *error)
{
    kvspan_status status = check_range("plane.heads", plane->heads, 1, KVSPAN_MAX_HEADS, error);

    if (status == KVSPAN_OK) {
        status = check_range("plane.dim", plane->dim, 1, KVSPAN_MAX_DIM, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (plane->role != KVSPAN_KEY && plane->role != KVSPAN_VALUE) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "plane %u has role %d: only KEY and VALUE planes are built yet", index,
                           (int)plane->role);
    }
    if (kvspan_dtype_bytes(plane->dtype) == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "plane %u has dtype %d, no element type",
                           index, (int)plane->dtype);
    }
    return check_scales(plane, index, error);
}

static kvspan_status check_group(const kvspan_layer_group *group, kvspan_error *error)
{
    uint32_t key;
    uint32_t value;
    kvspan_status status =
        check_range("layer_count", group->layer_count, 1, KVSPAN_MAX_LAYERS, error);

    if (status == KVSPAN_OK) {
        status = check_range("q_heads", group->q_heads, 1, KVSPAN_MAX_HEADS, error);
    }
    if (status == KVSPAN_OK && group->plane_count != 2) {
        status = unsupported("plane_count", group->plane_count, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < group->plane_count; i++) {
        status = check_plane(&group->planes[i], i, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (group->sink_tokens != 0) {
        return unsupported("sink_tokens", group->sink_tokens, error);
    }
    key = kvspan_settings_find_plane(group, KVSPAN_KEY);
    value = kvspan_settings_find_plane(group, KVSPAN_VALUE);
    if (key == group->plane_count || value == group->plane_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "a group needs one KEY and one VALUE plane, both planes have role %d",
                           (int)group->planes[0].role);
    }
    if (group->planes[key].heads != group->planes[value].heads) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "keys have %u heads and values have %u",
                           group->planes[key].heads, group->planes[value].heads);
    }
    if (group->q_heads % group->planes[key].heads != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "q_heads is %u, no multiple of the %u kv heads", group->q_heads,
                           group->planes[key].heads);
    }
    return KVSPAN_OK;
}

/* Turns first/count/step into a list, so that there is one way to look a layer up. */
static kvspan_status own_layers(kvspan_layer_group *group, kvspan_error *error)
{
    const uint64_t step = group->layer_step ? group->layer_step : 1;
    const uint32_t *const given = group->layers;
    uint32_t *const layers = calloc(group->layer_count, sizeof(*layers));

    group->layers = layers; /* from here on what fini() frees */
    if (!layers) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u layers", group->layer_count);
    }
    for (uint32_t i = 0; i < group->layer_count; i++) {
        const uint64_t layer = given ? given[i] : group->first_layer + i * step;

        if (layer > UINT32_MAX) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "layer %u of the group is %llu", i,
                               (unsigned long long)layer);
        }
        layers[i] = (uint32_t)layer;
    }
    for (uint32_t i = 1; i < group->layer_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (layers[i] == layers[j]) {
                return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                                   "layer %u is listed twice, as %u-th and %u-th", layers[i], j, i);
            }
        }
    }
    return KVSPAN_OK;
}

static kvspan_status own_text(const char *given, char **text_out, kvspan_error *error)
{
    if (given) {
        const size_t bytes = strlen(given) + 1;

        *text_out = malloc(bytes);
        if (!*text_out) {
            return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a text of %zu bytes",
                               bytes);
        }
        memcpy(*text_out, given, bytes);
    }
    return KVSPAN_OK;
}

/* No two groups may have the same layer, and all pages have the same bytes. */
static kvspan_status check_groups_together(const kvspan_settings *settings, kvspan_error *error)
{
    uint64_t layers = 0;

    for (uint32_t i = 0; i < settings->config.group_count; i++) {
        layers += settings->groups[i].layer_count;
        for (uint32_t j = 0; j < settings->groups[i].layer_count; j++) {
            const uint32_t layer = settings->groups[i].layers[j];
            uint32_t group = 0;
            uint32_t index = 0;

            if (kvspan_settings_find_layer(settings, layer, &group, &index) && group != i) {
                return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "layer %u is in groups %u and %u",
                                   layer, group, i);
            }
        }
    }
    return check_range("layer_count of all groups", layers, 1, KVSPAN_MAX_LAYERS, error);
}

static kvspan_status own_groups(kvspan_settings *settings, kvspan_error *error)
{
    kvspan_cache_config *const config = &settings->config;
    kvspan_status status =
        check_range("group_count", config->group_count, 1, KVSPAN_MAX_GROUPS, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (!config->groups) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "groups is NULL for group_count %u",
                           config->group_count);
    }
    settings->groups = calloc(config->group_count, sizeof(*settings->groups));
    if (!settings->groups) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u layer groups",
                           config->group_count);
    }
    for (uint32_t i = 0; i < config->group_count && status == KVSPAN_OK; i++) {
        kvspan_layer_group group = config->groups[i];

        status = check_group(&group, error);
        if (status == KVSPAN_OK) {
            status = own_layers(&group, error);
            settings->groups[i] = group;
        }
    }
    config->groups = settings->groups;
    return status == KVSPAN_OK ? check_groups_together(settings, error) : status;
}

kvspan_status kvspan_settings_init(kvspan_settings *settings, const kvspan_cache_config *given,
                                   kvspan_error *error)
{
    kvspan_cache_config *const config = &settings->config;
    kvspan_status status;

    memset(settings, 0, sizeof(*settings));
    status = kvspan_read_sized(config, sizeof(*config), given,
                               offsetof(kvspan_cache_config, page_count), "config", error);
    if (status != KVSPAN_OK) {
        return status;
    }
    fill_defaults(config);
    status = check_numbers(config, error);
    if (status == KVSPAN_OK) {
        status = own_groups(settings, error);
    }
    if (status == KVSPAN_OK) {
        status = own_text(config->mesh, &settings->mesh, error);
    }
    if (status == KVSPAN_OK) {
        status = own_text(config->partition_axis, &settings->partition_axis, error);
    }
    config->mesh = settings->mesh;
    config->partition_axis = settings->partition_axis;
    if (status != KVSPAN_OK) {
        kvspan_settings_fini(settings);
    }
    return status;
}

void kvspan_settings_fini(kvspan_settings *settings)
{
    for (uint32_t i = 0; settings->groups && i < settings->config.group_count; i++) {
        free((void *)settings->groups[i].layers);
    }
    free(settings->groups);
    free(settings->mesh);
    free(settings->partition_axis);
    memset(settings, 0, sizeof(*settings));
}

bool kvspan_settings_find_layer(const kvspan_settings *settings, uint32_t layer,
                                uint32_t *group_out, uint32_t *index_out)
{
    for (uint32_t i = 0; i < settings->config.group_count; i++) {
        for (uint32_t j = 0; j < settings->groups[i].layer_count; j++) {
            if (settings->groups[i].layers[j] == layer) {
                *group_out = i;
                *index_out = j;
                return true;
            }
        }
    }
    return false;
}

uint32_t kvspan_settings_find_plane(const kvspan_layer_group *group, kvspan_role role)
{
    uint32_t plane = 0;

    while (plane < group->plane_count && group->planes[plane].role != role) {
        plane++;
    }
    return plane;
}
