#include "support/suite.h"

#include <string.h>

#include "runtime/cache/config.h"

static const uint32_t listed[] = { 3, 5, 9 };

static kvspan_layer_group good_group(void)
{
    return (kvspan_layer_group){ .layer_count = 3,
                                 .layers = listed,
                                 .q_heads = 8,
                                 .plane_count = 2,
                                 .planes = { { KVSPAN_KEY, 4, 64, KVSPAN_BF16, 0 },
                                             { KVSPAN_VALUE, 4, 32, KVSPAN_BF16, 0 } } };
}

static kvspan_cache_config good_config(const kvspan_layer_group *group)
{
    return (kvspan_cache_config){ .size = sizeof(kvspan_cache_config),
                                  .group_count = 1,
                                  .groups = group,
                                  .page_tokens = 16,
                                  .slot_count = 8,
                                  .max_sequence_tokens = 1000,
                                  .max_step_tokens = 64 };
}

/* What create makes of a config: its status, and a message that has both texts. */
static void check_refused(const kvspan_cache_config *config, kvspan_status expected,
                          const char *first, const char *second)
{
    kvspan_settings settings;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_settings_init(&settings, config, &error), expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_msg(strstr(error.message, first) && strstr(error.message, second),
                  "\"%s\" has not both \"%s\" and \"%s\"", error.message, first, second);
}

START_TEST(defaults_are_filled_in_and_texts_are_owned)
{
    kvspan_layer_group group = good_group();
    char mesh[] = "tp:1";
    kvspan_cache_config config = good_config(&group);
    kvspan_settings settings;
    uint32_t number = 99;
    uint32_t index = 99;

    config.mesh = mesh;
    ck_assert_int_eq(kvspan_settings_init(&settings, &config, NULL), KVSPAN_OK);
    mesh[0] = 'x';
    group.planes[0].dim = 1;
    ck_assert_str_eq(settings.config.mesh, "tp:1");
    ck_assert_uint_eq(settings.groups[0].planes[0].dim, 64);
    ck_assert_uint_eq(settings.config.max_step_rows, 8);
    ck_assert_uint_eq(settings.config.max_payload_bytes, 65536 + 16 * 64);
    ck_assert(settings.config.memory_utilization == 0.9);
    ck_assert_uint_eq(settings.config.run_ahead_steps, 1);
    ck_assert_uint_eq(settings.config.deadline_ms, 60000);
    ck_assert(kvspan_settings_find_layer(&settings, 9, &number, &index));
    ck_assert_uint_eq(number, 0);
    ck_assert_uint_eq(index, 2);
    ck_assert(!kvspan_settings_find_layer(&settings, 4, &number, &index));
    kvspan_settings_fini(&settings);
}
END_TEST

START_TEST(strided_layers_become_a_list)
{
    kvspan_layer_group group = good_group();
    kvspan_cache_config config = good_config(&group);
    kvspan_settings settings;
    uint32_t number = 0;
    uint32_t index = 0;

    group.layers = NULL;
    group.first_layer = 2;
    group.layer_step = 6;
    ck_assert_int_eq(kvspan_settings_init(&settings, &config, NULL), KVSPAN_OK);
    ck_assert(kvspan_settings_find_layer(&settings, 14, &number, &index));
    ck_assert_uint_eq(index, 2);
    ck_assert(!kvspan_settings_find_layer(&settings, 3, &number, &index));
    kvspan_settings_fini(&settings);
}
END_TEST

/* Each field out of its range is named, with its value. */
START_TEST(numbers_out_of_range_are_named_with_their_value)
{
    const kvspan_layer_group group = good_group();
    kvspan_cache_config config = good_config(&group);

    switch (_i) {
    case 0:
        config.page_tokens = 0;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "page_tokens is 0", "65536");
        break;
    case 1:
        config.page_tokens = 65537;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "65537", "65536");
        break;
    case 2:
        config.slot_count = 0;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "slot_count is 0", "1");
        break;
    case 3:
        config.max_sequence_tokens = 2147483648u;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "2147483648", "2147483647");
        break;
    case 4:
        config.max_step_tokens = 0;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "max_step_tokens is 0", "1");
        break;
    case 5:
        config.max_step_rows = 9;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "max_step_rows is 9", "8");
        break;
    case 6:
        config.page_count = 1;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "page_count is 1", "2");
        break;
    case 7:
        config.memory_utilization = 1.0;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "memory_utilization is 1", "between 0 and 1");
        break;
    case 8:
        config.layout = 2;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "layout is 2", "[0, 1]");
        break;
    case 9:
        config.flags = 2;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "flags is 2", "[0, 1]");
        break;
    case 10:
        config.flags = KVSPAN_CACHE_NO_ARENA;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "page_count is 0", "arena");
        break;
    case 11:
        config.group_count = 0;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "group_count is 0", "16");
        break;
    case 12:
        config.size = 8;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "config.size is 8", "65536");
        break;
    }
}
END_TEST

