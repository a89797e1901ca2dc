#include "support/suite.h"

#include "launch/number_types.h"
#include "launch/oracle.h"
#include "launch/stored_values.h"

#include <math.h>
#include <string.h>

enum {
    MAX_TOKENS = 40,
    MAX_DIM = 16
};

/* Stored values of one head and layer, chosen by the test. */
typedef struct stored_values {
    float q[MAX_DIM];
    float k[MAX_TOKENS][MAX_DIM];
    float v[MAX_TOKENS][MAX_DIM];
} stored_values;

static void read_table(const void *context, const kvspan_generate_place *place, uint32_t dims,
                       double *values_out)
{
    const stored_values *table = context;
    const float *vector = table->q;

    if (place->role == KVSPAN_GENERATE_K) {
        vector = table->k[place->position];
    } else if (place->role == KVSPAN_GENERATE_V) {
        vector = table->v[place->position];
    }
    for (uint32_t dim = 0; dim < dims; dim++) {
        values_out[dim] = vector[dim];
    }
}

static kvspan_oracle oracle_of(const stored_values *table, kvspan_dtype dtype)
{
    return (kvspan_oracle){ .read = read_table,
                            .context = table,
                            .q_heads = 1,
                            .kv_heads = 1,
                            .key_dim = 1,
                            .value_dim = 1,
                            .scale = 1.0f,
                            .dtype = dtype };
}

static double exact_of_one(const kvspan_oracle *oracle, uint64_t position)
{
    const kvspan_oracle_place place = { .position = position };
    double exact[MAX_DIM];
    float naive[MAX_DIM];

    kvspan_oracle_evaluate(oracle, &place, exact, naive);
    return exact[0];
}

/* Weights 1 : 2 : 3; the fourth token, not yet seen, would change everything. */
START_TEST(a_row_worked_by_hand_is_found)
{
    const stored_values stored = { .q = { 1 },
                                   .k = { { 0 }, { 0.69314718f }, { 1.0986123f }, { 100 } },
                                   .v = { { 1 }, { 3 }, { 5 }, { 1000 } } };
    const kvspan_oracle oracle = oracle_of(&stored, KVSPAN_F32);

    ck_assert_double_eq_tol(exact_of_one(&oracle, 2), 22.0 / 6.0, 1e-6);
    ck_assert_double_gt(exact_of_one(&oracle, 3), 999.0);
}
END_TEST

START_TEST(equal_keys_give_the_mean_of_the_values)
{
    stored_values stored = { .q = { 3 } };
    const kvspan_oracle oracle = oracle_of(&stored, KVSPAN_F32);

    for (int token = 0; token < MAX_TOKENS; token++) {
        stored.k[token][0] = -7;
        stored.v[token][0] = (float)(token * token);
    }
    for (uint64_t p = 0; p < MAX_TOKENS; p++) {
        /* Σ i² for i <= p is p(p+1)(2p+1)/6 */
        ck_assert_double_eq_tol(exact_of_one(&oracle, p), (double)(p * (2 * p + 1)) / 6.0, 1e-12);
    }
}
END_TEST

START_TEST(a_window_hides_all_tokens_before_it)
{
    stored_values stored = { .q = { 1 } };
    kvspan_oracle oracle = oracle_of(&stored, KVSPAN_F32);

    for (int token = 0; token < MAX_TOKENS; token++) {
        stored.v[token][0] = (float)token;
    }
    for (uint32_t window = 1; window <= MAX_TOKENS; window++) {
        oracle.window_tokens = window;
        for (uint64_t p = 0; p < MAX_TOKENS; p++) {
            const uint64_t first = p + 1 > window ? p + 1 - window : 0;

            ck_assert_double_eq_tol(exact_of_one(&oracle, p), (double)(first + p) / 2.0, 1e-12);
        }
    }
}
END_TEST

START_TEST(a_soft_cap_bounds_the_scaled_logits)
{
    const stored_values stored = { .q = { 1 }, .k = { { 0 }, { 1e6f } }, .v = { { 0 }, { 1 } } };
    kvspan_oracle oracle = oracle_of(&stored, KVSPAN_F32);

    oracle.soft_cap = 2.0f;
    ck_assert_double_eq_tol(exact_of_one(&oracle, 1), 1.0 / (1.0 + exp(-2.0)), 1e-12);
    oracle.scale = 1e-6f; /* logit 1: 2·tanh(1/2) */
    ck_assert_double_eq_tol(exact_of_one(&oracle, 1), 1.0 / (1.0 + exp(-2.0 * tanh(0.5))), 1e-7);
}
END_TEST

