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

int main(void)
{
    Suite *suite = suite_create("kernels/number_formats");
    TCase *bf16 = tcase_create("bf16");

    tcase_add_test(bf16, every_bf16_survives_the_way_to_f32_and_back);
    tcase_add_test(bf16, f32_rounds_to_the_nearest_even_bf16);
    tcase_add_test(bf16, random_f32_round_like_arithmetic);
    tcase_add_test(bf16, nan_with_a_low_payload_stays_nan);
    suite_add_tcase(suite, bf16);
    return suite_run(suite);
}
