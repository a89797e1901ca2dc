#include "support/suite.h"

#include "launch/run_model.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Gemma-3 in small: every third layer sees everything. */
static const char small_gemma[] =
    "{\"model_type\": \"gemma3_text\", \"num_hidden_layers\": 7, \"num_attention_heads\": 8,"
    " \"num_key_value_heads\": 2, \"head_dim\": 32, \"hidden_size\": 64, \"sliding_window\": 40,"
    " \"sliding_window_pattern\": 3, \"query_pre_attn_scalar\": 64, \"torch_dtype\": \"float16\","
    " \"attn_logit_softcapping\": 20.0, \"max_position_embeddings\": 1000}";

static const char path[] = "test_run_model_config.json";

static void write_file(const char *text)
{
    FILE *const file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Nothing is given. */
static kvspan_run_options no_options(void)
{
    return (kvspan_run_options){ .window_tokens = -1, .soft_cap = -1 };
}

static void choose(const kvspan_run_options *options, kvspan_run_model *model)
{
    kvspan_error error = { 0 };

    memset(model, 0, sizeof(*model));
    ck_assert_msg(kvspan_run_model_choose(options, model, &error) == KVSPAN_OK, "%s",
                  error.message);
}

static void choose_gemma(kvspan_run_options *options, kvspan_run_model *model)
{
    write_file(small_gemma);
    options->model_path = path;
    choose(options, model);
    ck_assert_int_eq(unlink(path), 0);
}

/* Fails the test unless options are refused in words that contain both texts. */
static void expect_refused(const kvspan_run_options *options, kvspan_status status,
                           const char *first, const char *second)
{
    static kvspan_run_model model;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_run_model_choose(options, &model, &error), status);
    ck_assert_msg(strstr(error.message, first) != NULL, "\"%s\" has no \"%s\"", error.message,
                  first);
    ck_assert_msg(strstr(error.message, second) != NULL, "\"%s\" has no \"%s\"", error.message,
                  second);
}

/* Windows of the layers, and what the groups make of them. */
static void expect_windows(const kvspan_run_model *model, const uint32_t *windows)
{
    uint32_t layers = 0;

    for (uint32_t layer = 0; layer < model->shape.layer_count; layer++) {
        ck_assert_uint_eq(model->shape.window_tokens[layer], windows[layer]);
    }
    for (uint32_t group = 0; group < model->group_count; group++) {
        for (uint32_t i = 0; i < model->groups[group].layer_count; i++) {
            const uint32_t layer = model->groups[group].layers[i];

            ck_assert_uint_eq(model->groups[group].window_tokens, windows[layer]);
            layers++;
        }
    }
    ck_assert_uint_eq(layers, model->shape.layer_count);
}

START_TEST(without_a_file_a_small_model_of_one_group_is_played)
{
    static kvspan_run_model model;
    const kvspan_run_options options = no_options();

    choose(&options, &model);
    ck_assert_uint_eq(model.shape.layer_count, 2);
    ck_assert_uint_eq(model.shape.q_heads, 16);
    ck_assert_uint_eq(model.shape.kv_heads, 4);
    ck_assert_uint_eq(model.shape.key_dim, 64);
    ck_assert_uint_eq(model.shape.value_dim, 64);
    ck_assert_int_eq(model.shape.dtype, KVSPAN_BF16);
    ck_assert_int_eq(model.kv_dtype, KVSPAN_BF16);
    ck_assert_uint_eq(model.group_count, 1);
    ck_assert_uint_eq(model.groups[0].planes[0].scale_tokens, 0);
    expect_windows(&model, (const uint32_t[]){ 0, 0 });
}
END_TEST

START_TEST(a_file_gives_all_that_is_not_given)
{
    static kvspan_run_model model;
    kvspan_run_options options = no_options();

    choose_gemma(&options, &model);
    ck_assert_uint_eq(model.shape.q_heads, 8);
    ck_assert_uint_eq(model.shape.kv_heads, 2);
    ck_assert_uint_eq(model.shape.key_dim, 32);
    ck_assert_uint_eq(model.shape.value_dim, 32);
    ck_assert_int_eq(model.shape.dtype, KVSPAN_F16);
    ck_assert_int_eq(model.kv_dtype, KVSPAN_F16);
    ck_assert(model.shape.scale == 0.125f);
    ck_assert(model.shape.soft_cap == 20.0f);
    ck_assert_uint_eq(model.group_count, 4); /* 2 full, then 2, 2, 1 that slide */
    expect_windows(&model, (const uint32_t[]){ 40, 40, 0, 40, 40, 0, 40 });
}
END_TEST

