#include "runtime/config/model_type.h"

#include <string.h>

static const kvspan_model_type types[] = {
    { .name = "llama", .rule = KVSPAN_SLIDE_NEVER },
    { .name = "cohere", .rule = KVSPAN_SLIDE_NEVER },
    { .name = "falcon", .rule = KVSPAN_SLIDE_NEVER },
    { .name = "phi", .rule = KVSPAN_SLIDE_NEVER },
    { .name = "gemma", .rule = KVSPAN_SLIDE_NEVER, .kv_heads = 16, .dim = 256 },
    { .name = "phi3", .rule = KVSPAN_SLIDE_ALL },
    { .name = "mistral", .rule = KVSPAN_SLIDE_ALL, .window = 4096, .kv_heads = 8 },
    { .name = "mixtral", .rule = KVSPAN_SLIDE_ALL, .kv_heads = 8 },
    { .name = "starcoder2", .rule = KVSPAN_SLIDE_ALL, .kv_heads = 2 },
    { .name = "qwen2",
      .rule = KVSPAN_SLIDE_FROM,
      .slides_only_if_asked = true,
      .window = 4096,
      .first_window = 28,
      .kv_heads = 32 },
    { .name = "qwen3",
      .rule = KVSPAN_SLIDE_FROM,
      .slides_only_if_asked = true,
      .window = 4096,
      .first_window = 28,
      .kv_heads = 32,
      .dim = 128 },
    { .name = "qwen3_moe",
      .rule = KVSPAN_SLIDE_ALL,
      .slides_only_if_asked = true,
      .window = 4096,
      .kv_heads = 4 },
    { .name = "gemma2",
      .rule = KVSPAN_SLIDE_PATTERN,
      .window = 4096,
      .pattern = 2,
      .kv_heads = 4,
      .dim = 256,
      .query_scalar = 256,
      .soft_cap = 50.0F },
    { .name = "gemma3_text",
      .rule = KVSPAN_SLIDE_PATTERN,
      .window = 4096,
      .pattern = 6,
      .q_heads = 8,
      .kv_heads = 4,
      .dim = 256,
      .query_scalar = 256 },
    { .name = "cohere2", .rule = KVSPAN_SLIDE_PATTERN, .window = 4096, .pattern = 4 },
    { .name = "gpt_oss",
      .rule = KVSPAN_SLIDE_PATTERN,
      .has_sinks = true,
      .window = 128,
      .pattern = 2,
      .kv_heads = 8,
      .dim = 64 },
};

const kvspan_model_type *kvspan_model_type_find(const char *name)
{
    static const kvspan_model_type unknown = { .name = "", .rule = KVSPAN_SLIDE_UNKNOWN };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].name, name) == 0) {
            return &types[i];
        }
    }
    return &unknown;
}
