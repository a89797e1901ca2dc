#include "support/suite.h"

#include "column.h"
#include "paged_case.h"

/* Spreads cases evenly over the parts of column_tries(), those of one loop too. */
static uint32_t case_number(const paged_shape *shape)
{
    const uint32_t differing[] = { (uint32_t)shape->tensor_dtype,
                                   (uint32_t)shape->plane_dtype,
                                   shape->key_dim,
                                   shape->group_size,
                                   shape->page_tokens,
                                   shape->member_count,
                                   shape->window,
                                   shape->has_scales,
                                   (uint32_t)shape->soft_cap,
                                   shape->rows[0].position };
    uint32_t number = 0;

    for (size_t i = 0; i < sizeof differing / sizeof differing[0]; i++) {
        number = (number ^ differing[i]) * 2654435761u;
        number ^= number >> 15;
    }
    return number;
}

static void check_case(paged_case *paged)
{
    paged_case_store(paged);
    paged_case_check_members(paged, KVSPAN_F32);
    paged_case_check_whole(paged);
    paged_case_destroy(paged);
}

static void attend_and_check(const paged_shape *shape, random_source *source)
{
    if (column_tries(case_number(shape))) {
        check_case(paged_case_create(shape, source));
    }
}

static const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F32, KVSPAN_F16 };

/* A quarter of the types with each, every type with some. */
START_TEST(every_head_dim_is_within_the_bound)
{
    static const uint32_t dims[][2] = { { 1, 1 },     { 8, 8 },     { 64, 64 }, { 80, 80 },
                                        { 128, 128 }, { 256, 256 }, { 13, 70 }, { 96, 64 },
                                        { 1024, 3 },  { 192, 128 } };
    random_source source = random_start("head dims", 1);

    for (uint32_t type = (uint32_t)_i % 4; type < PAGED_TYPE_COUNT; type += 4) {
        paged_shape shape = paged_shape_default();

        paged_shape_set_types(&shape, type);
        shape.key_dim = dims[_i][0];
        shape.value_dim = dims[_i][1];
        attend_and_check(&shape, &source);
    }
}
END_TEST

/* A fifth of the types with each. */
START_TEST(every_group_size_is_within_the_bound)
{
    random_source source = random_start("group sizes", 2);

    for (uint32_t type = (uint32_t)_i % 5; type < PAGED_TYPE_COUNT; type += 5) {
        paged_shape shape = paged_shape_default();

        paged_shape_set_types(&shape, type);
        shape.key_dim = 16;
        shape.value_dim = 32;
        shape.kv_heads = 1 + type % 3;
        shape.group_size = (uint32_t)_i;
        attend_and_check(&shape, &source);
    }
}
END_TEST

/* Steps of 5 meet every type, and each member count and layout with several. */
START_TEST(every_page_size_member_count_and_layout_is_within_the_bound)
{
    static const uint32_t page_tokens[] = { 1, 5, 16, 32, 48, 128, 256 };
    random_source source = random_start("page sizes", 3);

    for (uint32_t i = 0; i < PAGED_TYPE_COUNT * 2 * PAGED_MAX_MEMBERS; i += 5) {
        paged_shape shape = paged_shape_default();

        paged_shape_set_types(&shape, i % PAGED_TYPE_COUNT);
        shape.key_dim = 16;
        shape.value_dim = 16;
        shape.page_tokens = page_tokens[_i];
        shape.member_count = 1 + i / PAGED_TYPE_COUNT / 2;
        shape.is_layer_first = i / PAGED_TYPE_COUNT % 2 == 1;
        attend_and_check(&shape, &source);
    }
}
END_TEST

/* A third of the types with each member count. 0 = all; 1 = itself; below, equal to and across
 * pages of 16 and tiles of 16. */
START_TEST(every_window_is_within_the_bound)
{
    static const uint32_t windows[] = { 0, 1, 7, 15, 16, 17, 33, 64, 1000 };
    random_source source = random_start("windows", 4);

    for (uint32_t i = 0; i < PAGED_TYPE_COUNT; i++) {
        paged_shape shape = paged_shape_default();

        paged_shape_set_types(&shape, i);
        shape.key_dim = 16;
        shape.value_dim = 16;
        shape.member_count = 1 + (i + (uint32_t)_i) / 3 % 3;
        shape.page_tokens = shape.member_count == 2 ? 5 : 16;
        shape.window = windows[_i];
        attend_and_check(&shape, &source);
    }
}
END_TEST

