#include "support/suite.h"

#include "sample_workload.h"

/* Rows *index, *index + 1, … are those of one token, of 3 layers and 4 heads. */
static void check_all_rows_of_token(const kvspan_sample *sample, uint64_t request,
                                    uint64_t position, uint64_t *index)
{
    for (uint32_t cell = 0; cell < 12; cell++) {
        const kvspan_oracle_place place = { request, position, cell / 4, cell % 4 };

        ck_assert_uint_lt(*index, kvspan_sample_count(sample).rows);
        ck_assert_int_eq(compare_places(&kvspan_sample_rows(sample)[*index], &place), 0);
        (*index)++;
    }
}

START_TEST(more_rows_than_there_are_gives_all)
{
    static sample_workload work;
    kvspan_sample *sample;
    uint64_t i = 0;

    sample_workload_init(&work, 3, 20, 10, 200);
    sample_workload_play(&work);
    work.config.row_count = 1000000;
    sample = sample_workload_choose(&work);
    for (uint64_t tag = FIRST_TAG; tag < FIRST_TAG + 3; tag++) {
        for (uint64_t position = 0; sample_workload_first_step(&work, tag, position); position++) {
            check_all_rows_of_token(sample, tag, position, &i);
        }
    }
    ck_assert_uint_eq(i, kvspan_sample_count(sample).rows);
    kvspan_sample_destroy(sample);
}
END_TEST

/* Rows of `a` whose token is in `b` too, or the very row if `is_whole_row`. */
static uint64_t count_common(const kvspan_sample *a, const kvspan_sample *b, bool is_whole_row)
{
    uint64_t common = 0;

    for (uint64_t i = 0; i < kvspan_sample_count(a).rows; i++) {
        const kvspan_oracle_place *row = &kvspan_sample_rows(a)[i];
        uint64_t first;
        uint64_t count;

        kvspan_sample_find(b, row->request, row->position, &first, &count);
        if (count > 0) {
            common += !is_whole_row || compare_places(row, &kvspan_sample_rows(b)[first]) == 0;
        }
    }
    return common;
}

START_TEST(the_choice_depends_on_the_seed_and_on_nothing_else)
{
    static sample_workload work;
    kvspan_sample *first;
    kvspan_sample *again;
    kvspan_sample *other;

    sample_workload_init(&work, MAX_REQUESTS, 60, 40, 200);
    work.config.row_count = 100;
    first = sample_workload_choose(&work);
    again = sample_workload_choose(&work);
    work.config.seed++;
    other = sample_workload_choose(&work);
    ck_assert_uint_eq(count_common(first, again, true), 100);
    ck_assert_uint_lt(count_common(first, other, false), 20);
    kvspan_sample_destroy(first);
    kvspan_sample_destroy(again);
    kvspan_sample_destroy(other);
}
END_TEST

/* A choice of the first, the longest, or the last would leave some out. */
START_TEST(chosen_tokens_lie_all_over_the_run)
{
    static sample_workload work;
    kvspan_sample *sample;
    uint64_t requests_seen = 0;
    uint64_t lengths_seen = 0;

    sample_workload_init(&work, MAX_REQUESTS, 60, 40, 200);
    work.config.row_count = 400;
    sample = sample_workload_choose(&work);
    for (uint64_t i = 0; i < 400; i++) {
        const kvspan_oracle_place *row = &kvspan_sample_rows(sample)[i];

        requests_seen |= UINT64_C(1) << (row->request - FIRST_TAG);
        lengths_seen |= UINT64_C(1) << row->position / 2;
    }
    ck_assert_uint_ge(count_bits(requests_seen), MAX_REQUESTS - 4);
    ck_assert_uint_ge(count_bits(lengths_seen), 35);
    kvspan_sample_destroy(sample);
}
END_TEST

