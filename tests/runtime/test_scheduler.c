#include "runtime/scheduler_fixture.h"
#include "support/suite.h"

#include <string.h>

static const test_sizes small = { .pages = 16,
                                  .slots = 4,
                                  .page_tokens = 4,
                                  .budget = 4,
                                  .max_sequence_tokens = 64,
                                  .request_count = 8 };

/* Fails the test unless the next step is just these rows, in this order. */
static void expect_step(test_scheduling *scheduling, const kvspan_row *expected,
                        uint32_t expected_count)
{
    const kvspan_row *rows = NULL;
    uint32_t row_count = 0;
    uint32_t first_token = 0;

    ck_assert(test_do_step(scheduling, &rows, &row_count));
    ck_assert_uint_eq(row_count, expected_count);
    for (uint32_t row = 0; row < row_count; row++) {
        ck_assert_uint_eq(rows[row].tag, expected[row].tag);
        ck_assert_uint_eq(rows[row].position, expected[row].position);
        ck_assert_uint_eq(rows[row].token_count, expected[row].token_count);
        ck_assert_uint_eq(rows[row].first_token, first_token);
        first_token += rows[row].token_count;
    }
}

static void expect_row(test_scheduling *scheduling, uint64_t tag, uint64_t position,
                       uint32_t token_count)
{
    const kvspan_row row = { .tag = tag, .position = position, .token_count = token_count };

    expect_step(scheduling, &row, 1);
}

static void expect_rows(test_scheduling *scheduling, kvspan_row first, kvspan_row second)
{
    const kvspan_row rows[2] = { first, second };

    expect_step(scheduling, rows, 2);
}

static void expect_end(test_scheduling *scheduling)
{
    const kvspan_row *rows = NULL;
    uint32_t row_count = 0;

    ck_assert(!test_do_step(scheduling, &rows, &row_count));
}

START_TEST(a_prompt_goes_in_chunks_and_then_decodes_token_by_token)
{
    test_scheduling scheduling = test_scheduling_create(&small);
    kvspan_scheduler_counts counts;

    ck_assert_int_eq(test_submit(&scheduling, 7, 10, 4), KVSPAN_OK);
    expect_row(&scheduling, 7, 0, 4);
    expect_row(&scheduling, 7, 4, 4);
    expect_row(&scheduling, 7, 8, 2);
    expect_row(&scheduling, 7, 10, 1);
    expect_row(&scheduling, 7, 11, 1);
    expect_row(&scheduling, 7, 12, 1);
    expect_end(&scheduling);
    counts = kvspan_scheduler_count(scheduling.scheduler);
    ck_assert_uint_eq(counts.finished, 1);
    ck_assert_uint_eq(counts.prompt_tokens, 10);
    ck_assert_uint_eq(counts.generated_tokens, 4);
    ck_assert_uint_eq(counts.tokens_appended, 13);
    ck_assert_uint_eq(counts.tokens_recomputed, 0);
    ck_assert_uint_eq(counts.steps, 6);
    test_scheduling_destroy(&scheduling);
}
END_TEST

START_TEST(one_output_token_needs_no_decode_step)
{
    test_scheduling scheduling = test_scheduling_create(&small);

    ck_assert_int_eq(test_submit(&scheduling, 1, 4, 1), KVSPAN_OK);
    expect_row(&scheduling, 1, 0, 4);
    expect_end(&scheduling);
    ck_assert_uint_eq(kvspan_scheduler_count(scheduling.scheduler).generated_tokens, 1);
    test_scheduling_destroy(&scheduling);
}
END_TEST

START_TEST(decodes_come_first_and_prompts_share_what_is_left)
{
    test_scheduling scheduling = test_scheduling_create(&small);

    ck_assert_int_eq(test_submit(&scheduling, 1, 2, 3), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 9, 1), KVSPAN_OK);
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 0, .token_count = 2 },
                (kvspan_row){ .tag = 2, .position = 0, .token_count = 2 });
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 2, .token_count = 1 },
                (kvspan_row){ .tag = 2, .position = 2, .token_count = 3 });
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 3, .token_count = 1 },
                (kvspan_row){ .tag = 2, .position = 5, .token_count = 3 });
    expect_row(&scheduling, 2, 8, 1);
    expect_end(&scheduling);
    test_scheduling_destroy(&scheduling);
}
END_TEST