START_TEST(the_scale_is_one_by_root_dim_unless_told)
{
    const stored_values stored = { .q = { 1, 1, 1, 1 },
                                   .k = { { 0 }, { 1, 1, 1, 1 } },
                                   .v = { { 0 }, { 1 } } };
    kvspan_oracle oracle = oracle_of(&stored, KVSPAN_F32);

    oracle.key_dim = 4;
    oracle.scale = 0.0f;
    ck_assert_double_eq_tol(exact_of_one(&oracle, 1), 1.0 / (1.0 + exp(-2.0)), 1e-12);
    oracle.scale = 0.25f;
    ck_assert_double_eq_tol(exact_of_one(&oracle, 1), 1.0 / (1.0 + exp(-1.0)), 1e-12);
}
END_TEST

/* The same sum written down directly: weights first, in long double, then their mean. */
static void brute_force(const kvspan_generate *generate, const kvspan_oracle *oracle,
                        const kvspan_oracle_place *place, uint32_t kv_head, double *row_out)
{
    static long double weights[600];
    kvspan_generate_place at = { KVSPAN_GENERATE_Q, place->layer, place->q_head, place->request,
                                 place->position };
    const long double scale = oracle->scale != 0 ? oracle->scale : 1 / sqrtl(oracle->key_dim);
    long double sum = 0;

    for (uint64_t p = 0; p <= place->position; p++) {
        long double dot = 0;

        for (uint32_t dim = 0; dim < oracle->key_dim; dim++) {
            const kvspan_generate_place key = { KVSPAN_GENERATE_K, place->layer, kv_head,
                                                place->request, p };

            dot += (long double)kvspan_generate_value(generate, &at, dim) *
                   (long double)kvspan_generate_value(generate, &key, dim);
        }
        dot *= scale;
        if (oracle->soft_cap != 0) {
            dot = oracle->soft_cap * tanhl(dot / oracle->soft_cap);
        }
        weights[p] = expl(dot);
        if (oracle->window_tokens && p + oracle->window_tokens <= place->position) {
            weights[p] = 0;
        }
        sum += weights[p];
    }
    at.role = KVSPAN_GENERATE_V;
    at.head = kv_head;
    for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
        long double value = 0;

        for (at.position = 0; at.position <= place->position; at.position++) {
            value += weights[at.position] * (long double)kvspan_generate_value(generate, &at, dim);
        }
        row_out[dim] = (double)(value / sum);
    }
}

START_TEST(generated_rows_equal_a_brute_force_sum)
{
    const uint32_t kv_head_of[6] = { 0, 0, 0, 1, 1, 1 };
    const uint64_t positions[] = { 0, 1, 7, 130, 599 };

    for (uint32_t i = 0; i < 5 * 6 * 2; i++) {
        const kvspan_dtype dtype = i % 2 ? KVSPAN_BF16 : KVSPAN_F32;
        const kvspan_stored_values stored = { .generate = { 77, dtype }, .kv_dtype = dtype };
        const kvspan_oracle_place place = { i, positions[i % 5], i % 3, i % 6 };
        const kvspan_oracle oracle = { .read = kvspan_stored_values_read,
                                       .context = &stored,
                                       .q_heads = 6,
                                       .kv_heads = 2,
                                       .key_dim = 9,
                                       .value_dim = 13,
                                       .window_tokens = i % 4 == 1 ? 100 : 0,
                                       .soft_cap = i % 4 == 2 ? 1.5f : 0.0f,
                                       .scale = i % 4 == 3 ? 0.7f : 0.0f,
                                       .dtype = dtype };
        double exact[MAX_DIM];
        float naive[MAX_DIM];
        double expected[MAX_DIM];

        kvspan_oracle_evaluate(&oracle, &place, exact, naive);
        brute_force(&stored.generate, &oracle, &place, kv_head_of[place.q_head], expected);
        for (uint32_t dim = 0; dim < oracle.value_dim; dim++) {
            ck_assert_double_eq_tol(exact[dim], expected[dim], 1e-13);
        }
    }
}
END_TEST

