#include <kvspan/model_config.h>

/* Layers of one window. */
typedef struct layer_kind {
    uint32_t window_tokens;
    uint32_t layer_count;
} layer_kind;

/* Kinds in order: those that see everything first. 0 of them: there are more than fit. */
static uint32_t find_kinds(const kvspan_model_config *model, layer_kind kinds[KVSPAN_MAX_GROUPS])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (model->window_tokens[i] == 0) {
            count = 1;
            kinds[0] = (layer_kind){ .window_tokens = 0 };
        }
    }
    for (uint32_t i = 0; i < model->layer_count; i++) {
        uint32_t kind = 0;

        while (kind < count && kinds[kind].window_tokens != model->window_tokens[i]) {
            kind++;
        }
        if (kind == KVSPAN_MAX_GROUPS) {
            return 0;
        }
        if (kind == count) {
            kinds[count++] = (layer_kind){ .window_tokens = model->window_tokens[i] };
        }
        kinds[kind].layer_count++;
    }
    return count;
}

static uint32_t count_groups(const layer_kind *kinds, uint32_t kind_count, uint32_t layers)
{
    uint32_t groups = 0;

    for (uint32_t i = 0; i < kind_count; i++) {
        groups += (kinds[i].layer_count - 1) / layers + 1;
    }
    return groups;
}

/* Layers of a full group: the smallest kind's, or as many as it takes to have few enough groups. */
static uint32_t find_layers(const layer_kind *kinds, uint32_t kind_count)
{
    uint32_t layers = kinds[0].layer_count;

    for (uint32_t i = 1; i < kind_count; i++) {
        layers = kinds[i].layer_count < layers ? kinds[i].layer_count : layers;
    }
    while (count_groups(kinds, kind_count, layers) > KVSPAN_MAX_GROUPS) {
        layers++;
    }
    return layers;
}

/* Lists a kind's layers in ascending order; returns how many. */
static uint32_t list_layers(const kvspan_model_config *model, uint32_t window_tokens,
                            uint32_t *layers)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (model->window_tokens[i] == window_tokens) {
            layers[count++] = i;
        }
    }
    return count;
}

static kvspan_layer_group make_group(const kvspan_model_config *model, kvspan_dtype key_dtype,
                                     kvspan_dtype value_dtype)
{
    const kvspan_dtype dtype = model->dtype ? model->dtype : KVSPAN_BF16;
    const kvspan_dtype key = key_dtype ? key_dtype : dtype;
    const kvspan_dtype value = value_dtype ? value_dtype : dtype;

    /* An 8-bit plane has one scale per token and head. */
    return (kvspan_layer_group){ .q_heads = model->q_heads,
                                 .plane_count = 2,
                                 .planes = { { KVSPAN_KEY, model->kv_heads, model->key_dim, key,
                                               kvspan_dtype_bytes(key) == 1 },
                                             { KVSPAN_VALUE, model->kv_heads, model->value_dim,
                                               value, kvspan_dtype_bytes(value) == 1 } } };
}

static kvspan_status check_arguments(const kvspan_model_config *model, kvspan_dtype key_dtype,
                                     kvspan_dtype value_dtype, kvspan_error *error)
{
    if (model->layer_count == 0 || model->layer_count > KVSPAN_MAX_LAYERS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "layer_count is %u, not in [1, %d]",
                           model->layer_count, KVSPAN_MAX_LAYERS);
    }
    if ((key_dtype && kvspan_dtype_bytes(key_dtype) == 0) ||
        (value_dtype && kvspan_dtype_bytes(value_dtype) == 0)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "key_dtype is %d and value_dtype is %d, one is no element type",
                           (int)key_dtype, (int)value_dtype);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_model_config_groups(const kvspan_model_config *model, kvspan_dtype key_dtype,
                                         kvspan_dtype value_dtype, kvspan_layer_group *groups_out,
                                         uint32_t *layers_out, uint32_t *group_count_out,
                                         kvspan_error *error)
{
    layer_kind kinds[KVSPAN_MAX_GROUPS];
    uint32_t group_count = 0;
    uint32_t kind_count;
    uint32_t group_layers;
    kvspan_status status;

    if (!model || !groups_out || !layers_out || !group_count_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           !model        ? "model"
                           : !groups_out ? "groups_out"
                           : !layers_out ? "layers_out"
                                         : "group_count_out");
    }
    status = check_arguments(model, key_dtype, value_dtype, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    kind_count = find_kinds(model, kinds);
    if (kind_count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "the layers have more than %d different windows", KVSPAN_MAX_GROUPS);
    }
    group_layers = find_layers(kinds, kind_count);
    for (uint32_t i = 0; i < kind_count; i++) {
        const uint32_t count = list_layers(model, kinds[i].window_tokens, layers_out);

        for (uint32_t first = 0; first < count; first += group_layers) {
            kvspan_layer_group *const group = &groups_out[group_count++];

            *group = make_group(model, key_dtype, value_dtype);
            group->window_tokens = kinds[i].window_tokens;
            group->layer_count = count - first < group_layers ? count - first : group_layers;
            group->layers = layers_out + first;
            group->first_layer = group->layers[0];
        }
        layers_out += count;
    }
    *group_count_out = group_count;
    return KVSPAN_OK;
}
