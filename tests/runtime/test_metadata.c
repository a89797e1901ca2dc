#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kvspan/config.h>

#define GIB (1ull << 30)

enum {
    MAX_RANKS = 8
};

/* Row A of the worked numbers. */
static kvspan_metadata_config row_a(void)
{
    return (kvspan_metadata_config){ .size = sizeof(kvspan_metadata_config),
                                     .slot_count = 16,
                                     .layer_count = 32,
                                     .max_sequence_tokens = 8192,
                                     .page_tokens = 128,
                                     .kv_heads = 8,
                                     .dim = 128,
                                     .memory_utilization = 0.9 };
}

/* All ranks alike. */
typedef struct even_place {
    uint64_t limits[MAX_RANKS];
    uint64_t used[MAX_RANKS];
    kvspan_metadata_place place;
} even_place;

static const kvspan_metadata_place *place_of(even_place *even, const char *mesh,
                                             uint32_t rank_count, uint64_t limit, uint64_t used)
{
    for (uint32_t i = 0; i < rank_count; i++) {
        even->limits[i] = limit;
        even->used[i] = used;
    }
    even->place = (kvspan_metadata_place){ .size = sizeof(kvspan_metadata_place),
                                           .mesh = mesh,
                                           .rank_count = rank_count,
                                           .limit_bytes = even->limits,
                                           .used_bytes = even->used };
    return &even->place;
}

static kvspan_metadata *make_good(const kvspan_metadata_config *config,
                                  const kvspan_metadata_place *place)
{
    kvspan_metadata *metadata = NULL;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_msg(kvspan_metadata_create(config, place, &metadata, &error) == KVSPAN_OK, "%s",
                  error.message);
    return metadata;
}

static void check_refused(const kvspan_metadata_config *config, const kvspan_metadata_place *place,
                          kvspan_status expected, const char *first, const char *second)
{
    kvspan_metadata *metadata = NULL;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_metadata_create(config, place, &metadata, &error), expected);
    ck_assert_msg(strstr(error.message, first) && strstr(error.message, second),
                  "\"%s\" has not both \"%s\" and \"%s\"", error.message, first, second);
    ck_assert_ptr_null(metadata);
}

/* Section 1 of the worked numbers. The seed multiplies a device's bytes by all devices; here they
 * count as far as heads are split. Where they are split over all, the numbers meet. */