/* The freed slot 0 goes to the younger request: its row comes first, its priority does not. */
START_TEST(rows_lie_in_the_order_of_slots_and_tokens_go_by_age)
{
    test_sizes sizes = small;
    test_scheduling scheduling;

    sizes.slots = 2;
    scheduling = test_scheduling_create(&sizes);
    ck_assert_int_eq(test_submit(&scheduling, 1, 1, 1), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 10, 1), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 3, 6, 1), KVSPAN_OK);
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 0, .token_count = 1 },
                (kvspan_row){ .tag = 2, .position = 0, .token_count = 3 });
    expect_row(&scheduling, 2, 3, 4);
    expect_rows(&scheduling, (kvspan_row){ .tag = 3, .position = 0, .token_count = 1 },
                (kvspan_row){ .tag = 2, .position = 7, .token_count = 3 });
    expect_row(&scheduling, 3, 1, 4);
    expect_row(&scheduling, 3, 5, 1);
    expect_end(&scheduling);
    test_scheduling_destroy(&scheduling);
}
END_TEST

START_TEST(no_more_run_than_the_budget_has_tokens)
{
    test_sizes sizes = small;
    test_scheduling scheduling;

    sizes.budget = 2;
    scheduling = test_scheduling_create(&sizes);
    for (uint64_t tag = 1; tag <= 3; tag++) {
        ck_assert_int_eq(test_submit(&scheduling, tag, 1, 3), KVSPAN_OK);
    }
    for (uint64_t position = 0; position < 3; position++) {
        expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = position, .token_count = 1 },
                    (kvspan_row){ .tag = 2, .position = position, .token_count = 1 });
    }
    for (uint64_t position = 0; position < 3; position++) {
        expect_row(&scheduling, 3, position, 1);
    }
    expect_end(&scheduling);
    test_scheduling_destroy(&scheduling);
}
END_TEST

/* 6 pages of 4 tokens. Each prompt takes 2; both grow to 3, and the fourth page of the younger is
 * not there: it gives way, and is computed again when the older has ended. */
START_TEST(the_youngest_gives_way_and_is_computed_again)
{
    test_sizes sizes = small;
    test_scheduling scheduling;
    kvspan_scheduler_counts counts;

    sizes.pages = 6;
    sizes.budget = 8;
    scheduling = test_scheduling_create(&sizes);
    ck_assert_int_eq(test_submit(&scheduling, 1, 5, 16), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 6, 8), KVSPAN_OK);
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 0, .token_count = 5 },
                (kvspan_row){ .tag = 2, .position = 0, .token_count = 3 });
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 5, .token_count = 1 },
                (kvspan_row){ .tag = 2, .position = 3, .token_count = 3 });
    for (uint64_t position = 6; position < 12; position++) {
        expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = position, .token_count = 1 },
                    (kvspan_row){ .tag = 2, .position = position, .token_count = 1 });
    }
    /* Both have filled 3 pages. */
    expect_row(&scheduling, 1, 12, 1);
    counts = kvspan_scheduler_count(scheduling.scheduler);
    ck_assert_uint_eq(counts.preemptions, 1);
    ck_assert_uint_eq(counts.waiting, 1);
    for (uint64_t position = 13; position < 20; position++) {
        expect_row(&scheduling, 1, position, 1);
    }
    /* 12 were appended and the 13th is known: it goes in chunks, and the request ends with them. */
    expect_row(&scheduling, 2, 0, 8);
    expect_row(&scheduling, 2, 8, 5);
    expect_end(&scheduling);
    counts = kvspan_scheduler_count(scheduling.scheduler);
    ck_assert_uint_eq(counts.finished, 2);
    ck_assert_uint_eq(counts.tokens_recomputed, 12);
    ck_assert_uint_eq(counts.tokens_appended, 20 + 13 + 12);
    ck_assert_uint_eq(counts.generated_tokens, 16 + 8);
    test_scheduling_destroy(&scheduling);
}
END_TEST

