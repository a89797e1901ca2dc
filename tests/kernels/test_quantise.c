#include "support/suite.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "column.h"
#include "kernels/page_format.h"
#include "support/oracle.h"
#include "support/random.h"

enum {
    DIM = 13,
    TOKENS = 5,
    HEADS = 2,
    PAGE_TOKENS = 3,
    PAGES = 4,
    CANARY = 0xa5
};

static const kvspan_dtype small_types[] = { KVSPAN_I8, KVSPAN_F8E4M3, KVSPAN_F8E5M2 };

/* An arena of one plane as page_format lays it out. */
typedef struct quantised {
    kvspan_plane_view plane;
    _Alignas(4) unsigned char arena[PAGES * 4096];
} quantised;

static void quantised_init(quantised *target, kvspan_dtype dtype, uint32_t scale_tokens)
{
    const kvspan_layer_group group = { .layer_count = 1,
                                       .plane_count = 1,
                                       .planes = {
                                           { KVSPAN_KEY, HEADS, DIM, dtype, scale_tokens } } };
    const uint32_t heads[KVSPAN_MAX_PLANES] = { HEADS };
    kvspan_page_format format;

    ck_assert_int_eq(kvspan_page_format_make(&group, heads, PAGE_TOKENS, PAGES, KVSPAN_PAGE_FIRST,
                                             &format, NULL),
                     KVSPAN_OK);
    ck_assert_uint_le(format.arena_bytes, sizeof(target->arena));
    target->plane = kvspan_page_format_view(&format, target->arena, 0, 0);
    memset(target->arena, CANARY, sizeof(target->arena));
}

/* Appends TOKENS tokens at position 0 to pages 2, 1. */
static void append(quantised *target, kvspan_dtype source_dtype, void *source)
{
    static const uint32_t table[] = { 2, 1, 0x7fffffff };
    static const uint32_t row_starts[] = { 0, TOKENS };
    static const uint32_t row_slots[] = { 0 };
    static const int32_t positions[] = { 0, 1, 2, 3, 4 };
    const kvspan_append_tokens_args args = {
        .rows = { .row_count = 1,
                  .token_count = TOKENS,
                  .row_starts = row_starts,
                  .row_slots = row_slots,
                  .positions = positions,
                  .page_table = table,
                  .page_table_stride = 3,
                  .rule = { .page_tokens = PAGE_TOKENS, .member_count = 1 } },
        .plane_count = 1,
        .planes = { { .view = target->plane,
                      .source = { .data = source,
                                  .dtype = source_dtype,
                                  .heads = HEADS,
                                  .dim = DIM,
                                  .tokens = TOKENS,
                                  .token_stride = (int64_t)HEADS * DIM,
                                  .head_stride = DIM } } }
    };

    column_append_tokens(&args, KVSPAN_KEY, PAGES);
}

/* Where token, head lies: pages of 3 tokens, 2 then 1. */
static unsigned char *head_of(quantised *target, uint32_t token, uint32_t head)
{
    return target->arena + (token < PAGE_TOKENS ? 2 : 1) * target->plane.page_stride +
           head * target->plane.head_stride;
}

static float scale_of(quantised *target, uint32_t token, uint32_t head)
{
    float scale;

    memcpy(&scale,
           head_of(target, token, head) + (size_t)PAGE_TOKENS * DIM +
               sizeof(scale) * (token % PAGE_TOKENS),
           sizeof(scale));
    return scale;
}

static double stored(quantised *target, uint32_t token, uint32_t head, uint32_t i)
{
    const unsigned char *code =
        head_of(target, token, head) + (size_t)DIM * (token % PAGE_TOKENS) + i;

    return oracle_load(target->plane.dtype, code) * (double)scale_of(target, token, head);
}

/* Whole arenas against the oracle's codes and scales; what belongs to no token keeps its bytes. */
START_TEST(codes_and_scales_are_those_of_the_contract)
{
    static const kvspan_dtype sources[] = { KVSPAN_F32, KVSPAN_BF16, KVSPAN_F16 };
    random_source random = random_start("quantise", 1);

    for (int i = 0; i < 3 * 20; i++) {
        const kvspan_dtype source_dtype = sources[i % 3];
        const size_t item_bytes = kvspan_dtype_bytes(source_dtype);
        const uint32_t scale_tokens = small_types[_i] == KVSPAN_I8 || random_below(&random, 2);
        unsigned char source[TOKENS * HEADS * DIM * 4];
        quantised got;
        quantised expected;

        quantised_init(&got, small_types[_i], scale_tokens);
        quantised_init(&expected, small_types[_i], scale_tokens);
        for (size_t row = 0; row < (size_t)TOKENS * HEADS; row++) {
            const uint32_t token = (uint32_t)row / HEADS;
            unsigned char *base = head_of(&expected, token, (uint32_t)row % HEADS);
            unsigned char *scale =
                base + (size_t)PAGE_TOKENS * DIM + (size_t)4 * (token % PAGE_TOKENS);
            double vector[DIM];

            for (size_t j = 0; j < DIM; j++) {
                const double wide = ((double)random_below(&random, 1u << 24) / 8388608.0 - 1.0) *
                                    ldexp(1.0, (int)random_below(&random, 12) - 4);

                oracle_store(source_dtype, source + (row * DIM + j) * item_bytes, wide);
                vector[j] = oracle_load(source_dtype, source + (row * DIM + j) * item_bytes);
            }
            oracle_quantise(small_types[_i], vector, DIM,
                            base + (size_t)DIM * (token % PAGE_TOKENS),
                            scale_tokens ? scale : NULL);
        }
        append(&got, source_dtype, source);
        ck_assert_int_eq(memcmp(got.arena, expected.arena, sizeof(got.arena)), 0);
    }
}
END_TEST

