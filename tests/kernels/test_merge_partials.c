#include "support/suite.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "column.h"
#include "support/oracle.h"
#include "support/random.h"

enum {
    MAX_PARTS = 5,
    DIM = 3,
    PART_FLOATS = DIM + 1
};

/* Merges parts of one token and one head: O[3], LSE each. */
static float merge(const void *parts, uint32_t part_count, const float *sink, float *out)
{
    float lse = 0.0f;
    const kvspan_merge_partials_args args = {
        .part_count = part_count,
        .tokens = 1,
        .heads = 1,
        .dim = DIM,
        .parts = parts,
        .part_stride = PART_FLOATS * sizeof(float),
        .lse_offset = DIM * sizeof(float),
        .sinks = sink,
        .out = { .data = out,
                 .dtype = KVSPAN_F32,
                 .heads = 1,
                 .dim = DIM,
                 .tokens = 1,
                 .token_stride = DIM,
                 .head_stride = DIM },
        .lse = &lse,
        .lse_stride = 1,
    };

    COLUMN_RUN(merge_partials, &args);
    return lse;
}

/* {0} and {1, 2} of the logits 0, ln 2, ln 3 with values 1, 3, 5: 1 and 21/5, weights 1 : 5. */
START_TEST(split_of_the_hand_example_gives_22_sixths)
{
    const float parts[][PART_FLOATS] = { { 1.0f, 1.0f, 1.0f, 0.0f },
                                         { 4.2f, 4.2f, 4.2f, logf(5.0f) } };
    float out[DIM];
    const float lse = merge(parts, 2, NULL, out);

    ck_assert_double_eq_tol((double)out[2], 22.0 / 6.0, 1e-6);
    ck_assert_double_eq_tol((double)lse, log(6.0), 1e-6);
}
END_TEST

START_TEST(parts_need_not_be_aligned)
{
    const float parts[][PART_FLOATS] = { { 1.0f, 2.0f, 3.0f, 0.5f }, { 4.2f, 5.0f, 6.1f, -1.5f } };
    _Alignas(float) unsigned char bytes[sizeof(parts) + sizeof(float)];
    float expected[DIM];
    float out[DIM];
    const float expected_lse = merge(parts, 2, NULL, expected);

    memcpy(bytes + _i, parts, sizeof(parts));
    ck_assert_float_eq(merge(bytes + _i, 2, NULL, out), expected_lse);
    ck_assert_mem_eq(out, expected, sizeof(out));
}
END_TEST

/* Whatever O an empty part holds, in whatever place it stands. */
START_TEST(an_empty_part_is_the_identity)
{
    const float lses[] = { 0.0f, 1.7f, -88.0f, 5e5f, -5e5f };

    for (int place = 0; place < 2; place++) {
        float parts[2][PART_FLOATS] = { { NAN, NAN, NAN, -INFINITY },
                                        { NAN, NAN, NAN, -INFINITY } };
        const float part[PART_FLOATS] = { 1.1f, -3.3e-5f, 7e7f, lses[_i] };
        float out[DIM] = { 0 };
        float lse;

        memcpy(parts[place], part, sizeof(part));
        lse = merge(parts, 2, NULL, out);
        for (int i = 0; i < DIM; i++) {
            ck_assert_float_eq(out[i], part[i]);
        }
        ck_assert_float_eq(lse, part[DIM]);
    }
}
END_TEST

START_TEST(nothing_but_empty_parts_gives_zero_and_minus_infinity)
{
    const float parts[][PART_FLOATS] = { { 0, 0, 0, -INFINITY }, { 0, 0, 0, -INFINITY } };
    const float sink = 3.0f;
    float out[DIM] = { 1.0f, 1.0f, 1.0f };
    const float lse = _i < 2 ? merge(parts, 2, _i == 0 ? NULL : &sink, out)
                             : merge(NULL, 0, _i == 2 ? NULL : &sink, out);

    ck_assert(isinf(lse) && lse < 0.0f);
    for (int i = 0; i < DIM; i++) {
        ck_assert_float_eq(out[i], 0.0f);
    }
}
END_TEST

START_TEST(nan_of_one_part_is_not_lost)
{
    const float parts[][PART_FLOATS] = { { NAN, NAN, NAN, NAN }, { 0, 0, 0, -INFINITY } };
    float out[DIM];
    const float lse = merge(parts, 1 + (uint32_t)_i, NULL, out);

    ck_assert(isnan(lse));
    ck_assert(isnan(out[0]));
}
END_TEST

START_TEST(a_sink_at_the_parts_lse_halves_the_value)
{
    const float lses[] = { 0.0f, 300.0f, -300.0f };
    const float part[][PART_FLOATS] = { { 2.0f, 4.0f, -8.0f, lses[_i] } };
    float out[DIM];
    const float lse = merge(part, 1, &lses[_i], out);

    ck_assert_float_eq(out[0], 1.0f);
    ck_assert_float_eq(out[1], 2.0f);
    ck_assert_float_eq(out[2], -4.0f);
    ck_assert_float_eq_tol(lse, lses[_i] + logf(2.0f), 2e-5f);
}
END_TEST

START_TEST(a_sink_far_above_takes_all_without_overflow)
{
    const float part[][PART_FLOATS] = { { 2.0f, 4.0f, -8.0f, 0.0f } };
    const float sink = 1000.0f;
    float out[DIM];
    const float lse = merge(part, 1, &sink, out);

    ck_assert_float_eq(out[0], 0.0f);
    ck_assert_float_eq(lse, 1000.0f);
}
END_TEST

