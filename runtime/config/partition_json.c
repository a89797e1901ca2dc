#include "runtime/config/partition_json.h"

#include <string.h>

/* One field: a name, a list of names, or null for none. */
static kvspan_status read_field(const char *field, const kvspan_json *value,
                                kvspan_partition_axis *axis, kvspan_error *error)
{
    const char *names[KVSPAN_MESH_MAX_AXES] = { NULL };
    uint32_t count = 0;

    if (kvspan_json_is_array(value)) {
        const size_t length = kvspan_json_length(value);

        if (length > KVSPAN_MESH_MAX_AXES) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "partition axis field %s has %zu axes, at most %d", field, length,
                               KVSPAN_MESH_MAX_AXES);
        }
        for (; count < length; count++) {
            names[count] = kvspan_json_text(kvspan_json_element(value, count));
            if (!names[count]) {
                return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                                   "partition axis field %s: element %u is no axis name", field,
                                   count);
            }
        }
    } else if (!kvspan_json_is_null(value)) {
        names[count++] = kvspan_json_text(value);
        if (!names[0]) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "partition axis field %s is neither an axis name, a list of them "
                               "nor null",
                               field);
        }
    }
    return kvspan_partition_axis_set(axis, field, names, count, error);
}

kvspan_status kvspan_partition_axis_read(const char *text, kvspan_partition_axis *axis_out,
                                         kvspan_error *error)
{
    kvspan_partition_axis axis;
    kvspan_json *json = NULL;
    kvspan_json *value = NULL;
    const char *field;
    kvspan_status status;

    kvspan_partition_axis_init(&axis);
    if (!text || !*text) {
        *axis_out = axis;
        return KVSPAN_OK;
    }
    status = kvspan_json_parse(text, strlen(text), &json, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    if (!kvspan_json_is_object(json)) {
        status = kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                             "the partition axis is no JSON object: %.100s", text);
    }
    for (size_t i = 0; status == KVSPAN_OK && (field = kvspan_json_key(json, i, &value)); i++) {
        status = read_field(field, value, &axis, error);
    }
    kvspan_json_free(json);
    if (status == KVSPAN_OK) {
        *axis_out = axis;
    }
    return status;
}

static bool add_field(kvspan_json *json, const char *field, const kvspan_axis_names *value)
{
    kvspan_json *list;

    if (value->count == 0) {
        return kvspan_json_add_null(json, field);
    }
    if (value->count == 1) {
        return kvspan_json_add_text(json, field, value->names[0]);
    }
    list = kvspan_json_array();
    for (uint32_t i = 0; i < value->count; i++) {
        if (!kvspan_json_append_text(list, value->names[i])) {
            kvspan_json_free(list);
            return false;
        }
    }
    return kvspan_json_add(json, field, list);
}

kvspan_json *kvspan_partition_axis_write(const kvspan_partition_axis *axis)
{
    kvspan_json *const json = kvspan_json_object();

    for (uint32_t field = 0; field < KVSPAN_PARTITION_FIELDS; field++) {
        if (!add_field(json, kvspan_partition_field_name(field), &axis->values[field])) {
            kvspan_json_free(json);
            return NULL;
        }
    }
    return json;
}
