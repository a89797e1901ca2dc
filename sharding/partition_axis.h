/** @file
 * The partition axis: which mesh axes each logical axis lies on. Fields and defaults are those of
 * EasyDeL's PartitionAxis (eformer 0.0.22) plus kv_head_axis and generation_kv_head_axis.
 */
#ifndef KVSPAN_SHARDING_PARTITION_AXIS_H
#define KVSPAN_SHARDING_PARTITION_AXIS_H

#include "sharding/mesh.h"

/* A field's value: names of mesh axes, major to minor; count 0 = none (replicated). */
typedef struct kvspan_axis_names {
    uint32_t count;
    char names[KVSPAN_MESH_MAX_AXES][KVSPAN_AXIS_NAME_BYTES];
} kvspan_axis_names;

/* One entry per field, in the order of kvspan_partition_field_name(). */
enum {
    KVSPAN_PARTITION_FIELDS = 27
};

typedef struct kvspan_partition_axis {
    kvspan_axis_names values[KVSPAN_PARTITION_FIELDS];
    uint32_t given; /* bit i: field i was set, so a default must not replace it */
} kvspan_partition_axis;

/* Name of a field, such as "kv_head_axis"; NULL past the last. */
const char *kvspan_partition_field_name(uint32_t field);

/* All fields at their defaults. */
void kvspan_partition_axis_init(kvspan_partition_axis *axis_out);

/* Sets a field by name; "decode_X" is read as "generation_X". Defaults that follow from it (the
 * five mesh-dimension names lead batch_axis, head_axis, …) are derived again unless given
 * themselves. ARGUMENT: unknown field, more names than a mesh can have, an empty or long name. */
kvspan_status kvspan_partition_axis_set(kvspan_partition_axis *axis, const char *field,
                                        const char *const *names, uint32_t name_count,
                                        kvspan_error *error);

/* Resolves a logical field ("batch_axis", "kv_head_axis", "key_sequence_axis", …) on a mesh. In
 * generation the generation_ twin wins where there is one, also when it is none (rule of 0.0.26).
 * ARGUMENT: unknown field, an axis the mesh lacks (names it), an axis twice in the field. */
kvspan_status kvspan_partition_axis_resolve(const kvspan_partition_axis *axis,
                                            const kvspan_mesh *mesh, const char *field,
                                            int generation, kvspan_axis_set *set_out,
                                            kvspan_error *error);

/* Resolves a whole spec, "B qS h D" (symbols B S qS kS H h kvh I V E Eg D bS_h bS_k and _), into
 * one set per symbol. An axis used twice in the spec is ARGUMENT. set_count_inout: capacity, then
 * used. */
kvspan_status kvspan_partition_spec_resolve(const kvspan_partition_axis *axis,
                                            const kvspan_mesh *mesh, const char *spec,
                                            int generation, kvspan_axis_set *sets_out,
                                            uint32_t *set_count_inout, kvspan_error *error);

#endif
