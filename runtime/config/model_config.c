#include "runtime/config/model_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const kvspan_json *kvspan_model_member(const kvspan_json *json, const char *key)
{
    const kvspan_json *const value = kvspan_json_member(json, key);

    return value && !kvspan_json_is_null(value) ? value : NULL;
}

kvspan_status kvspan_model_count(const kvspan_json *json, const char *key, uint32_t high,
                                 uint32_t fallback, uint32_t *count_out, kvspan_error *error)
{
    int64_t count = fallback;
    kvspan_status status = KVSPAN_OK;

    if (fallback == 0 || kvspan_model_member(json, key)) {
        status = kvspan_json_integer(json, key, 1, high, true, &count, error);
    }
    if (status == KVSPAN_OK) {
        *count_out = (uint32_t)count;
    }
    return status;
}

/* A number, kept as it is where the key is absent or null. */
static kvspan_status read_real(const kvspan_json *json, const char *key, double *value,
                               kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    if (kvspan_model_member(json, key)) {
        status = kvspan_json_real(json, key, true, value, error);
    }
    /* A tinier number would be 0 as an f32, or its inverse infinite. */
    if (status == KVSPAN_OK && *value != 0.0 && !(*value >= 1e-6 && *value <= 1e6)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"%s\" is %g, neither 0 nor in [1e-6, 1e6]",
                           key, *value);
    }
    return status;
}

/* What makes layers keep something other than keys and values of their own. */
static kvspan_status refuse_other_layers(const kvspan_json *json, kvspan_error *error)
{
    static const char *const keys[] = { "kv_lora_rank", "num_kv_shared_layers",
                                        "attention_chunk_size", "layers_block_type",
                                        "attn_layer_period" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        int64_t number = 0;

        if (!kvspan_model_member(json, keys[i])) {
            continue;
        }
        if (kvspan_json_integer(json, keys[i], INT64_MIN, INT64_MAX, true, &number, NULL) !=
            KVSPAN_OK) {
            return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                               "\"%s\": such layers are not built yet", keys[i]);
        }
        if (number != 0) {
            return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                               "\"%s\" is %lld: such layers are not built yet", keys[i],
                               (long long)number);
        }
    }
    return KVSPAN_OK;
}

/* Falcon keeps num_kv_heads in its new architecture only; before that, one head for all queries
 * unless multi_query is false. */
static kvspan_status read_falcon_heads(const kvspan_json *json, kvspan_model_config *model,
                                       kvspan_error *error)
{
    bool is_new = false;
    bool is_multi_query = true;
    kvspan_status status = KVSPAN_OK;

    if (kvspan_model_member(json, "new_decoder_architecture")) {
        status = kvspan_json_boolean(json, "new_decoder_architecture", true, &is_new, error);
    }
    if (status == KVSPAN_OK && kvspan_model_member(json, "multi_query")) {
        status = kvspan_json_boolean(json, "multi_query", true, &is_multi_query, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (!is_new && is_multi_query) {
        model->kv_heads = 1;
        return KVSPAN_OK;
    }
    return kvspan_model_count(json, "num_kv_heads", KVSPAN_MAX_HEADS, model->q_heads,
                              &model->kv_heads, error);
}

static kvspan_status read_heads(const kvspan_json *json, const kvspan_model_type *type,
                                kvspan_model_config *model, kvspan_error *error)
{
    kvspan_status status = kvspan_model_count(json, "num_attention_heads", KVSPAN_MAX_HEADS,
                                              type->q_heads, &model->q_heads, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (strcmp(type->name, "falcon") == 0) {
        status = read_falcon_heads(json, model, error);
    } else if (kvspan_json_member(json, "num_key_value_heads")) {
        status = kvspan_model_count(json, "num_key_value_heads", KVSPAN_MAX_HEADS, model->q_heads,
                                    &model->kv_heads, error);
    } else {
        status = kvspan_model_count(json, "num_kv_heads", KVSPAN_MAX_HEADS,
                                    type->kv_heads ? type->kv_heads : model->q_heads,
                                    &model->kv_heads, error);
    }
    if (status == KVSPAN_OK && model->q_heads % model->kv_heads != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"num_attention_heads\" is %u, no multiple of the %u kv heads",
                           model->q_heads, model->kv_heads);
    }
    return status;
}

static kvspan_status read_dims(const kvspan_json *json, const kvspan_model_type *type,
                               kvspan_model_config *model, kvspan_error *error)
{
    uint32_t dim = type->dim;
    uint32_t hidden = 0;
    kvspan_status status;

    if (dim == 0 && !kvspan_model_member(json, "head_dim")) {
        status = kvspan_model_count(json, "hidden_size", INT32_MAX, 0, &hidden, error);
        if (status != KVSPAN_OK) {
            return status;
        }
        if (hidden % model->q_heads != 0) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "\"hidden_size\" is %u, no multiple of \"num_attention_heads\" %u, "
                               "and there is no \"head_dim\"",
                               hidden, model->q_heads);
        }
        dim = hidden / model->q_heads;
        if (dim > KVSPAN_MAX_DIM) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "\"hidden_size\" / \"num_attention_heads\" is %u, not in [1, %d]",
                               dim, KVSPAN_MAX_DIM);
        }
    }
    status = kvspan_model_count(json, "head_dim", KVSPAN_MAX_DIM, dim, &model->key_dim, error);
    if (status == KVSPAN_OK) {
        status = kvspan_model_count(json, "v_head_dim", KVSPAN_MAX_DIM, model->key_dim,
                                    &model->value_dim, error);
    }
    return status;
}