START_TEST(every_soft_cap_is_within_the_bound)
{
    static const float soft_caps[] = { 0.0f, 0.5f, 30.0f, 50.0f };
    random_source source = random_start("soft caps", 5);
    paged_shape shape = paged_shape_default();

    shape.soft_cap = soft_caps[_i];
    shape.scale = 4.0f; /* logits far beyond the smaller caps */
    attend_and_check(&shape, &source);
}
END_TEST

START_TEST(queries_keys_and_values_of_all_types_are_within_the_bound)
{
    random_source source = random_start("mixed types", 6);
    paged_shape shape = paged_shape_default();

    shape.tensor_dtype = dtypes[_i];
    for (int plane = KVSPAN_BF16; plane <= KVSPAN_I8; plane++) {
        for (int value = KVSPAN_BF16; value <= KVSPAN_I8; value++) {
            shape.plane_dtype = (kvspan_dtype)plane;
            shape.value_dtype = (kvspan_dtype)value;
            shape.has_scales = true;
            attend_and_check(&shape, &source);
            if (plane != KVSPAN_I8 && value != KVSPAN_I8) {
                shape.has_scales = false;
                attend_and_check(&shape, &source);
            }
        }
    }
}
END_TEST

static paged_shape random_shape(random_source *source)
{
    static const uint32_t page_tokens[] = { 1, 2, 5, 16, 32, 64 };
    static const float soft_caps[] = { 0.0f, 0.0f, 30.0f, 2.0f };
    const bool is_whole = random_below(source, 2) == 0; /* tiles of 16 dims */
    paged_shape shape = { .scale = 0.2f };

    shape.tensor_dtype = dtypes[random_below(source, 3)];
    shape.plane_dtype = (kvspan_dtype)random_between(source, KVSPAN_BF16, KVSPAN_I8);
    shape.value_dtype = (kvspan_dtype)random_between(source, KVSPAN_BF16, KVSPAN_I8);
    shape.has_scales = true;
    shape.kv_heads = random_between(source, 1, 3);
    shape.kv_first = random_below(source, 5);
    shape.group_size = random_between(source, 1, 5);
    shape.q_first = shape.kv_first * shape.group_size + random_below(source, shape.group_size);
    shape.q_heads = random_between(
        source, 1, shape.kv_heads * shape.group_size - shape.q_first % shape.group_size);
    shape.key_dim = is_whole ? 16 * random_between(source, 1, 3) : random_between(source, 1, 40);
    shape.value_dim = is_whole ? 16 * random_between(source, 1, 3) : random_between(source, 1, 40);
    shape.page_tokens = page_tokens[random_below(source, 6)];
    shape.member_count = random_between(source, 1, PAGED_MAX_MEMBERS);
    shape.window = random_below(source, 2) ? random_between(source, 1, 90) : 0;
    shape.soft_cap = soft_caps[random_below(source, 4)];
    shape.is_layer_first = random_below(source, 2) == 1;
    shape.row_count = random_below(source, PAGED_MAX_ROWS + 1);
    for (uint32_t row = 0; row < shape.row_count; row++) {
        const bool is_decode = random_below(source, 2) == 0;

        shape.rows[row] = (paged_row){ .sequence = row,
                                       .position = random_below(source, 120),
                                       .token_count = is_decode ? 1 : random_below(source, 21) };
    }
    return shape;
}

START_TEST(random_steps_are_within_the_bound)
{
    random_source source = random_start("random steps", 7);

    for (uint32_t round = 0; round < 60; round++) {
        const paged_shape shape = random_shape(&source);

        attend_and_check(&shape, &source);
    }
}
END_TEST

/* Long contexts: columns divide them at borders of their own and merge the parts, which a window
 * of 300 tokens leaves to one block of a GPU and one of 600 to several. */
START_TEST(long_contexts_are_within_the_bound)
{
    static const uint32_t dims[] = { 64, 128 };
    static const uint32_t windows[] = { 0, 300, 0, 600 };
    random_source source = random_start("long contexts", 9);

    for (uint32_t type = (uint32_t)_i; type < PAGED_TYPE_COUNT; type += 6) {
        paged_shape shape = paged_shape_default();

        paged_shape_set_types(&shape, type);
        shape.key_dim = dims[type / 6 % 2];
        shape.value_dim = shape.key_dim;
        shape.kv_heads = 1 + type % 2;
        shape.group_size = 1u << type % 4;
        shape.member_count = 1 + type / 3 % 2;
        shape.window = windows[type % 4];
        shape.row_count = 4;
        shape.rows[0] = (paged_row){ .sequence = 1, .position = 1600, .token_count = 1 };
        shape.rows[1] = (paged_row){ .sequence = 2, .position = 1023, .token_count = 2 };
        shape.rows[2] = (paged_row){ .sequence = 3, .position = 530, .token_count = 20 };
        shape.rows[3] = (paged_row){ .sequence = 4, .position = 3, .token_count = 1 };
        attend_and_check(&shape, &source);
    }
}
END_TEST

