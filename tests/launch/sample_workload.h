/** @file
 * Requests of a step group, and the steps that a scheduler makes of them, played by a naive model:
 * what samples are held to.
 */
#ifndef KVSPAN_TESTS_SAMPLE_WORKLOAD_H
#define KVSPAN_TESTS_SAMPLE_WORKLOAD_H

#include <stdbool.h>

#include "launch/sample.h"

enum {
    MAX_REQUESTS = 40,
    MAX_TOKENS = 128, /* of a request */
    PAGE_TOKENS = 4,
    FIRST_TAG = 1000 /* tags are not indices */
};

/* Requests of a step group, and what a scheduler makes of them, token by token. */
typedef struct sample_workload {
    kvspan_request requests[MAX_REQUESTS];
    uint32_t first_steps[MAX_REQUESTS][MAX_TOKENS]; /* step + 1; 0 = never computed */
    kvspan_sample_config config;
    kvspan_scheduler_counts counts;
} sample_workload;

/* How many tokens there are: all, beyond the first page, first computed in the last tenth, both. */
typedef struct token_counts {
    uint64_t all;
    uint64_t beyond_page;
    uint64_t late;
    uint64_t late_beyond_page;
} token_counts;

/* 3 layers, 4 query heads; prompts of up to prompt_tokens, outputs of up to output_tokens. */
void sample_workload_init(sample_workload *work, uint32_t request_count, uint32_t prompt_tokens,
                          uint32_t output_tokens, uint32_t page_count);

/* Plays the steps. */
void sample_workload_play(sample_workload *work);

/* The step in which a token is first computed, from 1; 0 = never. */
uint32_t sample_workload_first_step(const sample_workload *work, uint64_t request,
                                    uint64_t position);

/* Whether a step is of the last tenth. */
bool sample_workload_is_late(const sample_workload *work, uint32_t step);

token_counts sample_workload_count(const sample_workload *work);

/* The sample of its config; fails the test unless there is one. */
kvspan_sample *sample_workload_choose(const sample_workload *work);

/* The order of a sample's rows. */
int compare_places(const kvspan_oracle_place *a, const kvspan_oracle_place *b);

uint64_t count_bits(uint64_t bits);

uint64_t divide_up(uint64_t number, uint64_t divisor);

#endif