START_TEST(pages_and_bytes_are_those_of_the_worked_rows)
{
    static const struct {
        const char *row;
        const char *mesh;
        uint32_t ranks;
        uint64_t limit;
        uint64_t used;
        double utilization;
        int64_t layers;
        int64_t kv_heads;
        int64_t dim;
        int64_t page_tokens;
        int64_t max_tokens;
        kvspan_dtype dtype;
        int64_t usable_bytes;
        int64_t pages;
        int64_t pages_per_sequence;
    } rows[] = {
        { "A, heads split over all", "tp:8", 8, 16 * GIB, 2 * GIB, 0.9, 32, 8, 128, 128, 8192, 0,
          13314398617, 6348, 64 },
        { "A, nothing split: not 6348", "fsdp:8", 8, 16 * GIB, 2 * GIB, 0.9, 32, 8, 128, 128, 8192,
          0, 13314398617, 793, 64 },
        { "A, tp 4 of 8", "fsdp:2,tp:4", 8, 16 * GIB, 2 * GIB, 0.9, 32, 8, 128, 128, 8192, 0,
          13314398617, 3174, 64 },
        { "B", "tp:1", 1, 16 * GIB, 2 * GIB, 0.9, 32, 8, 128, 128, 8192, 0, 13314398617, 793, 64 },
        { "C", "tp:4", 4, 80 * GIB, 16 * GIB, 0.85, 80, 8, 128, 64, 32768, 0, 55834574848, 10649,
          512 },
        { "D", "tp:1", 1, 16 * GIB, 0, 0.5, 1, 8, 128, 8, 64, 0, 8589934592, 262144, 8 },
        { "E, pages of 4 KiB: not 651", "tp:2", 2, 1000003, 3, 0.5, 3, 2, 8, 4, 33, KVSPAN_F32,
          499998, 122, 9 },
        { "I, with scales: not 12697", "tp:8", 8, 16 * GIB, 2 * GIB, 0.9, 32, 8, 128, 128, 8192,
          KVSPAN_F8E4M3, 13314398617, 12312, 64 },
        { "A, tp 4 of 8, pages of 256", "fsdp:2,tp:4", 8, 16 * GIB, 2 * GIB, 0.9, 32, 8, 128, 256,
          8192, 0, 13314398617, 1587, 32 },
        { "ceil(32 / 4)", "tp:1", 1, GIB, 0, 0.5, 1, 1, 64, 4, 32, 0, 536870912, 131072, 8 },
        { "ceil(1 / 128)", "tp:1", 1, GIB, 0, 0.5, 1, 1, 64, 128, 1, 0, 536870912, 16384, 1 },
        { "ceil(8193 / 128)", "tp:1", 1, GIB, 0, 0.5, 1, 1, 64, 128, 8193, 0, 536870912, 16384,
          65 },
        { "a page id stands for 2 · 128 tokens", "sp:2", 2, GIB, 0, 0.5, 1, 1, 64, 128, 8193, 0,
          536870912, 16384, 33 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        even_place even;
        kvspan_metadata_config config = row_a();
        kvspan_metadata *metadata;

        config.layer_count = rows[i].layers;
        config.kv_heads = rows[i].kv_heads;
        config.dim = rows[i].dim;
        config.page_tokens = rows[i].page_tokens;
        config.max_sequence_tokens = rows[i].max_tokens;
        config.memory_utilization = rows[i].utilization;
        config.dtype = rows[i].dtype;
        metadata = make_good(
            &config, place_of(&even, rows[i].mesh, rows[i].ranks, rows[i].limit, rows[i].used));
        config = kvspan_metadata_fields(metadata);
        ck_assert_msg(config.usable_bytes == rows[i].usable_bytes &&
                          config.page_count == rows[i].pages &&
                          config.pages_per_sequence == rows[i].pages_per_sequence,
                      "%s: %lld bytes, %lld pages, %lld a sequence", rows[i].row,
                      (long long)config.usable_bytes, (long long)config.page_count,
                      (long long)config.pages_per_sequence);
        kvspan_metadata_destroy(metadata);
    }
}
END_TEST

/* Rows F, G, H: the seed makes −308, 0 and 1 pages of them. */
START_TEST(negative_zero_and_one_page_are_errors)
{
    even_place even;
    kvspan_metadata_config config = row_a();

    check_refused(&config, place_of(&even, "tp:8", 8, 16 * GIB, 15 * GIB), KVSPAN_ERR_NEVER_FITS,
                  "16106127360 bytes in use", "17179869184");
    config.memory_utilization = 0.5;
    check_refused(&config, place_of(&even, "tp:1", 1, 1 << 20, 0), KVSPAN_ERR_NEVER_FITS,
                  "2 pages of 16777216 bytes", "0 fit");
    config.page_tokens = 12884901888;
    check_refused(&config, place_of(&even, "tp:1", 1, 64 * GIB, 0), KVSPAN_ERR_ARGUMENT,
                  "\"page_size\" is 12884901888", "[1, 65536]");
    config = row_a();
    check_refused(&config, place_of(&even, "tp:1", 1, 20 * 16777216ull, 0), KVSPAN_ERR_NEVER_FITS,
                  "8192 needs 64 pages", "would fit");
}
END_TEST

/* 8aaf9219 takes 6 heads over tp 8 for a cache that nothing is split of. */
START_TEST(heads_that_do_not_divide_are_refused)
{
    even_place even;
    kvspan_metadata_config config = row_a();

    config.kv_heads = 6;
    check_refused(&config, place_of(&even, "tp:8", 8, 16 * GIB, 2 * GIB), KVSPAN_ERR_ARGUMENT,
                  "6 kv heads", "8 members");
}
END_TEST

START_TEST(checks_come_in_the_order_of_the_seed)
{
    static const char *const keys[] = { "batch_size",     "num_hidden_layers", "max_sequences",
                                        "page_size",      "num_kv_heads",      "kv_head_dim_size",
                                        "hbm_utilization" };
    static const double bad_utilizations[] = { 0.0, 1.0, -0.1, 1.5, NAN };
    static const double good_utilizations[] = { 0.5, 1e-9, 0.999999 };
    even_place even;
    const kvspan_metadata_place *const place = place_of(&even, "tp:1", 1, 1ull << 62, 0);

    /* All from the first-th on are bad. */
    for (int first = 0; first < 7; first++) {
        for (int64_t bad = -1; bad <= 0; bad++) {
            kvspan_metadata_config config = row_a();
            int64_t *const fields[] = {
                &config.slot_count,  &config.layer_count, &config.max_sequence_tokens,
                &config.page_tokens, &config.kv_heads,    &config.dim
            };

            for (int i = first; i < 6; i++) {
                *fields[i] = bad;
            }
            config.memory_utilization = 2.0;
            check_refused(&config, place, KVSPAN_ERR_ARGUMENT, keys[first],
                          first == 6 ? "2"
                          : bad      ? "is -1"
                                     : "is 0");
        }
    }
    for (size_t i = 0; i < 5; i++) {
        kvspan_metadata_config config = row_a();

        config.memory_utilization = bad_utilizations[i];
        check_refused(&config, place, KVSPAN_ERR_ARGUMENT, "hbm_utilization", "between 0 and 1");
    }
    for (size_t i = 0; i < 3; i++) {
        kvspan_metadata_config config = row_a();

        config.memory_utilization = good_utilizations[i];
        kvspan_metadata_destroy(make_good(&config, place));
    }
}
END_TEST

START_TEST(given_derived_fields_are_held_against_the_place)
{
    even_place even;
    const kvspan_metadata_place *const place = place_of(&even, "tp:1", 1, 16 * GIB, 2 * GIB);
    kvspan_metadata_config config = row_a();
    kvspan_metadata *metadata;

    check_refused(&config, NULL, KVSPAN_ERR_ARGUMENT, "num_pages_per_layer", "is 0");
    config.page_count = 100;
    metadata = make_good(&config, place);
    ck_assert_int_eq(kvspan_metadata_fields(metadata).page_count, 100);
    kvspan_metadata_destroy(metadata);
    config.page_count = 794;
    check_refused(&config, place, KVSPAN_ERR_NEVER_FITS, "794 pages", "793 fit");
    config.page_count = 1;
    check_refused(&config, place, KVSPAN_ERR_ARGUMENT, "num_pages_per_layer", "is 1");
    config.page_count = 0;
    config.pages_per_sequence = 63;
    check_refused(&config, place, KVSPAN_ERR_ARGUMENT, "num_pages_per_sequence\" is 63", "64");
    config.pages_per_sequence = 0;
    config.partition_axis = "{\"kv_head_axis\":\"nope\"}";
    check_refused(&config, place, KVSPAN_ERR_ARGUMENT, "nope", "");
}
END_TEST

static const char partition_axis[] =
    "{\"batch_axis\":[\"dp\",\"fsdp\",\"ep\"],\"sequence_axis\":null,\"kv_head_axis\":\"t\\\"p\","
    "\"tensor_parallel_axis\":\"x\"}";

START_TEST(json_brings_every_field_back)
{
    static const double utilizations[] = { 0.1, 0.9, 1.0 / 3.0, 1e-9, 0.999999 };
    kvspan_metadata_config config = row_a();

    config.page_count = 793;
    config.pages_per_sequence = 64;
    config.usable_bytes = INT64_MAX;
    config.partition_axis = partition_axis;
    for (int dtype = KVSPAN_BF16; dtype <= KVSPAN_I8; dtype++) {
        kvspan_metadata *first;
        kvspan_metadata *second = NULL;
        kvspan_metadata_config read;
        const char *text;

        config.dtype = (kvspan_dtype)dtype;
        config.memory_utilization = utilizations[dtype % 5];
        first = make_good(&config, NULL);
        text = kvspan_metadata_json(first);
        ck_assert_int_eq(kvspan_metadata_read(text, strlen(text), 0, NULL, &second, NULL),
                         KVSPAN_OK);
        ck_assert_str_eq(kvspan_metadata_json(second), text);
        read = kvspan_metadata_fields(second);
        ck_assert(read.dtype == config.dtype && read.slot_count == 16 && read.layer_count == 32 &&
                  read.page_count == 793 && read.pages_per_sequence == 64 &&
                  read.max_sequence_tokens == 8192 && read.page_tokens == 128 &&
                  read.kv_heads == 8 && read.dim == 128 && read.usable_bytes == INT64_MAX);
        ck_assert(read.memory_utilization == config.memory_utilization);
        ck_assert_msg(strstr(read.partition_axis, "\"batch_axis\":[\"dp\",\"fsdp\",\"ep\"]") &&
                          strstr(read.partition_axis, "\"sequence_axis\":null") &&
                          strstr(read.partition_axis, "\"kv_head_axis\":\"t\\\"p\"") &&
                          strstr(read.partition_axis, "\"head_axis\":\"x\""),
                      "%s", read.partition_axis);
        kvspan_metadata_destroy(first);
        kvspan_metadata_destroy(second);
    }
}
END_TEST

/* Everything the seed writes, in its order, and nothing else. */
START_TEST(keys_are_the_seeds_in_its_order)
{
    static const char *const keys[] = {
        "\"partition_axis\":",      "\"dtype\":\"bfloat16\"",      "\"batch_size\":16",
        "\"num_hidden_layers\":32", "\"num_pages_per_layer\":793", "\"num_pages_per_sequence\":64",
        "\"max_sequences\":8192",   "\"page_size\":128",           "\"num_kv_heads\":8",
        "\"kv_head_dim_size\":128", "\"hbm_utilization\":0.",      "\"hbm_bytes\":13314398617}"
    };
    even_place even;
    const kvspan_metadata_config config = row_a();
    kvspan_metadata *const metadata =
        make_good(&config, place_of(&even, "tp:1", 1, 16 * GIB, 2 * GIB));
    const char *place = kvspan_metadata_json(metadata);

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        place = strstr(place, keys[i]);
        ck_assert_msg(place, "%s is not behind the key before", keys[i]);
    }
    kvspan_metadata_destroy(metadata);
}
END_TEST