/* Weights 1 and e⁻¹ → 0.3671875 in bf16; 0.3671875 / (1 + e⁻¹) = 0.26844 → 0.267578125. */
START_TEST(the_naive_row_rounds_the_weights_and_the_result)
{
    const stored_values stored = { .q = { 1 }, .k = { { 0 }, { -1 } }, .v = { { 0 }, { 1 } } };
    const kvspan_oracle_place place = { .position = 1 };
    kvspan_oracle oracle = oracle_of(&stored, KVSPAN_BF16);
    double exact;
    float naive;

    kvspan_oracle_evaluate(&oracle, &place, &exact, &naive);
    ck_assert_float_eq(naive, 0.267578125f);
    oracle.dtype = KVSPAN_F32;
    kvspan_oracle_evaluate(&oracle, &place, &exact, &naive);
    ck_assert_double_eq_tol(naive, exact, 1e-7);
}
END_TEST

static kvspan_stored_values values_of(kvspan_dtype dtype, kvspan_dtype kv_dtype)
{
    return (kvspan_stored_values){ .generate = { 3, dtype }, .kv_dtype = kv_dtype };
}

static kvspan_oracle generated_oracle(const kvspan_stored_values *stored)
{
    return (kvspan_oracle){ .read = kvspan_stored_values_read,
                            .context = stored,
                            .q_heads = 4,
                            .kv_heads = 2,
                            .key_dim = 16,
                            .value_dim = 16,
                            .dtype = stored->generate.dtype };
}

/* As far off as the type of the results is coarse, and no further, however coarse that of the pages
 * is. */
START_TEST(the_naive_error_has_the_size_of_its_type)
{
    const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };
    const kvspan_dtype kv_dtypes[] = { 0, KVSPAN_I8, KVSPAN_F8E4M3, KVSPAN_F8E5M2 };
    const double low[] = { 1e-5, 1e-6, 1e-10 };
    const double high[] = { 1e-2, 1e-3, 1e-6 };

    for (size_t i = 0; i < 12; i++) {
        const size_t type = i % 3;
        const kvspan_stored_values stored =
            values_of(dtypes[type], i < 3 ? dtypes[type] : kv_dtypes[i / 3]);
        const kvspan_oracle oracle = generated_oracle(&stored);

        for (uint64_t position = 20; position < 2000; position += 333) {
            const kvspan_oracle_place place = { 1, position, 0, 2 };
            double exact[MAX_DIM];
            float naive[MAX_DIM];
            double worst = 0.0;

            kvspan_oracle_evaluate(&oracle, &place, exact, naive);
            for (uint32_t dim = 0; dim < 16; dim++) {
                worst = fmax(worst, fabs((double)naive[dim] - exact[dim]));
            }
            ck_assert_double_gt(worst, low[type]);
            ck_assert_double_lt(worst, high[type]);
        }
    }
}
END_TEST

/* One token: the naive row has no error, which leaves 2 ulp at the largest |O|. */
START_TEST(the_bound_is_twice_the_naive_error_and_two_ulp)
{
    const stored_values one = { .q = { 1 }, .k = { { 1 } }, .v = { { 1, -3, 0.5f } } };
    const stored_values two = { .q = { 1 }, .k = { { 0 }, { -1 } }, .v = { { 0 }, { 1 } } };
    const kvspan_oracle_place first = { .position = 0 };
    const kvspan_oracle_place second = { .position = 1 };
    const float row_f32[3] = { 1, -3, 0.5f };
    const uint16_t row_bf16[3] = { 0x3f80, 0xc040, 0x3f00 };
    const double exact = exp(-1.0) / (1.0 + exp(-1.0));
    kvspan_oracle oracle = oracle_of(&one, KVSPAN_F32);
    kvspan_oracle_verdict verdict;

    oracle.value_dim = 3;
    verdict = kvspan_oracle_check(&oracle, &first, row_f32);
    ck_assert_double_eq(verdict.max_error, 0.0);
    ck_assert_double_eq(verdict.bound, ldexp(1.0, -21)); /* ulp(3) = 2^(1 - 23) */
    oracle.dtype = KVSPAN_BF16;
    verdict = kvspan_oracle_check(&oracle, &first, row_bf16);
    ck_assert_double_eq(verdict.max_error, 0.0);
    ck_assert_double_eq(verdict.bound, ldexp(1.0, -5)); /* ulp(3) = 2^(1 - 7) */

    oracle = oracle_of(&two, KVSPAN_BF16);
    verdict = kvspan_oracle_check(&oracle, &second, row_bf16);
    ck_assert_double_eq_tol(verdict.bound, 2 * (exact - 0.267578125) + 2 * ldexp(1.0, -9), 1e-12);
    ck_assert_double_eq_tol(verdict.max_error, 1.0 - exact, 1e-12);
}
END_TEST

