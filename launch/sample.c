#include "launch/sample.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "launch/candidates.h"
#include "launch/turns.h"

/* What rows are chosen from, in the order of choosing. */
enum {
    LAST_TENTH,
    BEYOND_PAGE,
    ALL,
    STRATUM_COUNT
};

struct kvspan_sample {
    kvspan_oracle_place *rows; /* [counts.rows] */
    kvspan_sample_counts counts;
};

/* A choice on its way. */
typedef struct row_choice {
    const kvspan_sample_config *config;
    uint32_t *seen_tokens; /* [request] how many of its tokens the steps so far had */
    kvspan_sample_counts counts;
    kvspan_reservoir strata[STRATUM_COUNT];
    kvspan_candidates candidates;
} row_choice;

static uint64_t divide_up(uint64_t number, uint64_t divisor)
{
    return number / divisor + (number % divisor != 0);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t hash_token(const kvspan_sample_config *config, uint32_t request, uint64_t position)
{
    const uint64_t key = kvspan_generate_mix(config->seed + 1);
    const uint64_t tag = config->rehearsal.arrivals.requests[request].tag;

    return kvspan_generate_mix(kvspan_generate_mix(key ^ tag) + position);
}

static bool is_of_last_tenth(const kvspan_sample_counts *counts, uint64_t step)
{
    return step >= counts->steps - divide_up(counts->steps, 10);
}

/* ---- two rehearsals -------------------------------------------------------------------------- */

static void offer(row_choice *choice, uint32_t request, uint64_t position, uint64_t step)
{
    const bool is_beyond_page = position >= choice->config->page_tokens;
    kvspan_reservoir_token token = { .key = hash_token(choice->config, request, position),
                                     .request = request,
                                     .position = (uint32_t)position,
                                     .step = step };

    kvspan_reservoir_offer(&choice->strata[ALL], token);
    if (is_beyond_page) {
        kvspan_reservoir_offer(&choice->strata[BEYOND_PAGE], token);
    }
    if (is_of_last_tenth(&choice->counts, step)) {
        /* Those beyond a page come first, so that a single row can be of both kinds. */
        token.preference = !is_beyond_page;
        kvspan_reservoir_offer(&choice->strata[LAST_TENTH], token);
    }
}

/* Goes on from the tokens that earlier steps had; a row before them computes them again. */
static void see_row(row_choice *choice, const kvspan_row *row, uint64_t step, bool is_choosing)
{
    const uint32_t request = (uint32_t)row->tag;
    const uint64_t seen = choice->seen_tokens[request];
    const uint64_t first = row->position > seen ? row->position : seen;
    const uint64_t end = row->position + row->token_count;

    assert(end <= KVSPAN_MAX_SEQUENCE_TOKENS);
    if (end <= first) {
        return;
    }
    choice->seen_tokens[request] = (uint32_t)end;
    if (!is_choosing) {
        choice->counts.tokens += end - first;
        return;
    }
    for (uint64_t position = first; position < end; position++) {
        offer(choice, request, position, step);
    }
}

static kvspan_status rehearse(row_choice *choice, bool is_choosing, kvspan_error *error)
{
    const kvspan_rehearsal_config *config = &choice->config->rehearsal;
    kvspan_rehearsal *rehearsal;
    const kvspan_row *rows;
    uint32_t row_count;
    uint64_t step = 0;
    kvspan_status status = kvspan_rehearsal_create(config, &rehearsal, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    memset(choice->seen_tokens, 0, config->arrivals.request_count * sizeof(*choice->seen_tokens));
    status = kvspan_rehearsal_next(rehearsal, &rows, &row_count, error);
    for (; status == KVSPAN_OK && row_count > 0; step++) {
        for (uint32_t i = 0; i < row_count; i++) {
            see_row(choice, &rows[i], step, is_choosing);
        }
        status = kvspan_rehearsal_next(rehearsal, &rows, &row_count, error);
    }
    choice->counts.steps = step;
    kvspan_rehearsal_destroy(rehearsal);
    return status;
}

/* ---- choosing -------------------------------------------------------------------------------- */

static void count_rows(row_choice *choice)
{
    kvspan_sample_counts *counts = &choice->counts;

    counts->rows = 0;
    counts->rows_beyond_page = 0;
    counts->rows_of_last_tenth = 0;
    for (size_t i = 0; i < choice->candidates.count; i++) {
        const kvspan_candidate *candidate = &choice->candidates.list[i];

        counts->rows += candidate->row_count;
        if (candidate->token.position >= choice->config->page_tokens) {
            counts->rows_beyond_page += candidate->row_count;
        }
        if (is_of_last_tenth(counts, candidate->token.step)) {
            counts->rows_of_last_tenth += candidate->row_count;
        }
    }
}

static void take_rows(row_choice *choice, int stratum, uint64_t missing)
{
    const uint64_t rows_per_token = (uint64_t)choice->config->layer_count * choice->config->q_heads;

    kvspan_reservoir_sort(&choice->strata[stratum]);
    kvspan_candidates_take(&choice->candidates, &choice->strata[stratum], missing, rows_per_token);
    count_rows(choice);
}

static void take_all_rows(row_choice *choice)
{
    const uint64_t wanted = choice->config->row_count;
    uint64_t beyond_page = divide_up(wanted, 2);

    take_rows(choice, LAST_TENTH, divide_up(wanted, 10));
    beyond_page -= smaller(choice->counts.rows_beyond_page, beyond_page);
    take_rows(choice, BEYOND_PAGE, smaller(beyond_page, wanted - choice->counts.rows));
    take_rows(choice, ALL, wanted - choice->counts.rows);
}

static int compare_rows(const void *a, const void *b)
{
    const kvspan_oracle_place *left = a;
    const kvspan_oracle_place *right = b;

    if (left->request != right->request) {
        return left->request < right->request ? -1 : 1;
    }
    if (left->position != right->position) {
        return left->position < right->position ? -1 : 1;
    }
    if (left->layer != right->layer) {
        return left->layer < right->layer ? -1 : 1;
    }
    return (left->q_head > right->q_head) - (left->q_head < right->q_head);
}

/* Gives each chosen row its layer and head. Tokens come by hash, so that neighbours in a sequence
 * are not neighbours in turn. */
static void write_rows(row_choice *choice, kvspan_oracle_place *rows_out)
{
    const kvspan_sample_config *config = choice->config;
    const kvspan_turns turns = { .seed = config->seed,
                                 .layer_count = config->layer_count,
                                 .q_heads = config->q_heads,
                                 .head_parts = config->head_parts };
    uint64_t turn = 0;

    kvspan_candidates_sort_by_key(&choice->candidates);
    for (size_t i = 0; i < choice->candidates.count; i++) {
        const kvspan_candidate *candidate = &choice->candidates.list[i];

        for (uint64_t row = 0; row < candidate->row_count; row++) {
            kvspan_oracle_place *place = &rows_out[turn];

            place->request = config->rehearsal.arrivals.requests[candidate->token.request].tag;
            place->position = candidate->token.position;
            kvspan_turns_take(&turns, turn, &place->layer, &place->q_head);
            turn++;
        }
    }
    qsort(rows_out, turn, sizeof(*rows_out), compare_rows);
}

/* ---- the sample ------------------------------------------------------------------------------ */

static kvspan_status check_config(const kvspan_sample_config *config, kvspan_error *error)
{
    if (config->layer_count == 0 || config->q_heads == 0 || config->head_parts == 0 ||
        config->page_tokens == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%u layers, %u query heads in %u parts, %u tokens per page: none may be "
                           "0",
                           config->layer_count, config->q_heads, config->head_parts,
                           config->page_tokens);
    }
    return KVSPAN_OK;
}

/* Leaves how many rows each candidate gives; both may be none. */
static kvspan_status choice_run(row_choice *choice, kvspan_error *error)
{
    const uint64_t wanted = choice->config->row_count;
    const uint64_t capacities[STRATUM_COUNT] = { divide_up(wanted, 10), divide_up(wanted, 2),
                                                 wanted };
    kvspan_status status;

    if (wanted == 0 || choice->config->rehearsal.arrivals.request_count == 0) {
        return KVSPAN_OK;
    }
    status = rehearse(choice, false, error);
    for (int stratum = 0; status == KVSPAN_OK && stratum < STRATUM_COUNT; stratum++) {
        status = kvspan_reservoir_init(&choice->strata[stratum],
                                       smaller(capacities[stratum], choice->counts.tokens), error);
    }
    if (status == KVSPAN_OK) {
        status = rehearse(choice, true, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_candidates_init(&choice->candidates, choice->strata, STRATUM_COUNT, error);
    }
    if (status == KVSPAN_OK) {
        take_all_rows(choice);
    }
    return status;
}

static void choice_fini(row_choice *choice)
{
    kvspan_candidates_fini(&choice->candidates);
    for (int stratum = 0; stratum < STRATUM_COUNT; stratum++) {
        kvspan_reservoir_fini(&choice->strata[stratum]);
    }
    free(choice->seen_tokens);
}

static kvspan_status write_sample(row_choice *choice, kvspan_sample **sample_out,
                                  kvspan_error *error)
{
    kvspan_sample *sample = calloc(1, sizeof(*sample));

    if (!sample) {
        goto err_memory;
    }
    sample->counts = choice->counts;
    sample->rows = calloc(choice->counts.rows + 1, sizeof(*sample->rows));
    if (!sample->rows) {
        goto err_free_sample;
    }
    write_rows(choice, sample->rows);
    *sample_out = sample;
    return KVSPAN_OK;

err_free_sample:
    free(sample);
err_memory:
    return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a sample of %" PRIu64 " rows",
                       choice->counts.rows);
}

kvspan_status kvspan_sample_create(const kvspan_sample_config *config, kvspan_sample **sample_out,
                                   kvspan_error *error)
{
    const uint32_t request_count = config->rehearsal.arrivals.request_count;
    row_choice choice = { .config = config };
    kvspan_status status = check_config(config, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    choice.seen_tokens = calloc((size_t)request_count + 1, sizeof(*choice.seen_tokens));
    if (!choice.seen_tokens) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the lengths of %u requests",
                           request_count);
    }
    status = choice_run(&choice, error);
    if (status == KVSPAN_OK) {
        status = write_sample(&choice, sample_out, error);
    }
    choice_fini(&choice);
    return status;
}

void kvspan_sample_destroy(kvspan_sample *sample)
{
    if (!sample) {
        return;
    }
    free(sample->rows);
    free(sample);
}

kvspan_sample_counts kvspan_sample_count(const kvspan_sample *sample)
{
    return sample->counts;
}

const kvspan_oracle_place *kvspan_sample_rows(const kvspan_sample *sample)
{
    return sample->rows;
}

/* The first row that is not before a token. */
static uint64_t lower_bound(const kvspan_sample *sample, uint64_t request, uint64_t position)
{
    uint64_t first = 0;
    uint64_t end = sample->counts.rows;

    while (first < end) {
        const uint64_t middle = first + (end - first) / 2;
        const kvspan_oracle_place *row = &sample->rows[middle];

        if (row->request < request || (row->request == request && row->position < position)) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

void kvspan_sample_find(const kvspan_sample *sample, uint64_t request, uint64_t position,
                        uint64_t *first_out, uint64_t *count_out)
{
    const uint64_t first = lower_bound(sample, request, position);
    uint64_t end = first;

    while (end < sample->counts.rows && sample->rows[end].request == request &&
           sample->rows[end].position == position) {
        end++;
    }
    *first_out = first;
    *count_out = end - first;
}
