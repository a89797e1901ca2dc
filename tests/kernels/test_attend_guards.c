#include "support/suite.h"

#include <math.h>
#include <string.h>

#include "column.h"
#include "paged_case.h"

/* What callers may leave out, and what only some calls have: what a kernel must look at before it
 * takes the quick way. */

/* Dims that a column may have kernels of its own for, in every other case. */
static paged_shape guard_shape(uint32_t type, bool is_fast)
{
    paged_shape shape = paged_shape_default();

    paged_shape_set_types(&shape, type);
    shape.kv_heads = 1;
    shape.group_size = 3;
    shape.key_dim = is_fast ? 64 : 24;
    shape.value_dim = is_fast ? 64 : 12;
    shape.row_count = 2;
    shape.rows[0] = (paged_row){ .sequence = 1, .position = 37, .token_count = 1 };
    shape.rows[1] = (paged_row){ .sequence = 2, .position = 13, .token_count = 9 };
    return shape;
}

static void attend_and_check(const paged_shape *shape, kvspan_dtype out_dtype,
                             random_source *source)
{
    paged_case *paged = paged_case_create(shape, source);

    paged_case_store(paged);
    paged_result result = paged_case_attend(paged, 0, out_dtype);

    paged_case_check(paged, &result, ORACLE_ALL_MEMBERS);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}

/* bf16; int8 with queries of f16; e4m3 with scales, and without. */
static const uint32_t types[] = { 0, 10, 12, 18 };

enum {
    TYPE_COUNT = 4
};

