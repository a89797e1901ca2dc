#include "support/suite.h"

#include <math.h>
#include <string.h>

#include "column.h"
#include "paged_case.h"

enum {
    TREE_TOKENS = 20
};

static uint32_t case_count; /* of this run of the program */

static void check_case(paged_case *paged)
{
    paged_case_store(paged);
    if (paged->shape.member_count > 1) {
        paged_case_check_members(paged, KVSPAN_F32);
    }
    paged_case_check_whole(paged);
    paged_case_destroy(paged);
}

static void attend_and_check(const paged_shape *shape, random_source *source)
{
    if (column_tries(case_count++)) {
        check_case(paged_case_create(shape, source));
    }
}

/* Trees that begin within pages and tiles and end in others, with bits in more than one word,
 * beside rows of one token; dims that can be tiled. */
static paged_shape tree_shape(uint32_t type)
{
    paged_shape shape = paged_shape_default();

    paged_shape_set_types(&shape, type);
    shape.key_dim = 32;
    shape.value_dim = 16;
    shape.trees = PAGED_TREES;
    shape.rows[1] = (paged_row){ .sequence = 2, .position = 13, .token_count = 9 };
    shape.rows[2] = (paged_row){ .sequence = 3, .position = 0, .token_count = TREE_TOKENS };
    shape.rows[4] =
        (paged_row){ .sequence = 5, .position = type % 3 == 0 ? 250 : 60, .token_count = 37 };
    return shape;
}

START_TEST(trees_of_all_types_are_within_the_bound)
{
    random_source source = random_start("tree types", 1);
    paged_shape shape = tree_shape((uint32_t)_i);

    attend_and_check(&shape, &source);
    shape.trees = PAGED_SOME_TREES;
    shape.kv_heads = 1;
    shape.group_size = 5;
    attend_and_check(&shape, &source);
}
END_TEST

/* Whatever hides a token: the tree, the window, the member that it is not of. */
START_TEST(trees_with_windows_caps_and_members_are_within_the_bound)
{
    static const uint32_t windows[] = { 0, 1, 6, 16, 33, 64 };
    static const uint32_t page_tokens[] = { 16, 5, 32, 1, 64 };
    random_source source = random_start("tree windows", 2);

    for (uint32_t member_count = 1; member_count <= 3; member_count++) {
        paged_shape shape = tree_shape((uint32_t)_i * 5 % PAGED_TYPE_COUNT);

        shape.window = windows[_i];
        shape.member_count = member_count;
        shape.page_tokens = page_tokens[((uint32_t)_i + member_count) % 5];
        shape.soft_cap = _i % 2 == 1 ? 2.0f : 0.0f;
        shape.group_size = 1 + (uint32_t)_i % 3;
        shape.is_layer_first = _i % 2 == 0;
        attend_and_check(&shape, &source);
    }
}
END_TEST

/* Types and dims that a GPU has kernels for. Trees cross the borders of its tiles, 16 to 64 tokens;
 * few tokens decode, many are a chunk. */
START_TEST(trees_of_fast_dims_are_within_the_bound)
{
    static const uint32_t types[] = { 0, 4, 9, 12 }; /* bf16, f16, int8 and e4m3 with scales */
    static const uint32_t dims[][2] = { { 64, 64 }, { 128, 128 }, { 192, 128 }, { 256, 256 } };
    random_source source = random_start("tree dims", 3);
    paged_shape shape = tree_shape(types[_i % 4]);

    shape.key_dim = dims[(_i + _i / 4) % 4][0];
    shape.value_dim = dims[(_i + _i / 4) % 4][1];
    shape.kv_heads = 1;
    shape.member_count = 1 + (uint32_t)_i / 2 % 2;
    shape.window = _i % 3 == 0 ? 40 : 0;
    shape.soft_cap = _i == 5 ? 2.0f : 0.0f;
    shape.row_count = 4;
    shape.rows[0] = (paged_row){ .sequence = 1, .position = 60, .token_count = 7 };
    shape.rows[1] = (paged_row){ .sequence = 2, .position = 150, .token_count = 1 };
    shape.rows[2] = (paged_row){ .sequence = 3, .position = 250, .token_count = 37 };
    shape.rows[3] = (paged_row){ .sequence = 4, .position = 510, .token_count = 6 };
    check_case(paged_case_create(&shape, &source));
    if (_i < 2) {
        shape.trees = PAGED_SOME_TREES;
        check_case(paged_case_create(&shape, &source));
    }
}
END_TEST

/* Its logits are so far above or below that beside it nothing else weighs anything: those who do
 * not see it must not weigh by it. */
