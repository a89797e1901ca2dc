#include "refusal.h"

#include "sharding/partition_axis.h"

/* Joins a field's names with '+'; "-" is none, "?" no such field. */
static void show(const kvspan_partition_axis *axis, const char *field, char *text, size_t bytes)
{
    size_t length = 0;

    (void)snprintf(text, bytes, "?");
    for (uint32_t i = 0; i < KVSPAN_PARTITION_FIELDS; i++) {
        if (strcmp(kvspan_partition_field_name(i), field) != 0) {
            continue;
        }
        (void)snprintf(text, bytes, "-");
        for (uint32_t j = 0; j < axis->values[i].count; j++) {
            length += (size_t)snprintf(text + length, bytes - length, "%s%s", j ? "+" : "",
                                       axis->values[i].names[j]);
        }
    }
}

static void assert_value(const kvspan_partition_axis *axis, const char *field, const char *value)
{
    char seen[KVSPAN_MESH_MAX_AXES * KVSPAN_AXIS_NAME_BYTES] = "";

    show(axis, field, seen, sizeof(seen));
    ck_assert_msg(strcmp(seen, value) == 0, "%s is %s, not %s", field, seen, value);
}

static void set_one(kvspan_partition_axis *axis, const char *field, const char *name)
{
    ck_assert_int_eq(kvspan_partition_axis_set(axis, field, &name, 1, NULL), KVSPAN_OK);
}

static const struct {
    const char *field;
    const char *value;
} defaults[] = {
    { "data_parallel_axis", "dp" },
    { "fully_sharded_data_parallel_axis", "fsdp" },
    { "tensor_parallel_axis", "tp" },
    { "sequence_parallel_axis", "sp" },
    { "expert_parallel_axis", "ep" },
    { "batch_axis", "fsdp+dp" },
    { "sequence_axis", "sp" },
    { "query_sequence_axis", "sp" },
    { "key_sequence_axis", "sp" },
    { "head_axis", "tp" },
    { "kv_head_axis", "tp" },
    { "hidden_state_axis", "tp" },
    { "mlp_intermediate_axis", "tp" },
    { "vocab_axis", "tp" },
    { "expert_axis", "ep" },
    { "expert_gate_axis", "-" },
    { "attention_dim_axis", "-" },
    { "bias_head_sequence_axis", "-" },
    { "bias_key_sequence_axis", "-" },
    { "generation_batch_axis", "fsdp+dp" },
    { "generation_query_sequence_axis", "-" },
    { "generation_head_axis", "tp" },
    { "generation_kv_head_axis", "tp" },
    { "generation_key_sequence_axis", "sp" },
    { "generation_attention_dim_axis", "-" },
};

START_TEST(every_field_has_its_default)
{
    kvspan_partition_axis axis;

    memset(&axis, 0xff, sizeof(axis));
    kvspan_partition_axis_init(&axis);
    ck_assert_uint_eq(sizeof(defaults) / sizeof(defaults[0]), KVSPAN_PARTITION_FIELDS);
    ck_assert_uint_eq(axis.given, 0);
    for (size_t i = 0; i < KVSPAN_PARTITION_FIELDS; i++) {
        assert_value(&axis, defaults[i].field, defaults[i].value);
    }
}
END_TEST

START_TEST(field_names_end_with_null_and_differ)
{
    ck_assert_ptr_null(kvspan_partition_field_name(KVSPAN_PARTITION_FIELDS));
    ck_assert_ptr_null(kvspan_partition_field_name(UINT32_MAX));
    for (uint32_t i = 0; i < KVSPAN_PARTITION_FIELDS; i++) {
        for (uint32_t j = 0; j < i; j++) {
            ck_assert_str_ne(kvspan_partition_field_name(i), kvspan_partition_field_name(j));
        }
    }
}
END_TEST

/* Renames all five mesh dimensions: each default is the old one with the new names. */
START_TEST(defaults_follow_the_five_mesh_dimension_names)
{
    kvspan_partition_axis axis;

    kvspan_partition_axis_init(&axis);
    set_one(&axis, "data_parallel_axis", "D");
    set_one(&axis, "fully_sharded_data_parallel_axis", "F");
    set_one(&axis, "tensor_parallel_axis", "x");
    set_one(&axis, "sequence_parallel_axis", "S");
    set_one(&axis, "expert_parallel_axis", "E");
    for (size_t i = 5; i < KVSPAN_PARTITION_FIELDS; i++) {
        const char *const before = defaults[i].value;
        const char *after = "-";

        after = strcmp(before, "fsdp+dp") == 0 ? "F+D" : after;
        after = strcmp(before, "tp") == 0 ? "x" : after;
        after = strcmp(before, "sp") == 0 ? "S" : after;
        after = strcmp(before, "ep") == 0 ? "E" : after;
        assert_value(&axis, defaults[i].field, after);
    }
}
END_TEST

