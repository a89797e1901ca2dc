#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#include <kvspan/model_config.h>

#define BASE "\"num_hidden_layers\":8,\"num_attention_heads\":8,\"hidden_size\":512"

/* A config.json and what it must be: a letter per layer, s with the window and f without. */
typedef struct window_case {
    const char *text;
    const char *layers;
    uint32_t window;
} window_case;

static const window_case window_cases[] = {
    { "{\"model_type\":\"llama\",\"sliding_window\":64," BASE "}", "ffffffff", 0 },
    { "{\"model_type\":\"mistral\",\"sliding_window\":64," BASE "}", "ssssssss", 64 },
    { "{\"model_type\":\"mistral\",\"sliding_window\":null," BASE "}", "ffffffff", 0 },
    { "{\"model_type\":\"mistral\"," BASE "}", "ssssssss", 4096 },
    { "{\"model_type\":\"qwen2\",\"num_key_value_heads\":2,\"sliding_window\":64,"
      "\"max_window_layers\":3," BASE "}",
      "ffffffff", 0 },
    { "{\"model_type\":\"qwen2\",\"use_sliding_window\":true,\"num_key_value_heads\":2,"
      "\"sliding_window\":64,\"max_window_layers\":3," BASE "}",
      "fffsssss", 64 },
    { "{\"model_type\":\"qwen3\",\"use_sliding_window\":true,\"num_key_value_heads\":2,"
      "\"sliding_window\":64,\"max_window_layers\":70," BASE "}",
      "ffffffff", 0 },
    { "{\"model_type\":\"gemma2\",\"sliding_window\":64," BASE "}", "sfsfsfsf", 64 },
    { "{\"model_type\":\"gemma3_text\",\"sliding_window\":64," BASE "}", "sssssfss", 64 },
    { "{\"model_type\":\"gemma3_text\",\"sliding_window\":64,\"sliding_window_pattern\":3," BASE
      "}",
      "ssfssfss", 64 },
    { "{\"model_type\":\"gemma3\",\"text_config\":{\"model_type\":\"gemma3_text\","
      "\"sliding_window\":64," BASE "}}",
      "sssssfss", 64 },
    { "{\"model_type\":\"new\",\"sliding_window\":64,\"layer_types\":[\"full_attention\","
      "\"sliding_attention\",\"full_attention\",\"full_attention\",\"full_attention\","
      "\"full_attention\",\"full_attention\",\"sliding_attention\"]," BASE "}",
      "fsfffffs", 64 },
    { "{\"model_type\":\"new\",\"use_sliding_window\":false,\"sliding_window\":64," BASE "}",
      "ffffffff", 0 },
};

enum {
    WINDOW_CASES = sizeof(window_cases) / sizeof(window_cases[0])
};

static kvspan_model_config read_good(const char *text)
{
    kvspan_model_config model;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_msg(kvspan_model_config_read(text, strlen(text), &model, &error) == KVSPAN_OK,
                  "%s: %s", text, error.message);
    return model;
}

START_TEST(layers_slide_as_their_class_makes_them)
{
    const window_case *const given = &window_cases[_i];
    const kvspan_model_config model = read_good(given->text);

    ck_assert_uint_eq(model.layer_count, 8);
    for (uint32_t i = 0; i < model.layer_count; i++) {
        ck_assert_msg(model.window_tokens[i] == (given->layers[i] == 's' ? given->window : 0),
                      "%s: layer %u has window %u", given->text, i, model.window_tokens[i]);
    }
}
END_TEST

