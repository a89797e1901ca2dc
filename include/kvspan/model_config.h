/** @file
 * What a cache has to know of a model, read from the config.json of a Hugging Face checkpoint, and
 * the layer groups that follow from it.
 */
#ifndef KVSPAN_MODEL_CONFIG_H
#define KVSPAN_MODEL_CONFIG_H

#include <kvspan/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Limits of kvspan_model_config. */
enum {
    KVSPAN_MODEL_TYPE_BYTES = 64 /**< with the NUL; a longer model_type is cut */
};

/** Whether attention has sink logits. A config.json does not say; a few model types always do. */
typedef enum kvspan_model_sinks {
    KVSPAN_MODEL_SINKS_UNKNOWN = 0, /**< the file does not say */
    KVSPAN_MODEL_SINKS_LEARNED = 1  /**< one logit per query head, among the weights */
} kvspan_model_sinks;

/** Geometry of a model's attention. A plain value. */
typedef struct kvspan_model_config {
    char model_type[KVSPAN_MODEL_TYPE_BYTES]; /**< "llama", …; "" if the file has none */
    uint32_t layer_count;                     /**< in [1, KVSPAN_MAX_LAYERS] */
    uint32_t q_heads;                         /**< a multiple of kv_heads */
    uint32_t kv_heads;                        /**< in [1, KVSPAN_MAX_HEADS] */
    uint32_t key_dim;                         /**< of a head, in [1, KVSPAN_MAX_DIM] */
    uint32_t value_dim;                       /**< of a head, in [1, KVSPAN_MAX_DIM] */
    kvspan_dtype dtype;                       /**< of the weights; 0 if the file does not say */
    float scale;                              /**< of q·k; 0 = 1/√key_dim */
    float soft_cap;                           /**< of the scaled logits; 0 = none */
    kvspan_model_sinks sinks;                 /**< whether attention has sink logits */
    uint64_t max_sequence_tokens;             /**< positions the model is made for; 0 if not said */
    uint32_t window_tokens[KVSPAN_MAX_LAYERS]; /**< [layer_count] a query sees itself and
                                                    window_tokens − 1 before; 0 = all */
} kvspan_model_config;

/**
 * Reads a config.json. Absent keys get the defaults of the model type's class, where they are
 * known; null is absent. A text_config inside is read in place of the whole.
 *
 * Layers slide as the model type's class makes them: by layer_types if it is there; never where
 * use_sliding_window is false; else all layers, the layers from max_window_layers on, or all but
 * every n-th. A window on a model type whose rule is not known is refused, not guessed.
 *
 * Not collective.
 *
 * @param text  [length], UTF-8
 * @param length  bytes
 * @param[out] model_out  written only on success
 * @param[out] error  may be NULL; names the key and its value
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED (the layers keep something other
 *         than keys and values of their own, such as the latent of kv_lora_rank; names the key)
 */
KVSPAN_API kvspan_status kvspan_model_config_read(const char *text, size_t length,
                                                  kvspan_model_config *model_out,
                                                  kvspan_error *error);

/**
 * Turns the layers of a model into layer groups with pages of equal bytes. Layers with one window
 * are a kind; a kind becomes groups of u layers, the last one perhaps of fewer, where u is the
 * layer count of the smallest kind, or what it takes to need no more than KVSPAN_MAX_GROUPS. Kinds
 * that see everything come first, the others in order of their first layer.
 *
 * Not collective.
 *
 * @param model  as read
 * @param key_dtype  element type of the KEY planes; 0 = that of the model, else bf16
 * @param value_dtype  element type of the VALUE planes; 0 = likewise
 * @param[out] groups_out  [KVSPAN_MAX_GROUPS]
 * @param[out] layers_out  [layer_count of the model], what the groups' lists point to: has to live
 *                         as long as they do
 * @param[out] group_count_out  groups written
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED (more kinds than
 *         KVSPAN_MAX_GROUPS)
 */
KVSPAN_API kvspan_status kvspan_model_config_groups(const kvspan_model_config *model,
                                                    kvspan_dtype key_dtype,
                                                    kvspan_dtype value_dtype,
                                                    kvspan_layer_group *groups_out,
                                                    uint32_t *layers_out, uint32_t *group_count_out,
                                                    kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
