#include "sharding/partition_axis.h"

#include <string.h>

#include "sharding/partition_field.h"

/* Resolves the value of a field; `used` has a bit for each mesh axis taken so far. */
static kvspan_status resolve_value(const kvspan_partition_axis *axis, const kvspan_mesh *mesh,
                                   uint32_t field, uint32_t *used, kvspan_axis_set *set,
                                   kvspan_error *error)
{
    const kvspan_axis_names *const value = &axis->values[field];

    *set = (kvspan_axis_set){ 0 };
    for (uint32_t i = 0; i < value->count; i++) {
        const char *const name = value->names[i];
        const uint32_t index = kvspan_mesh_axis(mesh, name, strlen(name));

        if (index == mesh->axis_count) {
            char text[KVSPAN_MESH_TEXT_BYTES];

            kvspan_mesh_format(mesh, text, sizeof(text));
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "%s lies on \"%s\", which the mesh %.120s has not",
                               kvspan_partition_field_name(field), name, text);
        }
        if (*used & 1U << index) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "%s uses mesh axis \"%s\", which is used before it",
                               kvspan_partition_field_name(field), name);
        }
        *used |= 1U << index;
        set->axes[set->count++] = index;
    }
    return KVSPAN_OK;
}

static uint32_t field_in_mode(uint32_t field, int generation)
{
    const uint32_t twin = kvspan_partition_rule_of(field)->generation_twin;

    return generation && twin ? twin : field;
}

kvspan_status kvspan_partition_axis_resolve(const kvspan_partition_axis *axis,
                                            const kvspan_mesh *mesh, const char *field,
                                            int generation, kvspan_axis_set *set_out,
                                            kvspan_error *error)
{
    const uint32_t index = kvspan_partition_field_of(field);
    uint32_t used = 0;
    kvspan_axis_set set = { 0 };
    kvspan_status status;

    if (index == KVSPAN_PARTITION_FIELDS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the partition axis has no field \"%.60s\"",
                           field);
    }
    status = resolve_value(axis, mesh, field_in_mode(index, generation), &used, &set, error);
    if (status == KVSPAN_OK) {
        *set_out = set;
    }
    return status;
}

static kvspan_status resolve_symbol(const kvspan_partition_axis *axis, const kvspan_mesh *mesh,
                                    const char *symbol, size_t length, int generation,
                                    uint32_t *used, kvspan_axis_set *set, kvspan_error *error)
{
    const uint32_t field = kvspan_partition_field_of_symbol(symbol, length);

    if (length == 1 && symbol[0] == '_') {
        *set = (kvspan_axis_set){ 0 };
        return KVSPAN_OK;
    }
    if (field == KVSPAN_PARTITION_FIELDS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "a partition spec has no symbol \"%.*s\"",
                           length < 40 ? (int)length : 40, symbol);
    }
    return resolve_value(axis, mesh, field_in_mode(field, generation), used, set, error);
}

/* Resolves all symbols of a spec and counts them; sets may be NULL. */
static kvspan_status walk_spec(const kvspan_partition_axis *axis, const kvspan_mesh *mesh,
                               const char *spec, int generation, kvspan_axis_set *sets,
                               uint32_t *count, kvspan_error *error)
{
    uint32_t used = 0;

    *count = 0;
    for (spec += strspn(spec, " "); *spec != '\0'; spec += strspn(spec, " ")) {
        const size_t length = strcspn(spec, " ");
        kvspan_axis_set set = { 0 };
        const kvspan_status status =
            resolve_symbol(axis, mesh, spec, length, generation, &used, &set, error);

        if (status != KVSPAN_OK) {
            return status;
        }
        if (sets) {
            sets[*count] = set;
        }
        *count += 1;
        spec += length;
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_partition_spec_resolve(const kvspan_partition_axis *axis,
                                            const kvspan_mesh *mesh, const char *spec,
                                            int generation, kvspan_axis_set *sets_out,
                                            uint32_t *set_count_inout, kvspan_error *error)
{
    uint32_t count = 0;
    /* A first pass without writing, so that outputs change only on success. */
    const kvspan_status status = walk_spec(axis, mesh, spec, generation, NULL, &count, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (count > *set_count_inout) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the partition spec has %u symbols, there is room for %u", count,
                           *set_count_inout);
    }
    return walk_spec(axis, mesh, spec, generation, sets_out, set_count_inout, error);
}