/* Keys that grow along the sequence, so that the largest score is found again and again, and by
 * some rows of a tile alone; for each type and pair of dims that a GPU has kernels for. Partial
 * results are f32, which tells whole weights from others. */
START_TEST(scores_that_grow_along_the_sequence_are_within_the_bound)
{
    static const uint32_t types[] = { 0, 4, 9, 13 }; /* bf16, f16, int8 and e4m3 with scales */
    static const uint32_t dims[][2] = { { 64, 64 }, { 128, 128 }, { 192, 128 }, { 256, 256 } };
    random_source source = random_start("growing scores", 10);
    paged_shape shape = paged_shape_default();
    paged_case *paged;

    paged_shape_set_types(&shape, types[_i % 4]);
    shape.key_dim = dims[(_i + _i / 4) % 4][0];
    shape.value_dim = dims[(_i + _i / 4) % 4][1];
    shape.kv_heads = 1;
    shape.group_size = 3;
    shape.row_count = 2;
    shape.rows[0] = (paged_row){ .sequence = 2, .position = 290, .token_count = 6 };
    shape.rows[1] = (paged_row){ .sequence = 3, .position = 470, .token_count = 1 };
    paged = paged_case_create(&shape, &source);
    for (uint32_t row = 0; row < shape.row_count; row++) {
        const uint32_t length = shape.rows[row].position + shape.rows[row].token_count;

        for (uint32_t i = 0; i < length * shape.key_dim; i++) {
            paged->keys[row][i] *= 1 << i / shape.key_dim / 96;
        }
    }
    paged_case_store(paged);
    if (shape.plane_dtype != KVSPAN_I8 || !column_under_test()->has_whole_weights) {
        paged_case_check_members(paged, KVSPAN_F32);
    }
    paged_case_check_whole(paged);
    paged_case_destroy(paged);
}
END_TEST

static bool is_good(const oracle_query *query, const paged_result *result)
{
    const oracle_verdict verdict = oracle_judge(query, result->dtype, result->dtype, result->out);

    return verdict.error <= column_under_test()->naive_factor * verdict.naive_error +
                                column_under_test()->ulp_factor * verdict.ulp;
}

/* The check itself: one token fewer, a scale a little off, one changed key element are found. */
START_TEST(the_oracle_finds_a_wrong_answer)
{
    random_source source = random_start("wrong answer", 8);
    paged_shape shape = paged_shape_default();
    paged_case *paged = NULL;
    paged_result result;
    oracle_query query;

    shape.plane_dtype = dtypes[_i];
    shape.tensor_dtype = dtypes[_i];
    paged = paged_case_create(&shape, &source);
    paged_case_store(paged);
    result = paged_case_attend(paged, 0, shape.tensor_dtype);
    query = paged_case_query(paged, 0, 0, ORACLE_ALL_MEMBERS);
    ck_assert(is_good(&query, &result));
    query.position--;
    ck_assert(!is_good(&query, &result));
    query.position++;
    query.scale *= 1.1f;
    ck_assert(!is_good(&query, &result));
    query.scale = shape.scale;
    paged->keys[0][20 * query.key_stride + shape.key_dim / 2] += 4.0;
    ck_assert(!is_good(&query, &result));
    paged_result_destroy(&result);
    paged_case_destroy(paged);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/attend_pages");
    TCase *shapes = tcase_create("shapes");
    TCase *random = tcase_create("random");

    tcase_add_loop_test(shapes, every_head_dim_is_within_the_bound, 0, 10);
    tcase_add_loop_test(shapes, every_group_size_is_within_the_bound, 1, 17);
    tcase_add_loop_test(shapes, every_page_size_member_count_and_layout_is_within_the_bound, 0, 7);
    tcase_add_loop_test(shapes, every_window_is_within_the_bound, 0, 9);
    tcase_add_loop_test(shapes, every_soft_cap_is_within_the_bound, 0, 4);
    tcase_add_loop_test(shapes, queries_keys_and_values_of_all_types_are_within_the_bound, 0, 3);
    tcase_add_loop_test(shapes, long_contexts_are_within_the_bound, 0, 6);
    tcase_add_loop_test(shapes, scores_that_grow_along_the_sequence_are_within_the_bound, 0, 8);
    tcase_add_test(random, random_steps_are_within_the_bound);
    tcase_add_loop_test(random, the_oracle_finds_a_wrong_answer, 0, 3);
    suite_add_tcase(suite, shapes);
    suite_add_tcase(suite, random);
    return suite_run(suite);
}
