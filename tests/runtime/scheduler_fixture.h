/** @file
 * What the scheduler's tests share: a ledger and a scheduler of a few pages, and steps done at
 * once.
 */
#ifndef KVSPAN_TESTS_SCHEDULER_FIXTURE_H
#define KVSPAN_TESTS_SCHEDULER_FIXTURE_H

#include <kvspan/scheduler.h>
#include <stdbool.h>

/* Sizes of a test's ledger and scheduler. */
typedef struct test_sizes {
    uint32_t pages; /* that can be handed out */
    uint32_t slots;
    uint32_t page_tokens;
    uint32_t budget;
    uint32_t max_sequence_tokens; /* of the ledger */
    uint32_t request_count;
    uint32_t reserve_percent;
} test_sizes;

typedef struct test_scheduling {
    kvspan_ledger *ledger;
    kvspan_scheduler *scheduler;
} test_scheduling;

/* Fails the test unless both are created. */
test_scheduling test_scheduling_create(const test_sizes *sizes);
/* Fails the test unless every page is back. */
void test_scheduling_destroy(test_scheduling *scheduling);

kvspan_status test_submit(test_scheduling *scheduling, uint64_t tag, uint64_t prompt_tokens,
                          uint64_t output_tokens);

/* Plans a step and does it. False if nothing is left. The rows can be read until the next
 * plan. Fails the test on any error. */
bool test_do_step(test_scheduling *scheduling, const kvspan_row **rows_out,
                  uint32_t *row_count_out);

#endif
