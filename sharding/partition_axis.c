#include "sharding/partition_axis.h"

#include <assert.h>
#include <string.h>

#include "sharding/partition_field.h"

static void put_name(kvspan_axis_names *value, const char *name)
{
    assert(value->count < KVSPAN_MESH_MAX_AXES);
    memcpy(value->names[value->count++], name, strlen(name) + 1);
}

/* Defaults come from fields further up, so one pass in order is enough. */
static void derive_defaults(kvspan_partition_axis *axis)
{
    for (uint32_t field = 0; field < KVSPAN_PARTITION_FIELDS; field++) {
        const kvspan_partition_rule *const rule = kvspan_partition_rule_of(field);
        kvspan_axis_names value = { 0 };

        if (axis->given & 1U << field) {
            continue;
        }
        if (rule->dimension) {
            put_name(&value, rule->dimension);
        }
        for (uint32_t i = 0; i < rule->source_count; i++) {
            const kvspan_axis_names *const source = &axis->values[rule->sources[i]];

            assert(rule->sources[i] < field);
            for (uint32_t j = 0; j < source->count; j++) {
                put_name(&value, source->names[j]);
            }
        }
        axis->values[field] = value;
    }
}

const char *kvspan_partition_field_name(uint32_t field)
{
    return field < KVSPAN_PARTITION_FIELDS ? kvspan_partition_rule_of(field)->name : NULL;
}

void kvspan_partition_axis_init(kvspan_partition_axis *axis_out)
{
    memset(axis_out, 0, sizeof(*axis_out));
    derive_defaults(axis_out);
}

kvspan_status kvspan_partition_axis_set(kvspan_partition_axis *axis, const char *field,
                                        const char *const *names, uint32_t name_count,
                                        kvspan_error *error)
{
    const uint32_t index = kvspan_partition_field_of(field);
    kvspan_axis_names value = { 0 };

    if (index == KVSPAN_PARTITION_FIELDS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the partition axis has no field \"%.60s\"",
                           field);
    }
    if (name_count > KVSPAN_MESH_MAX_AXES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%s names %u mesh axes; at most %d are "
                           "possible",
                           field, name_count, KVSPAN_MESH_MAX_AXES);
    }
    if (kvspan_partition_rule_of(index)->dimension && name_count != 1) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s names %u mesh axes; it must be just 1",
                           field, name_count);
    }
    for (uint32_t i = 0; i < name_count; i++) {
        const size_t length = strlen(names[i]);

        if (length == 0 || length >= KVSPAN_AXIS_NAME_BYTES) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "%s: mesh axis name \"%.40s\" has %zu bytes, not in [1, %d]", field,
                               names[i], length, KVSPAN_AXIS_NAME_BYTES - 1);
        }
        put_name(&value, names[i]);
    }
    axis->values[index] = value;
    axis->given |= 1U << index;
    derive_defaults(axis);
    return KVSPAN_OK;
}
