/** @file
 * The table of partition-axis fields: name, symbol, default, generation twin.
 */
#ifndef KVSPAN_SHARDING_PARTITION_FIELD_H
#define KVSPAN_SHARDING_PARTITION_FIELD_H

#include "sharding/partition_axis.h"

/* Order of kvspan_partition_axis.values. A default comes from fields further up. */
typedef enum kvspan_partition_field {
    KVSPAN_FIELD_DATA_PARALLEL,
    KVSPAN_FIELD_FULLY_SHARDED_DATA_PARALLEL,
    KVSPAN_FIELD_TENSOR_PARALLEL,
    KVSPAN_FIELD_SEQUENCE_PARALLEL,
    KVSPAN_FIELD_EXPERT_PARALLEL,
    KVSPAN_FIELD_BATCH,
    KVSPAN_FIELD_SEQUENCE,
    KVSPAN_FIELD_QUERY_SEQUENCE,
    KVSPAN_FIELD_KEY_SEQUENCE,
    KVSPAN_FIELD_HIDDEN_STATE,
    KVSPAN_FIELD_HEAD,
    KVSPAN_FIELD_KV_HEAD,
    KVSPAN_FIELD_MLP_INTERMEDIATE,
    KVSPAN_FIELD_VOCAB,
    KVSPAN_FIELD_EXPERT,
    KVSPAN_FIELD_EXPERT_GATE,
    KVSPAN_FIELD_ATTENTION_DIM,
    KVSPAN_FIELD_BIAS_HEAD_SEQUENCE,
    KVSPAN_FIELD_BIAS_KEY_SEQUENCE,
    KVSPAN_FIELD_GENERATION_BATCH,
    KVSPAN_FIELD_GENERATION_QUERY_SEQUENCE,
    KVSPAN_FIELD_GENERATION_KEY_SEQUENCE,
    KVSPAN_FIELD_GENERATION_HEAD,
    KVSPAN_FIELD_GENERATION_KV_HEAD,
    KVSPAN_FIELD_GENERATION_ATTENTION_DIM
} kvspan_partition_field;

typedef struct kvspan_partition_rule {
    const char *name;
    const char *symbol;       /* in specs; NULL: none */
    const char *dimension;    /* default of a mesh-dimension name; NULL: a logical field */
    uint32_t source_count;    /* the default of a logical field: values of so many others, */
    uint32_t sources[2];      /* concatenated; 0 of them: none */
    uint32_t generation_twin; /* 0: none */
} kvspan_partition_rule;

/* Rule of a field in [0, KVSPAN_PARTITION_FIELDS). */
const kvspan_partition_rule *kvspan_partition_rule_of(uint32_t field);

/* Field of a name ("decode_X" is "generation_X"), or KVSPAN_PARTITION_FIELDS. */
uint32_t kvspan_partition_field_of(const char *name);

/* Field of symbol[0 .. length), or KVSPAN_PARTITION_FIELDS. */
uint32_t kvspan_partition_field_of_symbol(const char *symbol, size_t length);

#endif