/* "torch_dtype", called "dtype" by later versions; what is no element type of ours is not said. */
static kvspan_dtype read_dtype(const kvspan_json *json)
{
    const char *name = kvspan_json_text(kvspan_json_member(json, "torch_dtype"));

    if (!name) {
        name = kvspan_json_text(kvspan_json_member(json, "dtype"));
    }
    for (int i = KVSPAN_BF16; name && i <= KVSPAN_F32; i++) {
        if (strcmp(name, kvspan_dtype_name((kvspan_dtype)i)) == 0) {
            return (kvspan_dtype)i;
        }
    }
    return (kvspan_dtype)0;
}

static kvspan_status read_logits(const kvspan_json *json, const kvspan_model_type *type,
                                 kvspan_model_config *model, kvspan_error *error)
{
    double scalar = type->query_scalar;
    /* null means none, not the default */
    double soft_cap = kvspan_json_member(json, "attn_logit_softcapping") ? 0.0 : type->soft_cap;
    kvspan_status status = read_real(json, "query_pre_attn_scalar", &scalar, error);

    if (status == KVSPAN_OK) {
        status = read_real(json, "attn_logit_softcapping", &soft_cap, error);
    }
    if (status == KVSPAN_OK) {
        model->scale = scalar > 0.0 ? (float)(1.0 / sqrt(scalar)) : 0.0F;
        model->soft_cap = (float)soft_cap;
        model->sinks = type->has_sinks ? KVSPAN_MODEL_SINKS_LEARNED : KVSPAN_MODEL_SINKS_UNKNOWN;
    }
    return status;
}

static kvspan_status read_model(const kvspan_json *json, kvspan_model_config *model,
                                kvspan_error *error)
{
    const char *const name = kvspan_json_text(kvspan_json_member(json, "model_type"));
    const kvspan_model_type *const type = kvspan_model_type_find(name ? name : "");
    int64_t tokens = 0;
    kvspan_status status = refuse_other_layers(json, error);

    (void)snprintf(model->model_type, sizeof(model->model_type), "%s", name ? name : "");
    model->dtype = read_dtype(json);
    if (status == KVSPAN_OK) {
        status = kvspan_model_count(json, "num_hidden_layers", KVSPAN_MAX_LAYERS, 0,
                                    &model->layer_count, error);
    }
    if (status == KVSPAN_OK) {
        status = read_heads(json, type, model, error);
    }
    if (status == KVSPAN_OK) {
        status = read_dims(json, type, model, error);
    }
    if (status == KVSPAN_OK) {
        status = read_logits(json, type, model, error);
    }
    if (status == KVSPAN_OK && kvspan_model_member(json, "max_position_embeddings")) {
        status = kvspan_json_integer(json, "max_position_embeddings", 1, KVSPAN_MAX_SEQUENCE_TOKENS,
                                     true, &tokens, error);
        model->max_sequence_tokens = (uint64_t)tokens;
    }
    if (status == KVSPAN_OK) {
        status = kvspan_model_windows(json, type, model, error);
    }
    return status;
}

kvspan_status kvspan_model_config_read(const char *text, size_t length,
                                       kvspan_model_config *model_out, kvspan_error *error)
{
    kvspan_model_config model = { .layer_count = 0 };
    const kvspan_json *part;
    kvspan_json *json = NULL;
    kvspan_status status;

    if (!text || !model_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL", text ? "model_out" : "text");
    }
    status = kvspan_json_parse(text, length, &json, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    part = kvspan_model_member(json, "text_config");
    if (!kvspan_json_is_object(json)) {
        status = kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the model config is no JSON object");
    } else if (part && !kvspan_json_is_object(part)) {
        status = kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"text_config\" is no object");
    } else {
        status = read_model(part ? part : json, &model, error);
    }
    kvspan_json_free(json);
    if (status == KVSPAN_OK) {
        *model_out = model;
    }
    return status;
}