START_TEST(what_is_not_built_names_itself)
{
    kvspan_layer_group group = good_group();
    kvspan_cache_config config = good_config(&group);

    switch (_i) {
    case 0:
        group.planes[0].role = KVSPAN_INDEX;
        check_refused(&config, KVSPAN_ERR_UNSUPPORTED, "plane 0", "role 4");
        break;
    case 1:
        group.planes[1].dtype = KVSPAN_I8;
        group.planes[1].scale_tokens = 2;
        check_refused(&config, KVSPAN_ERR_UNSUPPORTED, "scale_tokens", "2");
        break;
    case 2:
        group.planes[0].role = KVSPAN_LATENT;
        check_refused(&config, KVSPAN_ERR_UNSUPPORTED, "plane 0", "role 3");
        break;
    case 3:
        group.sink_tokens = 4;
        check_refused(&config, KVSPAN_ERR_UNSUPPORTED, "sink_tokens", "4");
        break;
    case 4:
        group.planes[1].scale_tokens = 16;
        check_refused(&config, KVSPAN_ERR_UNSUPPORTED, "scale_tokens", "16");
        break;
    }
}
END_TEST

START_TEST(groups_that_contradict_themselves_are_named)
{
    static const uint32_t twice[] = { 7, 8, 7 };
    kvspan_layer_group group = good_group();
    kvspan_cache_config config = good_config(&group);

    switch (_i) {
    case 0:
        group.layers = twice;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "layer 7", "twice");
        break;
    case 1:
        group.q_heads = 10;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "10", "4");
        break;
    case 2:
        group.planes[1].heads = 2;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "4", "2");
        break;
    case 3:
        group.planes[1].role = KVSPAN_KEY;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "KEY", "VALUE");
        break;
    case 4:
        group.planes[0].dim = 1025;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "1025", "1024");
        break;
    case 5:
        group.layer_count = 4097;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "4097", "4096");
        break;
    case 6:
        group.planes[0].dtype = (kvspan_dtype)77;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "plane 0", "77");
        break;
    case 7:
        group.layers = NULL;
        group.first_layer = UINT32_MAX;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "layer 1", "4294967296");
        break;
    case 8:
        group.planes[1].dtype = KVSPAN_I8;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "int8", "scale_tokens 0");
        break;
    case 9:
        group.planes[0].scale_tokens = 1;
        check_refused(&config, KVSPAN_ERR_ARGUMENT, "bfloat16", "scale_tokens 1");
        break;
    }
}
END_TEST

START_TEST(a_layer_in_two_groups_is_named)
{
    const kvspan_layer_group groups[2] = { good_group(), good_group() };
    kvspan_cache_config config = good_config(groups);

    config.group_count = 2;
    check_refused(&config, KVSPAN_ERR_ARGUMENT, "layer 3", "groups 0 and 1");
    config.group_count = 17;
    check_refused(&config, KVSPAN_ERR_ARGUMENT, "group_count is 17", "16");
}
END_TEST

/* A caller built against a later header works as long as it leaves the new fields zero. */
START_TEST(newer_caller_is_accepted_until_it_sets_a_newer_field)
{
    const kvspan_layer_group group = good_group();
    struct {
        kvspan_cache_config known;
        uint64_t later;
    } config = { .known = good_config(&group) };
    kvspan_settings settings;

    config.known.size = sizeof(config);
    ck_assert_int_eq(kvspan_settings_init(&settings, &config.known, NULL), KVSPAN_OK);
    kvspan_settings_fini(&settings);
    config.later = 1;
    check_refused(&config.known, KVSPAN_ERR_UNSUPPORTED, "config", "byte");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_config");
    TCase *config = tcase_create("config");

    tcase_add_test(config, defaults_are_filled_in_and_texts_are_owned);
    tcase_add_test(config, strided_layers_become_a_list);
    tcase_add_loop_test(config, numbers_out_of_range_are_named_with_their_value, 0, 13);
    tcase_add_loop_test(config, what_is_not_built_names_itself, 0, 5);
    tcase_add_loop_test(config, groups_that_contradict_themselves_are_named, 0, 10);
    tcase_add_test(config, a_layer_in_two_groups_is_named);
    tcase_add_test(config, newer_caller_is_accepted_until_it_sets_a_newer_field);
    suite_add_tcase(suite, config);
    return suite_run(suite);
}
