#include "launch/bench_cache.h"
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "launch/bench_numbers.h"
#include "launch/calibrate.h"

/* Small enough for the reference column. */
static kvspan_bench_options small_options(void)
{
    return (kvspan_bench_options){ .what = KVSPAN_BENCH_ATTENTION,
                                   .q_heads = 4,
                                   .kv_heads = 2,
                                   .key_dim = 16,
                                   .value_dim = 32,
                                   .page_tokens = 16,
                                   .kv_dtype = KVSPAN_BF16,
                                   .context_tokens = 37,
                                   .new_tokens = 5,
                                   .sequence_count = 3,
                                   .layer_count = 2,
                                   .rounds = 1,
                                   .device = { .name = "reference" } };
}

/* What the queries see, counted pair by pair. */
static void expect_work(const kvspan_bench_options *options, double token_bytes)
{
    const uint64_t end = options->context_tokens + options->new_tokens;
    kvspan_bench_cache bench;
    kvspan_error error = { 0 };
    double pairs = 0.0;
    double tokens = 0.0;

    for (uint64_t key = 0; key < end; key++) {
        uint32_t seen_by = 0;

        for (uint64_t query = options->context_tokens; query < end; query++) {
            seen_by += key <= query &&
                       (options->window_tokens == 0 || query - key < options->window_tokens);
        }
        pairs += seen_by;
        tokens += seen_by > 0;
    }
    ck_assert_msg(kvspan_bench_cache_init(&bench, options, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert(kvspan_bench_cache_operations(&bench) ==
              pairs * 3 * 4 * (2 * 16 + 2 * 32) * 2); /* sequences, q heads, layers */
    ck_assert(kvspan_bench_cache_seen_bytes(&bench) == tokens * 3 * 2 * token_bytes);
    ck_assert(kvspan_bench_cache_new_bytes(&bench) == 5.0 * 3 * 2 * token_bytes);
    kvspan_bench_cache_fini(&bench);
}

START_TEST(work_is_what_the_masks_let_through)
{
    kvspan_bench_options options = small_options();

    expect_work(&options, 2 * (16 + 32) * 2);
    options.window_tokens = 7;
    expect_work(&options, 2 * (16 + 32) * 2);
    options.window_tokens = 39; /* only the last tokens are beyond it */
    expect_work(&options, 2 * (16 + 32) * 2);
    options.window_tokens = 0;
    options.kv_dtype = KVSPAN_I8;
    expect_work(&options, 2 * (16 + 32 + 2 * 4));
}
END_TEST

static float f32_of_bf16(const void *element)
{
    uint16_t half;
    uint32_t bits;
    float value;

    memcpy(&half, element, sizeof(half));
    bits = (uint32_t)half << 16;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

START_TEST(results_are_means_of_values_that_were_stored)
{
    const kvspan_bench_options options = small_options();
    kvspan_bench_cache bench;
    kvspan_error error = { 0 };
    float most = 0.0f;

    ck_assert_msg(kvspan_bench_cache_init(&bench, &options, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert_int_eq(kvspan_bench_cache_append(&bench, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_bench_cache_attend(&bench, &error), KVSPAN_OK);
    ck_assert_uint_eq(bench.out.tokens, 15);
    for (size_t i = 0; i < (size_t)3 * 5 * 4 * 32; i++) {
        const float value = fabsf(f32_of_bf16((const unsigned char *)bench.out.data + 2 * i));

        ck_assert(value < 2.0f); /* and no NaN */
        most = value > most ? value : most;
    }
    ck_assert(most > 0.01f);
    kvspan_bench_cache_fini(&bench);
}
END_TEST

START_TEST(pages_lie_as_asked)
{
    kvspan_bench_options options = small_options();
    uint64_t strides[2];

    for (int layout = KVSPAN_PAGE_FIRST; layout <= KVSPAN_LAYER_FIRST; layout++) {
        kvspan_bench_cache bench;
        kvspan_layer_view first;
        kvspan_layer_view second;

        options.layout = (kvspan_layout)layout;
        ck_assert_int_eq(kvspan_bench_cache_init(&bench, &options, NULL), KVSPAN_OK);
        ck_assert_int_eq(kvspan_cache_layer_view(bench.cache, 0, KVSPAN_KEY, &first, NULL),
                         KVSPAN_OK);
        ck_assert_int_eq(kvspan_cache_layer_view(bench.cache, 1, KVSPAN_KEY, &second, NULL),
                         KVSPAN_OK);
        strides[layout] = first.page_stride;
        /* The next layer begins in the same page, or behind all pages. */
        ck_assert_int_eq((const char *)second.data - (const char *)first.data <
                             (ptrdiff_t)first.page_stride,
                         layout == KVSPAN_PAGE_FIRST);
        kvspan_bench_cache_fini(&bench);
    }
    ck_assert_uint_lt(strides[KVSPAN_LAYER_FIRST], strides[KVSPAN_PAGE_FIRST]);
}
END_TEST

START_TEST(layers_exceed_the_caches_of_the_cpu_unless_told)
{
    kvspan_bench_options options = small_options();
    const double wanted = 4.0 * (double)kvspan_calibrate_cache_bytes();
    kvspan_bench_cache bench;

    options.what = KVSPAN_BENCH_APPEND;
    options.context_tokens = 0;
    options.new_tokens = 2000;
    options.key_dim = options.value_dim = 256;
    options.kv_heads = 4;
    options.layer_count = 0;
    ck_assert_int_eq(kvspan_bench_cache_init(&bench, &options, NULL), KVSPAN_OK);
    ck_assert(kvspan_bench_cache_new_bytes(&bench) > wanted);
    ck_assert(kvspan_bench_cache_new_bytes(&bench) / bench.group.layer_count *
                  (bench.group.layer_count - 1) <=
              wanted);
    kvspan_bench_cache_fini(&bench);
}
END_TEST

START_TEST(a_failure_leaves_nothing_behind)
{
    kvspan_bench_options options = small_options();
    kvspan_bench_cache bench;
    kvspan_error error = { 0 };

    options.page_tokens = 1;
    options.sequence_count = 300;
    options.context_tokens = 16000000;
    ck_assert_int_eq(kvspan_bench_cache_init(&bench, &options, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "pages are needed"));
    options = small_options();
    options.lengths_path = "/nowhere/at/all";
    ck_assert_int_eq(kvspan_bench_cache_init(&bench, &options, &error), KVSPAN_ERR_IO);
}
END_TEST

START_TEST(numbers_are_exact_in_every_type)
{
    for (int number = -128; number < 128; number++) {
        const uint32_t bits = kvspan_bench_number(KVSPAN_F32, number);
        const uint32_t half = kvspan_bench_number(KVSPAN_F16, number);
        float value;

        memcpy(&value, &bits, sizeof(value));
        ck_assert(value == (float)number / 64.0f);
        ck_assert_uint_eq(kvspan_bench_number(KVSPAN_BF16, number), bits >> 16);
        ck_assert_uint_eq(bits & 0xffff, 0);
        /* IEEE 754: sign, 5 bits of exponent with bias 15, 10 of fraction. */
        ck_assert(number == 0 ? half == 0
                              : ldexp((half & 0x3ff) + 1024, (int)(half >> 10 & 31) - 25) *
                                        ((half >> 15) != 0 ? -1 : 1) ==
                                    number / 64.0);
    }
}
END_TEST

START_TEST(numbers_are_spread_and_of_their_seed)
{
    uint16_t first[1000];
    uint16_t second[1000];
    double sum = 0.0;
    uint32_t equal = 0;

    kvspan_bench_numbers_fill(KVSPAN_BF16, 1, 1000, first);
    kvspan_bench_numbers_fill(KVSPAN_BF16, 2, 1000, second);
    for (int i = 0; i < 1000; i++) {
        sum += f32_of_bf16(&first[i]);
        equal += first[i] == second[i];
    }
    ck_assert(fabs(sum / 1000) < 0.2);
    ck_assert_uint_lt(equal, 30);
    kvspan_bench_numbers_fill(KVSPAN_BF16, 1, 1000, second);
    ck_assert_mem_eq(first, second, sizeof(first));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/bench_cache");
    TCase *tests = tcase_create("bench_cache");

    tcase_add_test(tests, work_is_what_the_masks_let_through);
    tcase_add_test(tests, results_are_means_of_values_that_were_stored);
    tcase_add_test(tests, pages_lie_as_asked);
    tcase_add_test(tests, layers_exceed_the_caches_of_the_cpu_unless_told);
    tcase_add_test(tests, a_failure_leaves_nothing_behind);
    tcase_add_test(tests, numbers_are_exact_in_every_type);
    tcase_add_test(tests, numbers_are_spread_and_of_their_seed);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
