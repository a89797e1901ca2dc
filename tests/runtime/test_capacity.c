#include "support/suite.h"

#include <string.h>

#include <kvspan/cache.h>

static kvspan_layer_group group_of(uint32_t layers, uint32_t heads, uint32_t dim,
                                   kvspan_dtype dtype)
{
    return (kvspan_layer_group){ .layer_count = layers,
                                 .q_heads = heads,
                                 .plane_count = 2,
                                 .planes = { { KVSPAN_KEY, heads, dim, dtype, 0 },
                                             { KVSPAN_VALUE, heads, dim, dtype, 0 } } };
}

static kvspan_cache_config config_of(const kvspan_layer_group *group, uint32_t page_tokens,
                                     uint64_t max_sequence_tokens, const char *mesh)
{
    return (kvspan_cache_config){ .size = sizeof(kvspan_cache_config),
                                  .group_count = 1,
                                  .groups = group,
                                  .page_tokens = page_tokens,
                                  .slot_count = 4,
                                  .max_sequence_tokens = max_sequence_tokens,
                                  .max_step_tokens = 64,
                                  .mesh = mesh };
}

/* Llama-3-8B, 32 layers of 8 kv heads of 128: 128 tokens of bf16 K and V are 16 MiB; with
 * 13,314,398,617 usable bytes 793 pages fit, and as many with 4 times the heads per rank's quarter.
 */
