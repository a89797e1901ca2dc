#include "refusal.h"

#include "sharding/partition_axis.h"

enum {
    MOST_SYMBOLS = 16,
    TEXT_BYTES = 256
};

/* dp 1, fsdp 2, ep 1, tp 4, sp 1 */
static kvspan_mesh mesh_of_8(void)
{
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_parse("1,2,1,4,1", 8, &mesh, NULL), KVSPAN_OK);
    return mesh;
}

static kvspan_partition_axis default_axis(void)
{
    kvspan_partition_axis axis;

    kvspan_partition_axis_init(&axis);
    return axis;
}

static void set_one(kvspan_partition_axis *axis, const char *field, const char *name)
{
    ck_assert_int_eq(kvspan_partition_axis_set(axis, field, &name, name ? 1 : 0, NULL), KVSPAN_OK);
}

/* Writes sets as "fsdp+dp sp tp -". */
static void show(const kvspan_mesh *mesh, const kvspan_axis_set *sets, uint32_t set_count,
                 char *text)
{
    size_t length = 0;

    for (uint32_t i = 0; i < set_count; i++) {
        length += (size_t)snprintf(text + length, TEXT_BYTES - length, "%s%s", i ? " " : "",
                                   sets[i].count ? "" : "-");
        for (uint32_t j = 0; j < sets[i].count; j++) {
            ck_assert_uint_lt(sets[i].axes[j], mesh->axis_count);
            length += (size_t)snprintf(text + length, TEXT_BYTES - length, "%s%s", j ? "+" : "",
                                       mesh->names[sets[i].axes[j]]);
        }
    }
}

static void assert_spec(const kvspan_partition_axis *axis, const kvspan_mesh *mesh,
                        const char *spec, int generation, const char *expected)
{
    kvspan_axis_set sets[MOST_SYMBOLS];
    uint32_t set_count = MOST_SYMBOLS;
    char seen[TEXT_BYTES] = "";
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_partition_spec_resolve(axis, mesh, spec, generation, sets, &set_count,
                                                &error) == KVSPAN_OK,
                  "%s: %s", spec, error.message);
    show(mesh, sets, set_count, seen);
    ck_assert_msg(strcmp(seen, expected) == 0, "%s is %s, not %s", spec, seen, expected);
}

static void assert_field(const kvspan_partition_axis *axis, const kvspan_mesh *mesh,
                         const char *field, int generation, const char *expected)
{
    kvspan_axis_set set = { 0 };
    char seen[TEXT_BYTES] = "";
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_partition_axis_resolve(axis, mesh, field, generation, &set, &error) ==
                      KVSPAN_OK,
                  "%s: %s", field, error.message);
    show(mesh, &set, 1, seen);
    ck_assert_msg(strcmp(seen, expected) == 0, "%s is %s, not %s", field, seen, expected);
}

START_TEST(attention_spec_in_training_and_in_generation)
{
    const kvspan_mesh mesh = mesh_of_8();
    const kvspan_partition_axis axis = default_axis();

    assert_spec(&axis, &mesh, "B qS h D", 0, "fsdp+dp sp tp -");
    assert_spec(&axis, &mesh, "B qS h D", 1, "fsdp+dp - tp -");
    assert_spec(&axis, &mesh, "h _ _ _", 0, "tp - - -");
}
END_TEST

START_TEST(every_symbol_is_its_field)
{
    static const struct {
        const char *symbol;
        const char *field;
        const char *twin;
    } cases[] = {
        { "B", "batch_axis", "generation_batch_axis" },
        { "S", "sequence_axis", NULL },
        { "qS", "query_sequence_axis", "generation_query_sequence_axis" },
        { "kS", "key_sequence_axis", "generation_key_sequence_axis" },
        { "H", "hidden_state_axis", NULL },
        { "h", "head_axis", "generation_head_axis" },
        { "kvh", "kv_head_axis", "generation_kv_head_axis" },
        { "I", "mlp_intermediate_axis", NULL },
        { "V", "vocab_axis", NULL },
        { "E", "expert_axis", NULL },
        { "Eg", "expert_gate_axis", NULL },
        { "D", "attention_dim_axis", "generation_attention_dim_axis" },
        { "bS_h", "bias_head_sequence_axis", NULL },
        { "bS_k", "bias_key_sequence_axis", NULL },
    };
    const char *const names[] = { "all", "plain", "twin" };
    const int64_t sizes[] = { 1, 2, 2 };
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_create(names, sizes, 3, 4, &mesh, NULL), KVSPAN_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_partition_axis axis = default_axis();

        set_one(&axis, cases[i].field, "plain");
        if (cases[i].twin) {
            set_one(&axis, cases[i].twin, "twin");
            assert_field(&axis, &mesh, cases[i].twin, 0, "twin");
            assert_field(&axis, &mesh, cases[i].twin, 1, "twin");
        }
        assert_spec(&axis, &mesh, cases[i].symbol, 0, "plain");
        assert_field(&axis, &mesh, cases[i].field, 0, "plain");
        assert_spec(&axis, &mesh, cases[i].symbol, 1, cases[i].twin ? "twin" : "plain");
        assert_field(&axis, &mesh, cases[i].field, 1, cases[i].twin ? "twin" : "plain");
    }
}
END_TEST

