#include "runtime/json.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOWN_TEXT_BYTES = 32,             /* of a text in an error message */
    SHOWN_BYTES = SHOWN_TEXT_BYTES + 8 /* of any value: a number has at most 25 */
};

static json_t *value_of(const kvspan_json *json)
{
    return (json_t *)json;
}

static kvspan_status fail_parse(const json_error_t *reason, kvspan_error *error)
{
    const char *limit = "";

    if (json_error_code(reason) == json_error_numeric_overflow) {
        limit = "; whole numbers are in [-9223372036854775808, 9223372036854775807], "
                "others below 1.8e308";
    } else if (json_error_code(reason) == json_error_stack_overflow) {
        limit = "; values may be nested 2048 deep";
    }
    return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "line %d, column %d: %s%s", reason->line,
                       reason->column, reason->text, limit);
}

kvspan_status kvspan_json_parse(const char *text, size_t length, kvspan_json **json_out,
                                kvspan_error *error)
{
    json_error_t reason;
    json_t *value;

    if (length > KVSPAN_JSON_MAX_BYTES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%zu bytes of JSON, at most %d are read",
                           length, KVSPAN_JSON_MAX_BYTES);
    }
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &reason);
    if (!value) {
        return fail_parse(&reason, error);
    }
    *json_out = (kvspan_json *)value;
    return KVSPAN_OK;
}

void kvspan_json_free(kvspan_json *json)
{
    json_decref(value_of(json));
}

bool kvspan_json_is_object(const kvspan_json *json)
{
    return json_is_object(value_of(json));
}

bool kvspan_json_is_array(const kvspan_json *json)
{
    return json_is_array(value_of(json));
}

bool kvspan_json_is_null(const kvspan_json *json)
{
    return json_is_null(value_of(json));
}

kvspan_json *kvspan_json_member(const kvspan_json *json, const char *key)
{
    return (kvspan_json *)json_object_get(value_of(json), key);
}

const char *kvspan_json_key(const kvspan_json *json, size_t index, kvspan_json **value_out)
{
    json_t *object = value_of(json);
    void *place = json_object_iter(object);

    for (size_t i = 0; place && i < index; i++) {
        place = json_object_iter_next(object, place);
    }
    if (!place) {
        return NULL;
    }
    *value_out = (kvspan_json *)json_object_iter_value(place);
    return json_object_iter_key(place);
}

size_t kvspan_json_length(const kvspan_json *json)
{
    return json_array_size(value_of(json));
}

kvspan_json *kvspan_json_element(const kvspan_json *json, size_t index)
{
    return (kvspan_json *)json_array_get(value_of(json), index);
}

const char *kvspan_json_text(const kvspan_json *json)
{
    return json_string_value(value_of(json));
}

/* Spells a value for an error message; a long text is cut. */
static const char *show_value(const json_t *value, char shown[SHOWN_BYTES])
{
    size_t bytes;

    if (json_is_object(value)) {
        return "an object";
    }
    if (json_is_array(value)) {
        return "an array";
    }
    if (json_is_string(value)) {
        (void)snprintf(shown, SHOWN_BYTES, "\"%.*s%s\"", SHOWN_TEXT_BYTES, json_string_value(value),
                       json_string_length(value) > SHOWN_TEXT_BYTES ? "..." : "");
        return shown;
    }
    bytes = json_dumpb(value, shown, SHOWN_BYTES - 1, JSON_ENCODE_ANY);
    if (bytes == 0 || bytes > SHOWN_BYTES - 1) {
        return "a value";
    }
    shown[bytes] = '\0';
    return shown;
}

/* The member, or NULL with *status telling whether its absence matters. */
static json_t *find_member(const kvspan_json *object, const char *key, bool is_required,
                           kvspan_status *status, kvspan_error *error)
{
    json_t *value;

    *status = KVSPAN_OK;
    if (!json_is_object(value_of(object))) {
        *status =
            kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "not an object, so it has no \"%s\"", key);
        return NULL;
    }
    value = json_object_get(value_of(object), key);
    if (!value && is_required) {
        *status = kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"%s\" is missing", key);
    }
    return value;
}

