#include "support/random.h"
#include "support/suite.h"

#include "kernels/reference/quantise.h"
#include "launch/stored_values.h"

#include <math.h>
#include <string.h>

enum {
    MAX_DIM = 64
};

static const kvspan_dtype quantised_types[] = { KVSPAN_I8, KVSPAN_F8E4M3, KVSPAN_F8E5M2 };

/* Scale 2 of int8, worked by hand. */
START_TEST(elements_are_whole_multiples_of_the_scale)
{
    double values[] = { 254, -254, 1, 3, 5, -0.5, 0, 100.9 };
    const double expected[] = { 254, -254, 0, 4, 4, 0, 0, 100 };

    kvspan_stored_values_quantise(KVSPAN_I8, 8, values);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_double_eq(values[i], expected[i]);
    }
}
END_TEST

/* Scale 1/4 of e4m3: 4 · 27 / 4 lies between 26 and 28, which is even. */
START_TEST(elements_of_a_float_are_its_numbers_times_the_scale)
{
    double values[] = { 112, 6.75, -6.25, 0x1p-12, 0x3p-12 };
    const double expected[] = { 112, 7, -6, 0, 0x1p-10 };

    kvspan_stored_values_quantise(KVSPAN_F8E4M3, 5, values);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_double_eq(values[i], expected[i]);
    }
}
END_TEST

START_TEST(a_vector_of_zeros_stays_one)
{
    for (size_t type = 0; type < 3; type++) {
        double values[] = { 0, -0.0, 0 };

        kvspan_stored_values_quantise(quantised_types[type], 3, values);
        for (size_t i = 0; i < 3; i++) {
            ck_assert_double_eq(values[i], 0);
        }
    }
}
END_TEST

/* What the library's quantiser reads back, which rounds the product to f32 as well. */
static void check_against_reference(kvspan_dtype dtype, const float *source)
{
    unsigned char elements[MAX_DIM];
    unsigned char scale[sizeof(float)];
    const kvspan_plane_place place = { .elements = elements, .scale = scale };
    float read[MAX_DIM];
    double values[MAX_DIM];

    for (size_t i = 0; i < MAX_DIM; i++) {
        values[i] = (double)source[i];
    }
    kvspan_quantise(dtype, source, MAX_DIM, &place);
    kvspan_dequantise(dtype, &place, MAX_DIM, read);
    kvspan_stored_values_quantise(dtype, MAX_DIM, values);
    for (size_t i = 0; i < MAX_DIM; i++) {
        ck_assert_msg((float)values[i] == read[i], "%s of %a: %a, not %a", kvspan_dtype_name(dtype),
                      (double)source[i], values[i], (double)read[i]);
    }
}

/* Generated bf16 vectors have many quotients that are ties but for the rounding of the scale. */
START_TEST(generated_vectors_are_what_the_pages_of_the_reference_column_hold)
{
    const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };

    for (uint64_t request = 0; request < 3000; request++) {
        const kvspan_generate generate = { 4, dtypes[request % 3] };
        const kvspan_generate_place at = { .role = KVSPAN_GENERATE_V, .request = request };
        float vector[MAX_DIM];

        kvspan_generate_vector(&generate, &at, MAX_DIM, vector);
        for (size_t type = 0; type < 3; type++) {
            check_against_reference(quantised_types[type], vector);
        }
    }
}
END_TEST

START_TEST(vectors_of_all_magnitudes_are_what_the_pages_hold)
{
    random_source random = random_start("stored_values", 1);

    for (int trial = 0; trial < 3000; trial++) {
        const int exponent = (int)random_below(&random, 200) - 100;
        float vector[MAX_DIM];

        for (size_t i = 0; i < MAX_DIM; i++) {
            const int below = (int)random_below(&random, 24);

            vector[i] = ldexpf((float)random_next(&random) * 0x1p-64f - 0.5f, exponent - below);
        }
        check_against_reference(quantised_types[trial % 3], vector);
    }
}
END_TEST

START_TEST(queries_and_planes_of_the_same_type_are_as_generated)
{
    kvspan_stored_values stored = { .generate = { 9, KVSPAN_BF16 }, .kv_dtype = KVSPAN_BF16 };
    kvspan_generate_place at = { .role = KVSPAN_GENERATE_K, .head = 2, .request = 5 };
    float vector[MAX_DIM];
    double read[MAX_DIM];
    uint32_t changed = 0;

    for (int pass = 0; pass < 2; pass++) {
        kvspan_generate_vector(&stored.generate, &at, MAX_DIM, vector);
        kvspan_stored_values_read(&stored, &at, MAX_DIM, read);
        for (size_t i = 0; i < MAX_DIM; i++) {
            ck_assert_double_eq(read[i], (double)vector[i]);
        }
        at.role = KVSPAN_GENERATE_Q;
        stored.kv_dtype = KVSPAN_I8;
    }
    at.role = KVSPAN_GENERATE_K;
    kvspan_generate_vector(&stored.generate, &at, MAX_DIM, vector);
    kvspan_stored_values_read(&stored, &at, MAX_DIM, read);
    for (size_t i = 0; i < MAX_DIM; i++) {
        changed += read[i] != (double)vector[i];
    }
    ck_assert_uint_gt(changed, MAX_DIM / 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/stored_values");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, elements_are_whole_multiples_of_the_scale);
    tcase_add_test(unit, elements_of_a_float_are_its_numbers_times_the_scale);
    tcase_add_test(unit, a_vector_of_zeros_stays_one);
    tcase_add_test(unit, generated_vectors_are_what_the_pages_of_the_reference_column_hold);
    tcase_add_test(unit, vectors_of_all_magnitudes_are_what_the_pages_hold);
    tcase_add_test(unit, queries_and_planes_of_the_same_type_are_as_generated);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
