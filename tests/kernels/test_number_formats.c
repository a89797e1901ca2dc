#include "support/suite.h"

#include <math.h>
#include <string.h>

#include "kernels/number_formats.h"
#include "support/oracle.h"
#include "support/random.h"

static float float_from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* All 65,536: widened as the oracle reads them, and back to themselves; NaN stays NaN. */
START_TEST(every_bf16_survives_the_way_to_f32_and_back)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const uint16_t stored = (uint16_t)bits;
        const float wide = kvspan_f32_from_bf16(stored);
        const double exact = oracle_load(KVSPAN_BF16, &stored);

        if (isnan(exact)) {
            ck_assert(isnan(wide));
            ck_assert(isnan(kvspan_f32_from_bf16(kvspan_bf16_from_f32(wide))));
        } else {
            ck_assert_double_eq((double)wide, exact);
            ck_assert_uint_eq(kvspan_bf16_from_f32(wide), stored);
        }
    }
}
END_TEST

/* Rounding against arithmetic: ties, carries into the exponent, subnormals, overflow. */
START_TEST(f32_rounds_to_the_nearest_even_bf16)
{
    static const struct {
        uint32_t wide;
        uint16_t rounded;
    } cases[] = {
        { 0x3f800000, 0x3f80 },                         /* 1 */
        { 0x3f807fff, 0x3f80 },                         /* just below the tie */
        { 0x3f808000, 0x3f80 },                         /* tie to even below */
        { 0x3f808001, 0x3f81 },                         /* just above */
        { 0x3f818000, 0x3f82 },                         /* tie to even above */
        { 0x3fffffff, 0x4000 },                         /* carry into the exponent */
        { 0xbf818000, 0xbf82 },                         /* ties are symmetric */
        { 0x00000001, 0x0000 },                         /* smallest subnormal */
        { 0x00008001, 0x0001 }, { 0x7f7f7fff, 0x7f7f }, /* the largest bf16 */
        { 0x7f7f8000, 0x7f80 },                         /* to infinity */
        { 0x7f800000, 0x7f80 }, { 0xff800000, 0xff80 }, { 0x80000000, 0x8000 }, /* −0 */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_uint_eq(kvspan_bf16_from_f32(float_from_bits(cases[i].wide)), cases[i].rounded);
    }
}
END_TEST

START_TEST(random_f32_round_like_arithmetic)
{
    random_source source = random_start("bf16", 1);

    for (uint32_t i = 0; i < 200000; i++) {
        const float wide = float_from_bits((uint32_t)random_next(&source));
        const float rounded = kvspan_f32_from_bf16(kvspan_bf16_from_f32(wide));

        const bool is_right = isnan(wide)
                                  ? isnan(rounded)
                                  : (double)rounded == oracle_round(KVSPAN_BF16, (double)wide);

        if (!is_right) {
            ck_abort_msg("%a became %a", (double)wide, (double)rounded);
        }
    }
}
END_TEST

/* A NaN whose payload lies in the lower half must not become infinity. */
START_TEST(nan_with_a_low_payload_stays_nan)
{
    ck_assert_uint_eq(kvspan_bf16_from_f32(float_from_bits(0x7f800001)), 0x7fc0);
    ck_assert_uint_eq(kvspan_bf16_from_f32(float_from_bits(0xff80ffff)), 0xffc0);
    ck_assert_uint_eq(kvspan_bf16_from_f32(float_from_bits(0x7fffffff)), 0x7fff);
}
END_TEST

static const kvspan_dtype small_types[] = { KVSPAN_F16, KVSPAN_F8E4M3, KVSPAN_F8E5M2 };

static float widen(kvspan_dtype dtype, uint32_t code)
{
    switch (dtype) {
    case KVSPAN_F16: return kvspan_f32_from_f16((uint16_t)code);
    case KVSPAN_F8E4M3: return kvspan_f32_from_e4m3((uint8_t)code);
    default: return kvspan_f32_from_e5m2((uint8_t)code);
    }
}