kvspan_status kvspan_json_integer(const kvspan_json *object, const char *key, int64_t low,
                                  int64_t high, bool is_required, int64_t *value_out,
                                  kvspan_error *error)
{
    char shown[SHOWN_BYTES];
    kvspan_status status;
    const json_t *value = find_member(object, key, is_required, &status, error);

    if (!value) {
        return status;
    }
    if (!json_is_integer(value)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "\"%s\" is %s, not a whole number in [%lld, %lld]", key,
                           show_value(value, shown), (long long)low, (long long)high);
    }
    if (json_integer_value(value) < low || json_integer_value(value) > high) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"%s\" is %lld, not in [%lld, %lld]", key,
                           (long long)json_integer_value(value), (long long)low, (long long)high);
    }
    *value_out = json_integer_value(value);
    return KVSPAN_OK;
}

kvspan_status kvspan_json_real(const kvspan_json *object, const char *key, bool is_required,
                               double *value_out, kvspan_error *error)
{
    char shown[SHOWN_BYTES];
    kvspan_status status;
    const json_t *value = find_member(object, key, is_required, &status, error);

    if (!value) {
        return status;
    }
    if (!json_is_number(value)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"%s\" is %s, not a number", key,
                           show_value(value, shown));
    }
    *value_out = json_number_value(value);
    return KVSPAN_OK;
}

kvspan_status kvspan_json_boolean(const kvspan_json *object, const char *key, bool is_required,
                                  bool *value_out, kvspan_error *error)
{
    char shown[SHOWN_BYTES];
    kvspan_status status;
    const json_t *value = find_member(object, key, is_required, &status, error);

    if (!value) {
        return status;
    }
    if (!json_is_boolean(value)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"%s\" is %s, neither true nor false", key,
                           show_value(value, shown));
    }
    *value_out = json_is_true(value);
    return KVSPAN_OK;
}

kvspan_json *kvspan_json_object(void)
{
    return (kvspan_json *)json_object();
}

static bool add_member(kvspan_json *object, const char *key, json_t *value)
{
    return json_object_set_new(value_of(object), key, value) == 0;
}

bool kvspan_json_add_integer(kvspan_json *object, const char *key, int64_t value)
{
    return add_member(object, key, json_integer(value));
}

bool kvspan_json_add_real(kvspan_json *object, const char *key, double value)
{
    return add_member(object, key, isfinite(value) ? json_real(value) : json_null());
}

/* A text; bytes that are not UTF-8 become '?'. */
static json_t *make_text(const char *value)
{
    json_t *text = json_string(value);

    if (!text) {
        /* Refused as UTF-8: keep what is ASCII. */
        char *copy = strdup(value);

        for (char *byte = copy; byte && *byte; byte++) {
            if ((unsigned char)*byte >= 0x80) {
                *byte = '?';
            }
        }
        text = copy ? json_string(copy) : NULL;
        free(copy);
    }
    return text;
}

bool kvspan_json_add_text(kvspan_json *object, const char *key, const char *value)
{
    return add_member(object, key, make_text(value));
}

bool kvspan_json_add_null(kvspan_json *object, const char *key)
{
    return add_member(object, key, json_null());
}

bool kvspan_json_add(kvspan_json *object, const char *key, kvspan_json *value)
{
    return add_member(object, key, value_of(value));
}

kvspan_json *kvspan_json_array(void)
{
    return (kvspan_json *)json_array();
}

bool kvspan_json_append(kvspan_json *array, kvspan_json *value)
{
    return json_array_append_new(value_of(array), value_of(value)) == 0;
}

bool kvspan_json_append_text(kvspan_json *array, const char *value)
{
    return json_array_append_new(value_of(array), make_text(value)) == 0;
}

char *kvspan_json_write(const kvspan_json *json)
{
    return json_dumps(value_of(json), JSON_COMPACT | JSON_ENCODE_ANY);
}