/* 8 pages; the first prompt fills 5 in chunks. The second prompt needs 2 more, and one page for
 * each of the two is kept: 9 > 8. */
START_TEST(a_request_waits_while_prompts_in_progress_need_the_pages)
{
    test_sizes sizes = small;
    test_scheduling scheduling;
    const kvspan_row *rows = NULL;
    uint32_t row_count = 0;

    sizes.pages = 8;
    sizes.budget = 16;
    scheduling = test_scheduling_create(&sizes);
    ck_assert_int_eq(test_submit(&scheduling, 1, 20, 1), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 8, 1), KVSPAN_OK);
    expect_row(&scheduling, 1, 0, 16);
    expect_row(&scheduling, 1, 16, 4);
    expect_row(&scheduling, 2, 0, 8);
    ck_assert(!test_do_step(&scheduling, &rows, &row_count));
    test_scheduling_destroy(&scheduling);

    /* 4 + 2 + 2 are just 8. */
    scheduling = test_scheduling_create(&sizes);
    ck_assert_int_eq(test_submit(&scheduling, 1, 15, 1), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 8, 1), KVSPAN_OK);
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 0, .token_count = 15 },
                (kvspan_row){ .tag = 2, .position = 0, .token_count = 1 });
    expect_row(&scheduling, 2, 1, 7);
    test_scheduling_destroy(&scheduling);
}
END_TEST

/* 9 pages: two prompts of 2 pages each and a page for each to grow leave 3. */
START_TEST(the_reserve_keeps_a_request_waiting)
{
    test_sizes sizes = small;
    test_scheduling scheduling;

    sizes.pages = 9;
    sizes.budget = 16;
    sizes.reserve_percent = 34; /* of 9, rounded up: 4 */
    scheduling = test_scheduling_create(&sizes);
    ck_assert_int_eq(test_submit(&scheduling, 1, 8, 1), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 8, 1), KVSPAN_OK);
    expect_row(&scheduling, 1, 0, 8);
    expect_row(&scheduling, 2, 0, 8);
    test_scheduling_destroy(&scheduling);

    sizes.reserve_percent = 33; /* 3 */
    scheduling = test_scheduling_create(&sizes);
    ck_assert_int_eq(test_submit(&scheduling, 1, 8, 1), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 8, 1), KVSPAN_OK);
    expect_rows(&scheduling, (kvspan_row){ .tag = 1, .position = 0, .token_count = 8 },
                (kvspan_row){ .tag = 2, .position = 0, .token_count = 8 });
    test_scheduling_destroy(&scheduling);
}
END_TEST

START_TEST(a_request_longer_than_all_pages_is_refused_alone)
{
    test_scheduling scheduling = test_scheduling_create(&small);
    kvspan_scheduler_counts counts;

    ck_assert_int_eq(test_submit(&scheduling, 1, 60, 6), KVSPAN_ERR_NEVER_FITS);
    ck_assert_int_eq(test_submit(&scheduling, 2, UINT64_MAX, 1), KVSPAN_ERR_NEVER_FITS);
    ck_assert_int_eq(test_submit(&scheduling, 3, 2, UINT64_MAX), KVSPAN_ERR_NEVER_FITS);
    ck_assert_int_eq(test_submit(&scheduling, 4, 60, 5), KVSPAN_OK);
    while (test_do_step(&scheduling, &(const kvspan_row *){ NULL }, &(uint32_t){ 0 })) {
    }
    counts = kvspan_scheduler_count(scheduling.scheduler);
    ck_assert_uint_eq(counts.refused, 3);
    ck_assert_uint_eq(counts.finished, 1);
    ck_assert_uint_eq(counts.tokens_appended, 64);
    test_scheduling_destroy(&scheduling);
}
END_TEST

