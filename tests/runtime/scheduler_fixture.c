#include "runtime/scheduler_fixture.h"

#include "support/suite.h"

test_scheduling test_scheduling_create(const test_sizes *sizes)
{
    const kvspan_ledger_config ledger_config = { .size = sizeof(ledger_config),
                                                 .page_count = sizes->pages + 1,
                                                 .slot_count = sizes->slots,
                                                 .page_tokens = sizes->page_tokens,
                                                 .max_step_tokens = sizes->budget,
                                                 .max_sequence_tokens =
                                                     sizes->max_sequence_tokens };
    const kvspan_scheduler_config config = { .size = sizeof(config),
                                             .token_budget = sizes->budget,
                                             .page_tokens = sizes->page_tokens,
                                             .reserve_percent = sizes->reserve_percent,
                                             .request_count = sizes->request_count };
    test_scheduling scheduling = { 0 };

    ck_assert_int_eq(kvspan_ledger_create(&ledger_config, &scheduling.ledger, NULL), KVSPAN_OK);
    ck_assert_int_eq(
        kvspan_scheduler_create(scheduling.ledger, &config, &scheduling.scheduler, NULL),
        KVSPAN_OK);
    return scheduling;
}

void test_scheduling_destroy(test_scheduling *scheduling)
{
    kvspan_error error = { 0 };

    kvspan_scheduler_destroy(scheduling->scheduler);
    ck_assert_uint_eq(kvspan_ledger_count(scheduling->ledger).sequences, 0);
    ck_assert_uint_eq(kvspan_ledger_count(scheduling->ledger).pages_in_use, 0);
    ck_assert_msg(kvspan_ledger_check(scheduling->ledger, &error) == KVSPAN_OK, "%s",
                  error.message);
    kvspan_ledger_destroy(scheduling->ledger);
}

kvspan_status test_submit(test_scheduling *scheduling, uint64_t tag, uint64_t prompt_tokens,
                          uint64_t output_tokens)
{
    const kvspan_request request = { .tag = tag,
                                     .prompt_tokens = prompt_tokens,
                                     .output_tokens = output_tokens };

    return kvspan_scheduler_submit(scheduling->scheduler, &request, NULL);
}

bool test_do_step(test_scheduling *scheduling, const kvspan_row **rows_out, uint32_t *row_count_out)
{
    kvspan_scheduler *scheduler = scheduling->scheduler;
    kvspan_error error = { .message = "the rows are not those of the step" };
    kvspan_step *step = NULL;
    kvspan_status status = kvspan_scheduler_plan(scheduler, &step, &error);

    if (status == KVSPAN_OK && !step) {
        return false;
    }
    if (status == KVSPAN_OK) {
        status = kvspan_scheduler_rows(scheduler, rows_out, row_count_out, &error);
    }
    if (status == KVSPAN_OK && *row_count_out != kvspan_step_row_count(step)) {
        status = KVSPAN_ERR_CORRUPT;
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_rehearse(step, &error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_scheduler_complete(scheduler, &error);
    }
    if (status != KVSPAN_OK) {
        ck_abort_msg("%s: %s", kvspan_status_name(status), error.message);
    }
    return true;
}
