#include "support/random.h"
#include "support/suite.h"

#include "kernels/number_formats.h"
#include "launch/number_types.h"

#include <math.h>

static const kvspan_dtype all_types[] = { KVSPAN_BF16,   KVSPAN_F16,    KVSPAN_F32,
                                          KVSPAN_F8E4M3, KVSPAN_F8E5M2, KVSPAN_I8 };

/* The library's own way, which works on bits. */
static float round_trip(kvspan_dtype dtype, float value)
{
    switch (dtype) {
    case KVSPAN_BF16: return kvspan_f32_from_bf16(kvspan_bf16_from_f32(value));
    case KVSPAN_F16: return kvspan_f32_from_f16(kvspan_f16_from_f32(value));
    case KVSPAN_F8E4M3: return kvspan_f32_from_e4m3(kvspan_e4m3_from_f32(value));
    case KVSPAN_F8E5M2: return kvspan_f32_from_e5m2(kvspan_e5m2_from_f32(value));
    case KVSPAN_I8: return (float)kvspan_i8_from_f32(value);
    case KVSPAN_F32: break;
    }
    return value;
}

static void check_value(kvspan_dtype dtype, float value)
{
    const double rounded = kvspan_number_round(dtype, value);
    const float expected = round_trip(dtype, value);

    ck_assert_msg(rounded == (double)expected, "%s of %a: %a, not %a", kvspan_dtype_name(dtype),
                  (double)value, rounded, (double)expected);
}

START_TEST(rounding_agrees_with_conversions_that_work_on_bits)
{
    random_source random = random_start("number_types", 1);

    for (size_t type = 0; type < 6; type++) {
        for (int i = 0; i < 200000; i++) {
            const float value = kvspan_f32_from_bits((uint32_t)random_next(&random));

            if (isfinite(value) && value != 0.0f) {
                check_value(all_types[type], value);
                /* Of magnitudes that 8 bits have. */
                check_value(all_types[type], ldexpf(value, -ilogbf(value) + i % 40 - 30));
            }
        }
        check_value(all_types[type], INFINITY);
        check_value(all_types[type], -INFINITY);
        check_value(all_types[type], 0.0f);
        ck_assert(isnan(kvspan_number_round(all_types[type], NAN)));
    }
}
END_TEST

START_TEST(ties_go_to_even)
{
    static const struct {
        kvspan_dtype dtype;
        double value;
        double expected;
    } cases[] = {
        { KVSPAN_I8, 0.5, 0 },
        { KVSPAN_I8, 1.5, 2 },
        { KVSPAN_I8, -2.5, -2 },
        { KVSPAN_I8, 127.5, 127 },
        { KVSPAN_I8, -128, -127 },
        { KVSPAN_F8E4M3, 17, 16 },
        { KVSPAN_F8E4M3, 19, 20 },
        { KVSPAN_F8E4M3, 0x1p-10, 0 },      /* half of the smallest */
        { KVSPAN_F8E4M3, 0x3p-10, 0x1p-8 }, /* between the smallest and the next */
        { KVSPAN_F8E4M3, 1e9, 448 },
        { KVSPAN_F8E5M2, 9, 8 },
        { KVSPAN_F8E5M2, 11, 12 },
        { KVSPAN_F8E5M2, 60000, 57344 },
        { KVSPAN_BF16, 257, 256 },
        { KVSPAN_BF16, 259, 260 },
        { KVSPAN_F16, 2049, 2048 },
        { KVSPAN_F16, 65519, 65504 },
        { KVSPAN_F16, 65520, INFINITY },
        { KVSPAN_F16, -0x1p-25, 0 },
        { KVSPAN_F32, 16777217, 16777216 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(kvspan_number_round(cases[i].dtype, cases[i].value) == cases[i].expected,
                      "%s of %g: %g", kvspan_dtype_name(cases[i].dtype), cases[i].value,
                      kvspan_number_round(cases[i].dtype, cases[i].value));
    }
}
END_TEST

START_TEST(one_unit_in_the_last_place_is_the_step_to_the_next_number)
{
    ck_assert_double_eq(kvspan_number_ulp(KVSPAN_BF16, 3), 0x1p-6);
    ck_assert_double_eq(kvspan_number_ulp(KVSPAN_F16, 3), 0x1p-9);
    ck_assert_double_eq(kvspan_number_ulp(KVSPAN_F32, 3), 0x1p-22);
    ck_assert_double_eq(kvspan_number_ulp(KVSPAN_F16, 0), 0x1p-24);
    ck_assert_double_eq(kvspan_number_ulp(KVSPAN_F16, 0x1p-20), 0x1p-24);
    ck_assert_double_eq(kvspan_number_ulp(KVSPAN_BF16, 0), 0x1p-133);
    ck_assert_double_eq(kvspan_number_ulp(KVSPAN_I8, 0.1), 1);
}
END_TEST

START_TEST(every_code_of_two_bytes_is_read)
{
    for (uint32_t code = 0; code < 65536; code++) {
        const uint16_t row[2] = { 0, (uint16_t)code };
        const double half = kvspan_number_load(KVSPAN_F16, row, 1);
        const double brain = kvspan_number_load(KVSPAN_BF16, row, 1);

        ck_assert(isnan(half) ? isnan(kvspan_f32_from_f16(row[1]))
                              : half == (double)kvspan_f32_from_f16(row[1]));
        ck_assert(isnan(brain) ? isnan(kvspan_f32_from_bf16(row[1]))
                               : brain == (double)kvspan_f32_from_bf16(row[1]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/number_types");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, rounding_agrees_with_conversions_that_work_on_bits);
    tcase_add_test(unit, ties_go_to_even);
    tcase_add_test(unit, one_unit_in_the_last_place_is_the_step_to_the_next_number);
    tcase_add_test(unit, every_code_of_two_bytes_is_read);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