START_TEST(a_given_field_stays_when_what_leads_it_changes)
{
    kvspan_partition_axis axis;

    kvspan_partition_axis_init(&axis);
    set_one(&axis, "kv_head_axis", "heads");
    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "batch_axis", NULL, 0, NULL), KVSPAN_OK);
    set_one(&axis, "tensor_parallel_axis", "x");
    set_one(&axis, "data_parallel_axis", "d");
    assert_value(&axis, "kv_head_axis", "heads");
    assert_value(&axis, "generation_kv_head_axis", "x");
    assert_value(&axis, "head_axis", "x");
    assert_value(&axis, "batch_axis", "-");
}
END_TEST

START_TEST(generation_batch_axis_follows_batch_axis_until_given)
{
    const char *const three[] = { "a", "b", "c" };
    kvspan_partition_axis axis;

    kvspan_partition_axis_init(&axis);
    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "batch_axis", three, 3, NULL), KVSPAN_OK);
    assert_value(&axis, "batch_axis", "a+b+c");
    assert_value(&axis, "generation_batch_axis", "a+b+c");
    set_one(&axis, "generation_batch_axis", "g");
    set_one(&axis, "batch_axis", "z");
    assert_value(&axis, "batch_axis", "z");
    assert_value(&axis, "generation_batch_axis", "g");
}
END_TEST

START_TEST(decode_is_read_as_generation)
{
    static const char *const twins[][2] = {
        { "decode_batch_axis", "generation_batch_axis" },
        { "decode_query_sequence_axis", "generation_query_sequence_axis" },
        { "decode_head_axis", "generation_head_axis" },
        { "decode_kv_head_axis", "generation_kv_head_axis" },
        { "decode_key_sequence_axis", "generation_key_sequence_axis" },
        { "decode_attention_dim_axis", "generation_attention_dim_axis" },
    };

    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
        kvspan_partition_axis later;
        kvspan_partition_axis earlier;

        kvspan_partition_axis_init(&later);
        kvspan_partition_axis_init(&earlier);
        set_one(&later, twins[i][0], "q");
        set_one(&earlier, twins[i][1], "q");
        assert_value(&later, twins[i][1], "q");
        ck_assert_mem_eq(&later, &earlier, sizeof(later));
    }
}
END_TEST

START_TEST(eight_names_of_31_bytes_are_possible)
{
    const char *const name = "1234567890123456789012345678901";
    const char *const names[] = { name, name, name, name, name, name, name, name };
    kvspan_partition_axis axis;

    kvspan_partition_axis_init(&axis);
    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "batch_axis", names, 8, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "vocab_axis", names, 1, NULL), KVSPAN_OK);
    assert_value(&axis, "vocab_axis", name);
}
END_TEST

START_TEST(bad_settings_change_nothing_and_are_named)
{
    static const struct {
        const char *field;
        uint32_t name_count;
        const char *names[9];
        const char *one;
        const char *other;
    } cases[] = {
        { "heads_axis", 1, { "tp" }, "\"heads_axis\"", "no field" },
        { "", 1, { "tp" }, "\"\"", "no field" },
        { "decode_", 1, { "tp" }, "\"decode_\"", "no field" },
        { "encode_head_axis", 1, { "tp" }, "\"encode_head_axis\"", "no field" },
        { "decode_vocab_axis", 1, { "tp" }, "\"decode_vocab_axis\"", "no field" },
        { "decode_generation_head_axis", 1, { "tp" }, "decode_generation_head_axis", "no field" },
        { "generation_decode_head_axis", 1, { "tp" }, "generation_decode_head_axis", "no field" },
        { "kv_head_axis ", 1, { "tp" }, "\"kv_head_axis \"", "no field" },
        { "batch_axis", 9, { "a", "b", "c", "d", "e", "f", "g", "h", "i" }, "9 mesh axes", "8" },
        { "batch_axis", 2, { "a", "" }, "batch_axis", "0 bytes" },
        { "batch_axis", 1, { "12345678901234567890123456789012" }, "32 bytes", "31" },
        { "tensor_parallel_axis", 0, { NULL }, "tensor_parallel_axis", "0 mesh axes" },
        { "data_parallel_axis", 2, { "a", "b" }, "data_parallel_axis", "2 mesh axes" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_partition_axis axis;
        kvspan_partition_axis before;
        kvspan_error error = { 0 };

        kvspan_partition_axis_init(&axis);
        before = axis;
        assert_refused(kvspan_partition_axis_set(&axis, cases[i].field, cases[i].names,
                                                 cases[i].name_count, &error),
                       &error, cases[i].one, cases[i].other);
        assert_untouched(&axis, &before, sizeof(axis));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/partition_axis");
    TCase *fields = tcase_create("fields");
    TCase *set = tcase_create("set");

    tcase_add_test(fields, every_field_has_its_default);
    tcase_add_test(fields, field_names_end_with_null_and_differ);
    suite_add_tcase(suite, fields);
    tcase_add_test(set, defaults_follow_the_five_mesh_dimension_names);
    tcase_add_test(set, a_given_field_stays_when_what_leads_it_changes);
    tcase_add_test(set, generation_batch_axis_follows_batch_axis_until_given);
    tcase_add_test(set, decode_is_read_as_generation);
    tcase_add_test(set, eight_names_of_31_bytes_are_possible);
    tcase_add_test(set, bad_settings_change_nothing_and_are_named);
    suite_add_tcase(suite, set);
    return suite_run(suite);
}