START_TEST(in_generation_a_twin_that_is_none_wins)
{
    const kvspan_mesh mesh = mesh_of_8();
    kvspan_partition_axis axis = default_axis();

    set_one(&axis, "generation_key_sequence_axis", NULL);
    set_one(&axis, "generation_batch_axis", NULL);
    set_one(&axis, "decode_kv_head_axis", NULL);
    assert_spec(&axis, &mesh, "B kS kvh", 0, "fsdp+dp sp tp");
    assert_spec(&axis, &mesh, "B kS kvh", 1, "- - -");
    set_one(&axis, "decode_query_sequence_axis", "dp");
    assert_spec(&axis, &mesh, "qS", 1, "dp");
    assert_field(&axis, &mesh, "decode_query_sequence_axis", 0, "dp");
}
END_TEST

START_TEST(renaming_a_mesh_dimension_moves_the_fields_it_leads)
{
    kvspan_mesh mesh = { 0 };
    kvspan_partition_axis axis = default_axis();

    ck_assert_int_eq(kvspan_mesh_parse("x:4", 4, &mesh, NULL), KVSPAN_OK);
    set_one(&axis, "tensor_parallel_axis", "x");
    assert_field(&axis, &mesh, "head_axis", 0, "x");
    assert_field(&axis, &mesh, "kv_head_axis", 1, "x");
    assert_field(&axis, &mesh, "tensor_parallel_axis", 0, "x");
}
END_TEST

START_TEST(a_field_keeps_the_order_of_its_axes)
{
    const char *const sp_first[] = { "sp", "tp", "dp" };
    const kvspan_mesh mesh = mesh_of_8();
    kvspan_partition_axis axis = default_axis();

    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "kv_head_axis", sp_first, 3, NULL),
                     KVSPAN_OK);
    assert_field(&axis, &mesh, "kv_head_axis", 0, "sp+tp+dp");
}
END_TEST

START_TEST(spaces_around_symbols_do_not_count)
{
    const kvspan_mesh mesh = mesh_of_8();
    const kvspan_partition_axis axis = default_axis();

    assert_spec(&axis, &mesh, "  B   h ", 0, "fsdp+dp tp");
    assert_spec(&axis, &mesh, "", 0, "");
    assert_spec(&axis, &mesh, "   ", 0, "");
}
END_TEST

START_TEST(a_field_that_does_not_resolve_is_named_with_the_axis)
{
    const char *const nope[] = { "tp", "nope" };
    const char *const twice[] = { "tp", "sp", "tp" };
    const kvspan_axis_set before = { .count = 1, .axes = { 7 } };
    const kvspan_mesh mesh = mesh_of_8();
    kvspan_axis_set set = before;
    kvspan_error error = { 0 };
    kvspan_partition_axis axis = default_axis();

    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "head_axis", nope, 2, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "kv_head_axis", twice, 3, NULL), KVSPAN_OK);
    assert_refused(kvspan_partition_axis_resolve(&axis, &mesh, "head_axis", 0, &set, &error),
                   &error, "head_axis", "\"nope\"");
    assert_refused(kvspan_partition_axis_resolve(&axis, &mesh, "kv_head_axis", 0, &set, &error),
                   &error, "kv_head_axis", "\"tp\"");
    assert_refused(kvspan_partition_axis_resolve(&axis, &mesh, "head", 0, &set, &error), &error,
                   "\"head\"", "no field");
    assert_refused(kvspan_partition_axis_resolve(&axis, &mesh, "", 1, &set, &error), &error, "\"\"",
                   "no field");
    assert_untouched(&set, &before, sizeof(set));
    /* in generation the twin counts, which is good */
    ck_assert_int_eq(kvspan_partition_axis_resolve(&axis, &mesh, "head_axis", 1, &set, NULL),
                     KVSPAN_OK);
}
END_TEST

