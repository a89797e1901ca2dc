#include "sharding/mesh.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    DEFAULT_AXES = 5
};

static const char *const default_names[DEFAULT_AXES] = { "dp", "fsdp", "ep", "tp", "sp" };
static const int64_t default_sizes[DEFAULT_AXES] = { 1, 1, 1, -1, 1 };

/* The axes of a text while it is read. */
typedef struct axis_list {
    uint32_t count;
    char names[KVSPAN_MESH_MAX_AXES][KVSPAN_AXIS_NAME_BYTES];
    int64_t sizes[KVSPAN_MESH_MAX_AXES];
} axis_list;

/* Reads all of digits[0 .. length) as a signed decimal number. */
static kvspan_status read_size(const char *digits, size_t length, int64_t *size,
                               kvspan_error *error)
{
    const bool is_negative = length > 0 && digits[0] == '-';
    int64_t value = 0;
    size_t i = is_negative;

    if (i == length) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "mesh size \"%.*s\" is not a number",
                           (int)length, digits);
    }
    for (; i < length; i++) {
        const int digit = digits[i] - '0';
        const int shown = length < 40 ? (int)length : 40;

        if (digit < 0 || digit > 9) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "mesh size \"%.*s\" is not a number",
                               shown, digits);
        }
        if (value > (INT64_MAX - digit) / 10) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "mesh size %.*s is above %lld", shown,
                               digits, (long long)INT64_MAX);
        }
        value = value * 10 + digit;
    }
    *size = is_negative ? -value : value;
    return KVSPAN_OK;
}

/* Reads "name:size", or a lone size if is_positional, from part[0 .. length). */
static kvspan_status read_part(const char *part, size_t length, bool is_positional, axis_list *list,
                               kvspan_error *error)
{
    const char *const colon = memchr(part, ':', length);
    const size_t name_bytes = colon ? (size_t)(colon - part) : 0;
    const uint32_t most_axes = is_positional ? DEFAULT_AXES : KVSPAN_MESH_MAX_AXES;

    if (list->count == most_axes) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the mesh has more than %u axes", most_axes);
    }
    if (is_positional) {
        return read_size(part, length, &list->sizes[list->count++], error);
    }
    if (!colon) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "mesh part \"%.*s\" is not name:size",
                           length < 40 ? (int)length : 40, part);
    }
    if (name_bytes >= KVSPAN_AXIS_NAME_BYTES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "mesh axis name \"%.40s\" has %zu bytes; at most %d are possible", part,
                           name_bytes, KVSPAN_AXIS_NAME_BYTES - 1);
    }
    memcpy(list->names[list->count], part, name_bytes);
    return read_size(colon + 1, length - name_bytes - 1, &list->sizes[list->count++], error);
}

static kvspan_status read_parts(const char *text, bool is_positional, axis_list *list,
                                kvspan_error *error)
{
    const char *part = text;

    for (;;) {
        const size_t length = strcspn(part, ",");
        const kvspan_status status = read_part(part, length, is_positional, list, error);

        if (status != KVSPAN_OK || part[length] == '\0') {
            return status;
        }
        part += length + 1;
    }
}

static bool is_listed(const axis_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_default_name(const char *name)
{
    for (uint32_t i = 0; i < DEFAULT_AXES; i++) {
        if (strcmp(default_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Where all names are default names, the default axes not named follow with size 1. */
static void append_defaults(axis_list *list)
{
    const uint32_t named = list->count;

    for (uint32_t i = 0; i < named; i++) {
        if (!is_default_name(list->names[i])) {
            return;
        }
    }
    for (uint32_t i = 0; i < DEFAULT_AXES && list->count < KVSPAN_MESH_MAX_AXES; i++) {
        if (!is_listed(list, default_names[i])) {
            memcpy(list->names[list->count], default_names[i], strlen(default_names[i]) + 1);
            list->sizes[list->count++] = 1;
        }
    }
}

kvspan_status kvspan_mesh_parse(const char *text, uint32_t rank_count, kvspan_mesh *mesh_out,
                                kvspan_error *error)
{
    axis_list list = { 0 };
    const char *names[KVSPAN_MESH_MAX_AXES];
    bool is_positional;
    kvspan_status status;

    if (!text || text[0] == '\0') {
        return kvspan_mesh_create(default_names, default_sizes, DEFAULT_AXES, rank_count, mesh_out,
                                  error);
    }
    is_positional = !strchr(text, ':');
    status = read_parts(text, is_positional, &list, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    if (is_positional && list.count != DEFAULT_AXES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "mesh \"%.40s\" has %u sizes; the axes dp,fsdp,ep,tp,sp are %d", text,
                           list.count, DEFAULT_AXES);
    }
    if (is_positional) {
        return kvspan_mesh_create(default_names, list.sizes, DEFAULT_AXES, rank_count, mesh_out,
                                  error);
    }
    append_defaults(&list);
    for (uint32_t i = 0; i < list.count; i++) {
        names[i] = list.names[i];
    }
    return kvspan_mesh_create(names, list.sizes, list.count, rank_count, mesh_out, error);
}

void kvspan_mesh_format(const kvspan_mesh *mesh, char *text_out, size_t text_bytes)
{
    char text[KVSPAN_MESH_TEXT_BYTES] = "";
    size_t length = 0;

    for (uint32_t axis = 0; axis < mesh->axis_count; axis++) {
        if (mesh->sizes[axis] != 1) {
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s:%u",
                                       length ? "," : "", mesh->names[axis], mesh->sizes[axis]);
            assert(length < sizeof(text));
        }
    }
    (void)snprintf(text_out, text_bytes, "%s", length ? text : "tp:1");
}