static uint32_t narrow(kvspan_dtype dtype, float value)
{
    switch (dtype) {
    case KVSPAN_F16: return kvspan_f16_from_f32(value);
    case KVSPAN_F8E4M3: return kvspan_e4m3_from_f32(value);
    default: return kvspan_e5m2_from_f32(value);
    }
}

/* Sign bit of the type. */
static uint32_t sign_of(kvspan_dtype dtype)
{
    return dtype == KVSPAN_F16 ? 0x8000 : 0x80;
}

/* The code of the largest finite number. */
static uint32_t largest_code(kvspan_dtype dtype)
{
    return dtype == KVSPAN_F16 ? 0x7bff : dtype == KVSPAN_F8E4M3 ? 0x7e : 0x7b;
}

START_TEST(every_code_is_what_its_fields_say_and_survives)
{
    const kvspan_dtype dtype = small_types[_i];
    const uint32_t sign = sign_of(dtype);

    for (uint32_t code = 0; code < 2 * sign; code++) {
        const uint16_t half = (uint16_t)code;
        const uint8_t byte = (uint8_t)code;
        const double exact =
            oracle_load(dtype, dtype == KVSPAN_F16 ? (const void *)&half : (const void *)&byte);
        const float wide = widen(dtype, code);

        if (isnan(exact)) {
            if (!isnan(wide) || !isnan(widen(dtype, narrow(dtype, wide)))) {
                ck_abort_msg("code %x is NaN, read as %a", code, (double)wide);
            }
        } else if ((double)wide != exact || !signbit(wide) != !(code & sign)) {
            ck_abort_msg("code %x is %a, not %a", code, exact, (double)wide);
        } else if (isfinite(wide) || dtype == KVSPAN_F16) {
            if (narrow(dtype, wide) != code) {
                ck_abort_msg("%a of code %x became %x", exact, code, narrow(dtype, wide));
            }
        }
    }
}
END_TEST

/* Between every two neighbours: the tie goes to the even code, the next f32 to the nearer one. */
START_TEST(every_tie_goes_to_the_even_code)
{
    const kvspan_dtype dtype = small_types[_i];
    const uint32_t sign = sign_of(dtype);

    for (uint32_t code = 0; code < largest_code(dtype); code++) {
        const float tie =
            (float)(((double)widen(dtype, code) + (double)widen(dtype, code + 1)) / 2.0);
        const uint32_t even = code + (code & 1);

        if (narrow(dtype, tie) != even || narrow(dtype, -tie) != (even | sign) ||
            narrow(dtype, nextafterf(tie, 0.0f)) != code ||
            narrow(dtype, nextafterf(tie, INFINITY)) != code + 1) {
            ck_abort_msg("around %a, between codes %x and %x", (double)tie, code, code + 1);
        }
    }
}
END_TEST

/* Values by hand, from the formats' tables. */
START_TEST(known_codes_have_known_values)
{
    ck_assert_float_eq(kvspan_f32_from_f16(0x3c00), 1.0f);
    ck_assert_float_eq(kvspan_f32_from_f16(0x7bff), 65504.0f);
    ck_assert_float_eq(kvspan_f32_from_f16(0x0001), 0x1p-24f);
    ck_assert_float_eq(kvspan_f32_from_f16(0xfc00), -INFINITY);
    ck_assert_float_eq(kvspan_f32_from_e4m3(0x38), 1.0f);
    ck_assert_float_eq(kvspan_f32_from_e4m3(0x7e), 448.0f);
    ck_assert_float_eq(kvspan_f32_from_e4m3(0x01), 0x1p-9f);
    ck_assert_float_eq(kvspan_f32_from_e4m3(0x88), -0x1p-6f);
    ck_assert(isnan(kvspan_f32_from_e4m3(0x7f)) && isnan(kvspan_f32_from_e4m3(0xff)));
    ck_assert_float_eq(kvspan_f32_from_e5m2(0x3c), 1.0f);
    ck_assert_float_eq(kvspan_f32_from_e5m2(0x7b), 57344.0f);
    ck_assert_float_eq(kvspan_f32_from_e5m2(0x01), 0x1p-16f);
    ck_assert_float_eq(kvspan_f32_from_e5m2(0x7c), INFINITY);
}
END_TEST

