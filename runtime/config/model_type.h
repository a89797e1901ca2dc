/** @file
 * What the classes of Hugging Face's transformers do where a config.json is silent, and which of
 * their layers slide. Keys that equal the class's default are left out of a saved config.json.
 */
#ifndef KVSPAN_CONFIG_MODEL_TYPE_H
#define KVSPAN_CONFIG_MODEL_TYPE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum kvspan_slide_rule {
    KVSPAN_SLIDE_UNKNOWN, /* a type that is not in the table */
    KVSPAN_SLIDE_NEVER,   /* the class has no windows, whatever the file says */
    KVSPAN_SLIDE_ALL,     /* every layer, if sliding_window is a number */
    KVSPAN_SLIDE_FROM,    /* layers max_window_layers and up */
    KVSPAN_SLIDE_PATTERN  /* layer i unless i + 1 is a multiple of the pattern */
} kvspan_slide_rule;

/* 0 stands for "no default". */
typedef struct kvspan_model_type {
    const char *name;
    kvspan_slide_rule rule;
    bool slides_only_if_asked; /* use_sliding_window is false by default */
    bool has_sinks;
    uint32_t window;       /* sliding_window */
    uint32_t pattern;      /* sliding_window_pattern */
    uint32_t first_window; /* max_window_layers */
    uint32_t q_heads;      /* num_attention_heads */
    uint32_t kv_heads;     /* num_key_value_heads; 0: as many as query heads */
    uint32_t dim;          /* head_dim; 0: hidden_size / num_attention_heads */
    uint32_t query_scalar; /* query_pre_attn_scalar */
    float soft_cap;        /* attn_logit_softcapping */
} kvspan_model_type;

/* Never NULL: a type without a name for those that are not known. */
const kvspan_model_type *kvspan_model_type_find(const char *name);

#endif
