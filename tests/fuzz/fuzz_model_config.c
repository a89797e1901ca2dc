/* A model's config.json, and the layer groups that follow from it. */
#include <math.h>
#include <string.h>

#include <kvspan/model_config.h>

#include "fuzz_target.h"

static void check_model(const kvspan_model_config *model)
{
    fuzz_check(memchr(model->model_type, '\0', sizeof(model->model_type)));
    fuzz_check(model->layer_count >= 1);
    fuzz_check(model->layer_count <= KVSPAN_MAX_LAYERS);
    fuzz_check(model->kv_heads >= 1);
    fuzz_check(model->q_heads >= model->kv_heads);
    fuzz_check(model->q_heads <= KVSPAN_MAX_HEADS);
    fuzz_check(model->q_heads % model->kv_heads == 0);
    fuzz_check(model->key_dim >= 1);
    fuzz_check(model->key_dim <= KVSPAN_MAX_DIM);
    fuzz_check(model->value_dim >= 1);
    fuzz_check(model->value_dim <= KVSPAN_MAX_DIM);
    fuzz_check(model->dtype == 0 || kvspan_dtype_bytes(model->dtype) >= 2);
    fuzz_check(isfinite(model->scale));
    fuzz_check(model->scale >= 0);
    fuzz_check(isfinite(model->soft_cap));
    fuzz_check(model->soft_cap >= 0);
    fuzz_check(model->sinks <= KVSPAN_MODEL_SINKS_LEARNED);
    fuzz_check(model->max_sequence_tokens <= KVSPAN_MAX_SEQUENCE_TOKENS);
    for (uint32_t layer = 0; layer < model->layer_count; layer++) {
        fuzz_check(model->window_tokens[layer] <= KVSPAN_MAX_SEQUENCE_TOKENS);
    }
}

/* Every layer is in one group, and no group mixes windows. */
static void check_groups(const kvspan_model_config *model)
{
    kvspan_layer_group groups[KVSPAN_MAX_GROUPS];
    uint32_t layers[KVSPAN_MAX_LAYERS];
    unsigned char seen[KVSPAN_MAX_LAYERS] = { 0 };
    uint32_t group_count = 0;
    uint32_t layer_count = 0;

    fuzz_check(!kvspan_model_config_groups(model, 0, KVSPAN_I8, groups, layers, &group_count,
                                           NULL)); /* a config has at most two windows */
    fuzz_check(group_count >= 1);
    fuzz_check(group_count <= KVSPAN_MAX_GROUPS);
    for (uint32_t i = 0; i < group_count; i++) {
        const kvspan_layer_group *const group = &groups[i];

        fuzz_check(group->layer_count >= 1);
        fuzz_check(group->first_layer == group->layers[0]);
        for (uint32_t j = 0; j < group->layer_count; j++) {
            const uint32_t layer = group->layers[j];

            fuzz_check(layer < model->layer_count);
            fuzz_check(!seen[layer]++);
            fuzz_check(j == 0 || layer > group->layers[j - 1]);
            fuzz_check(group->window_tokens == model->window_tokens[layer]);
        }
        layer_count += group->layer_count;
    }
    fuzz_check(layer_count == model->layer_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    kvspan_model_config model = { .layer_count = UINT32_MAX };
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_status status =
        kvspan_model_config_read((const char *)data, bytes, &model, &error);

    fuzz_check(status == error.status);
    if (status == KVSPAN_OK) {
        check_model(&model);
        check_groups(&model);
    } else {
        fuzz_check(status == KVSPAN_ERR_ARGUMENT || status == KVSPAN_ERR_UNSUPPORTED);
        fuzz_check(model.layer_count == UINT32_MAX); /* an output only on success */
    }
    return 0;
}
