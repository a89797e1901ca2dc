#include "sharding/partition_field.h"

#include <assert.h>
#include <string.h>

static_assert(KVSPAN_FIELD_GENERATION_ATTENTION_DIM + 1 == KVSPAN_PARTITION_FIELDS,
              "one rule per field");
static_assert(KVSPAN_PARTITION_FIELDS <= 32, "one bit of `given` per field");

static const kvspan_partition_rule rules[KVSPAN_PARTITION_FIELDS] = {
    [KVSPAN_FIELD_DATA_PARALLEL] = { .name = "data_parallel_axis", .dimension = "dp" },
    [KVSPAN_FIELD_FULLY_SHARDED_DATA_PARALLEL] = { .name = "fully_sharded_data_parallel_axis",
                                                   .dimension = "fsdp" },
    [KVSPAN_FIELD_TENSOR_PARALLEL] = { .name = "tensor_parallel_axis", .dimension = "tp" },
    [KVSPAN_FIELD_SEQUENCE_PARALLEL] = { .name = "sequence_parallel_axis", .dimension = "sp" },
    [KVSPAN_FIELD_EXPERT_PARALLEL] = { .name = "expert_parallel_axis", .dimension = "ep" },
    [KVSPAN_FIELD_BATCH] = { .name = "batch_axis",
                             .symbol = "B",
                             .source_count = 2,
                             .sources = { KVSPAN_FIELD_FULLY_SHARDED_DATA_PARALLEL,
                                          KVSPAN_FIELD_DATA_PARALLEL },
                             .generation_twin = KVSPAN_FIELD_GENERATION_BATCH },
    [KVSPAN_FIELD_SEQUENCE] = { .name = "sequence_axis",
                                .symbol = "S",
                                .source_count = 1,
                                .sources = { KVSPAN_FIELD_SEQUENCE_PARALLEL } },
    [KVSPAN_FIELD_QUERY_SEQUENCE] = { .name = "query_sequence_axis",
                                      .symbol = "qS",
                                      .source_count = 1,
                                      .sources = { KVSPAN_FIELD_SEQUENCE_PARALLEL },
                                      .generation_twin = KVSPAN_FIELD_GENERATION_QUERY_SEQUENCE },
    [KVSPAN_FIELD_KEY_SEQUENCE] = { .name = "key_sequence_axis",
                                    .symbol = "kS",
                                    .source_count = 1,
                                    .sources = { KVSPAN_FIELD_SEQUENCE_PARALLEL },
                                    .generation_twin = KVSPAN_FIELD_GENERATION_KEY_SEQUENCE },
    [KVSPAN_FIELD_HIDDEN_STATE] = { .name = "hidden_state_axis",
                                    .symbol = "H",
                                    .source_count = 1,
                                    .sources = { KVSPAN_FIELD_TENSOR_PARALLEL } },
    [KVSPAN_FIELD_HEAD] = { .name = "head_axis",
                            .symbol = "h",
                            .source_count = 1,
                            .sources = { KVSPAN_FIELD_TENSOR_PARALLEL },
                            .generation_twin = KVSPAN_FIELD_GENERATION_HEAD },
    [KVSPAN_FIELD_KV_HEAD] = { .name = "kv_head_axis",
                               .symbol = "kvh",
                               .source_count = 1,
                               .sources = { KVSPAN_FIELD_TENSOR_PARALLEL },
                               .generation_twin = KVSPAN_FIELD_GENERATION_KV_HEAD },
    [KVSPAN_FIELD_MLP_INTERMEDIATE] = { .name = "mlp_intermediate_axis",
                                        .symbol = "I",
                                        .source_count = 1,
                                        .sources = { KVSPAN_FIELD_TENSOR_PARALLEL } },
    [KVSPAN_FIELD_VOCAB] = { .name = "vocab_axis",
                             .symbol = "V",
                             .source_count = 1,
                             .sources = { KVSPAN_FIELD_TENSOR_PARALLEL } },
    [KVSPAN_FIELD_EXPERT] = { .name = "expert_axis",
                              .symbol = "E",
                              .source_count = 1,
                              .sources = { KVSPAN_FIELD_EXPERT_PARALLEL } },
    [KVSPAN_FIELD_EXPERT_GATE] = { .name = "expert_gate_axis", .symbol = "Eg" },
    [KVSPAN_FIELD_ATTENTION_DIM] = { .name = "attention_dim_axis",
                                     .symbol = "D",
                                     .generation_twin = KVSPAN_FIELD_GENERATION_ATTENTION_DIM },
    [KVSPAN_FIELD_BIAS_HEAD_SEQUENCE] = { .name = "bias_head_sequence_axis", .symbol = "bS_h" },
    [KVSPAN_FIELD_BIAS_KEY_SEQUENCE] = { .name = "bias_key_sequence_axis", .symbol = "bS_k" },
    [KVSPAN_FIELD_GENERATION_BATCH] = { .name = "generation_batch_axis",
                                        .source_count = 1,
                                        .sources = { KVSPAN_FIELD_BATCH } },
    [KVSPAN_FIELD_GENERATION_QUERY_SEQUENCE] = { .name = "generation_query_sequence_axis" },
    [KVSPAN_FIELD_GENERATION_KEY_SEQUENCE] = { .name = "generation_key_sequence_axis",
                                               .source_count = 1,
                                               .sources = { KVSPAN_FIELD_SEQUENCE_PARALLEL } },
    [KVSPAN_FIELD_GENERATION_HEAD] = { .name = "generation_head_axis",
                                       .source_count = 1,
                                       .sources = { KVSPAN_FIELD_TENSOR_PARALLEL } },
    [KVSPAN_FIELD_GENERATION_KV_HEAD] = { .name = "generation_kv_head_axis",
                                          .source_count = 1,
                                          .sources = { KVSPAN_FIELD_TENSOR_PARALLEL } },
    [KVSPAN_FIELD_GENERATION_ATTENTION_DIM] = { .name = "generation_attention_dim_axis" },
};

const kvspan_partition_rule *kvspan_partition_rule_of(uint32_t field)
{
    assert(field < KVSPAN_PARTITION_FIELDS);
    return &rules[field];
}

uint32_t kvspan_partition_field_of(const char *name)
{
    static const char later_prefix[] = "decode_";
    static const char prefix[] = "generation_";
    const size_t later_bytes = sizeof(later_prefix) - 1;
    const size_t prefix_bytes = sizeof(prefix) - 1;
    const int is_later = strncmp(name, later_prefix, later_bytes) == 0;
    uint32_t field = 0;

    for (; field < KVSPAN_PARTITION_FIELDS; field++) {
        const char *const known = rules[field].name;

        if (strcmp(known, name) == 0) {
            break;
        }
        if (is_later && strncmp(known, prefix, prefix_bytes) == 0 &&
            strcmp(known + prefix_bytes, name + later_bytes) == 0) {
            break;
        }
    }
    return field;
}

uint32_t kvspan_partition_field_of_symbol(const char *symbol, size_t length)
{
    uint32_t field = 0;

    for (; field < KVSPAN_PARTITION_FIELDS; field++) {
        const char *const known = rules[field].symbol;

        if (known && strlen(known) == length && memcmp(known, symbol, length) == 0) {
            break;
        }
    }
    return field;
}
