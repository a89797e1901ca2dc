#include "runtime/config/metadata_parts.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A description's whole numbers. */
typedef struct number_key {
    const char *key;
    size_t offset; /* of its int64_t */
    bool is_derived;
} number_key;

static const number_key numbers[] = {
    { "batch_size", offsetof(kvspan_metadata_config, slot_count), false },
    { "num_hidden_layers", offsetof(kvspan_metadata_config, layer_count), false },
    { "num_pages_per_layer", offsetof(kvspan_metadata_config, page_count), true },
    { "num_pages_per_sequence", offsetof(kvspan_metadata_config, pages_per_sequence), true },
    { "max_sequences", offsetof(kvspan_metadata_config, max_sequence_tokens), false },
    { "page_size", offsetof(kvspan_metadata_config, page_tokens), false },
    { "num_kv_heads", offsetof(kvspan_metadata_config, kv_heads), false },
    { "kv_head_dim_size", offsetof(kvspan_metadata_config, dim), false },
    { "hbm_bytes", offsetof(kvspan_metadata_config, usable_bytes), true },
};

enum {
    NUMBER_COUNT = sizeof(numbers) / sizeof(numbers[0]),
    FIRST_NUMBERS = NUMBER_COUNT - 1 /* the last one is written behind hbm_utilization */
};

static bool is_known(const char *key)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (strcmp(key, numbers[i].key) == 0) {
            return true;
        }
    }
    return strcmp(key, "partition_axis") == 0 || strcmp(key, "dtype") == 0 ||
           strcmp(key, "hbm_utilization") == 0;
}

static kvspan_status refuse_unknown(const kvspan_json *json, kvspan_error *error)
{
    kvspan_json *value = NULL;
    const char *key;

    for (size_t i = 0; (key = kvspan_json_key(json, i, &value)); i++) {
        if (!is_known(key)) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"%.60s\" is no field of a description",
                               key);
        }
    }
    return KVSPAN_OK;
}

static kvspan_status read_dtype(const kvspan_json *json, kvspan_dtype *dtype, kvspan_error *error)
{
    const kvspan_json *const value = kvspan_json_member(json, "dtype");
    const char *text;

    if (!value) {
        return KVSPAN_OK;
    }
    text = kvspan_json_text(value);
    for (int i = KVSPAN_BF16; text && i <= KVSPAN_I8; i++) {
        if (strcmp(text, kvspan_dtype_name((kvspan_dtype)i)) == 0) {
            *dtype = (kvspan_dtype)i;
            return KVSPAN_OK;
        }
    }
    return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                       "\"dtype\" is %.40s, none of bfloat16, float16, float32, float8_e4m3, "
                       "float8_e5m2, int8",
                       text ? text : "no text");
}

static kvspan_status read_numbers(const kvspan_json *json, bool is_complete,
                                  kvspan_metadata_config *config, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (size_t i = 0; status == KVSPAN_OK && i < NUMBER_COUNT; i++) {
        int64_t *const number = (int64_t *)((char *)config + numbers[i].offset);

        status = kvspan_json_integer(json, numbers[i].key, INT64_MIN, INT64_MAX,
                                     is_complete && !numbers[i].is_derived, number, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_json_real(json, "hbm_utilization", is_complete, &config->memory_utilization,
                                  error);
    }
    return status;
}

static kvspan_status read_object(const kvspan_json *json, bool is_complete, bool ignores_unknown,
                                 kvspan_metadata_config *config, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    if (!kvspan_json_is_object(json)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the description is no JSON object");
    }
    if (!ignores_unknown) {
        status = refuse_unknown(json, error);
    }
    if (status == KVSPAN_OK) {
        status = read_numbers(json, is_complete, config, error);
    }
    if (status == KVSPAN_OK) {
        status = read_dtype(json, &config->dtype, error);
    }
    return status;
}

kvspan_status kvspan_metadata_parse(const char *text, size_t length, bool is_complete,
                                    bool ignores_unknown, kvspan_metadata_config *config,
                                    char **partition_axis_out, kvspan_error *error)
{
    kvspan_metadata_config read = *config;
    char *partition_axis = NULL;
    const kvspan_json *axis;
    kvspan_json *json = NULL;
    kvspan_status status;

    if (!text) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "text is NULL for %zu bytes", length);
    }
    status = kvspan_json_parse(text, length, &json, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status = read_object(json, is_complete, ignores_unknown, &read, error);
    axis = kvspan_json_member(json, "partition_axis");
    if (status == KVSPAN_OK && axis) {
        read.partition_axis = NULL; /* null: the defaults */
        if (!kvspan_json_is_null(axis)) {
            partition_axis = kvspan_json_write(axis);
            read.partition_axis = partition_axis;
            if (!partition_axis) {
                status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a partition axis");
            }
        }
    }
    kvspan_json_free(json);
    if (status == KVSPAN_OK) {
        *config = read;
        *partition_axis_out = partition_axis;
    }
    return status;
}

static bool add_number(kvspan_json *json, const kvspan_metadata_config *config, size_t index)
{
    const char *const fields = (const char *)config;

    return kvspan_json_add_integer(json, numbers[index].key,
                                   *(const int64_t *)(fields + numbers[index].offset));
}

static bool add_all(kvspan_json *json, const kvspan_metadata_config *config,
                    const kvspan_partition_axis *axis)
{
    bool added = kvspan_json_add(json, "partition_axis", kvspan_partition_axis_write(axis)) &&
                 kvspan_json_add_text(json, "dtype", kvspan_dtype_name(config->dtype));

    for (size_t i = 0; added && i < FIRST_NUMBERS; i++) {
        added = add_number(json, config, i);
    }
    return added && kvspan_json_add_real(json, "hbm_utilization", config->memory_utilization) &&
           add_number(json, config, FIRST_NUMBERS);
}

char *kvspan_metadata_text(const kvspan_metadata_config *config, const kvspan_partition_axis *axis)
{
    kvspan_json *const json = kvspan_json_object();
    char *const text = add_all(json, config, axis) ? kvspan_json_write(json) : NULL;

    kvspan_json_free(json);
    return text;
}
