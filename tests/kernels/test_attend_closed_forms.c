#include "support/suite.h"

#include <math.h>

#include "column.h"
#include "paged_case.h"

/* One sequence of `length` tokens whose last one is new, one head, f32. */
static paged_shape last_token_shape(uint32_t length, uint32_t key_dim, uint32_t value_dim)
{
    return (paged_shape){ .tensor_dtype = KVSPAN_F32,
                          .plane_dtype = KVSPAN_F32,
                          .kv_heads = 1,
                          .group_size = 1,
                          .key_dim = key_dim,
                          .value_dim = value_dim,
                          .page_tokens = 4,
                          .member_count = 1,
                          .scale = 1.0f,
                          .row_count = 1,
                          .rows = { { .sequence = 1, .position = length - 1, .token_count = 1 } } };
}

static void set_all(double *numbers, size_t count, double value)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = value;
    }
}

/* Weights 1 : 2 : 3 on values 1, 3, 5; the rest of the page is NaN. */
START_TEST(logits_0_ln2_ln3_give_22_sixths)
{
    random_source source = random_start("by hand", 1);
    paged_shape shape = last_token_shape(3, 1, 1);
    paged_case *paged = paged_case_create(&shape, &source);
    paged_result result;

    paged->queries[0] = 1.0;
    for (int i = 0; i < 3; i++) {
        paged->keys[0][i] = log(i + 1.0);
        paged->values[0][i] = 2.0 * i + 1.0;
    }
    paged_case_store(paged);
    result = paged_case_attend(paged, 0, KVSPAN_F32);
    ck_assert_double_eq_tol(result.out[0], 22.0 / 6.0, 1e-6);
    ck_assert_double_eq_tol((double)result.lse[0], log(6.0), 1e-6);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

/* The same over two members of one token each page: {0, 2} and {1}, merged. */
START_TEST(members_merge_to_22_sixths)
{
    random_source source = random_start("by hand, split", 2);
    paged_shape shape = last_token_shape(3, 1, 1);
    paged_case *paged;
    paged_result part;
    paged_result result;

    shape.page_tokens = 1;
    shape.member_count = 2;
    paged = paged_case_create(&shape, &source);
    paged->queries[0] = 1.0;
    for (int i = 0; i < 3; i++) {
        paged->keys[0][i] = log(i + 1.0);
        paged->values[0][i] = 2.0 * i + 1.0;
    }
    paged_case_store(paged);
    part = paged_case_attend(paged, 0, KVSPAN_F32);
    ck_assert_double_eq_tol(part.out[0], (1.0 + 15.0) / 4.0, 1e-6);
    ck_assert_double_eq_tol((double)part.lse[0], log(4.0), 1e-6);
    result = paged_case_attend_all(paged, KVSPAN_F32, NULL);
    ck_assert_double_eq_tol(result.out[0], 22.0 / 6.0, 1e-6);
    ck_assert_double_eq_tol((double)result.lse[0], log(6.0), 1e-6);
    paged_result_destroy(&part);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

/* `_i` is the type here and below. */
START_TEST(one_token_returns_its_value)
{
    random_source source = random_start("one token", 3);
    paged_shape shape = last_token_shape(1, 64, 80);
    paged_case *paged;
    paged_result result;

    paged_shape_set_types(&shape, (uint32_t)_i);
    paged = paged_case_create(&shape, &source);
    paged_case_store(paged);
    result = paged_case_attend(paged, 0, shape.tensor_dtype);
    for (int i = 0; i < 80; i++) {
        ck_assert_double_eq(result.out[i], oracle_round(shape.tensor_dtype, paged->values[0][i]));
    }
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

/* In every page size, of every row, decode or chunk: nothing but the token's own value. */
START_TEST(a_window_of_1_returns_each_token_its_own_value)
{
    static const uint32_t page_tokens[] = { 1, 5, 16, 256 };
    random_source source = random_start("window 1", 11);
    paged_shape shape = paged_shape_default();

    paged_shape_set_types(&shape, (uint32_t)_i);
    shape.window = 1;
    for (int size = 0; size < 4; size++) {
        paged_case *paged;
        paged_result result;

        shape.page_tokens = page_tokens[size];
        paged = paged_case_create(&shape, &source);
        paged_case_store(paged);
        result = paged_case_attend(paged, 0, shape.tensor_dtype);
        for (uint32_t row = 0; row < paged->token_count * paged_case_q_heads(paged); row++) {
            const uint32_t heads = paged_case_q_heads(paged);
            const oracle_query query =
                paged_case_query(paged, row / heads, row % heads, ORACLE_ALL_MEMBERS);
            const double *own = query.values + query.position * query.value_stride;

            for (uint32_t i = 0; i < shape.value_dim; i++) {
                ck_assert_double_eq(result.out[(size_t)row * shape.value_dim + i],
                                    oracle_round(shape.tensor_dtype, own[i]));
            }
        }
        paged_case_check(paged, &result, ORACLE_ALL_MEMBERS);
        paged_result_destroy(&result);
        paged_case_destroy(paged);
    }
}
END_TEST

/* Logits ±524288 (q · k = 64 · ±64 · 128): all weight on one token, wherever it is. */
START_TEST(a_huge_logit_returns_its_value)
{
    static const uint32_t chosen[] = { 0, 15, 16, 21, 39 };
    random_source source = random_start("one-hot", 4);
    paged_shape shape = last_token_shape(40, 128, 16);

    paged_shape_set_types(&shape, (uint32_t)_i);
    for (int choice = 0; choice < 5; choice++) {
        paged_case *paged = paged_case_create(&shape, &source);
        const double *value = paged->values[0] + (size_t)chosen[choice] * 16;
        paged_result result;

        set_all(paged->queries, 128, 64.0);
        set_all(paged->keys[0], (size_t)40 * 128, -64.0);
        set_all(paged->keys[0] + (size_t)chosen[choice] * 128, 128, 64.0);
        paged_case_store(paged);
        result = paged_case_attend(paged, 0, shape.tensor_dtype);
        for (uint32_t i = 0; i < 16; i++) {
            ck_assert_double_eq(result.out[i], oracle_round(shape.tensor_dtype, value[i]));
        }
        ck_assert_double_eq_tol((double)result.lse[0], 524288.0, 0.1);
        paged_case_check(paged, &result, ORACLE_ALL_MEMBERS);
        paged_result_destroy(&result);
        paged_case_destroy(paged);
    }
}
END_TEST

/* Also with every logit at −524288: far from 0, yet nobody is masked. */
START_TEST(equal_keys_give_the_mean_of_the_values)
{
    static const double keys[] = { 0.0, 0.25, -64.0, 64.0 };
    random_source source = random_start("equal keys", 5);
    paged_shape shape = last_token_shape(37, 128, 16);

    paged_shape_set_types(&shape, (uint32_t)_i);
    for (int key = 0; key < 4; key++) {
        paged_case *paged = paged_case_create(&shape, &source);
        const double lse = 64.0 * keys[key] * 128.0 + log(37.0);
        paged_result result;

        set_all(paged->queries, 128, 64.0);
        set_all(paged->keys[0], (size_t)37 * 128, keys[key]);
        paged_case_store(paged);
        result = paged_case_attend(paged, 0, shape.tensor_dtype);
        for (uint32_t i = 0; i < 16; i++) {
            double mean = 0.0;

            for (uint32_t token = 0; token < 37; token++) {
                mean += paged->values[0][token * 16 + i] / 37.0;
            }
            ck_assert_double_eq_tol(result.out[i], mean,
                                    oracle_ulp(shape.tensor_dtype, mean) + 1e-6);
        }
        ck_assert_double_eq_tol((double)result.lse[0], lse,
                                column_under_test()->lse_absolute + 1e-6 * fabs(lse));
        paged_result_destroy(&result);
        paged_case_destroy(paged);
    }
}
END_TEST

/* Cap 2 makes logits 1000 and −1000 to 2 and −2: weights e² and e⁻². */
START_TEST(the_soft_cap_bounds_logits)
{
    random_source source = random_start("soft cap", 6);
    paged_shape shape = last_token_shape(2, 1, 1);
    paged_case *paged;
    paged_result result;

    shape.soft_cap = 2.0f;
    paged = paged_case_create(&shape, &source);
    paged->queries[0] = 1000.0;
    paged->keys[0][0] = 1.0;
    paged->keys[0][1] = -1.0;
    paged->values[0][0] = 1.0;
    paged->values[0][1] = 0.0;
    paged_case_store(paged);
    result = paged_case_attend(paged, 0, KVSPAN_F32);
    ck_assert_double_eq_tol(result.out[0], 1.0 / (1.0 + exp(-4.0)), 1e-6);
    ck_assert_double_eq_tol((double)result.lse[0], log(exp(2.0) + exp(-2.0)), 1e-6);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

/* Products of 2^200 and −2^200, more than a float holds, of every other token: of as many logits 2
 * and −2. Dims that a column may have kernels of its own for, and others. */
START_TEST(the_soft_cap_bounds_infinite_logits)
{
    static const uint32_t tokens = 38;
    const uint32_t dim = _i == 0 ? 64 : 24;
    random_source source = random_start("infinite logits", 7);
    paged_shape shape = last_token_shape(tokens, dim, dim);
    paged_case *paged;
    paged_result result;

    paged_shape_set_types(&shape, 0); /* bf16 */
    shape.group_size = 3;
    shape.page_tokens = 16;
    shape.soft_cap = 2.0f;
    paged = paged_case_create(&shape, &source);
    set_all(paged->queries, (size_t)shape.group_size * dim, 0x1p100);
    for (uint32_t token = 0; token < tokens; token++) {
        const double sign = token % 2 == 0 ? 1.0 : -1.0;

        set_all(paged->keys[0] + (size_t)token * dim, dim, sign * 0x1p100);
        set_all(paged->values[0] + (size_t)token * dim, dim, sign);
    }
    paged_case_store(paged);
    result = paged_case_attend(paged, 0, KVSPAN_F32);
    for (uint32_t head = 0; head < shape.group_size; head++) {
        ck_assert_double_eq_tol((double)result.lse[head],
                                log(tokens / 2.0 * (exp(2.0) + exp(-2.0))), 1e-5);
        for (uint32_t i = 0; i < dim; i++) {
            ck_assert_double_eq_tol(result.out[(size_t)head * dim + i], tanh(2.0), 0x1p-8);
        }
    }
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

/* Attends on every member of four; just one of them has a token that is seen. */
static void check_lone_member(const paged_shape *shape, uint32_t seeing, random_source *source)
{
    paged_case *paged = paged_case_create(shape, source);

    paged_case_store(paged);
    for (uint32_t member = 0; member < 4; member++) {
        paged_result result = paged_case_attend(paged, member, shape->tensor_dtype);
        const bool sees = member == seeing;
        bool is_zero = true;

        for (uint32_t i = 0; i < shape->value_dim; i++) {
            is_zero = is_zero && result.out[i] == 0.0;
        }
        ck_assert_int_eq(is_zero, !sees);
        ck_assert_int_eq(isinf(result.lse[0]) && result.lse[0] < 0.0f, !sees);
        paged_result_destroy(&result);
    }
    paged_case_destroy(paged);
}

/* Members 1 … 3 have no token of a sequence of one page, and member 0 none within the window. */
START_TEST(who_sees_no_token_gives_zero_and_minus_infinity)
{
    random_source source = random_start("nothing to see", 7);
    paged_shape shape = last_token_shape(4, 8, 8);
    paged_shape windowed = last_token_shape(8, 8, 8);

    paged_shape_set_types(&shape, (uint32_t)_i);
    shape.member_count = 4;
    check_lone_member(&shape, 0, &source);
    paged_shape_set_types(&windowed, (uint32_t)_i);
    windowed.member_count = 4;
    windowed.window = 3;
    check_lone_member(&windowed, 1, &source);
}
END_TEST

/* A step without rows, and a row without tokens, write nothing. */
START_TEST(no_rows_is_a_step_too)
{
    random_source source = random_start("no rows", 8);
    paged_shape shape = paged_shape_default();
    paged_case *paged;
    paged_result result;

    shape.row_count = (uint32_t)_i;
    shape.rows[0].token_count = 0;
    paged = paged_case_create(&shape, &source);
    paged_case_store(paged);
    result = paged_case_attend(paged, 0, KVSPAN_BF16);
    paged_case_check(paged, &result, ORACLE_ALL_MEMBERS);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

/* Eight query heads on two kv heads: q 0 … 3 read kv 0, q 4 … 7 read kv 1; a rank that holds kv 1
 * alone with q 4 … 7 reads the same. */
START_TEST(query_heads_read_their_group_s_kv_head)
{
    random_source source = random_start("groups", 9);
    paged_shape shape = last_token_shape(6, 8, 1);

    shape.group_size = 4;
    shape.kv_heads = _i == 0 ? 2 : 1;
    shape.kv_first = _i == 0 ? 0 : 1;
    {
        paged_case *paged = paged_case_create(&shape, &source);
        paged_result result;

        for (uint32_t i = 0; i < 6 * shape.kv_heads; i++) {
            paged->values[0][i] = 10.0 * (shape.kv_first + i % shape.kv_heads) + 1.0;
        }
        paged_case_store(paged);
        result = paged_case_attend(paged, 0, KVSPAN_F32);
        for (uint32_t head = 0; head < paged_case_q_heads(paged); head++) {
            const uint32_t global = shape.kv_first * 4 + head;

            ck_assert_double_eq_tol(result.out[head], global < 4 ? 1.0 : 11.0, 1e-5);
        }
        paged_result_destroy(&result);
        paged_case_destroy(paged);
    }
}
END_TEST

/* e^sink joins the sum: a sink at the token's own logit 0 halves its value. */
START_TEST(a_sink_of_equal_weight_halves_the_value)
{
    random_source source = random_start("sink", 10);
    paged_shape shape = last_token_shape(1, 4, 3);
    paged_case *paged = paged_case_create(&shape, &source);
    const float sink = 0.0f;
    paged_result result;

    set_all(paged->queries, 4, 0.0);
    paged_case_store(paged);
    result = paged_case_attend_all(paged, KVSPAN_F32, &sink);
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq(result.out[i], paged->values[0][i] / 2.0);
    }
    ck_assert_double_eq_tol((double)result.lse[0], log(2.0), 1e-7);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/attend_closed_forms");
    TCase *forms = tcase_create("closed forms");

    tcase_add_test(forms, logits_0_ln2_ln3_give_22_sixths);
    tcase_add_test(forms, members_merge_to_22_sixths);
    tcase_add_loop_test(forms, one_token_returns_its_value, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(forms, a_window_of_1_returns_each_token_its_own_value, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(forms, a_huge_logit_returns_its_value, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(forms, equal_keys_give_the_mean_of_the_values, 0, PAGED_TYPE_COUNT);
    tcase_add_test(forms, the_soft_cap_bounds_logits);
    tcase_add_loop_test(forms, the_soft_cap_bounds_infinite_logits, 0, 2);
    tcase_add_loop_test(forms, who_sees_no_token_gives_zero_and_minus_infinity, 0,
                        PAGED_TYPE_COUNT);
    tcase_add_loop_test(forms, no_rows_is_a_step_too, 0, 2);
    tcase_add_loop_test(forms, query_heads_read_their_group_s_kv_head, 0, 2);
    tcase_add_test(forms, a_sink_of_equal_weight_halves_the_value);
    suite_add_tcase(suite, forms);
    return suite_run(suite);
}
