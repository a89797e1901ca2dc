#include "support/suite.h"

#include "sample_workload.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
/* Everything that is promised of a sample, counted again. */
static void check_sample(const sample_workload *work)
{
    const kvspan_sample_config *config = &work->config;
    const uint64_t cells = (uint64_t)config->layer_count * config->q_heads;
    const uint64_t parts = smaller(config->head_parts, config->q_heads);
    const token_counts tokens = sample_workload_count(work);
    const uint64_t wanted = config->row_count;
    kvspan_sample *sample = sample_workload_choose(work);
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
        const uint32_t step = sample_workload_first_step(work, rows[i].request, rows[i].position);

        ck_assert_uint_gt(step, 0);
        ck_assert_uint_lt(rows[i].layer, config->layer_count);
        ck_assert_uint_lt(rows[i].q_head, config->q_heads);
        ck_assert(i == 0 || compare_places(&rows[i - 1], &rows[i]) < 0);
        beyond_page += rows[i].position >= PAGE_TOKENS;
        late += sample_workload_is_late(work, step);
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

static void check_all_sizes(sample_workload *work)
{
    sample_workload_play(work);
    for (size_t i = 0; i < sizeof(wanted_rows) / sizeof(wanted_rows[0]); i++) {
        for (work->config.seed = 0; work->config.seed < 5; work->config.seed++) {
            work->config.row_count = wanted_rows[i];
            check_sample(work);
        }
    }
}

START_TEST(every_quota_is_kept)
{
    static sample_workload work;

    sample_workload_init(&work, MAX_REQUESTS, 60, 40, 200);
    check_all_sizes(&work);
    ck_assert_uint_eq(work.counts.preemptions, 0);
    ck_assert_uint_eq(work.counts.finished, MAX_REQUESTS);
}
END_TEST

/* One long request beside many short ones: both are in the last steps, and a single row is to be of
 * the long one. */
START_TEST(every_quota_is_kept_where_short_requests_come_to_the_end)
{
    static sample_workload work;

    sample_workload_init(&work, MAX_REQUESTS, 1, 1, 200);
    work.config.rehearsal.ledger.slot_count = 2;
    work.requests[0].prompt_tokens = 4;
    work.requests[0].output_tokens = 113;
    for (uint32_t i = 1; i < MAX_REQUESTS; i++) {
        work.requests[i].prompt_tokens = 2; /* positions 0, 1, then 2, then 3 */
        work.requests[i].output_tokens = 3;
    }
    check_all_sizes(&work);
    ck_assert_uint_gt(sample_workload_count(&work).late_beyond_page, 0);
    ck_assert_uint_gt(sample_workload_count(&work).late,
                      sample_workload_count(&work).late_beyond_page);
}
END_TEST

START_TEST(every_quota_is_kept_with_uneven_heads)
{
    static sample_workload work;

    sample_workload_init(&work, 12, 60, 40, 200);
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
    static sample_workload work;

    sample_workload_init(&work, MAX_REQUESTS, 40, 60, 30);
    check_all_sizes(&work);
    ck_assert_uint_gt(work.counts.preemptions, 0);
    ck_assert_uint_gt(work.counts.tokens_recomputed, 0);
}
END_TEST

/* A rehearsal that forgets a group or its window has other preemptions, and with them other steps.
 */
START_TEST(every_quota_is_kept_with_layer_groups_of_which_one_slides)
{
    static sample_workload work;

    sample_workload_init(&work, MAX_REQUESTS, 40, 60, 60);
    work.config.rehearsal.ledger.group_count = 2;
    work.config.rehearsal.ledger.group_windows[1] = 8;
    check_all_sizes(&work);
    ck_assert_uint_gt(work.counts.preemptions, 0);
    ck_assert_uint_eq(work.counts.finished, MAX_REQUESTS);
}
END_TEST

/* Nothing is beyond a page; then three tokens of one request. */
START_TEST(quotas_that_cannot_be_kept_are_kept_as_far_as_possible)
{
    static sample_workload work;

    sample_workload_init(&work, MAX_REQUESTS, 2, 2, 200);
    check_all_sizes(&work);
    ck_assert_uint_eq(sample_workload_count(&work).beyond_page, 0);

    sample_workload_init(&work, MAX_REQUESTS, 2, 2, 200);
    work.requests[0].prompt_tokens = 6;
    check_all_sizes(&work);
    ck_assert_uint_le(sample_workload_count(&work).beyond_page, 3);
}
END_TEST
int main(void)
{
    Suite *suite = suite_create("launch/sample_quotas");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, every_quota_is_kept);
    tcase_add_test(unit, every_quota_is_kept_where_short_requests_come_to_the_end);
    tcase_add_test(unit, every_quota_is_kept_with_uneven_heads);
    tcase_add_test(unit, tokens_computed_again_count_at_their_first_step);
    tcase_add_test(unit, every_quota_is_kept_with_layer_groups_of_which_one_slides);
    tcase_add_test(unit, quotas_that_cannot_be_kept_are_kept_as_far_as_possible);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