/* Of dims that are copied to shared memory in other shares. */
START_TEST(rows_may_be_wide)
{
    random_source source = random_start("wide", 14);
    paged_shape shape = guard_shape(types[_i / 2], true);

    shape.key_dim = _i % 2 == 0 ? 192 : 256;
    shape.value_dim = _i % 2 == 0 ? 128 : 256;
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

START_TEST(an_lse_need_not_be_wanted)
{
    random_source source = random_start("no LSE", 1);
    paged_shape shape = guard_shape(types[_i / 2], _i % 2 == 0);
    paged_case *paged = paged_case_create(&shape, &source);

    paged_case_store(paged);
    paged_result wanted = paged_case_attend(paged, 0, shape.tensor_dtype);

    paged->shape.has_no_lse = true;
    paged_result unwanted = paged_case_attend(paged, 0, shape.tensor_dtype);
    const size_t rows = (size_t)paged->token_count * paged_case_q_heads(paged);

    ck_assert(memcmp(wanted.out, unwanted.out, rows * shape.value_dim * sizeof(double)) == 0);
    paged_result_destroy(&wanted);
    paged_result_destroy(&unwanted);
    paged_case_destroy(paged);
}
END_TEST

START_TEST(tensors_may_be_aligned)
{
    random_source source = random_start("aligned", 2);
    paged_shape shape = guard_shape(types[_i], true);

    shape.has_aligned_tensors = true;
    attend_and_check(&shape, shape.tensor_dtype, &source);
    attend_and_check(&shape, KVSPAN_F32, &source);
}
END_TEST

/* Whoever launches for any plan finds the end of this one. */
START_TEST(a_captured_call_has_more_to_launch_than_to_do)
{
    random_source source = random_start("captured", 3);
    paged_shape shape = guard_shape(types[_i / 2], _i % 2 == 0);

    shape.is_captured = true;
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* Within 512 tokens, which are divided at 512: one block of a GPU goes over both parts. */
START_TEST(a_window_may_lie_across_a_border)
{
    random_source source = random_start("border", 4);
    paged_shape shape = guard_shape(types[_i], true);

    shape.window = 300;
    shape.row_count = 1;
    shape.rows[0] = (paged_row){ .sequence = 1, .position = 600, .token_count = 1 };
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* Long enough for three blocks of a GPU to share it, or two; and one that is not. */
START_TEST(long_contexts_may_be_shared)
{
    random_source source = random_start("long", 7);
    paged_shape shape = guard_shape(types[_i], true);

    shape.group_size = 8; /* more heads than a warp of a GPU folds */
    shape.rows[0] = (paged_row){ .sequence = 1, .position = 1200, .token_count = 1 };
    shape.rows[1] = (paged_row){ .sequence = 2, .position = 700, .token_count = 1 };
    shape.rows[2] = (paged_row){ .sequence = 3, .position = 20, .token_count = 1 };
    shape.row_count = 3;
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* More rows than a block has, in the middle of a page and of a group of heads. */
START_TEST(chunks_may_end_anywhere)
{
    random_source source = random_start("chunks", 8);
    paged_shape shape = guard_shape(types[_i / 2], _i % 2 == 0);

    shape.kv_heads = 2;
    shape.q_first = 1;
    shape.q_heads = 4;
    shape.rows[1] = (paged_row){ .sequence = 2, .position = 13, .token_count = 47 };
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* More tokens than are looked at together, of which most are seen by all. */
START_TEST(chunks_may_come_late)
{
    random_source source = random_start("late chunks", 12);
    paged_shape shape = guard_shape(types[_i / 2], true);

    shape.window = _i % 2 == 0 ? 0 : 150;
    shape.row_count = 1;
    shape.rows[0] = (paged_row){ .sequence = 2, .position = 210, .token_count = 25 };
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* The first row's window ends a tile of 64 tokens, the last row's begins in the next: that one is
 * not whole, though it is not the first. */
START_TEST(windows_may_begin_in_two_tiles)
{
    random_source source = random_start("two tiles", 17);
    paged_shape shape = guard_shape(types[_i], true);

    shape.group_size = 1;
    shape.window = 74;
    shape.row_count = 1;
    shape.rows[0] = (paged_row){ .sequence = 2, .position = 200, .token_count = 128 };
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* Long behind the first, and long before the last, so that weights so far must shrink. */
START_TEST(a_score_may_be_far_above_those_before)
{
    random_source source = random_start("far above", 13);
    paged_shape shape = guard_shape(types[_i], true);

    shape.rows[0] = (paged_row){ .sequence = 1, .position = 300, .token_count = 1 };
    shape.rows[1] = (paged_row){ .sequence = 2, .position = 290, .token_count = 9 };
    paged_case *paged = paged_case_create(&shape, &source);

    for (uint32_t row = 0; row < 2; row++) {
        for (uint32_t i = 0; i < shape.key_dim; i++) {
            paged->keys[row][150 * shape.key_dim + i] *= 64.0;
            paged->keys[row][200 * shape.key_dim + i] *= 128.0;
        }
    }
    paged_case_store(paged);
    paged_result result = paged_case_attend(paged, 0, shape.tensor_dtype);

    paged_case_check(paged, &result, ORACLE_ALL_MEMBERS);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

START_TEST(scores_may_be_capped_and_masked)
{
    random_source source = random_start("capped", 9);
    paged_shape shape = guard_shape(types[_i / 2], _i % 2 == 0);

    shape.soft_cap = 2.0f;
    shape.scale = 1.0f;
    shape.window = 19;
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

START_TEST(rows_may_be_trees_or_none)
{
    random_source source = random_start("trees", 10);
    paged_shape shape = guard_shape(types[_i / 2], _i % 2 == 0);

    shape.trees = PAGED_SOME_TREES;
    shape.window = 13;
    shape.member_count = 2;
    shape.page_tokens = 5;
    paged_case *paged = paged_case_create(&shape, &source);

    paged_case_store(paged);
    paged_case_check_members(paged, KVSPAN_F32);
    paged_case_destroy(paged);
}
END_TEST

/* Rows of it that begin behind whole tiles of it, many and few. */
START_TEST(a_tree_may_be_large)
{
    random_source source = random_start("large tree", 18);
    paged_shape shape = guard_shape(types[_i], true);

    shape.group_size = 1;
    shape.trees = PAGED_TREES;
    shape.row_count = 1;
    shape.rows[0] = (paged_row){ .sequence = 2, .position = 120, .token_count = 140 };
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* Of three members the last has no token, and the first none of some rows. */
START_TEST(a_member_may_see_nothing)
{
    random_source source = random_start("nothing", 11);
    paged_shape shape = guard_shape(types[_i / 2], _i % 2 == 0);

    shape.member_count = 3;
    shape.window = 3;
    shape.rows[0] = (paged_row){ .sequence = 1, .position = 18, .token_count = 1 };
    shape.rows[1] = (paged_row){ .sequence = 2, .position = 13, .token_count = 9 };
    paged_case *paged = paged_case_create(&shape, &source);

    paged_case_store(paged);
    paged_case_check_members(paged, KVSPAN_F32);
    paged_case_destroy(paged);
}
END_TEST

/* Keys of one byte and odd dims, a token to a page. */
START_TEST(values_may_lie_at_any_address)
{
    static const kvspan_dtype values[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };
    random_source source = random_start("any address", 5);
    paged_shape shape = guard_shape(18, false);

    shape.value_dtype = values[_i / 2];
    shape.key_dim = 5 + (uint32_t)_i % 2;
    shape.value_dim = 7;
    shape.page_tokens = 1;
    shape.is_layer_first = true; /* pages of odd sizes follow each other */
    attend_and_check(&shape, shape.tensor_dtype, &source);
}
END_TEST

/* Of planes whose numbers can be NaN, or whose scales; `_i` is half the type. */
START_TEST(nan_is_not_lost)
{
    random_source source = random_start("NaN", 6);
    paged_shape shape = guard_shape((uint32_t)_i / 2, false);

    if (shape.plane_dtype == KVSPAN_I8) {
        shape = guard_shape((uint32_t)_i / 2, true);
    } else {
        shape.has_scales = false;
    }
    paged_case *paged = paged_case_create(&shape, &source);

    paged_case_store(paged);
    paged_case_poison(paged, 1, 15, _i % 2 == 0);
    paged_result result = paged_case_attend(paged, 0, shape.tensor_dtype);
    const uint32_t heads = paged_case_q_heads(paged);

    for (uint32_t row = 0; row < paged->token_count * heads; row++) {
        const bool sees = row / heads >= paged->row_starts[1] + 2;

        ck_assert_int_eq(isnan(result.lse[row]) != 0, sees && _i % 2 == 0);
        for (uint32_t i = 0; i < shape.value_dim; i++) {
            ck_assert_int_eq(isnan(result.out[(size_t)row * shape.value_dim + i]) != 0, sees);
        }
    }
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

/* Of planes of 8 bits; `_i` % 2: in bf16, or in f16, whose range is less. */
START_TEST(queries_may_be_large)
{
    static const uint32_t byte_types[] = { 9, 10, 12, 13 };
    const double factor = _i % 2 == 0 ? 0x1p40 : 0x1p10;
    random_source source = random_start("large queries", 16);
    paged_shape shape = guard_shape(byte_types[_i], true);

    shape.scale /= (float)factor;
    paged_case *paged = paged_case_create(&shape, &source);

    ck_assert_int_eq(shape.tensor_dtype, _i % 2 == 0 ? KVSPAN_BF16 : KVSPAN_F16);
    for (uint32_t i = 0; i < paged->token_count * paged_case_q_heads(paged) * shape.key_dim; i++) {
        /* One element of a row, at even places and odd ones. */
        paged->queries[i] *= i % shape.key_dim == i / shape.key_dim ? factor : 0.0;
    }
    paged_case_store(paged);
    paged_case_check_whole(paged);
    paged_case_destroy(paged);
}
END_TEST

/* In bf16 and f16, in each of the parts that blocks of a GPU have: whoever folds them has one. */
START_TEST(infinity_is_not_lost_between_parts)
{
    static const uint32_t positions[] = { 100, 700, 1100 };
    random_source source = random_start("infinity", 15);
    paged_shape shape = guard_shape(_i == 0 ? 0 : 4, true);

    shape.rows[0] = (paged_row){ .sequence = 1, .position = 1200, .token_count = 1 };
    paged_case *paged = paged_case_create(&shape, &source);

    paged_case_store(paged);
    for (int i = 0; i < 3; i++) {
        paged_case_store_infinity(paged, 0, positions[i]);
    }
    paged_result result = paged_case_attend(paged, 0, KVSPAN_F32);
    const uint32_t heads = paged_case_q_heads(paged);

    for (uint32_t row = 0; row < paged->token_count * heads; row++) {
        ck_assert(isfinite(result.lse[row]));
        for (uint32_t i = 0; i < shape.value_dim; i++) {
            const double out = result.out[(size_t)row * shape.value_dim + i];

            ck_assert_msg(row < heads ? isinf(out) && out > 0.0 : isfinite(out), "%g", out);
        }
    }
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/attend_guards");
    TCase *guards = tcase_create("guards");

    tcase_add_loop_test(guards, an_lse_need_not_be_wanted, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, rows_may_be_wide, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, tensors_may_be_aligned, 0, TYPE_COUNT);
    tcase_add_loop_test(guards, a_captured_call_has_more_to_launch_than_to_do, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, a_window_may_lie_across_a_border, 0, TYPE_COUNT);
    tcase_add_loop_test(guards, long_contexts_may_be_shared, 0, TYPE_COUNT);
    tcase_add_loop_test(guards, chunks_may_end_anywhere, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, chunks_may_come_late, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, windows_may_begin_in_two_tiles, 0, TYPE_COUNT);
    tcase_add_loop_test(guards, a_score_may_be_far_above_those_before, 0, TYPE_COUNT);
    tcase_add_loop_test(guards, scores_may_be_capped_and_masked, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, rows_may_be_trees_or_none, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, a_tree_may_be_large, 0, TYPE_COUNT);
    tcase_add_loop_test(guards, a_member_may_see_nothing, 0, 2 * TYPE_COUNT);
    tcase_add_loop_test(guards, values_may_lie_at_any_address, 0, 6);
    tcase_add_loop_test(guards, nan_is_not_lost, 0, 2 * PAGED_TYPE_COUNT);
    tcase_add_loop_test(guards, queries_may_be_large, 0, 4);
    tcase_add_loop_test(guards, infinity_is_not_lost_between_parts, 0, 2);
    suite_add_tcase(suite, guards);
    return suite_run(suite);
}
