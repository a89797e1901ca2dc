#include "support/suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kvspan/model_config.h>

/* One file, by hand: a layer i has no window if i + 1 is a multiple of `full_every`; 0: none is
 * without. */
typedef struct expected_model {
    const char *name;
    uint32_t layers;
    uint32_t q_heads;
    uint32_t kv_heads;
    uint32_t key_dim;
    uint32_t value_dim;
    uint32_t window;
    uint32_t full_every;
    double soft_cap;
} expected_model;

static const expected_model models[] = {
    { "Aya-23-8B", 32, 32, 8, 128, 128, 0, 1, 0 },
    { "Command-R-v01", 40, 64, 64, 128, 128, 0, 1, 0 },
    { "Falcon-40B", 60, 128, 8, 64, 64, 0, 1, 0 },
    { "Gemma-2-27B", 46, 32, 16, 128, 128, 4096, 2, 50 },
    { "Gemma-2-9B", 42, 16, 8, 256, 256, 4096, 2, 50 },
    { "Gemma-3-1B", 26, 4, 1, 256, 256, 512, 6, 0 },
    { "Gemma-3-27B", 62, 32, 16, 128, 128, 1024, 6, 0 },
    { "Llama-2-13B", 40, 40, 40, 128, 128, 0, 1, 0 },
    { "Llama-2-70B", 80, 64, 8, 128, 128, 0, 1, 0 },
    { "Llama-2-7B", 32, 32, 32, 128, 128, 0, 1, 0 },
    { "Llama-3-70B", 80, 64, 8, 128, 128, 0, 1, 0 },
    { "Llama-3-8B", 32, 32, 8, 128, 128, 0, 1, 0 },
    { "Llama-3.1-405B", 126, 128, 8, 128, 128, 0, 1, 0 },
    { "Llama-3.1-70B", 80, 64, 8, 128, 128, 0, 1, 0 },
    { "Llama-3.1-8B", 32, 32, 8, 128, 128, 0, 1, 0 },
    { "Llama-3.2-1B", 16, 32, 8, 64, 64, 0, 1, 0 },
    { "Llama-3.2-3B", 28, 24, 8, 128, 128, 0, 1, 0 },
    { "Mistral-7B-v0.1", 32, 32, 8, 128, 128, 4096, 0, 0 },
    { "Mistral-7B-v0.3", 32, 32, 8, 128, 128, 0, 1, 0 },
    { "Mixtral-8x22B-v0.1", 56, 48, 8, 128, 128, 0, 1, 0 },
    { "Mixtral-8x7B-v0.1", 32, 32, 8, 128, 128, 0, 1, 0 },
    { "Phi-3-mini-4k", 32, 32, 32, 96, 96, 2047, 0, 0 },
    { "Phi-3.5-mini", 32, 32, 32, 96, 96, 262144, 0, 0 },
    { "Phi-4", 40, 40, 10, 128, 128, 0, 1, 0 },
    { "Qwen2.5-3B", 36, 16, 2, 128, 128, 0, 1, 0 },
    { "Qwen2.5-72B", 80, 64, 8, 128, 128, 0, 1, 0 },
    { "Qwen2.5-7B", 28, 28, 4, 128, 128, 0, 1, 0 },
    { "Qwen3-30B-A3B", 48, 32, 4, 128, 128, 0, 1, 0 },
    { "Qwen3-32B", 64, 64, 8, 128, 128, 0, 1, 0 },
    { "Qwen3-8B", 36, 32, 8, 128, 128, 0, 1, 0 },
    { "SmolLM2-1.7B", 24, 32, 32, 64, 64, 0, 1, 0 },
    { "SmolLM2-135M", 30, 9, 3, 64, 64, 0, 1, 0 },
    { "SmolLM2-360M", 32, 15, 5, 64, 64, 0, 1, 0 },
    { "TinyLlama-1.1B", 22, 32, 4, 64, 64, 0, 1, 0 },
    { "gpt-oss-120b", 36, 64, 8, 64, 64, 128, 2, 0 },
};