START_TEST(pages_are_floor_of_usable_by_page_bytes)
{
    const kvspan_layer_group group = group_of(32, 8, 128, KVSPAN_BF16);
    const kvspan_cache_config config = config_of(&group, 128, 8192, "tp:1");
    const uint64_t usable = 13314398617u;
    kvspan_plan plan;

    ck_assert_int_eq(kvspan_plan_capacity(&config, &usable, 1, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.page_bytes, 16777216);
    ck_assert_uint_eq(plan.page_count, 793);
    ck_assert_uint_eq(plan.arena_bytes, 793ull * 16777216);
    ck_assert_uint_eq(plan.sequences_of_max_tokens, 792 / 64);
    ck_assert_uint_eq(plan.limiting_rank, 0);
}
END_TEST

/* Llama-3-8B: a rank with h of the 8 heads keeps h · 512 bytes of a token in a layer. */
START_TEST(short_runs_come_with_advice)
{
    static const struct {
        const char *mesh;
        uint32_t rank_count, page_tokens;
        uint64_t run_bytes;
        uint32_t advised_page_tokens;
    } cases[] = {
        { "tp:1", 1, 128, 524288, 128 }, { "tp:1", 1, 16, 65536, 16 }, { "tp:1", 1, 15, 61440, 16 },
        { "tp:8", 8, 32, 16384, 128 },   { "tp:4", 4, 48, 49152, 64 }, { "tp:8", 8, 1, 512, 128 },
    };
    const kvspan_layer_group group = group_of(2, 8, 128, KVSPAN_BF16);
    const kvspan_cache_config config =
        config_of(&group, cases[_i].page_tokens, 512, cases[_i].mesh);
    const uint64_t usable[8] = { 1 << 30, 1 << 30, 1 << 30, 1 << 30,
                                 1 << 30, 1 << 30, 1 << 30, 1 << 30 };
    kvspan_plan plan;

    ck_assert_int_eq(kvspan_plan_capacity(&config, usable, cases[_i].rank_count, &plan, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(plan.run_bytes, cases[_i].run_bytes);
    ck_assert_uint_eq(plan.advised_page_tokens, cases[_i].advised_page_tokens);
}
END_TEST

/* Keys and values of 3 heads of 80 codes, with scales: 504 bytes of a token; no power of two.
 * The smallest vectors there are make the largest advice. */
START_TEST(advice_is_whole_tiles_within_the_limit)
{
    kvspan_layer_group group = group_of(1, 3, 80, KVSPAN_I8);
    kvspan_cache_config config = config_of(&group, 16, 512, "tp:1");
    const uint64_t usable = 1 << 30;
    kvspan_plan plan;

    group.planes[0].scale_tokens = 1;
    group.planes[1].scale_tokens = 1;
    config.groups = &group;
    ck_assert_int_eq(kvspan_plan_capacity(&config, &usable, 1, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.run_bytes, 8064);          /* of 16 tokens */
    ck_assert_uint_eq(plan.advised_page_tokens, 144); /* 131 would do */
    group = group_of(1, 1, 1, KVSPAN_F8E5M2);
    config = config_of(&group, 16, 512, "tp:1");
    ck_assert_int_eq(kvspan_plan_capacity(&config, &usable, 1, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.run_bytes, 32);
    ck_assert_uint_eq(plan.advised_page_tokens, 32768); /* never beyond the limit */
}
END_TEST

/* A page of a rank holds only its own heads; the poorest rank decides for all. */
START_TEST(the_poorest_rank_limits_and_is_named)
{
    const kvspan_layer_group group = group_of(32, 8, 128, KVSPAN_BF16);
    const kvspan_cache_config config = config_of(&group, 128, 8192, "tp:4");
    const uint64_t usable[] = { 4194304ull * 900, 4194304ull * 100 + 4194303, 4194304ull * 100,
                                4194304ull * 500 };
    kvspan_plan plan;

    ck_assert_int_eq(kvspan_plan_capacity(&config, usable, 4, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.page_bytes, 4194304);
    ck_assert_uint_eq(plan.page_count, 100);
    ck_assert_uint_eq(plan.limiting_rank, 1); /* the lowest of those with 100 */
}
END_TEST

/* Replicated heads cost their full size on each rank; sp multiplies the tokens of a page id. */
START_TEST(replicas_and_split_tokens_are_counted)
{
    const kvspan_layer_group group = group_of(2, 2, 64, KVSPAN_F32);
    kvspan_cache_config config = config_of(&group, 16, 448, "tp:4");
    const uint64_t usable[8] = { 1 << 20, 1 << 20, 1 << 20, 1 << 20,
                                 1 << 20, 1 << 20, 1 << 20, 1 << 20 };
    kvspan_plan plan;

    ck_assert_int_eq(kvspan_plan_capacity(&config, usable, 4, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.page_bytes, 16384); /* 2 layers, 2 planes, 16 tokens, 64 floats */
    ck_assert_uint_eq(plan.page_count, 64);
    ck_assert_uint_eq(plan.sequences_of_max_tokens, 63 / 28);
    config.mesh = "tp:2,sp:4";
    ck_assert_int_eq(kvspan_plan_capacity(&config, usable, 8, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.page_count, 64);
    ck_assert_uint_eq(plan.sequences_of_max_tokens, 63 / 7);
}
END_TEST

/* Sizes are rounded up to 4 KiB, so that pages can be mapped. */
START_TEST(small_pages_are_rounded_up)
{
    const kvspan_layer_group group = group_of(3, 2, 8, KVSPAN_F32);
    const kvspan_cache_config config = config_of(&group, 4, 33, "tp:1");
    const uint64_t usable = 999996;
    kvspan_plan plan;

    ck_assert_int_eq(kvspan_plan_capacity(&config, &usable, 1, &plan, NULL), KVSPAN_OK);
    ck_assert_uint_eq(plan.page_bytes, 4096); /* 3 layers × 512 bytes */
    ck_assert_uint_eq(plan.page_count, 244);
}
END_TEST

static void check_refused(const kvspan_cache_config *config, uint64_t usable, const char *first,
                          const char *second)
{
    kvspan_plan plan = { .page_count = 77 };
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_plan_capacity(config, &usable, 1, &plan, &error),
                     KVSPAN_ERR_NEVER_FITS);
    ck_assert_msg(strstr(error.message, first) && strstr(error.message, second),
                  "\"%s\" has not both \"%s\" and \"%s\"", error.message, first, second);
    ck_assert_int_eq(error.rank, 0);
    ck_assert_uint_eq(plan.page_count, 77); /* outputs are untouched on failure */
}

START_TEST(what_does_not_fit_is_refused_with_what_would)
{
    const kvspan_layer_group group = group_of(32, 8, 128, KVSPAN_BF16);
    kvspan_cache_config config = config_of(&group, 128, 8192, "tp:1");

    check_refused(&config, 2 * 16777216 - 1, "2 pages of 16777216 bytes", "1 fit");
    check_refused(&config, 64 * 16777216ull, "8192 needs 64 pages", "8064 tokens would fit");
    config.page_count = 100;
    check_refused(&config, 99 * 16777216ull, "100 pages", "99 fit");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/capacity");
    TCase *plan = tcase_create("plan");

    tcase_add_test(plan, pages_are_floor_of_usable_by_page_bytes);
    tcase_add_loop_test(plan, short_runs_come_with_advice, 0, 6);
    tcase_add_test(plan, advice_is_whole_tiles_within_the_limit);
    tcase_add_test(plan, the_poorest_rank_limits_and_is_named);
    tcase_add_test(plan, replicas_and_split_tokens_are_counted);
    tcase_add_test(plan, small_pages_are_rounded_up);
    tcase_add_test(plan, what_does_not_fit_is_refused_with_what_would);
    suite_add_tcase(suite, plan);
    return suite_run(suite);
}