START_TEST(heads_and_dims_follow_from_what_is_there)
{
    static const struct {
        const char *text;
        uint32_t kv_heads;
        uint32_t key_dim;
        uint32_t value_dim;
    } cases[] = {
        { "{" BASE "}", 8, 64, 64 },
        { "{\"num_key_value_heads\":null,\"head_dim\":null," BASE "}", 8, 64, 64 },
        { "{\"num_key_value_heads\":2,\"head_dim\":80,\"v_head_dim\":48," BASE "}", 2, 80, 48 },
        { "{\"model_type\":\"falcon\"," BASE "}", 1, 64, 64 },
        { "{\"model_type\":\"falcon\",\"num_kv_heads\":4," BASE "}", 1, 64, 64 },
        { "{\"model_type\":\"falcon\",\"multi_query\":false," BASE "}", 8, 64, 64 },
        { "{\"model_type\":\"falcon\",\"new_decoder_architecture\":true,\"num_kv_heads\":4," BASE
          "}",
          4, 64, 64 },
        { "{\"model_type\":\"gemma2\"," BASE "}", 4, 256, 256 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const kvspan_model_config model = read_good(cases[i].text);

        ck_assert_msg(model.kv_heads == cases[i].kv_heads && model.key_dim == cases[i].key_dim &&
                          model.value_dim == cases[i].value_dim,
                      "%s: %u heads of %u and %u", cases[i].text, model.kv_heads, model.key_dim,
                      model.value_dim);
    }
}
END_TEST

START_TEST(what_cannot_be_read_names_key_and_value)
{
    static const struct {
        const char *text;
        kvspan_status status;
        const char *first;
        const char *second;
    } cases[] = {
        { "", KVSPAN_ERR_ARGUMENT, "line 1", "" },
        { "[]", KVSPAN_ERR_ARGUMENT, "no JSON object", "" },
        { "{}", KVSPAN_ERR_ARGUMENT, "num_hidden_layers", "missing" },
        { "{\"text_config\":3}", KVSPAN_ERR_ARGUMENT, "text_config", "no object" },
        { "{\"num_hidden_layers\":0}", KVSPAN_ERR_ARGUMENT, "num_hidden_layers", "0, not in [1" },
        { "{\"num_hidden_layers\":4097}", KVSPAN_ERR_ARGUMENT, "4097", "4096" },
        { "{\"num_hidden_layers\":\"8\"}", KVSPAN_ERR_ARGUMENT, "num_hidden_layers", "\"8\"" },
        { "{\"num_key_value_heads\":3," BASE "}", KVSPAN_ERR_ARGUMENT, "is 8", "3 kv heads" },
        { "{\"num_hidden_layers\":1,\"num_attention_heads\":7,\"hidden_size\":512}",
          KVSPAN_ERR_ARGUMENT, "hidden_size\" is 512", "7" },
        { "{\"head_dim\":1025," BASE "}", KVSPAN_ERR_ARGUMENT, "head_dim", "1025" },
        { "{\"layer_types\":[]," BASE "}", KVSPAN_ERR_ARGUMENT, "layer_types\" has 0", "8" },
        { "{\"model_type\":\"new\",\"sliding_window\":64," BASE "}", KVSPAN_ERR_UNSUPPORTED,
          "sliding_window\" is 64", "new" },
        { "{\"sliding_window\":-1," BASE "}", KVSPAN_ERR_ARGUMENT, "sliding_window", "-1" },
        { "{\"kv_lora_rank\":512," BASE "}", KVSPAN_ERR_UNSUPPORTED, "kv_lora_rank", "512" },
        { "{\"use_sliding_window\":1," BASE "}", KVSPAN_ERR_ARGUMENT, "use_sliding_window", "1" },
        { "{\"query_pre_attn_scalar\":-1," BASE "}", KVSPAN_ERR_ARGUMENT, "query_pre_attn_scalar",
          "-1" },
        { "{\"query_pre_attn_scalar\":1e-300," BASE "}", KVSPAN_ERR_ARGUMENT,
          "query_pre_attn_scalar", "1e-300" },
        { "{\"attn_logit_softcapping\":9e-7," BASE "}", KVSPAN_ERR_ARGUMENT,
          "attn_logit_softcapping", "9e-07" },
        { "{\"attn_logit_softcapping\":1000001," BASE "}", KVSPAN_ERR_ARGUMENT,
          "attn_logit_softcapping", "1e+06" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_model_config model = { .layer_count = 77 };
        kvspan_error error = { .status = KVSPAN_OK };

        ck_assert_msg(kvspan_model_config_read(cases[i].text, strlen(cases[i].text), &model,
                                               &error) == cases[i].status,
                      "%s: %s", cases[i].text, error.message);
        ck_assert_msg(strstr(error.message, cases[i].first) &&
                          strstr(error.message, cases[i].second),
                      "%s: \"%s\"", cases[i].text, error.message);
        ck_assert_uint_eq(model.layer_count, 77);
    }
}
END_TEST

static kvspan_model_config make_model(uint32_t layers, uint32_t full_every, uint32_t window)
{
    kvspan_model_config model = { .layer_count = layers,
                                  .q_heads = 32,
                                  .kv_heads = 16,
                                  .key_dim = 128,
                                  .value_dim = 128,
                                  .dtype = KVSPAN_BF16 };

    for (uint32_t i = 0; i < layers; i++) {
        model.window_tokens[i] = (i + 1) % full_every == 0 ? 0 : window;
    }
    return model;
}

/* Groups of a model, after checking that each layer is in just one, with its window. */
static uint32_t make_groups(const kvspan_model_config *model, kvspan_layer_group *groups,
                            uint32_t *layers)
{
    uint32_t count = 0;
    uint32_t seen[KVSPAN_MAX_LAYERS] = { 0 };

    ck_assert_int_eq(kvspan_model_config_groups(model, 0, 0, groups, layers, &count, NULL),
                     KVSPAN_OK);
    ck_assert_uint_le(count, KVSPAN_MAX_GROUPS);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < groups[i].layer_count; j++) {
            const uint32_t layer = groups[i].layers[j];

            ck_assert_uint_lt(layer, model->layer_count);
            ck_assert_uint_eq(groups[i].window_tokens, model->window_tokens[layer]);
            seen[layer]++;
        }
    }
    for (uint32_t i = 0; i < model->layer_count; i++) {
        ck_assert_msg(seen[i] == 1, "layer %u is in %u groups", i, seen[i]);
    }
    return count;
}