/* ---- random tensors ------------------------------------------------------------------------- */

enum {
    TOKENS = 3,
    HEADS = 2,
    ROWS = TOKENS * HEADS,
    RECORD_FLOATS = HEADS * (DIM + 1) + 1,    /* O and LSE of a token, a gap */
    PART_STRIDE = TOKENS * RECORD_FLOATS + 2, /* floats */
    OUT_HEAD = DIM + 1,
    OUT_TOKEN = HEADS * OUT_HEAD + 1
};

static double uniform(random_source *source)
{
    return (double)random_below(source, 65536) / 32768.0 - 1.0;
}

/* Where the floats of a row lie within a part: all O before all LSE, or token by token. */
static size_t output_place(bool is_by_token, uint32_t row)
{
    const size_t record = (size_t)(row / HEADS) * RECORD_FLOATS;

    return is_by_token ? record + (size_t)(row % HEADS) * DIM : (size_t)row * DIM;
}

static size_t lse_place(bool is_by_token, uint32_t row)
{
    const size_t record = (size_t)(row / HEADS) * RECORD_FLOATS;

    return is_by_token ? record + (size_t)HEADS * DIM + row % HEADS : (size_t)ROWS * DIM + row;
}

static void check_row(const kvspan_merge_partials_args *args, const float *parts, bool is_by_token,
                      uint32_t row)
{
    const kvspan_dtype dtype = args->out.dtype;
    double sum = args->sinks ? exp((double)args->sinks[row % HEADS]) : 0.0;
    double sums[DIM] = { 0 };

    for (uint32_t part = 0; part < args->part_count; part++) {
        const float *floats = parts + (size_t)part * PART_STRIDE;
        const double weight = exp((double)floats[lse_place(is_by_token, row)]);

        sum += weight;
        for (uint32_t i = 0; i < DIM; i++) {
            sums[i] += weight * (double)floats[output_place(is_by_token, row) + i];
        }
    }
    for (uint32_t i = 0; i < DIM; i++) {
        const size_t place =
            (size_t)(row / HEADS) * OUT_TOKEN + (size_t)(row % HEADS) * OUT_HEAD + i;
        const unsigned char *out = args->out.data;
        const double got = oracle_load(dtype, out + place * (dtype == KVSPAN_F32 ? 4 : 2));

        ck_assert_double_eq_tol(got, sums[i] / sum, oracle_ulp(dtype, 1.0) + 1e-6);
    }
    ck_assert_double_eq_tol((double)args->lse[row / HEADS * args->lse_stride + row % HEADS],
                            log(sum), 2e-6);
}

START_TEST(random_parts_merge_as_in_float64)
{
    static const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };
    random_source source = random_start("merge", 1);

    for (uint32_t round = 0; round < 200; round++) {
        const bool is_by_token = _i == 1;
        const float sinks[HEADS] = { (float)uniform(&source), (float)uniform(&source) };
        float parts[MAX_PARTS * PART_STRIDE];
        float lse[TOKENS * 4];
        unsigned char out[sizeof(float) * TOKENS * OUT_TOKEN];
        kvspan_merge_partials_args args = {
            .part_count = random_between(&source, 1, MAX_PARTS),
            .tokens = TOKENS,
            .heads = HEADS,
            .dim = DIM,
            .parts = (const unsigned char *)parts,
            .part_stride = sizeof(float) * PART_STRIDE,
            .lse_offset = sizeof(float) * lse_place(is_by_token, 0),
            .token_stride = is_by_token ? sizeof(float) * RECORD_FLOATS : 0,
            .lse_token_stride = is_by_token ? sizeof(float) * RECORD_FLOATS : 0,
            .sinks = round / 3 % 3 ? sinks : NULL,
            .out = { .data = out,
                     .dtype = dtypes[round % 3],
                     .heads = HEADS,
                     .dim = DIM,
                     .tokens = TOKENS,
                     .token_stride = OUT_TOKEN,
                     .head_stride = OUT_HEAD },
            .lse = lse,
            .lse_stride = 4,
        };

        for (uint32_t i = 0; i < MAX_PARTS * PART_STRIDE; i++) {
            parts[i] = (float)uniform(&source);
        }
        COLUMN_RUN(merge_partials, &args);
        for (uint32_t row = 0; row < ROWS; row++) {
            check_row(&args, parts, is_by_token, row);
        }
        args.lse = NULL; /* not wanted */
        COLUMN_RUN(merge_partials, &args);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/merge_partials");
    TCase *forms = tcase_create("closed forms");
    TCase *random = tcase_create("random");

    tcase_add_test(forms, split_of_the_hand_example_gives_22_sixths);
    tcase_add_loop_test(forms, parts_need_not_be_aligned, 1, 4);
    tcase_add_loop_test(forms, an_empty_part_is_the_identity, 0, 5);
    tcase_add_loop_test(forms, nothing_but_empty_parts_gives_zero_and_minus_infinity, 0, 4);
    tcase_add_loop_test(forms, nan_of_one_part_is_not_lost, 0, 2);
    tcase_add_loop_test(forms, a_sink_at_the_parts_lse_halves_the_value, 0, 3);
    tcase_add_test(forms, a_sink_far_above_takes_all_without_overflow);
    tcase_add_loop_test(random, random_parts_merge_as_in_float64, 0, 2);
    suite_add_tcase(suite, forms);
    suite_add_tcase(suite, random);
    return suite_run(suite);
}
