#include "launch/rehearsal.h"
#include "support/suite.h"

/* Steps of one or two requests of 40 and 20 tokens, with 24 tokens in a step of 10 ms. Fails the
 * test unless every token comes once. */
static uint32_t count_steps(uint32_t request_count, const uint64_t *times_ms)
{
    static const kvspan_request requests[] = {
        { .tag = 7, .prompt_tokens = 40, .output_tokens = 20 },
        { .tag = 5, .prompt_tokens = 40, .output_tokens = 20 },
    };
    const kvspan_rehearsal_config config = {
        .ledger = { .size = sizeof(kvspan_ledger_config),
                    .page_count = 200,
                    .slot_count = 8,
                    .page_tokens = 4,
                    .max_step_tokens = 24,
                    .max_sequence_tokens = 100 },
        .scheduler = { .size = sizeof(kvspan_scheduler_config),
                       .token_budget = 24,
                       .page_tokens = 4,
                       .request_count = 2,
                       .max_sequence_tokens = 100 },
        .arrivals = { .requests = requests,
                      .times_ms = times_ms,
                      .request_count = request_count,
                      .step_ms = 10 },
    };
    kvspan_rehearsal *rehearsal = NULL;
    const kvspan_row *rows = NULL;
    uint32_t row_count = 0;
    uint32_t steps = 0;
    uint64_t tokens = 0;

    ck_assert_int_eq(kvspan_rehearsal_create(&config, &rehearsal, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_rehearsal_next(rehearsal, &rows, &row_count, NULL), KVSPAN_OK);
    while (row_count > 0) {
        steps++;
        for (uint32_t i = 0; i < row_count; i++) {
            ck_assert_uint_lt(rows[i].tag, request_count); /* a place in the list */
            tokens += rows[i].token_count;
        }
        ck_assert_int_eq(kvspan_rehearsal_next(rehearsal, &rows, &row_count, NULL), KVSPAN_OK);
    }
    ck_assert_uint_eq(tokens, 59ull * request_count);
    kvspan_rehearsal_destroy(rehearsal);
    return steps;
}

START_TEST(requests_arrive_as_in_the_run)
{
    static const uint64_t apart_ms[] = { 0, 1000000 };
    static const uint64_t close_ms[] = { 0, 35 };

    /* 24 + 16 tokens of a prompt, then 19 one by one. */
    ck_assert_uint_eq(count_steps(1, NULL), 21);
    ck_assert_uint_eq(count_steps(2, apart_ms), 42);
    /* Steps 0 to 3 begin before 35 ms; the second prompt shares the budget with one decoding row,
     * 23 + 17 tokens, and takes as long. */
    ck_assert_uint_eq(count_steps(2, close_ms), 4 + 21);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/rehearsal");
    TCase *steps = tcase_create("steps");

    tcase_add_test(steps, requests_arrive_as_in_the_run);
    suite_add_tcase(suite, steps);
    return suite_run(suite);
}