#define REQUIRED                                                                      \
    "\"batch_size\":1,\"num_hidden_layers\":1,\"max_sequences\":64,\"page_size\":16," \
    "\"num_kv_heads\":1,\"kv_head_dim_size\":64,\"hbm_utilization\":0.5"
#define DERIVED "\"num_pages_per_layer\":9,\"num_pages_per_sequence\":4,\"hbm_bytes\":99999"

START_TEST(bad_json_names_the_key)
{
    static const struct {
        const char *text;
        const char *first;
        const char *second;
    } cases[] = {
        { "", "line 1", "" },
        { "[1]", "no JSON object", "" },
        { "{}", "batch_size", "missing" },
        { "{" REQUIRED "}", "num_pages_per_layer", "is 0" },
        { "{" REQUIRED "," DERIVED ",\"pages\":1}", "pages", "no field" },
        { "{" REQUIRED "," DERIVED ",\"page_size\":16}", "duplicate", "" },
        { "{" REQUIRED ",\"num_pages_per_layer\":9223372036854775808}", "9223372036854775807", "" },
        { "{" REQUIRED ",\"num_pages_per_layer\":9.5}", "num_pages_per_layer", "9.5" },
        { "{" REQUIRED ",\"num_pages_per_layer\":\"9\"}", "num_pages_per_layer", "\"9\"" },
        { "{" REQUIRED "," DERIVED ",\"dtype\":\"<class 'jax.numpy.bfloat16'>\"}", "dtype",
          "bfloat16, float16" },
        { "{" REQUIRED "," DERIVED ",\"dtype\":null}", "dtype", "no text" },
        { "{" REQUIRED "," DERIVED ",\"partition_axis\":{\"nope\":null}}", "nope", "" },
        { "{" REQUIRED "," DERIVED ",\"partition_axis\":{\"batch_axis\":1}}", "batch_axis", "" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_metadata *metadata = NULL;
        kvspan_error error = { .status = KVSPAN_OK };

        ck_assert_int_eq(
            kvspan_metadata_read(cases[i].text, strlen(cases[i].text), 0, NULL, &metadata, &error),
            KVSPAN_ERR_ARGUMENT);
        ck_assert_msg(strstr(error.message, cases[i].first) &&
                          strstr(error.message, cases[i].second),
                      "%s: \"%s\"", cases[i].text, error.message);
        ck_assert_ptr_null(metadata);
    }
}
END_TEST

START_TEST(unknown_keys_are_ignored_if_asked)
{
    static const char text[] = "{" REQUIRED "," DERIVED ",\"pages\":1}";
    kvspan_metadata *metadata = NULL;

    ck_assert_int_eq(kvspan_metadata_read(text, strlen(text), KVSPAN_METADATA_IGNORE_UNKNOWN, NULL,
                                          &metadata, NULL),
                     KVSPAN_OK);
    ck_assert_int_eq(kvspan_metadata_fields(metadata).page_count, 9);
    ck_assert_int_eq(kvspan_metadata_fields(metadata).dtype, KVSPAN_BF16);
    kvspan_metadata_destroy(metadata);
}
END_TEST

START_TEST(replace_derives_again_and_leaves_the_old_alone)
{
    static const char smaller[] = "{\"page_size\":64}";
    static const char fewer[] = "{\"num_pages_per_layer\":200,\"partition_axis\":null}";
    static const char unknown[] = "{\"page_sizes\":64}";
    even_place even;
    const kvspan_metadata_place *const place = place_of(&even, "tp:1", 1, 16 * GIB, 2 * GIB);
    kvspan_metadata_config config = row_a();
    kvspan_metadata *old;
    kvspan_metadata *new = NULL;
    kvspan_error error = { .status = KVSPAN_OK };
    char before[4096];

    config.partition_axis = "{\"sequence_axis\":null}";
    old = make_good(&config, place);
    (void)snprintf(before, sizeof(before), "%s", kvspan_metadata_json(old));
    ck_assert_int_eq(kvspan_metadata_replace(old, smaller, strlen(smaller), place, &new, NULL),
                     KVSPAN_OK);
    config = kvspan_metadata_fields(new);
    ck_assert(config.page_count == 1587 && config.pages_per_sequence == 128);
    ck_assert_ptr_nonnull(strstr(config.partition_axis, "\"sequence_axis\":null"));
    kvspan_metadata_destroy(new);
    ck_assert_int_eq(kvspan_metadata_replace(old, fewer, strlen(fewer), place, &new, NULL),
                     KVSPAN_OK);
    config = kvspan_metadata_fields(new);
    ck_assert(config.page_count == 200 && config.pages_per_sequence == 64);
    ck_assert_ptr_nonnull(strstr(config.partition_axis, "\"sequence_axis\":\"sp\""));
    kvspan_metadata_destroy(new);
    ck_assert_int_eq(kvspan_metadata_replace(old, unknown, strlen(unknown), place, &new, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "page_sizes"));
    ck_assert_int_eq(kvspan_metadata_replace(old, smaller, strlen(smaller), NULL, &new, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(kvspan_metadata_json(old), before);
    kvspan_metadata_destroy(old);
}
END_TEST

/* What the description says fits is what a cache of that config plans. */
START_TEST(a_cache_config_plans_what_was_described)
{
    even_place even;
    const kvspan_metadata_config config = row_a();
    kvspan_metadata *const metadata =
        make_good(&config, place_of(&even, "tp:4", 4, 16 * GIB, 2 * GIB));
    const uint64_t usable[] = { 13314398617, 13314398617, 13314398617, 13314398617 };
    kvspan_layer_group group;
    kvspan_cache_config cache;
    kvspan_plan plan;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_metadata_cache_config(metadata, 12, &group, &cache, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "12") && strstr(error.message, "8"), "%s", error.message);
    ck_assert_int_eq(kvspan_metadata_cache_config(metadata, 32, &group, &cache, NULL), KVSPAN_OK);
    ck_assert(group.q_heads == 32 && cache.groups == &group && cache.slot_count == 16);
    ck_assert_uint_eq(cache.arena_bytes, 13314398617);
    cache.mesh = "tp:4";
    cache.max_step_tokens = 64;
    ck_assert_int_eq(kvspan_plan_capacity(&cache, usable, 4, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.page_count, 3174);
    kvspan_metadata_destroy(metadata);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/metadata");
    TCase *create = tcase_create("create");
    TCase *json = tcase_create("json");

    tcase_add_test(create, pages_and_bytes_are_those_of_the_worked_rows);
    tcase_add_test(create, negative_zero_and_one_page_are_errors);
    tcase_add_test(create, heads_that_do_not_divide_are_refused);
    tcase_add_test(create, checks_come_in_the_order_of_the_seed);
    tcase_add_test(create, given_derived_fields_are_held_against_the_place);
    tcase_add_test(create, a_cache_config_plans_what_was_described);
    tcase_add_test(json, json_brings_every_field_back);
    tcase_add_test(json, keys_are_the_seeds_in_its_order);
    tcase_add_test(json, bad_json_names_the_key);
    tcase_add_test(json, unknown_keys_are_ignored_if_asked);
    tcase_add_test(json, replace_derives_again_and_leaves_the_old_alone);
    suite_add_tcase(suite, create);
    suite_add_tcase(suite, json);
    return suite_run(suite);
}