START_TEST(a_request_longer_than_a_sequence_is_refused_at_once_if_the_limit_is_told)
{
    test_scheduling scheduling = test_scheduling_create(&small);
    const kvspan_scheduler_config config = { .size = sizeof(config),
                                             .token_budget = 4,
                                             .page_tokens = 4,
                                             .request_count = 2,
                                             .max_sequence_tokens = 20 };
    const kvspan_request longest = { .tag = 1, .prompt_tokens = 18, .output_tokens = 3 };
    const kvspan_request longer = { .tag = 2, .prompt_tokens = 18, .output_tokens = 4 };
    kvspan_scheduler *scheduler = NULL;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_scheduler_create(scheduling.ledger, &config, &scheduler, NULL),
                     KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_submit(scheduler, &longest, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_submit(scheduler, &longer, &error), KVSPAN_ERR_NEVER_FITS);
    ck_assert_ptr_nonnull(strstr(error.message, "request 2"));
    ck_assert_ptr_nonnull(strstr(error.message, "20"));
    kvspan_scheduler_destroy(scheduler);
    test_scheduling_destroy(&scheduling);
}
END_TEST

/* The ledger's limit is 12 and the scheduler was not told: one request is too long as a prompt, one
 * grows too long, the last one is served. */
START_TEST(a_request_that_outgrows_the_ledger_is_refused_alone)
{
    test_sizes sizes = small;
    test_scheduling scheduling;
    kvspan_scheduler_counts counts;

    sizes.max_sequence_tokens = 12;
    scheduling = test_scheduling_create(&sizes);
    ck_assert_int_eq(test_submit(&scheduling, 1, 13, 1), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 10, 4), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 3, 10, 3), KVSPAN_OK);
    while (test_do_step(&scheduling, &(const kvspan_row *){ NULL }, &(uint32_t){ 0 })) {
    }
    counts = kvspan_scheduler_count(scheduling.scheduler);
    ck_assert_uint_eq(counts.refused, 2);
    ck_assert_uint_eq(counts.finished, 1);
    ck_assert_uint_eq(counts.prompt_tokens, 10);
    ck_assert_uint_eq(counts.tokens_appended, 12 + 12);
    test_scheduling_destroy(&scheduling);
}
END_TEST