START_TEST(zeros_have_scale_0_and_stay_zeros)
{
    float source[TOKENS * HEADS * DIM] = { 0 };
    quantised target;

    source[3] = -0.0f;
    source[DIM + 1] = FLT_TRUE_MIN; /* the scale underflows */
    quantised_init(&target, small_types[_i], 1);
    append(&target, KVSPAN_F32, source);
    for (uint32_t row = 0; row < TOKENS * HEADS; row++) {
        ck_assert_float_eq(scale_of(&target, row / HEADS, row % HEADS), 0.0f);
        for (uint32_t i = 0; i < DIM; i++) {
            ck_assert_double_eq(stored(&target, row / HEADS, row % HEADS, i), 0.0);
        }
    }
}
END_TEST

/* The largest element of a vector gets the largest code, whatever the scale's rounding. */
START_TEST(the_largest_element_gets_the_largest_code)
{
    static const double largest[] = { 127.0, 448.0, 57344.0 };
    random_source random = random_start("maximal", 2);

    for (int round = 0; round < 50; round++) {
        float source[TOKENS * HEADS * DIM] = { 0 };
        quantised target;

        for (size_t i = 0; i < (size_t)TOKENS * HEADS * DIM; i++) {
            const float magnitude = ldexpf(1.0f + (float)random_below(&random, 1000) / 1000.0f, 9);

            source[i] = i % DIM == 2 ? magnitude : i % DIM == 5 ? -source[i - 3] : 0.25f;
        }
        quantised_init(&target, small_types[_i], 1);
        append(&target, KVSPAN_F32, source);
        for (uint32_t row = 0; row < TOKENS * HEADS; row++) {
            const double scale = (double)scale_of(&target, row / HEADS, row % HEADS);

            ck_assert_double_eq(stored(&target, row / HEADS, row % HEADS, 2), largest[_i] * scale);
            ck_assert_double_eq(stored(&target, row / HEADS, row % HEADS, 5), -largest[_i] * scale);
        }
    }
}
END_TEST

START_TEST(nan_is_not_lost_and_infinity_is_the_largest)
{
    float source[TOKENS * HEADS * DIM];
    quantised target;

    for (size_t i = 0; i < (size_t)TOKENS * HEADS * DIM; i++) {
        source[i] = 1.0f;
    }
    source[4] = NAN;
    source[DIM + 4] = -INFINITY;
    quantised_init(&target, small_types[_i], 1);
    append(&target, KVSPAN_F32, source);
    ck_assert(isnan(stored(&target, 0, 0, 4)));
    if (small_types[_i] == KVSPAN_I8) {
        ck_assert(isnan(stored(&target, 0, 0, 3)));
    } else {
        ck_assert_double_eq_tol(stored(&target, 0, 0, 3), 1.0, 1e-6); /* left alone */
    }
    ck_assert(stored(&target, 0, 1, 4) < -3.4e38);
    ck_assert_double_eq(stored(&target, 0, 1, 3), 0.0);
    ck_assert_double_eq_tol(stored(&target, 1, 0, 3), 1.0, 1e-6);
}
END_TEST

START_TEST(pairs_of_types_are_answered_truthfully)
{
    for (int tensor = -1; tensor <= 8; tensor++) {
        for (int plane = -1; plane <= 8; plane++) {
            const int expected = tensor >= 1 && tensor <= 3 && plane >= 1 && plane <= 6;

            ck_assert_int_eq(
                kvspan_kernels_reference.has_dtype((kvspan_dtype)tensor, (kvspan_dtype)plane),
                expected);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/quantise");
    TCase *quantise = tcase_create("quantise");

    tcase_add_loop_test(quantise, codes_and_scales_are_those_of_the_contract, 0, 3);
    tcase_add_loop_test(quantise, zeros_have_scale_0_and_stay_zeros, 0, 3);
    tcase_add_loop_test(quantise, the_largest_element_gets_the_largest_code, 0, 3);
    tcase_add_loop_test(quantise, nan_is_not_lost_and_infinity_is_the_largest, 0, 3);
    tcase_add_test(quantise, pairs_of_types_are_answered_truthfully);
    suite_add_tcase(suite, quantise);
    return suite_run(suite);
}
