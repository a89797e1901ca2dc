/** @file
 * The partition axis: which mesh axes each logical axis lies on. Fields and defaults are those of
 * EasyDeL's PartitionAxis (eformer 0.0.22) plus kv_head_axis and generation_kv_head_axis, both on
 * the tensor-parallel axis. One default is that of 0.0.26: generation_batch_axis follows batch_axis
 * (0.0.22: none), because resolution follows 0.0.26, whose generation field wins even when none:
 * with the older default no cache in generation would be split over the batch axes.
 *
 * The five mesh-dimension names (data_parallel_axis "dp", fully_sharded_data_parallel_axis "fsdp",
 * tensor_parallel_axis "tp", sequence_parallel_axis "sp", expert_parallel_axis "ep") are fields
 * too; the defaults of the logical fields follow them:
 *
 * | field                                                            | default      | symbol      |
 * |------------------------------------------------------------------|--------------|-------------|
 * | batch_axis                                                       | (fsdp, dp)   | B           |
 * | sequence_axis, query_sequence_axis, key_sequence_axis            | sp           | S, qS, kS   |
 * | hidden_state_axis, head_axis, mlp_intermediate_axis, vocab_axis  | tp           | H, h, I, V  |
 * | expert_axis                                                      | ep           | E           |
 * | expert_gate_axis, attention_dim_axis                             | none         | Eg, D       |
 * | bias_head_sequence_axis, bias_key_sequence_axis                  | none         | bS_h, bS_k  |
 * | kv_head_axis                                                     | tp           | kvh         |
 * | generation_batch_axis                                            | = batch_axis | twin of B   |
 * | generation_query_sequence_axis, generation_attention_dim_axis    | none         | of qS, D    |
 * | generation_head_axis, generation_kv_head_axis                    | tp           | of h, kvh   |
 * | generation_key_sequence_axis                                     | sp           | of kS       |
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
    KVSPAN_PARTITION_FIELDS = 25
};

typedef struct kvspan_partition_axis {
    kvspan_axis_names values[KVSPAN_PARTITION_FIELDS];
    uint32_t given; /* bit i: field i was set, so a default must not replace it */
} kvspan_partition_axis;

/* Name of a field, such as "kv_head_axis"; NULL past the last. */
const char *kvspan_partition_field_name(uint32_t field);

/* All fields at their defaults. */
void kvspan_partition_axis_init(kvspan_partition_axis *axis_out);

/* Sets a field by name; "decode_X" is read as "generation_X". Defaults that follow from it are
 * derived again unless given themselves. ARGUMENT: unknown field, more names than a mesh can have,
 * an empty or long name, not just one name for a mesh-dimension name. */
kvspan_status kvspan_partition_axis_set(kvspan_partition_axis *axis, const char *field,
                                        const char *const *names, uint32_t name_count,
                                        kvspan_error *error);

/* Resolves a field ("batch_axis", "kv_head_axis", "generation_key_sequence_axis", …) on a mesh. In
 * generation the generation_ twin wins where there is one, also when it is none (rule of 0.0.26).
 * ARGUMENT: unknown field, an axis the mesh lacks (names it), an axis twice in the field. */
kvspan_status kvspan_partition_axis_resolve(const kvspan_partition_axis *axis,
                                            const kvspan_mesh *mesh, const char *field,
                                            int generation, kvspan_axis_set *set_out,
                                            kvspan_error *error);

/* Resolves a whole spec, "B qS h D" (symbols B S qS kS H h kvh I V E Eg D bS_h bS_k and _), into
 * one set per symbol; symbols are separated by spaces. set_count_inout: capacity, then used.
 * ARGUMENT: unknown symbol, more symbols than the capacity, an axis the mesh lacks, an axis used
 * twice in the spec. */
kvspan_status kvspan_partition_spec_resolve(const kvspan_partition_axis *axis,
                                            const kvspan_mesh *mesh, const char *spec,
                                            int generation, kvspan_axis_set *sets_out,
                                            uint32_t *set_count_inout, kvspan_error *error);

#endif
