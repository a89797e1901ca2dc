#include "launch/rehearsal.h"

#include <stdbool.h>
#include <stdlib.h>

struct kvspan_rehearsal {
    kvspan_ledger *ledger;
    kvspan_scheduler *scheduler;
    kvspan_arrivals arrivals;
    bool is_step_planned;
};

kvspan_status kvspan_rehearsal_create(const kvspan_rehearsal_config *config,
                                      kvspan_rehearsal **rehearsal_out, kvspan_error *error)
{
    kvspan_rehearsal *rehearsal = calloc(1, sizeof(*rehearsal));
    kvspan_status status;

    if (!rehearsal) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a rehearsal");
    }
    status = kvspan_ledger_create(&config->ledger, &rehearsal->ledger, error);
    if (status != KVSPAN_OK) {
        goto err_free_rehearsal;
    }
    status = kvspan_scheduler_create(rehearsal->ledger, &config->scheduler, &rehearsal->scheduler,
                                     error);
    if (status != KVSPAN_OK) {
        goto err_destroy_ledger;
    }
    rehearsal->arrivals = config->arrivals;
    rehearsal->arrivals.is_renumbering = true;
    *rehearsal_out = rehearsal;
    return KVSPAN_OK;

err_destroy_ledger:
    kvspan_ledger_destroy(rehearsal->ledger);
err_free_rehearsal:
    free(rehearsal);
    return status;
}

void kvspan_rehearsal_destroy(kvspan_rehearsal *rehearsal)
{
    if (!rehearsal) {
        return;
    }
    kvspan_scheduler_destroy(rehearsal->scheduler);
    kvspan_ledger_destroy(rehearsal->ledger);
    free(rehearsal);
}

/* The rows are the scheduler's until a step is completed, so that waits for the next call. */
static kvspan_status complete_last(kvspan_rehearsal *rehearsal, kvspan_error *error)
{
    if (!rehearsal->is_step_planned) {
        return KVSPAN_OK;
    }
    rehearsal->is_step_planned = false;
    return kvspan_scheduler_complete(rehearsal->scheduler, error);
}

kvspan_status kvspan_rehearsal_next(kvspan_rehearsal *rehearsal, const kvspan_row **rows_out,
                                    uint32_t *row_count_out, kvspan_error *error)
{
    kvspan_step *step = NULL;
    const kvspan_row *rows = NULL;
    uint32_t row_count = 0;
    kvspan_status status = complete_last(rehearsal, error);

    if (status == KVSPAN_OK) {
        status = kvspan_arrivals_plan(&rehearsal->arrivals, rehearsal->scheduler, &step, error);
    }
    if (status == KVSPAN_OK && step) {
        status = kvspan_scheduler_rows(rehearsal->scheduler, &rows, &row_count, error);
    }
    if (status == KVSPAN_OK && step) {
        rehearsal->is_step_planned = true;
        status = kvspan_step_rehearse(step, error);
    }
    if (status == KVSPAN_OK) {
        *rows_out = rows;
        *row_count_out = row_count;
    }
    return status;
}
