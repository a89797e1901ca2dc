#include "launch/comparison.h"
#include "support/suite.h"

#include <math.h>
#include <string.h>

enum {
    TOKENS = 3,
    KV_HEADS = 2,
    Q_HEADS = 4,
    DIM = 8,
    Q_ELEMENTS = Q_HEADS * DIM, /* of a token */
    KV_ELEMENTS = KV_HEADS * DIM
};

/* A comparison of one layer on the reference device, and the tensors of a step of one row. */
typedef struct comparison_fixture {
    kvspan_run_model model;
    kvspan_comparison *comparison;
    float q[TOKENS * Q_HEADS * DIM];
    float k[TOKENS * KV_HEADS * DIM];
    float v[TOKENS * KV_HEADS * DIM];
} comparison_fixture;

static void open_fixture(comparison_fixture *fixture)
{
    const kvspan_run_options options = { .layer_count = 1,
                                         .q_heads = 8, /* of all ranks; this one has half */
                                         .kv_heads = 4,
                                         .head_dim = DIM,
                                         .window_tokens = -1,
                                         .soft_cap = -1,
                                         .dtype = KVSPAN_F32 };
    const kvspan_device_choice device = { .name = "reference" };
    kvspan_comparison_settings settings = { .device = &device,
                                            .model = &fixture->model,
                                            .kv_heads = KV_HEADS,
                                            .q_heads = Q_HEADS,
                                            .page_tokens = 2,
                                            .slot_count = 2,
                                            .max_step_tokens = TOKENS,
                                            .max_sequence_tokens = 9 };
    kvspan_error error = { 0 };

    memset(fixture, 0, sizeof(*fixture));
    ck_assert_msg(kvspan_run_model_choose(&options, &fixture->model, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert_msg(kvspan_comparison_create(&settings, &fixture->comparison, &error) == KVSPAN_OK,
                  "%s", error.message);
}

static kvspan_status step(comparison_fixture *fixture, uint32_t slot, uint64_t tag,
                          uint64_t position, kvspan_error *error)
{
    const kvspan_row row = {
        .tag = tag, .position = position, .slot = slot, .token_count = TOKENS
    };
    const kvspan_step_view view = { .row_count = 1, .token_count = TOKENS, .rows = &row };
    const kvspan_tensor q = { fixture->q, KVSPAN_F32, Q_HEADS, DIM, TOKENS, Q_ELEMENTS, DIM };
    const kvspan_tensor planes[2] = {
        { fixture->k, KVSPAN_F32, KV_HEADS, DIM, TOKENS, KV_ELEMENTS, DIM },
        { fixture->v, KVSPAN_F32, KV_HEADS, DIM, TOKENS, KV_ELEMENTS, DIM }
    };
    kvspan_status status = kvspan_comparison_begin(fixture->comparison, &view, error);

    if (status == KVSPAN_OK) {
        status = kvspan_comparison_attend(fixture->comparison, 0, planes, &q, error);
    }
    return status == KVSPAN_OK ? kvspan_comparison_end(fixture->comparison, error) : status;
}

START_TEST(equal_keys_give_the_mean_of_the_values_and_a_difference_is_placed)
{
    const kvspan_oracle_place place = { .request = 5, .position = 2, .layer = 0, .q_head = 7 };
    comparison_fixture fixture;
    kvspan_comparison_result result;
    float row[DIM];

    open_fixture(&fixture);
    for (int i = 0; i < TOKENS * KV_ELEMENTS; i++) {
        const int token = i / KV_ELEMENTS;

        fixture.v[i] = (float)token; /* their mean is 1 */
    }
    ck_assert_int_eq(step(&fixture, 0, 5, 0, NULL), KVSPAN_OK);
    for (int i = 0; i < DIM; i++) {
        row[i] = 1.0f;
    }
    kvspan_comparison_judge(fixture.comparison, &place, 2, 3, row);
    result = kvspan_comparison_results(fixture.comparison);
    ck_assert_uint_eq(result.rows, 1);
    ck_assert_uint_eq(result.failed_rows, 0);
    ck_assert(result.max_difference < 1e-6);

    row[6] = 1.25f;
    kvspan_comparison_judge(fixture.comparison, &place, 2, 3, row);
    result = kvspan_comparison_results(fixture.comparison);
    ck_assert_uint_eq(result.rows, 2);
    ck_assert_uint_eq(result.failed_rows, 1);
    ck_assert(fabs(result.max_difference - 0.25) < 1e-6);
    ck_assert_uint_eq(result.worst_dim, 6);
    ck_assert_uint_eq(result.worst.q_head, 7);
    ck_assert(result.actual == 1.25);

    row[6] = NAN;
    kvspan_comparison_judge(fixture.comparison, &place, 2, 3, row);
    result = kvspan_comparison_results(fixture.comparison);
    ck_assert_uint_eq(result.failed_rows, 2);
    ck_assert(isinf(result.max_difference));
    kvspan_comparison_destroy(fixture.comparison);
}
END_TEST

START_TEST(sequences_go_on_start_again_and_take_over_slots)
{
    comparison_fixture fixture;
    kvspan_error error = { 0 };

    open_fixture(&fixture);
    ck_assert_int_eq(step(&fixture, 0, 5, 0, NULL), KVSPAN_OK);
    ck_assert_int_eq(step(&fixture, 0, 5, 3, NULL), KVSPAN_OK);
    ck_assert_int_eq(step(&fixture, 0, 5, 0, NULL), KVSPAN_OK); /* preempted, computed again */
    ck_assert_int_eq(step(&fixture, 0, 5, 3, NULL), KVSPAN_OK);
    for (uint64_t tag = 6; tag < 40; tag++) { /* pages come back */
        ck_assert_int_eq(step(&fixture, tag % 2, tag, 0, NULL), KVSPAN_OK);
        ck_assert_int_eq(step(&fixture, tag % 2, tag, 3, NULL), KVSPAN_OK);
    }
    ck_assert_int_eq(step(&fixture, 0, 99, 3, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "sequence 99 goes on at token 3"));
    kvspan_comparison_destroy(fixture.comparison);
}
END_TEST

START_TEST(ranks_add_up_and_the_worst_place_stays)
{
    const kvspan_comparison_result none = { 0 };
    const kvspan_comparison_result small = { .rows = 4, .max_difference = 0.1, .worst_dim = 1 };
    const kvspan_comparison_result large = {
        .rows = 5, .failed_rows = 2, .max_difference = 0.5, .worst_dim = 2
    };
    kvspan_comparison_result total = none;

    kvspan_comparison_merge(&total, &none);
    kvspan_comparison_merge(&total, &small);
    kvspan_comparison_merge(&total, &large);
    kvspan_comparison_merge(&total, &small);
    ck_assert_uint_eq(total.rows, 13);
    ck_assert_uint_eq(total.failed_rows, 2);
    ck_assert_uint_eq(total.worst_dim, 2);
    ck_assert(total.max_difference == 0.5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/comparison");
    TCase *tests = tcase_create("comparison");

    tcase_add_test(tests, equal_keys_give_the_mean_of_the_values_and_a_difference_is_placed);
    tcase_add_test(tests, sequences_go_on_start_again_and_take_over_slots);
    tcase_add_test(tests, ranks_add_up_and_the_worst_place_stays);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