START_TEST(find_gives_all_rows_of_a_token)
{
    static sample_workload work;
    kvspan_sample *sample;
    uint64_t found = 0;

    sample_workload_init(&work, 4, 30, 20, 200);
    work.config.row_count = 150;
    sample = sample_workload_choose(&work);
    for (uint64_t tag = FIRST_TAG - 1; tag < FIRST_TAG + 5; tag++) {
        for (uint64_t position = 0; position < MAX_TOKENS; position++) {
            uint64_t first;
            uint64_t count;

            kvspan_sample_find(sample, tag, position, &first, &count);
            for (uint64_t i = first; i < first + count; i++) {
                ck_assert_uint_eq(kvspan_sample_rows(sample)[i].request, tag);
                ck_assert_uint_eq(kvspan_sample_rows(sample)[i].position, position);
            }
            found += count;
        }
    }
    ck_assert_uint_eq(found, 150);
    kvspan_sample_destroy(sample);
}
END_TEST

START_TEST(a_request_that_never_fits_is_left_out)
{
    static sample_workload work;
    kvspan_sample *sample;

    sample_workload_init(&work, 4, 30, 20, 200);
    work.requests[2].prompt_tokens = MAX_TOKENS + 1;
    sample_workload_play(&work);
    work.config.row_count = 1000000;
    sample = sample_workload_choose(&work);
    ck_assert_uint_eq(work.counts.refused, 1);
    ck_assert_uint_eq(kvspan_sample_count(sample).rows, sample_workload_count(&work).all * 12);
    for (uint64_t i = 0; i < kvspan_sample_count(sample).rows; i++) {
        ck_assert_uint_ne(kvspan_sample_rows(sample)[i].request, work.requests[2].tag);
    }
    kvspan_sample_destroy(sample);
}
END_TEST

START_TEST(nothing_wanted_or_nothing_there_gives_no_rows)
{
    static sample_workload work;
    kvspan_sample *sample;
    uint64_t first;
    uint64_t count = 1;

    sample_workload_init(&work, 4, 30, 20, 200);
    sample = sample_workload_choose(&work);
    ck_assert_uint_eq(kvspan_sample_count(sample).rows, 0);
    kvspan_sample_find(sample, FIRST_TAG, 0, &first, &count);
    ck_assert_uint_eq(count, 0);
    kvspan_sample_destroy(sample);

    work.config.row_count = 10;
    work.config.rehearsal.arrivals.request_count = 0;
    sample = sample_workload_choose(&work);
    ck_assert_uint_eq(kvspan_sample_count(sample).rows, 0);
    kvspan_sample_destroy(sample);
    kvspan_sample_destroy(NULL);
}
END_TEST

START_TEST(sizes_that_make_no_sense_are_refused)
{
    static sample_workload work;
    kvspan_sample *sample = NULL;
    kvspan_error error;

    sample_workload_init(&work, 4, 30, 20, 200);
    work.config.row_count = 10;
    work.config.head_parts = 0;
    ck_assert_int_eq(kvspan_sample_create(&work.config, &sample, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message,
                     "3 layers, 4 query heads in 0 parts, 4 tokens per page: none may be 0");
    work.config.head_parts = 2;
    work.config.rehearsal.ledger.page_count = 1;
    ck_assert_int_eq(kvspan_sample_create(&work.config, &sample, &error), KVSPAN_ERR_ARGUMENT);
    work.config.rehearsal.ledger.page_count = 200;
    work.config.rehearsal.scheduler.request_count = 3; /* there are 4 */
    ck_assert_int_eq(kvspan_sample_create(&work.config, &sample, &error), KVSPAN_ERR_ARGUMENT);
    work.config.rehearsal.scheduler.request_count = 4;
    work.config.rehearsal.scheduler.token_budget = 0;
    ck_assert_int_eq(kvspan_sample_create(&work.config, &sample, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(sample);
}
END_TEST
int main(void)
{
    Suite *suite = suite_create("launch/sample");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, more_rows_than_there_are_gives_all);
    tcase_add_test(unit, the_choice_depends_on_the_seed_and_on_nothing_else);
    tcase_add_test(unit, chosen_tokens_lie_all_over_the_run);
    tcase_add_test(unit, find_gives_all_rows_of_a_token);
    tcase_add_test(unit, a_request_that_never_fits_is_left_out);
    tcase_add_test(unit, nothing_wanted_or_nothing_there_gives_no_rows);
    tcase_add_test(unit, sizes_that_make_no_sense_are_refused);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
