#include "launch/run_model.h"

#include <stdbool.h>
#include <stdlib.h>

#include "launch/input_file.h"

enum {
    MAX_FILE_BYTES = 16 << 20
};

static kvspan_status read_shape(const char *path, kvspan_model_config *shape_out,
                                kvspan_error *error)
{
    kvspan_error reason;
    char *text = NULL;
    size_t length = 0;
    kvspan_status status = kvspan_input_read(path, MAX_FILE_BYTES, &text, &length, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = kvspan_model_config_read(text, length, shape_out, &reason);
    free(text);
    if (status != KVSPAN_OK) {
        return kvspan_fail(error, status, "--model %s: %s", kvspan_input_name(path),
                           reason.message);
    }
    return KVSPAN_OK;
}

/* What is played without a file. */
static void make_small_shape(kvspan_model_config *shape_out)
{
    *shape_out = (kvspan_model_config){
        .layer_count = 2, .q_heads = 16, .kv_heads = 4, .key_dim = 64, .value_dim = 64
    };
}

static kvspan_status take_layers(const kvspan_run_options *options, kvspan_model_config *shape,
                                 kvspan_error *error)
{
    if (options->layer_count == 0) {
        return KVSPAN_OK;
    }
    if (options->model_path && options->layer_count > shape->layer_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--layers is %u, but --model %s has %u",
                           options->layer_count, kvspan_input_name(options->model_path),
                           shape->layer_count);
    }
    shape->layer_count = options->layer_count;
    return KVSPAN_OK;
}

static kvspan_status take_heads(const kvspan_run_options *options, kvspan_model_config *shape,
                                kvspan_error *error)
{
    shape->q_heads = options->q_heads ? options->q_heads : shape->q_heads;
    shape->kv_heads = options->kv_heads ? options->kv_heads : shape->kv_heads;
    if (options->head_dim) {
        shape->key_dim = options->head_dim;
        shape->value_dim = options->head_dim;
    }
    shape->value_dim = options->value_dim ? options->value_dim : shape->value_dim;
    if (shape->q_heads % shape->kv_heads != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%u query heads (--q-heads) are not a multiple of %u kv heads "
                           "(--kv-heads)",
                           shape->q_heads, shape->kv_heads);
    }
    return KVSPAN_OK;
}

static kvspan_status take_types(const kvspan_run_options *options, kvspan_run_model *model,
                                kvspan_error *error)
{
    kvspan_model_config *const shape = &model->shape;

    if (options->dtype) {
        shape->dtype = options->dtype;
    } else if (!shape->dtype) {
        shape->dtype = KVSPAN_BF16;
    }
    if (kvspan_dtype_bytes(shape->dtype) < 2) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "the model's dtype is %s, and no q is made of that: give --dtype",
                           kvspan_dtype_name(shape->dtype));
    }
    model->kv_dtype = options->kv_dtype ? options->kv_dtype : shape->dtype;
    return KVSPAN_OK;
}

static bool has_windows(const kvspan_model_config *shape)
{
    for (uint32_t layer = 0; layer < shape->layer_count; layer++) {
        if (shape->window_tokens[layer] != 0) {
            return true;
        }
    }
    return false;
}

/* A window is for the layers that --full-every leaves, else for those that the model lets slide,
 * else for all. */
static void take_windows(const kvspan_run_options *options, kvspan_model_config *shape)
{
    const bool keeps_layers = options->full_every == 0 && has_windows(shape);

    if (options->window_tokens < 0) {
        return;
    }
    for (uint32_t layer = 0; layer < shape->layer_count; layer++) {
        const bool is_full =
            keeps_layers ? shape->window_tokens[layer] == 0
                         : options->full_every > 0 && (layer + 1) % options->full_every == 0;

        shape->window_tokens[layer] = is_full ? 0 : (uint32_t)options->window_tokens;
    }
}

kvspan_status kvspan_run_model_choose(const kvspan_run_options *options,
                                      kvspan_run_model *model_out, kvspan_error *error)
{
    kvspan_model_config *const shape = &model_out->shape;
    kvspan_status status = KVSPAN_OK;

    if (options->model_path) {
        status = read_shape(options->model_path, shape, error);
    } else {
        make_small_shape(shape);
    }
    if (status == KVSPAN_OK) {
        status = take_layers(options, shape, error);
    }
    if (status == KVSPAN_OK) {
        status = take_heads(options, shape, error);
    }
    if (status == KVSPAN_OK) {
        status = take_types(options, model_out, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    take_windows(options, shape);
    shape->soft_cap = options->soft_cap >= 0 ? (float)options->soft_cap : shape->soft_cap;
    return kvspan_model_config_groups(shape, model_out->kv_dtype, model_out->kv_dtype,
                                      model_out->groups, model_out->layers, &model_out->group_count,
                                      error);
}
