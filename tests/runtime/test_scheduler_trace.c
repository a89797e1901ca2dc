#include "support/suite.h"

#include <inttypes.h>
#include <kvspan/scheduler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the trace file says, counted once with other tools. */
enum {
    TRACE_REQUESTS = 12031,
    TRACE_PROMPT_TOKENS = 144793823,
    TRACE_OUTPUT_TOKENS = 4122048,
    PAGE_TOKENS = 32,
    SLOTS = 256,
    TOKEN_BUDGET = 2048,
    LONGEST = 131072
};

/* The number behind a key, or 0. */
static uint64_t number_after(const char *line, const char *key)
{
    const char *place = strstr(line, key);

    return place ? strtoull(place + strlen(key), NULL, 10) : 0;
}

static FILE *open_trace(void)
{
    const char *folder = getenv("KVSPAN_TEST_DATA");
    char path[4096];

    if (!folder) {
        return NULL;
    }
    (void)snprintf(path, sizeof(path), "%s/traces/mooncake_fast25_conversation.jsonl", folder);
    return fopen(path, "r");
}

static void submit_trace(kvspan_scheduler *scheduler)
{
    FILE *file = open_trace();
    char line[8192];
    uint64_t count = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof(line), file)) {
        const kvspan_request request = { .tag = count++,
                                         .prompt_tokens = number_after(line, "\"input_length\":"),
                                         .output_tokens =
                                             number_after(line, "\"output_length\":") };

        ck_assert_int_eq(kvspan_scheduler_submit(scheduler, &request, NULL), KVSPAN_OK);
    }
    ck_assert_uint_eq(count, TRACE_REQUESTS);
    (void)fclose(file);
}

/* False if nothing is left. No ck_assert: Check writes to a file at each, here are 200,000 steps.
 */
static bool do_step(kvspan_scheduler *scheduler)
{
    kvspan_step *step = NULL;

    if (kvspan_scheduler_plan(scheduler, &step, NULL) != KVSPAN_OK) {
        ck_abort_msg("a step cannot be planned");
    }
    if (!step) {
        return false;
    }
    if (kvspan_step_token_count(step) > TOKEN_BUDGET ||
        kvspan_step_rehearse(step, NULL) != KVSPAN_OK ||
        kvspan_scheduler_complete(scheduler, NULL) != KVSPAN_OK) {
        ck_abort_msg("a step is beyond the budget or cannot be done");
    }
    return true;
}

/* Runs the trace to its end and returns the totals. */
static kvspan_scheduler_counts run_trace(uint32_t page_count)
{
    const kvspan_ledger_config ledger_config = { .size = sizeof(ledger_config),
                                                 .page_count = page_count,
                                                 .slot_count = SLOTS,
                                                 .page_tokens = PAGE_TOKENS,
                                                 .max_step_tokens = TOKEN_BUDGET,
                                                 .max_sequence_tokens = LONGEST };
    const kvspan_scheduler_config config = { .size = sizeof(config),
                                             .token_budget = TOKEN_BUDGET,
                                             .page_tokens = PAGE_TOKENS,
                                             .request_count = TRACE_REQUESTS,
                                             .max_sequence_tokens = LONGEST };
    kvspan_ledger *ledger = NULL;
    kvspan_scheduler *scheduler = NULL;
    kvspan_scheduler_counts counts;

    ck_assert_int_eq(kvspan_ledger_create(&ledger_config, &ledger, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_create(ledger, &config, &scheduler, NULL), KVSPAN_OK);
    submit_trace(scheduler);
    while (do_step(scheduler)) {
    }
    counts = kvspan_scheduler_count(scheduler);
    printf("%u pages: %" PRIu64 " steps, %" PRIu64 " preemptions, %" PRIu64
           " tokens recomputed, high water %u\n",
           page_count, counts.steps, counts.preemptions, counts.tokens_recomputed,
           kvspan_ledger_count(ledger).pages_high_water);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_in_use, 0);
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_OK);
    kvspan_scheduler_destroy(scheduler);
    kvspan_ledger_destroy(ledger);
    return counts;
}

static void assert_all_finished(const kvspan_scheduler_counts *counts)
{
    ck_assert_uint_eq(counts->finished, TRACE_REQUESTS);
    ck_assert_uint_eq(counts->refused, 0);
    ck_assert_uint_eq(counts->waiting, 0);
    ck_assert_uint_eq(counts->running, 0);
    ck_assert_uint_eq(counts->prompt_tokens, TRACE_PROMPT_TOKENS);
    ck_assert_uint_eq(counts->generated_tokens, TRACE_OUTPUT_TOKENS);
    ck_assert_uint_eq(counts->tokens_appended - counts->tokens_recomputed,
                      (uint64_t)TRACE_PROMPT_TOKENS + TRACE_OUTPUT_TOKENS - TRACE_REQUESTS);
}

START_TEST(a_recorded_hour_ends_with_every_token_appended_once)
{
    const kvspan_scheduler_counts counts = run_trace(120000);

    assert_all_finished(&counts);
    ck_assert_uint_eq(counts.tokens_recomputed == 0, counts.preemptions == 0);
}
END_TEST

START_TEST(a_tenth_of_the_pages_costs_preemptions_but_no_thrashing)
{
    const kvspan_scheduler_counts counts = run_trace(12000);

    assert_all_finished(&counts);
    ck_assert_uint_gt(counts.preemptions, 0);
    ck_assert_uint_gt(counts.tokens_recomputed, 0);
    ck_assert_uint_le(counts.tokens_recomputed, 30000000);
}
END_TEST

int main(void)
{
    Suite *suite = NULL;
    TCase *trace = NULL;
    FILE *file = open_trace();

    if (!file) {
        printf("KVSPAN_TEST_DATA names no folder with the trace: skipped\n");
        return TEST_SKIPPED;
    }
    (void)fclose(file);
    suite = suite_create("runtime/scheduler_trace");
    trace = tcase_create("trace");
    tcase_set_timeout(trace, 120);
    tcase_add_test(trace, a_recorded_hour_ends_with_every_token_appended_once);
    tcase_add_test(trace, a_tenth_of_the_pages_costs_preemptions_but_no_thrashing);
    suite_add_tcase(suite, trace);
    return suite_run(suite);
}
