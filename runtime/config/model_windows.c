#include "runtime/config/model_parts.h"

#include <string.h>

/* sliding_window and whether it counts; 0: no layer slides unless layer_types says so. */
static kvspan_status read_window(const kvspan_json *json, const kvspan_model_type *type,
                                 uint32_t *window_out, kvspan_error *error)
{
    bool is_asked = !type->slides_only_if_asked;
    const kvspan_json *const given = kvspan_json_member(json, "sliding_window");
    uint32_t window = given ? 0 : type->window; /* null means none, not the default */
    kvspan_status status = KVSPAN_OK;

    if (kvspan_model_member(json, "use_sliding_window")) {
        status = kvspan_json_boolean(json, "use_sliding_window", true, &is_asked, error);
    }
    if (status == KVSPAN_OK && kvspan_model_member(json, "sliding_window")) {
        status = kvspan_model_count(json, "sliding_window", KVSPAN_MAX_SEQUENCE_TOKENS, 0, &window,
                                    error);
    }
    if (status == KVSPAN_OK) {
        *window_out = is_asked ? window : 0;
    }
    return status;
}

static kvspan_status read_layer_type(const kvspan_json *types, uint32_t layer, uint32_t window,
                                     uint32_t *window_out, kvspan_error *error)
{
    const char *const name = kvspan_json_text(kvspan_json_element(types, layer));

    if (!name) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"layer_types\": element %u is no text",
                           layer);
    }
    if (strcmp(name, "full_attention") == 0) {
        *window_out = 0;
        return KVSPAN_OK;
    }
    if (strcmp(name, "sliding_attention") != 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "\"layer_types\": layer %u is %.60s, neither full_attention nor "
                           "sliding_attention",
                           layer, name);
    }
    if (window == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"layer_types\": layer %u is sliding_attention, but there is no "
                           "\"sliding_window\"",
                           layer);
    }
    *window_out = window;
    return KVSPAN_OK;
}

static kvspan_status read_layer_types(const kvspan_json *types, uint32_t window,
                                      kvspan_model_config *model, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    if (!kvspan_json_is_array(types) || kvspan_json_length(types) != model->layer_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"layer_types\" has %zu entries, \"num_hidden_layers\" is %u",
                           kvspan_json_length(types), model->layer_count);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < model->layer_count; i++) {
        status = read_layer_type(types, i, window, &model->window_tokens[i], error);
    }
    return status;
}

/* max_window_layers may be 0 and may be more than there are layers. */
static kvspan_status slide_from(const kvspan_json *json, const kvspan_model_type *type,
                                uint32_t window, kvspan_model_config *model, kvspan_error *error)
{
    int64_t first = type->first_window;
    kvspan_status status = KVSPAN_OK;

    if (kvspan_model_member(json, "max_window_layers")) {
        status = kvspan_json_integer(json, "max_window_layers", 0, INT32_MAX, true, &first, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < model->layer_count; i++) {
        model->window_tokens[i] = i >= first ? window : 0;
    }
    return status;
}

static kvspan_status slide_in_pattern(const kvspan_json *json, uint32_t fallback, uint32_t window,
                                      kvspan_model_config *model, kvspan_error *error)
{
    uint32_t pattern = 0;
    const kvspan_status status = kvspan_model_count(json, "sliding_window_pattern",
                                                    KVSPAN_MAX_LAYERS, fallback, &pattern, error);

    for (uint32_t i = 0; status == KVSPAN_OK && i < model->layer_count; i++) {
        model->window_tokens[i] = (i + 1) % pattern != 0 ? window : 0;
    }
    return status;
}

kvspan_status kvspan_model_windows(const kvspan_json *json, const kvspan_model_type *type,
                                   kvspan_model_config *model, kvspan_error *error)
{
    const kvspan_json *const types = kvspan_model_member(json, "layer_types");
    uint32_t window = 0;
    const kvspan_status status = read_window(json, type, &window, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (types) {
        return read_layer_types(types, window, model, error);
    }
    if (window == 0 || type->rule == KVSPAN_SLIDE_NEVER) {
        return KVSPAN_OK;
    }
    if (type->rule == KVSPAN_SLIDE_FROM) {
        return slide_from(json, type, window, model, error);
    }
    if (type->rule == KVSPAN_SLIDE_PATTERN || kvspan_model_member(json, "sliding_window_pattern")) {
        return slide_in_pattern(json, type->pattern, window, model, error);
    }
    if (type->rule == KVSPAN_SLIDE_UNKNOWN) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "\"sliding_window\" is %u, but which layers of model type \"%s\" slide "
                           "is not known: there is no \"layer_types\"",
                           window, model->model_type);
    }
    for (uint32_t i = 0; i < model->layer_count; i++) {
        model->window_tokens[i] = window;
    }
    return KVSPAN_OK;
}