START_TEST(a_hidden_token_may_be_far_above_what_is_seen)
{
    static const uint32_t types[] = { 0, 2, 9, 12 };
    random_source source = random_start("tree maxima", 6);
    paged_shape shape = tree_shape(types[_i]);
    paged_case *paged;

    if (!column_tries(case_count++)) {
        return;
    }
    shape.row_count = 1;
    shape.rows[0] = (paged_row){ .sequence = 2, .position = 13, .token_count = TREE_TOKENS };
    paged = paged_case_create(&shape, &source);
    for (uint32_t i = 0; i < shape.kv_heads * shape.key_dim; i++) {
        paged->keys[0][(shape.rows[0].position + 7) * shape.kv_heads * shape.key_dim + i] *= 512.0;
    }
    check_case(paged);
}
END_TEST

static void check_same_bits(const paged_case *paged, const paged_result *a, const paged_result *b)
{
    const size_t rows = (size_t)paged->token_count * paged_case_q_heads(paged);

    ck_assert(memcmp(a->out, b->out, rows * paged->shape.value_dim * sizeof(*a->out)) == 0);
    ck_assert(memcmp(a->lse, b->lse, rows * sizeof(*a->lse)) == 0);
}

/* Half of the types with a dim that the column has kernels for. */
static void set_fast_dims(paged_shape *shape, uint32_t type)
{
    if (type % 4 < 2 && column_under_test()->fast_dim > 0) {
        shape->key_dim = shape->value_dim = column_under_test()->fast_dim;
    }
}

START_TEST(a_chain_has_the_bits_of_no_tree)
{
    random_source source = random_start("chains", 4);
    paged_shape shape = tree_shape((uint32_t)_i);

    if (!column_tries((uint32_t)_i)) {
        return;
    }
    shape.window = _i % 3 == 0 ? 21 : 0;
    set_fast_dims(&shape, (uint32_t)_i);
    shape.trees = PAGED_CHAINS;
    paged_case *const chain = paged_case_create(&shape, &source);
    shape.trees = PAGED_NO_TREES;
    paged_case *const causal = paged_case_create(&shape, &source);

    paged_case_store(chain);
    paged_case_store(causal);
    paged_result a = paged_case_attend(chain, 0, shape.tensor_dtype);
    paged_result b = paged_case_attend(causal, 0, shape.tensor_dtype);

    check_same_bits(chain, &a, &b);
    paged_result_destroy(&a);
    paged_result_destroy(&b);
    paged_case_destroy(chain);
    paged_case_destroy(causal);
}
END_TEST

/* NaN at one token of a tree: seen by those that hang on it and by nobody else. */
START_TEST(nan_reaches_just_those_who_see_its_token)
{
    const uint32_t poisoned = 7;
    random_source source = random_start("tree NaN", 5);
    paged_shape shape = tree_shape((uint32_t)_i);

    if (!column_tries((uint32_t)_i)) {
        return;
    }
    shape.key_dim = 24;
    shape.value_dim = 12;
    if (!column_under_test()->nan_spreads) {
        set_fast_dims(&shape, (uint32_t)_i);
    }
    shape.row_count = 1;
    shape.rows[0] = (paged_row){ .sequence = 2, .position = 13, .token_count = TREE_TOKENS };
    paged_case *const paged = paged_case_create(&shape, &source);

    paged_case_store(paged);
    paged_case_poison_token(paged, 0, shape.rows[0].position + poisoned);
    paged_result result = paged_case_attend(paged, 0, shape.tensor_dtype);
    const uint32_t heads = paged_case_q_heads(paged);
    uint32_t hidden = 0;

    for (uint32_t row = 0; row < TREE_TOKENS * heads; row++) {
        const bool sees = paged->trees[0][row / heads * TREE_TOKENS + poisoned];

        hidden += row / heads > poisoned && !sees;
        ck_assert_int_eq(isnan(result.lse[row]) != 0, sees);
        for (uint32_t i = 0; i < shape.value_dim; i++) {
            ck_assert_int_eq(isnan(result.out[(size_t)row * shape.value_dim + i]) != 0, sees);
        }
    }
    ck_assert_uint_gt(hidden, 0);
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/attend_trees");
    TCase *bounds = tcase_create("bounds");
    TCase *bits = tcase_create("bits");

    tcase_add_loop_test(bounds, trees_of_all_types_are_within_the_bound, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(bounds, trees_with_windows_caps_and_members_are_within_the_bound, 0, 6);
    tcase_add_loop_test(bounds, trees_of_fast_dims_are_within_the_bound, 0, 8);
    tcase_add_loop_test(bounds, a_hidden_token_may_be_far_above_what_is_seen, 0, 4);
    tcase_add_loop_test(bits, a_chain_has_the_bits_of_no_tree, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(bits, nan_reaches_just_those_who_see_its_token, 0, PAGED_TYPE_COUNT);
    suite_add_tcase(suite, bounds);
    suite_add_tcase(suite, bits);
    return suite_run(suite);
}
