/* Structs that grow are taken from the size on that the first version required, and nothing is read
 * behind the size that the caller gives. */
#include "support/suite.h"

#include <stddef.h>
#include <string.h>

#include <kvspan/kvspan.h>

static kvspan_error error;

/* A caller's struct of `bytes`: what lies behind is noise. */
static void cut(void *given, size_t bytes, size_t whole)
{
    memset((unsigned char *)given + bytes, 0xff, whole - bytes);
    memcpy(given, &bytes, sizeof(bytes));
}

static void refused(kvspan_status status)
{
    ck_assert_int_eq(status, KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error.message, ".size is "), "%s", error.message);
}

START_TEST(a_ledger_and_its_sequences_take_the_first_versions_structs)
{
    const kvspan_ledger_config whole = { .size = sizeof(whole),
                                         .page_count = 4,
                                         .slot_count = 2,
                                         .page_tokens = 4,
                                         .max_step_tokens = 8,
                                         .max_sequence_tokens = 8 };
    const size_t least = offsetof(kvspan_ledger_config, group_windows);
    kvspan_ledger_config config = whole;
    kvspan_sequence_config start = { .tag = 7 };
    kvspan_ledger *ledger = NULL;
    kvspan_sequence sequence = 0;

    cut(&config, least - 1, sizeof(config));
    refused(kvspan_ledger_create(&config, &ledger, &error));
    config = whole;
    cut(&config, least, sizeof(config));
    ck_assert_int_eq(kvspan_ledger_create(&config, &ledger, &error), KVSPAN_OK);
    cut(&start, offsetof(kvspan_sequence_config, tokens) - 1, sizeof(start));
    refused(kvspan_sequence_create(ledger, &start, &sequence, NULL, &error));
    start = (kvspan_sequence_config){ .tag = 7 };
    cut(&start, offsetof(kvspan_sequence_config, tokens), sizeof(start));
    ck_assert_int_eq(kvspan_sequence_create(ledger, &start, &sequence, NULL, &error), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_sequence_committed(ledger, sequence), 0);
    kvspan_ledger_destroy(ledger);
}
END_TEST

START_TEST(a_description_takes_the_first_versions_structs)
{
    const kvspan_metadata_config whole = { .size = sizeof(whole),
                                           .slot_count = 2,
                                           .layer_count = 1,
                                           .page_count = 8,
                                           .pages_per_sequence = 2,
                                           .max_sequence_tokens = 8,
                                           .page_tokens = 4,
                                           .kv_heads = 1,
                                           .dim = 8,
                                           .memory_utilization = 0.5 };
    const uint64_t limit = 1 << 20;
    kvspan_metadata_place place = { .rank_count = 1 };
    kvspan_metadata_config config = whole;
    kvspan_metadata *metadata = NULL;

    cut(&config, offsetof(kvspan_metadata_config, usable_bytes) - 1, sizeof(config));
    refused(kvspan_metadata_create(&config, NULL, &metadata, &error));
    config = whole;
    cut(&config, offsetof(kvspan_metadata_config, usable_bytes), sizeof(config));
    cut(&place, offsetof(kvspan_metadata_place, heads_policy) - 1, sizeof(place));
    refused(kvspan_metadata_create(&config, &place, &metadata, &error));
    place =
        (kvspan_metadata_place){ .size = sizeof(place), .rank_count = 1, .limit_bytes = &limit };
    ck_assert_int_eq(kvspan_metadata_create(&config, &place, &metadata, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_metadata_fields(metadata).usable_bytes, 1 << 19);
    kvspan_metadata_destroy(metadata);
    /* Bytes are not derived without limits: what is behind the size is zero, not noise. */
    place = (kvspan_metadata_place){ .rank_count = 1 };
    cut(&place, offsetof(kvspan_metadata_place, heads_policy), sizeof(place));
    ck_assert_int_eq(kvspan_metadata_create(&config, &place, &metadata, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "limit_bytes is NULL"), "%s", error.message);
}
END_TEST

START_TEST(a_plan_takes_the_first_versions_config)
{
    const kvspan_layer_group group = { .layer_count = 1,
                                       .q_heads = 1,
                                       .plane_count = 2,
                                       .planes = { { KVSPAN_KEY, 1, 8, KVSPAN_F32, 0 },
                                                   { KVSPAN_VALUE, 1, 8, KVSPAN_F32, 0 } } };
    const kvspan_cache_config whole = { .group_count = 1,
                                        .groups = &group,
                                        .page_tokens = 4,
                                        .slot_count = 1,
                                        .max_sequence_tokens = 8,
                                        .max_step_tokens = 8 };
    const uint64_t bytes = 1 << 20;
    kvspan_cache_config config = whole;
    kvspan_plan plan;

    cut(&config, offsetof(kvspan_cache_config, page_count) - 1, sizeof(config));
    refused(kvspan_plan_capacity(&config, &bytes, 1, &plan, &error));
    config = whole;
    cut(&config, offsetof(kvspan_cache_config, page_count), sizeof(config));
    ck_assert_int_eq(kvspan_plan_capacity(&config, &bytes, 1, &plan, &error), KVSPAN_OK);
    ck_assert_uint_eq(plan.page_count, 256); /* of 4 KiB */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/struct_sizes");
    TCase *sizes = tcase_create("sizes");

    tcase_add_test(sizes, a_ledger_and_its_sequences_take_the_first_versions_structs);
    tcase_add_test(sizes, a_description_takes_the_first_versions_structs);
    tcase_add_test(sizes, a_plan_takes_the_first_versions_config);
    suite_add_tcase(suite, sizes);
    return suite_run(suite);
}