/* Rounds `values` to a row of bf16 or f32. */
static void row_of(kvspan_dtype dtype, const double *values, uint32_t dims, unsigned char *row_out)
{
    for (uint32_t dim = 0; dim < dims; dim++) {
        const float rounded = (float)kvspan_number_round(dtype, values[dim]);
        uint32_t bits;
        uint16_t half;

        memcpy(&bits, &rounded, sizeof(bits));
        half = (uint16_t)(bits >> 16);
        if (dtype == KVSPAN_BF16) {
            memcpy(row_out + 2 * (size_t)dim, &half, sizeof(half));
        } else {
            memcpy(row_out + 4 * (size_t)dim, &bits, sizeof(bits));
        }
    }
}

static void check_one_element_off(const kvspan_oracle *oracle, const kvspan_oracle_place *place,
                                  uint32_t dim)
{
    unsigned char row[4 * MAX_DIM];
    double exact[MAX_DIM];
    float naive[MAX_DIM];
    double right;
    kvspan_oracle_verdict verdict;

    kvspan_oracle_evaluate(oracle, place, exact, naive);
    right = exact[dim];
    row_of(oracle->dtype, exact, 16, row);
    verdict = kvspan_oracle_check(oracle, place, row);
    ck_assert_double_le(verdict.max_error, verdict.bound);

    exact[dim] = right - 1.6 * verdict.bound;
    row_of(oracle->dtype, exact, 16, row);
    verdict = kvspan_oracle_check(oracle, place, row);
    ck_assert_double_gt(verdict.max_error, verdict.bound);
    ck_assert_uint_eq(verdict.worst_dim, dim);
    ck_assert_double_eq(verdict.expected, right);
    ck_assert_double_eq_tol(verdict.actual, exact[dim], verdict.bound / 2);

    exact[dim] = NAN;
    row_of(oracle->dtype, exact, 16, row);
    verdict = kvspan_oracle_check(oracle, place, row);
    ck_assert(isinf(verdict.max_error));
    ck_assert_uint_eq(verdict.worst_dim, dim);
}

START_TEST(one_wrong_element_is_found_and_named)
{
    const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F32 };

    for (size_t type = 0; type < 2; type++) {
        const kvspan_stored_values stored = values_of(dtypes[type], KVSPAN_I8);
        const kvspan_oracle oracle = generated_oracle(&stored);
        const kvspan_oracle_place place = { 1, 700, 0, 2 };

        for (uint32_t dim = 0; dim < 16; dim++) {
            check_one_element_off(&oracle, &place, dim);
        }
    }
}
END_TEST

/* A right row in the wrong place: another head, layer, position or request. */
START_TEST(a_row_of_another_place_is_refused)
{
    const kvspan_stored_values stored = values_of(KVSPAN_BF16, KVSPAN_BF16);
    const kvspan_oracle oracle = generated_oracle(&stored);
    const kvspan_oracle_place place = { 5, 300, 1, 1 };
    const kvspan_oracle_place others[] = {
        { 6, 300, 1, 1 }, { 5, 299, 1, 1 }, { 5, 300, 0, 1 }, { 5, 300, 1, 0 }, { 5, 300, 1, 2 },
    };
    unsigned char row[4 * MAX_DIM];
    double exact[MAX_DIM];
    float naive[MAX_DIM];

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        kvspan_oracle_verdict verdict;

        kvspan_oracle_evaluate(&oracle, &others[i], exact, naive);
        row_of(KVSPAN_BF16, exact, 16, row);
        verdict = kvspan_oracle_check(&oracle, &place, row);
        ck_assert_double_gt(verdict.max_error, verdict.bound);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/oracle");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, a_row_worked_by_hand_is_found);
    tcase_add_test(unit, equal_keys_give_the_mean_of_the_values);
    tcase_add_test(unit, a_window_hides_all_tokens_before_it);
    tcase_add_test(unit, a_soft_cap_bounds_the_scaled_logits);
    tcase_add_test(unit, the_scale_is_one_by_root_dim_unless_told);
    tcase_add_test(unit, generated_rows_equal_a_brute_force_sum);
    tcase_add_test(unit, the_naive_row_rounds_the_weights_and_the_result);
    tcase_add_test(unit, the_naive_error_has_the_size_of_its_type);
    tcase_add_test(unit, the_bound_is_twice_the_naive_error_and_two_ulp);
    tcase_add_test(unit, one_wrong_element_is_found_and_named);
    tcase_add_test(unit, a_row_of_another_place_is_refused);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