START_TEST(gemma_3_27b_has_ten_full_layers_and_sliding_ones_in_tens)
{
    static const uint32_t expected[] = { 10, 10, 10, 10, 10, 10, 2 };
    const kvspan_model_config model = make_model(62, 6, 1024);
    kvspan_layer_group groups[KVSPAN_MAX_GROUPS];
    uint32_t layers[KVSPAN_MAX_LAYERS];

    ck_assert_uint_eq(make_groups(&model, groups, layers), 7);
    for (uint32_t i = 0; i < 7; i++) {
        ck_assert_uint_eq(groups[i].layer_count, expected[i]);
        ck_assert_uint_eq(groups[i].window_tokens, i == 0 ? 0 : 1024);
    }
    ck_assert_uint_eq(groups[0].layers[0], 5);
    ck_assert_uint_eq(groups[0].planes[1].heads, 16);
    ck_assert_uint_eq(groups[0].q_heads, 32);
}
END_TEST

START_TEST(few_layers_of_a_kind_do_not_make_too_many_groups)
{
    const kvspan_model_config model = make_model(62, 62, 1024); /* 1 full, 61 sliding */
    kvspan_layer_group groups[KVSPAN_MAX_GROUPS];
    uint32_t layers[KVSPAN_MAX_LAYERS];
    kvspan_model_config many = { .layer_count = 17, .q_heads = 1, .kv_heads = 1 };
    kvspan_error error = { .status = KVSPAN_OK };
    uint32_t count = 77;

    ck_assert_uint_eq(make_groups(&model, groups, layers), 14); /* 1 + ceil(61 / 5) */
    ck_assert_uint_eq(groups[1].layer_count, 5);
    for (uint32_t i = 0; i < 17; i++) {
        many.window_tokens[i] = i + 1;
    }
    ck_assert_int_eq(kvspan_model_config_groups(&many, 0, 0, groups, layers, &count, &error),
                     KVSPAN_ERR_UNSUPPORTED);
    ck_assert_msg(strstr(error.message, "16"), "%s", error.message);
    many.layer_count = 0;
    ck_assert_int_eq(kvspan_model_config_groups(&many, 0, 0, groups, layers, &count, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(count, 77);
}
END_TEST

/* Pages of equal bytes for a sequence of T tokens, by closed form, against the bytes of just the
 * tokens that queries still see: windows begin anywhere in a page, so one page more is kept. */
static double memory_ratio(const kvspan_model_config *model, uint64_t tokens, uint64_t page_tokens)
{
    kvspan_layer_group groups[KVSPAN_MAX_GROUPS];
    uint32_t layers[KVSPAN_MAX_LAYERS];
    const uint32_t count = make_groups(model, groups, layers);
    uint64_t widest = 0;
    uint64_t pages = 0;
    uint64_t ideal = 0; /* tokens of one layer */

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t window = groups[i].window_tokens;
        const uint64_t kept = window && window < tokens ? window : tokens;

        widest = groups[i].layer_count > widest ? groups[i].layer_count : widest;
        pages += (kept - 1) / page_tokens + 1 + (kept < tokens);
        ideal += groups[i].layer_count * kept;
    }
    return (double)(pages * widest * page_tokens) / (double)ideal;
}

START_TEST(long_sequences_cost_little_more_than_what_is_seen)
{
    static const struct {
        const char *name;
        uint32_t layers;
        uint32_t full_every;
        uint32_t window;
        double most;
    } cases[] = {
        { "Gemma-3-27B", 62, 6, 1024, 1.02 }, { "Gemma-3-1B", 26, 6, 512, 1.02 },
        { "Gemma-2-27B", 46, 2, 4096, 1.02 }, { "gpt-oss-120b", 36, 2, 128, 1.02 },
        { "Llama-3.1-8B", 32, 1, 0, 1.0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const kvspan_model_config model =
            make_model(cases[i].layers, cases[i].full_every, cases[i].window);
        const double small = memory_ratio(&model, 131072, 16);
        const double large = memory_ratio(&model, 131072, 64);

        printf("%-14s 131072 tokens: %.4f of the ideal with pages of 16, %.4f of 64\n",
               cases[i].name, small, large);
        ck_assert_msg(small <= cases[i].most && large <= cases[i].most, "%s: %g, %g", cases[i].name,
                      small, large);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/model_groups");
    TCase *model = tcase_create("model");
    TCase *groups = tcase_create("groups");

    tcase_add_loop_test(model, layers_slide_as_their_class_makes_them, 0, WINDOW_CASES);
    tcase_add_test(model, heads_and_dims_follow_from_what_is_there);
    tcase_add_test(model, what_cannot_be_read_names_key_and_value);
    tcase_add_test(groups, gemma_3_27b_has_ten_full_layers_and_sliding_ones_in_tens);
    tcase_add_test(groups, few_layers_of_a_kind_do_not_make_too_many_groups);
    tcase_add_test(groups, long_sequences_cost_little_more_than_what_is_seen);
    suite_add_tcase(suite, model);
    suite_add_tcase(suite, groups);
    return suite_run(suite);
}