/* f16 overflows at 65520 to infinity; the 8-bit floats stay at their largest. */
START_TEST(beyond_the_largest_f16_is_infinite_and_fp8_saturates)
{
    ck_assert_uint_eq(kvspan_f16_from_f32(nextafterf(65520.0f, 0.0f)), 0x7bff);
    ck_assert_uint_eq(kvspan_f16_from_f32(65520.0f), 0x7c00);
    ck_assert_uint_eq(kvspan_f16_from_f32(-3e38f), 0xfc00);
    ck_assert_uint_eq(kvspan_e4m3_from_f32(464.0f), 0x7e);
    ck_assert_uint_eq(kvspan_e4m3_from_f32(480.0f), 0x7e);
    ck_assert_uint_eq(kvspan_e4m3_from_f32(-3e38f), 0xfe);
    ck_assert_uint_eq(kvspan_e4m3_from_f32(INFINITY), 0x7e);
    ck_assert_uint_eq(kvspan_e5m2_from_f32(61440.0f), 0x7b);
    ck_assert_uint_eq(kvspan_e5m2_from_f32(-INFINITY), 0xfb);
    ck_assert_uint_eq(kvspan_e4m3_from_f32(float_from_bits(1)), 0);
    ck_assert_uint_eq(kvspan_f16_from_f32(float_from_bits(0x80000001)), 0x8000);
}
END_TEST

START_TEST(nan_stays_nan_in_every_float)
{
    static const uint32_t nans[] = { 0x7f800001, 0xff80ffff, 0x7fffffff, 0xffc00000 };

    for (size_t i = 0; i < sizeof(nans) / sizeof(nans[0]); i++) {
        const float nan = float_from_bits(nans[i]);

        ck_assert(isnan(kvspan_f32_from_f16(kvspan_f16_from_f32(nan))));
        ck_assert(isnan(kvspan_f32_from_e4m3(kvspan_e4m3_from_f32(nan))));
        ck_assert(isnan(kvspan_f32_from_e5m2(kvspan_e5m2_from_f32(nan))));
    }
}
END_TEST

START_TEST(int8_rounds_ties_to_even_and_saturates)
{
    for (int whole = -127; whole < 127; whole++) {
        const float tie = (float)whole + 0.5f;

        ck_assert_int_eq(kvspan_i8_from_f32((float)whole), whole);
        ck_assert_int_eq(kvspan_i8_from_f32(tie), whole % 2 == 0 ? whole : whole + 1);
        ck_assert_int_eq(kvspan_i8_from_f32(nextafterf(tie, -200.0f)), whole);
        ck_assert_int_eq(kvspan_i8_from_f32(nextafterf(tie, 200.0f)), whole + 1);
    }
    ck_assert_int_eq(kvspan_i8_from_f32(1e30f), 127);
    ck_assert_int_eq(kvspan_i8_from_f32(-128.0f), -127);
    ck_assert_int_eq(kvspan_i8_from_f32(-INFINITY), -127);
    ck_assert_int_eq(kvspan_i8_from_f32(NAN), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/number_formats");
    TCase *bf16 = tcase_create("bf16");
    TCase *small = tcase_create("small");

    tcase_add_test(bf16, every_bf16_survives_the_way_to_f32_and_back);
    tcase_add_test(bf16, f32_rounds_to_the_nearest_even_bf16);
    tcase_add_test(bf16, random_f32_round_like_arithmetic);
    tcase_add_test(bf16, nan_with_a_low_payload_stays_nan);
    tcase_add_loop_test(small, every_code_is_what_its_fields_say_and_survives, 0, 3);
    tcase_add_loop_test(small, every_tie_goes_to_the_even_code, 0, 3);
    tcase_add_test(small, known_codes_have_known_values);
    tcase_add_test(small, beyond_the_largest_f16_is_infinite_and_fp8_saturates);
    tcase_add_test(small, nan_stays_nan_in_every_float);
    tcase_add_test(small, int8_rounds_ties_to_even_and_saturates);
    suite_add_tcase(suite, bf16);
    suite_add_tcase(suite, small);
    return suite_run(suite);
}