START_TEST(calls_out_of_order_are_refused)
{
    test_scheduling scheduling = test_scheduling_create(&small);
    kvspan_step *step = NULL;
    kvspan_step *other = NULL;
    const kvspan_row *rows = NULL;
    uint32_t row_count = 0;

    ck_assert_int_eq(kvspan_scheduler_complete(scheduling.scheduler, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_scheduler_rows(scheduling.scheduler, &rows, &row_count, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(test_submit(&scheduling, 1, 4, 2), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_plan(scheduling.scheduler, &step, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_plan(scheduling.scheduler, &other, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(kvspan_scheduler_complete(scheduling.scheduler, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_complete(scheduling.scheduler, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_scheduler_count(scheduling.scheduler).tokens_appended, 4);
    test_scheduling_destroy(&scheduling);
}
END_TEST

START_TEST(destroy_gives_everything_back_at_any_moment)
{
    test_scheduling scheduling = test_scheduling_create(&small);
    kvspan_step *step = NULL;

    ck_assert_int_eq(test_submit(&scheduling, 1, 4, 2), KVSPAN_OK);
    ck_assert_int_eq(test_submit(&scheduling, 2, 4, 2), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_plan(scheduling.scheduler, &step, NULL), KVSPAN_OK);
    test_scheduling_destroy(&scheduling); /* the step is open */

    scheduling = test_scheduling_create(&small);
    ck_assert_int_eq(test_submit(&scheduling, 1, 4, 2), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_plan(scheduling.scheduler, &step, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
    test_scheduling_destroy(&scheduling); /* it was done, and nobody said so */
    kvspan_scheduler_destroy(NULL);
}
END_TEST

START_TEST(submissions_that_make_no_sense_are_refused_and_not_counted)
{
    test_scheduling scheduling = test_scheduling_create(&small);

    ck_assert_int_eq(test_submit(&scheduling, 1, 0, 1), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(test_submit(&scheduling, 1, 1, 0), KVSPAN_ERR_ARGUMENT);
    for (uint64_t tag = 0; tag < small.request_count; tag++) {
        ck_assert_int_eq(test_submit(&scheduling, tag, 1, 1), KVSPAN_OK);
    }
    ck_assert_int_eq(test_submit(&scheduling, 99, 1, 1), KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(kvspan_scheduler_count(scheduling.scheduler).refused, 0);
    ck_assert_uint_eq(kvspan_scheduler_count(scheduling.scheduler).waiting, small.request_count);
    test_scheduling_destroy(&scheduling);
}
END_TEST

/* Fails the test unless the config is refused and the message names the field. */
static void expect_refused(kvspan_ledger *ledger, kvspan_scheduler_config config, const char *field)
{
    kvspan_scheduler *scheduler = NULL;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_scheduler_create(ledger, &config, &scheduler, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error.message, field) != NULL, "\"%s\" names no %s", error.message, field);
    ck_assert_ptr_null(scheduler);
}

START_TEST(settings_out_of_range_are_refused_by_name)
{
    test_scheduling scheduling = test_scheduling_create(&small);
    const kvspan_scheduler_config good = {
        .size = sizeof(good), .token_budget = 1, .page_tokens = 1, .request_count = 1
    };
    kvspan_scheduler_config bad = good;

    bad.token_budget = 0;
    expect_refused(scheduling.ledger, bad, "token_budget");
    bad.token_budget = KVSPAN_MAX_STEP_TOKENS + 1;
    expect_refused(scheduling.ledger, bad, "token_budget");
    bad = good;
    bad.page_tokens = 0;
    expect_refused(scheduling.ledger, bad, "page_tokens");
    bad = good;
    bad.request_count = 0;
    expect_refused(scheduling.ledger, bad, "request_count");
    bad = good;
    bad.reserve_percent = 101;
    expect_refused(scheduling.ledger, bad, "reserve_percent");
    bad = good;
    bad.max_sequence_tokens = (uint64_t)KVSPAN_MAX_SEQUENCE_TOKENS + 1;
    expect_refused(scheduling.ledger, bad, "max_sequence_tokens");
    bad = good;
    bad.size = 8;
    expect_refused(scheduling.ledger, bad, "size");
    expect_refused(NULL, good, "ledger");
    test_scheduling_destroy(&scheduling);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/scheduler");
    TCase *order = tcase_create("order");
    TCase *pages = tcase_create("pages");
    TCase *refusals = tcase_create("refusals");

    tcase_add_test(order, a_prompt_goes_in_chunks_and_then_decodes_token_by_token);
    tcase_add_test(order, one_output_token_needs_no_decode_step);
    tcase_add_test(order, decodes_come_first_and_prompts_share_what_is_left);
    tcase_add_test(order, rows_lie_in_the_order_of_slots_and_tokens_go_by_age);
    tcase_add_test(order, no_more_run_than_the_budget_has_tokens);
    tcase_add_test(pages, the_youngest_gives_way_and_is_computed_again);
    tcase_add_test(pages, a_request_waits_while_prompts_in_progress_need_the_pages);
    tcase_add_test(pages, the_reserve_keeps_a_request_waiting);
    tcase_add_test(refusals, a_request_longer_than_all_pages_is_refused_alone);
    tcase_add_test(refusals,
                   a_request_longer_than_a_sequence_is_refused_at_once_if_the_limit_is_told);
    tcase_add_test(refusals, a_request_that_outgrows_the_ledger_is_refused_alone);
    tcase_add_test(refusals, calls_out_of_order_are_refused);
    tcase_add_test(refusals, destroy_gives_everything_back_at_any_moment);
    tcase_add_test(refusals, submissions_that_make_no_sense_are_refused_and_not_counted);
    tcase_add_test(refusals, settings_out_of_range_are_refused_by_name);
    suite_add_tcase(suite, order);
    suite_add_tcase(suite, pages);
    suite_add_tcase(suite, refusals);
    return suite_run(suite);
}