static const char *const latent_models[] = { "DeepSeek-V2-Lite", "DeepSeek-V3", "DeepSeek-V3.2" };

enum {
    MODEL_COUNT = sizeof(models) / sizeof(models[0]),
    LATENT_COUNT = sizeof(latent_models) / sizeof(latent_models[0]),
    TEXT_BYTES = 65536,
    PATH_BYTES = 4096
};

static kvspan_status read_file(const char *name, kvspan_model_config *model_out,
                               kvspan_error *error)
{
    static const char suffix[] = ".json";
    char path[PATH_BYTES];
    char *const text = malloc(TEXT_BYTES);
    FILE *file;
    size_t length;
    kvspan_status status;

    (void)snprintf(path, sizeof(path), "%s/models/%s%s", getenv("KVSPAN_TEST_DATA"), name, suffix);
    file = fopen(path, "rb");
    ck_assert_msg(file && text, "cannot read %s", path);
    length = fread(text, 1, TEXT_BYTES, file);
    (void)fclose(file);
    ck_assert_uint_lt(length, TEXT_BYTES);
    status = kvspan_model_config_read(text, length, model_out, error);
    free(text);
    return status;
}

START_TEST(every_file_has_the_geometry_of_its_model)
{
    const expected_model *const expected = &models[_i];
    kvspan_model_config model;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_msg(read_file(expected->name, &model, &error) == KVSPAN_OK, "%s: %s", expected->name,
                  error.message);
    ck_assert_msg(model.layer_count == expected->layers && model.q_heads == expected->q_heads &&
                      model.kv_heads == expected->kv_heads && model.key_dim == expected->key_dim &&
                      model.value_dim == expected->value_dim,
                  "%s: %u layers, %u and %u heads, dims %u and %u", expected->name,
                  model.layer_count, model.q_heads, model.kv_heads, model.key_dim, model.value_dim);
    ck_assert_msg((double)model.soft_cap == expected->soft_cap, "%s: soft cap %g", expected->name,
                  (double)model.soft_cap);
    for (uint32_t i = 0; i < model.layer_count; i++) {
        const bool is_full = expected->full_every && (i + 1) % expected->full_every == 0;

        ck_assert_msg(model.window_tokens[i] == (is_full ? 0 : expected->window),
                      "%s: layer %u has window %u", expected->name, i, model.window_tokens[i]);
    }
}
END_TEST

START_TEST(latent_models_are_refused_by_their_key)
{
    kvspan_model_config model = { .layer_count = 77 };
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(read_file(latent_models[_i], &model, &error), KVSPAN_ERR_UNSUPPORTED);
    ck_assert_msg(strstr(error.message, "\"kv_lora_rank\" is 512"), "%s", error.message);
    ck_assert_uint_eq(model.layer_count, 77);
}
END_TEST

/* A file that the tables above do not know would be a file that nobody has looked at. */
START_TEST(the_tables_have_all_files)
{
    char path[PATH_BYTES];
    DIR *folder;
    uint32_t count = 0;

    (void)snprintf(path, sizeof(path), "%s/models", getenv("KVSPAN_TEST_DATA"));
    folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        count += strstr(entry->d_name, ".json") != NULL;
    }
    (void)closedir(folder);
    ck_assert_uint_eq(count, MODEL_COUNT + LATENT_COUNT);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *files;

    if (!getenv("KVSPAN_TEST_DATA")) {
        printf("KVSPAN_TEST_DATA is not set: skipped\n");
        return TEST_SKIPPED;
    }
    suite = suite_create("runtime/model_config");
    files = tcase_create("files");
    tcase_add_loop_test(files, every_file_has_the_geometry_of_its_model, 0, MODEL_COUNT);
    tcase_add_loop_test(files, latent_models_are_refused_by_their_key, 0, LATENT_COUNT);
    tcase_add_test(files, the_tables_have_all_files);
    suite_add_tcase(suite, files);
    return suite_run(suite);
}
