#include "sample_workload.h"

#include <string.h>

#include "support/suite.h"

void sample_workload_init(sample_workload *work, uint32_t request_count, uint32_t prompt_tokens,
                          uint32_t output_tokens, uint32_t page_count)
{
    memset(work, 0, sizeof(*work));
    for (uint32_t i = 0; i < request_count; i++) {
        work->requests[i] = (kvspan_request){ .tag = FIRST_TAG + (i * 7) % request_count,
                                              .prompt_tokens = 1 + (i * 31) % prompt_tokens,
                                              .output_tokens = 1 + (i * 17) % output_tokens };
    }
    work->config = (kvspan_sample_config){
        .rehearsal = { .ledger = { .size = sizeof(kvspan_ledger_config),
                                   .page_count = page_count,
                                   .slot_count = 8,
                                   .page_tokens = PAGE_TOKENS,
                                   .max_step_tokens = 24,
                                   .max_sequence_tokens = MAX_TOKENS },
                       .scheduler = { .size = sizeof(kvspan_scheduler_config),
                                      .token_budget = 24,
                                      .page_tokens = PAGE_TOKENS,
                                      .request_count = request_count,
                                      .max_sequence_tokens = MAX_TOKENS },
                       .arrivals = { .requests = work->requests, .request_count = request_count } },
        .seed = 5,
        .layer_count = 3,
        .q_heads = 4,
        .head_parts = 2,
        .page_tokens = PAGE_TOKENS,
    };
}

/* The steps once more, without rehearsal.h: the naive model. */
void sample_workload_play(sample_workload *work)
{
    const kvspan_rehearsal_config *config = &work->config.rehearsal;
    kvspan_ledger *ledger;
    kvspan_scheduler *scheduler;
    kvspan_step *step;

    ck_assert_int_eq(kvspan_ledger_create(&config->ledger, &ledger, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_create(ledger, &config->scheduler, &scheduler, NULL),
                     KVSPAN_OK);
    for (uint32_t i = 0; i < config->arrivals.request_count; i++) {
        kvspan_request request = config->arrivals.requests[i];

        request.tag = i;
        (void)kvspan_scheduler_submit(scheduler, &request, NULL);
    }
    ck_assert_int_eq(kvspan_scheduler_plan(scheduler, &step, NULL), KVSPAN_OK);
    for (uint32_t number = 1; step; number++) {
        const kvspan_row *rows;
        uint32_t row_count;

        ck_assert_int_eq(kvspan_scheduler_rows(scheduler, &rows, &row_count, NULL), KVSPAN_OK);
        for (uint32_t i = 0; i < row_count; i++) {
            for (uint32_t j = 0; j < rows[i].token_count; j++) {
                uint32_t *first = &work->first_steps[rows[i].tag][rows[i].position + j];

                *first = *first ? *first : number;
            }
        }
        ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
        ck_assert_int_eq(kvspan_scheduler_complete(scheduler, NULL), KVSPAN_OK);
        ck_assert_int_eq(kvspan_scheduler_plan(scheduler, &step, NULL), KVSPAN_OK);
    }
    work->counts = kvspan_scheduler_count(scheduler);
    kvspan_scheduler_destroy(scheduler);
    kvspan_ledger_destroy(ledger);
}

kvspan_sample *sample_workload_choose(const sample_workload *work)
{
    kvspan_sample *sample = NULL;

    ck_assert_int_eq(kvspan_sample_create(&work->config, &sample, NULL), KVSPAN_OK);
    return sample;
}

uint32_t sample_workload_first_step(const sample_workload *work, uint64_t request,
                                    uint64_t position)
{
    for (uint32_t i = 0; i < work->config.rehearsal.arrivals.request_count; i++) {
        if (work->requests[i].tag == request) {
            return position < MAX_TOKENS ? work->first_steps[i][position] : 0;
        }
    }
    return 0;
}

uint64_t divide_up(uint64_t number, uint64_t divisor)
{
    return (number + divisor - 1) / divisor;
}

bool sample_workload_is_late(const sample_workload *work, uint32_t step)
{
    return step > work->counts.steps - divide_up(work->counts.steps, 10);
}
token_counts sample_workload_count(const sample_workload *work)
{
    token_counts counts = { 0, 0, 0, 0 };

    for (uint32_t i = 0; i < MAX_REQUESTS; i++) {
        for (uint32_t position = 0; position < MAX_TOKENS; position++) {
            const uint32_t step = work->first_steps[i][position];

            counts.all += step > 0;
            counts.beyond_page += step > 0 && position >= PAGE_TOKENS;
            counts.late += step > 0 && sample_workload_is_late(work, step);
            counts.late_beyond_page +=
                step > 0 && sample_workload_is_late(work, step) && position >= PAGE_TOKENS;
        }
    }
    return counts;
}

int compare_places(const kvspan_oracle_place *a, const kvspan_oracle_place *b)
{
    const uint64_t left[] = { a->request, a->position, a->layer, a->q_head };
    const uint64_t right[] = { b->request, b->position, b->layer, b->q_head };

    for (size_t i = 0; i < 4; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

uint64_t count_bits(uint64_t bits)
{
    uint64_t count = 0;

    for (; bits; bits &= bits - 1) {
        count++;
    }
    return count;
}