/* The defaults lie on dp and fsdp; a mesh of free names has neither. Nothing is left out quietly.
 */
START_TEST(defaults_are_refused_on_a_mesh_without_their_axes)
{
    kvspan_mesh mesh = { 0 };
    kvspan_axis_set set = { 0 };
    kvspan_error error = { 0 };
    const kvspan_partition_axis axis = default_axis();

    ck_assert_int_eq(kvspan_mesh_parse("tp:2,rows:2", 4, &mesh, NULL), KVSPAN_OK);
    assert_field(&axis, &mesh, "kv_head_axis", 0, "tp");
    assert_refused(kvspan_partition_axis_resolve(&axis, &mesh, "batch_axis", 0, &set, &error),
                   &error, "\"fsdp\"", "tp:2,rows:2");
}
END_TEST

START_TEST(a_spec_that_does_not_resolve_changes_nothing)
{
    static const struct {
        const char *spec;
        uint32_t capacity;
        const char *one;
        const char *other;
    } cases[] = {
        { "B X", 8, "\"X\"", "no symbol" },
        { "B,S", 8, "\"B,S\"", "no symbol" },
        { "b", 8, "\"b\"", "no symbol" },
        { "__", 8, "\"__\"", "no symbol" },
        { "kv", 8, "\"kv\"", "no symbol" },
        { "B\tS", 8, "\"B\tS\"", "no symbol" },
        { "B 1234567890123456789012345678901234567890123", 8,
          "\"1234567890123456789012345678901234567890\"", "no symbol" },
        { "h H", 8, "hidden_state_axis", "\"tp\"" },
        { "qS kS", 8, "key_sequence_axis", "\"sp\"" },
        { "B h B", 8, "batch_axis", "\"fsdp\"" },
        /* vocab_axis lies on (ep, dp) below: the second axis alone is taken already */
        { "B V", 8, "vocab_axis", "\"dp\"" },
        { "B qS h D", 3, "4 symbols", "room for 3" },
        { "_", 0, "1 symbols", "room for 0" },
    };
    const char *const ep_dp[] = { "ep", "dp" };
    const kvspan_mesh mesh = mesh_of_8();
    kvspan_partition_axis axis = default_axis();

    ck_assert_int_eq(kvspan_partition_axis_set(&axis, "vocab_axis", ep_dp, 2, NULL), KVSPAN_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_axis_set sets[8];
        kvspan_axis_set before[8];
        uint32_t set_count = cases[i].capacity;
        kvspan_error error = { 0 };

        memset(sets, 0x5a, sizeof(sets));
        memcpy(before, sets, sizeof(sets));
        assert_refused(
            kvspan_partition_spec_resolve(&axis, &mesh, cases[i].spec, 0, sets, &set_count, &error),
            &error, cases[i].one, cases[i].other);
        assert_untouched(sets, before, sizeof(sets));
        ck_assert_uint_eq(set_count, cases[i].capacity);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/partition_resolve");
    TCase *resolve = tcase_create("resolve");
    TCase *refuse = tcase_create("refuse");

    tcase_add_test(resolve, attention_spec_in_training_and_in_generation);
    tcase_add_test(resolve, every_symbol_is_its_field);
    tcase_add_test(resolve, in_generation_a_twin_that_is_none_wins);
    tcase_add_test(resolve, renaming_a_mesh_dimension_moves_the_fields_it_leads);
    tcase_add_test(resolve, a_field_keeps_the_order_of_its_axes);
    tcase_add_test(resolve, spaces_around_symbols_do_not_count);
    suite_add_tcase(suite, resolve);
    tcase_add_test(refuse, a_field_that_does_not_resolve_is_named_with_the_axis);
    tcase_add_test(refuse, defaults_are_refused_on_a_mesh_without_their_axes);
    tcase_add_test(refuse, a_spec_that_does_not_resolve_changes_nothing);
    suite_add_tcase(suite, refuse);
    return suite_run(suite);
}
