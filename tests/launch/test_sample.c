#include "support/suite.h"

#include "launch/sample.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_REQUESTS = 40,
    MAX_TOKENS = 128, /* of a request */
    PAGE_TOKENS = 4,
    FIRST_TAG = 1000 /* tags are not indices */
};

/* Requests of a step group, and what a scheduler makes of them, token by token. */
typedef struct workload {
    kvspan_request requests[MAX_REQUESTS];
    uint32_t first_steps[MAX_REQUESTS][MAX_TOKENS]; /* step + 1; 0 = never computed */
    kvspan_sample_config config;
    kvspan_scheduler_counts counts;
} workload;

static void workload_init(workload *work, uint32_t request_count, uint32_t prompt_tokens,
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
static void workload_play(workload *work)
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

static kvspan_sample *choose(const workload *work)
{
    kvspan_sample *sample = NULL;

    ck_assert_int_eq(kvspan_sample_create(&work->config, &sample, NULL), KVSPAN_OK);
    return sample;
}

static uint32_t first_step(const workload *work, uint64_t request, uint64_t position)
{
    for (uint32_t i = 0; i < work->config.rehearsal.arrivals.request_count; i++) {
        if (work->requests[i].tag == request) {
            return position < MAX_TOKENS ? work->first_steps[i][position] : 0;
        }
    }
    return 0;
}

static uint64_t divide_up(uint64_t number, uint64_t divisor)
{
    return (number + divisor - 1) / divisor;
}

static bool is_late(const workload *work, uint32_t step)
{
    return step > work->counts.steps - divide_up(work->counts.steps, 10);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many tokens there are: all, beyond the first page, first computed in the last tenth, both. */
typedef struct token_counts {
    uint64_t all;
    uint64_t beyond_page;
    uint64_t late;
    uint64_t late_beyond_page;
} token_counts;

static token_counts count_tokens(const workload *work)
{
    token_counts counts = { 0, 0, 0, 0 };

    for (uint32_t i = 0; i < MAX_REQUESTS; i++) {
        for (uint32_t position = 0; position < MAX_TOKENS; position++) {
            const uint32_t step = work->first_steps[i][position];

            counts.all += step > 0;
            counts.beyond_page += step > 0 && position >= PAGE_TOKENS;
            counts.late += step > 0 && is_late(work, step);
            counts.late_beyond_page += step > 0 && is_late(work, step) && position >= PAGE_TOKENS;
        }
    }
    return counts;
}

static int compare(const kvspan_oracle_place *a, const kvspan_oracle_place *b)
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

static uint64_t count_bits(uint64_t bits)
{
    uint64_t count = 0;

    for (; bits; bits &= bits - 1) {
        count++;
    }
    return count;
}

/* Everything that is promised of a sample, counted again. */
static void check_sample(const workload *work)
{
    const kvspan_sample_config *config = &work->config;
    const uint64_t cells = (uint64_t)config->layer_count * config->q_heads;
    const uint64_t parts = smaller(config->head_parts, config->q_heads);
    const token_counts tokens = count_tokens(work);
    const uint64_t wanted = config->row_count;
    kvspan_sample *sample = choose(work);
    const kvspan_sample_counts counts = kvspan_sample_count(sample);
    const kvspan_oracle_place *rows = kvspan_sample_rows(sample);
    uint64_t beyond_page = 0;
    uint64_t late = 0;
    uint64_t layers_seen = 0;
    uint64_t parts_seen = 0;

    ck_assert_uint_eq(counts.steps, work->counts.steps);
    ck_assert_uint_eq(counts.tokens, tokens.all);
    ck_assert_uint_eq(counts.rows, smaller(wanted, tokens.all * cells));
    for (uint64_t i = 0; i < counts.rows; i++) {
        const uint32_t step = first_step(work, rows[i].request, rows[i].position);

        ck_assert_uint_gt(step, 0);
        ck_assert_uint_lt(rows[i].layer, config->layer_count);
        ck_assert_uint_lt(rows[i].q_head, config->q_heads);
        ck_assert(i == 0 || compare(&rows[i - 1], &rows[i]) < 0);
        beyond_page += rows[i].position >= PAGE_TOKENS;
        late += is_late(work, step);
        layers_seen |= UINT64_C(1) << rows[i].layer;
        for (uint64_t part = 0; part < parts; part++) {
            if (rows[i].q_head >= part * config->q_heads / parts &&
                rows[i].q_head < (part + 1) * config->q_heads / parts) {
                parts_seen |= UINT64_C(1) << part;
            }
        }
    }
    ck_assert_uint_eq(counts.rows_beyond_page, beyond_page);
    ck_assert_uint_eq(counts.rows_of_last_tenth, late);
    ck_assert_uint_ge(late, smaller(divide_up(wanted, 10), tokens.late * cells));
    if (wanted == 1) {
        ck_assert_uint_eq(beyond_page, smaller(1, tokens.late_beyond_page));
    } else {
        ck_assert_uint_ge(beyond_page, smaller(divide_up(wanted, 2), tokens.beyond_page * cells));
    }
    ck_assert_uint_eq(count_bits(layers_seen), smaller(counts.rows, config->layer_count));
    ck_assert_uint_eq(count_bits(parts_seen), smaller(counts.rows, parts));
    kvspan_sample_destroy(sample);
}

static const uint64_t wanted_rows[] = { 1, 2, 3, 5, 10, 11, 60, 200, 1000, 100000 };

static void check_all_sizes(workload *work)
{
    workload_play(work);
    for (size_t i = 0; i < sizeof(wanted_rows) / sizeof(wanted_rows[0]); i++) {
        for (work->config.seed = 0; work->config.seed < 5; work->config.seed++) {
            work->config.row_count = wanted_rows[i];
            check_sample(work);
        }
    }
}

START_TEST(every_quota_is_kept)
{
    static workload work;

    workload_init(&work, MAX_REQUESTS, 60, 40, 200);
    check_all_sizes(&work);
    ck_assert_uint_eq(work.counts.preemptions, 0);
    ck_assert_uint_eq(work.counts.finished, MAX_REQUESTS);
}
END_TEST

/* One long request beside many short ones: both are in the last steps, and a single row is to be of
 * the long one. */
START_TEST(every_quota_is_kept_where_short_requests_come_to_the_end)
{
    static workload work;

    workload_init(&work, MAX_REQUESTS, 1, 1, 200);
    work.config.rehearsal.ledger.slot_count = 2;
    work.requests[0].prompt_tokens = 4;
    work.requests[0].output_tokens = 113;
    for (uint32_t i = 1; i < MAX_REQUESTS; i++) {
        work.requests[i].prompt_tokens = 2; /* positions 0, 1, then 2, then 3 */
        work.requests[i].output_tokens = 3;
    }
    check_all_sizes(&work);
    ck_assert_uint_gt(count_tokens(&work).late_beyond_page, 0);
    ck_assert_uint_gt(count_tokens(&work).late, count_tokens(&work).late_beyond_page);
}
END_TEST

START_TEST(every_quota_is_kept_with_uneven_heads)
{
    static workload work;

    workload_init(&work, 12, 60, 40, 200);
    work.config.layer_count = 7;
    work.config.q_heads = 11;
    work.config.head_parts = 4;
    check_all_sizes(&work);
    work.config.head_parts = 16; /* more ranks than heads */
    check_all_sizes(&work);
}
END_TEST

START_TEST(tokens_computed_again_count_at_their_first_step)
{
    static workload work;

    workload_init(&work, MAX_REQUESTS, 40, 60, 30);
    check_all_sizes(&work);
    ck_assert_uint_gt(work.counts.preemptions, 0);
    ck_assert_uint_gt(work.counts.tokens_recomputed, 0);
}
END_TEST

/* Nothing is beyond a page; then three tokens of one request. */
START_TEST(quotas_that_cannot_be_kept_are_kept_as_far_as_possible)
{
    static workload work;

    workload_init(&work, MAX_REQUESTS, 2, 2, 200);
    check_all_sizes(&work);
    ck_assert_uint_eq(count_tokens(&work).beyond_page, 0);

    workload_init(&work, MAX_REQUESTS, 2, 2, 200);
    work.requests[0].prompt_tokens = 6;
    check_all_sizes(&work);
    ck_assert_uint_le(count_tokens(&work).beyond_page, 3);
}
END_TEST

/* Rows *index, *index + 1, … are those of one token, of 3 layers and 4 heads. */
static void check_all_rows_of_token(const kvspan_sample *sample, uint64_t request,
                                    uint64_t position, uint64_t *index)
{
    for (uint32_t cell = 0; cell < 12; cell++) {
        const kvspan_oracle_place place = { request, position, cell / 4, cell % 4 };

        ck_assert_uint_lt(*index, kvspan_sample_count(sample).rows);
        ck_assert_int_eq(compare(&kvspan_sample_rows(sample)[*index], &place), 0);
        (*index)++;
    }
}

START_TEST(more_rows_than_there_are_gives_all)
{
    static workload work;
    kvspan_sample *sample;
    uint64_t i = 0;

    workload_init(&work, 3, 20, 10, 200);
    workload_play(&work);
    work.config.row_count = 1000000;
    sample = choose(&work);
    for (uint64_t tag = FIRST_TAG; tag < FIRST_TAG + 3; tag++) {
        for (uint64_t position = 0; first_step(&work, tag, position); position++) {
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
            common += !is_whole_row || compare(row, &kvspan_sample_rows(b)[first]) == 0;
        }
    }
    return common;
}

START_TEST(the_choice_depends_on_the_seed_and_on_nothing_else)
{
    static workload work;
    kvspan_sample *first;
    kvspan_sample *again;
    kvspan_sample *other;

    workload_init(&work, MAX_REQUESTS, 60, 40, 200);
    work.config.row_count = 100;
    first = choose(&work);
    again = choose(&work);
    work.config.seed++;
    other = choose(&work);
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
    static workload work;
    kvspan_sample *sample;
    uint64_t requests_seen = 0;
    uint64_t lengths_seen = 0;

    workload_init(&work, MAX_REQUESTS, 60, 40, 200);
    work.config.row_count = 400;
    sample = choose(&work);
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
    static workload work;
    kvspan_sample *sample;
    uint64_t found = 0;

    workload_init(&work, 4, 30, 20, 200);
    work.config.row_count = 150;
    sample = choose(&work);
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
    static workload work;
    kvspan_sample *sample;

    workload_init(&work, 4, 30, 20, 200);
    work.requests[2].prompt_tokens = MAX_TOKENS + 1;
    workload_play(&work);
    work.config.row_count = 1000000;
    sample = choose(&work);
    ck_assert_uint_eq(work.counts.refused, 1);
    ck_assert_uint_eq(kvspan_sample_count(sample).rows, count_tokens(&work).all * 12);
    for (uint64_t i = 0; i < kvspan_sample_count(sample).rows; i++) {
        ck_assert_uint_ne(kvspan_sample_rows(sample)[i].request, work.requests[2].tag);
    }
    kvspan_sample_destroy(sample);
}
END_TEST

START_TEST(nothing_wanted_or_nothing_there_gives_no_rows)
{
    static workload work;
    kvspan_sample *sample;
    uint64_t first;
    uint64_t count = 1;

    workload_init(&work, 4, 30, 20, 200);
    sample = choose(&work);
    ck_assert_uint_eq(kvspan_sample_count(sample).rows, 0);
    kvspan_sample_find(sample, FIRST_TAG, 0, &first, &count);
    ck_assert_uint_eq(count, 0);
    kvspan_sample_destroy(sample);

    work.config.row_count = 10;
    work.config.rehearsal.arrivals.request_count = 0;
    sample = choose(&work);
    ck_assert_uint_eq(kvspan_sample_count(sample).rows, 0);
    kvspan_sample_destroy(sample);
    kvspan_sample_destroy(NULL);
}
END_TEST

START_TEST(sizes_that_make_no_sense_are_refused)
{
    static workload work;
    kvspan_sample *sample = NULL;
    kvspan_error error;

    workload_init(&work, 4, 30, 20, 200);
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

    tcase_add_test(unit, every_quota_is_kept);
    tcase_add_test(unit, every_quota_is_kept_where_short_requests_come_to_the_end);
    tcase_add_test(unit, every_quota_is_kept_with_uneven_heads);
    tcase_add_test(unit, tokens_computed_again_count_at_their_first_step);
    tcase_add_test(unit, quotas_that_cannot_be_kept_are_kept_as_far_as_possible);
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