START_TEST(what_is_given_goes_before_the_file)
{
    static kvspan_run_model model;
    kvspan_run_options options = no_options();

    options.layer_count = 4;
    options.q_heads = 12;
    options.kv_heads = 3;
    options.head_dim = 16;
    options.value_dim = 24;
    options.dtype = KVSPAN_BF16;
    options.kv_dtype = KVSPAN_F8E5M2;
    options.soft_cap = 0;
    choose_gemma(&options, &model);
    ck_assert_uint_eq(model.shape.layer_count, 4);
    ck_assert_uint_eq(model.groups[0].q_heads, 12);
    ck_assert_uint_eq(model.groups[0].planes[0].heads, 3);
    ck_assert_uint_eq(model.groups[0].planes[0].dim, 16);
    ck_assert_uint_eq(model.groups[0].planes[1].dim, 24);
    ck_assert_int_eq(model.shape.dtype, KVSPAN_BF16);
    ck_assert_int_eq(model.groups[0].planes[0].dtype, KVSPAN_F8E5M2);
    ck_assert_int_eq(model.groups[0].planes[1].dtype, KVSPAN_F8E5M2);
    ck_assert_uint_eq(model.groups[0].planes[1].scale_tokens, 1);
    ck_assert(model.shape.soft_cap == 0.0f);
    expect_windows(&model, (const uint32_t[]){ 40, 40, 0, 40 });
}
END_TEST

START_TEST(a_head_dim_is_of_keys_and_values)
{
    static kvspan_run_model model;
    kvspan_run_options options = no_options();

    options.head_dim = 16;
    choose_gemma(&options, &model);
    ck_assert_uint_eq(model.shape.key_dim, 16);
    ck_assert_uint_eq(model.shape.value_dim, 16);
}
END_TEST

START_TEST(a_window_is_for_the_layers_that_slide)
{
    static kvspan_run_model model;
    kvspan_run_options options = no_options();

    options.window_tokens = 9;
    choose_gemma(&options, &model);
    expect_windows(&model, (const uint32_t[]){ 9, 9, 0, 9, 9, 0, 9 });
    options.full_every = 2;
    choose_gemma(&options, &model);
    expect_windows(&model, (const uint32_t[]){ 9, 0, 9, 0, 9, 0, 9 });
    options.full_every = 0;
    options.window_tokens = 0;
    choose_gemma(&options, &model);
    expect_windows(&model, (const uint32_t[7]){ 0 });
    ck_assert_uint_eq(model.group_count, 1);
}
END_TEST

START_TEST(without_a_file_all_layers_slide_but_every_nth)
{
    static kvspan_run_model model;
    kvspan_run_options options = no_options();

    options.layer_count = 5;
    options.window_tokens = 7;
    choose(&options, &model);
    expect_windows(&model, (const uint32_t[]){ 7, 7, 7, 7, 7 });
    options.full_every = 2;
    choose(&options, &model);
    expect_windows(&model, (const uint32_t[]){ 7, 0, 7, 0, 7 });
    ck_assert_uint_eq(model.group_count, 3);
}
END_TEST

START_TEST(a_model_that_cannot_be_kept_is_refused_by_file_and_key)
{
    kvspan_run_options options = no_options();

    options.model_path = path;
    write_file("{\"model_type\": \"deepseek_v3\", \"num_hidden_layers\": 2,"
               " \"num_attention_heads\": 4, \"kv_lora_rank\": 512}");
    expect_refused(&options, KVSPAN_ERR_UNSUPPORTED, path, "kv_lora_rank");
    write_file("{\"num_hidden_layers\": ");
    expect_refused(&options, KVSPAN_ERR_ARGUMENT, "--model", path);
    ck_assert_int_eq(unlink(path), 0);
    expect_refused(&options, KVSPAN_ERR_IO, path, "cannot be opened");
}
END_TEST

START_TEST(options_that_do_not_go_with_the_model_are_refused_with_both_numbers)
{
    kvspan_run_options options = no_options();

    options.q_heads = 10;
    expect_refused(&options, KVSPAN_ERR_ARGUMENT, "10 query heads", "4 kv heads");
    options = no_options();
    options.model_path = path;
    options.layer_count = 8;
    write_file(small_gemma);
    expect_refused(&options, KVSPAN_ERR_ARGUMENT, "--layers is 8", "has 7");
    options.layer_count = 0;
    options.kv_heads = 3;
    expect_refused(&options, KVSPAN_ERR_ARGUMENT, "8 query heads", "3 kv heads");
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/run_model");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, without_a_file_a_small_model_of_one_group_is_played);
    tcase_add_test(unit, a_file_gives_all_that_is_not_given);
    tcase_add_test(unit, what_is_given_goes_before_the_file);
    tcase_add_test(unit, a_head_dim_is_of_keys_and_values);
    tcase_add_test(unit, a_window_is_for_the_layers_that_slide);
    tcase_add_test(unit, without_a_file_all_layers_slide_but_every_nth);
    tcase_add_test(unit, a_model_that_cannot_be_kept_is_refused_by_file_and_key);
    tcase_add_test(unit, options_that_do_not_go_with_the_model_are_refused_with_both_numbers);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
