#include "launch/arrivals.h"
#include "support/suite.h"

enum {
    MAX_REQUESTS = 8,
    FIRST_TAG = 50
};

typedef struct world {
    kvspan_ledger *ledger;
    kvspan_scheduler *scheduler;
    kvspan_request requests[MAX_REQUESTS];
    kvspan_arrivals arrivals;
} world;

/* Every request has a prompt of one token and so many to generate: it takes output_tokens steps. */
static void world_init(world *w, uint32_t request_count, uint64_t output_tokens,
                       const uint64_t *times_ms)
{
    const kvspan_ledger_config ledger = { .size = sizeof(ledger),
                                          .page_count = 100,
                                          .slot_count = MAX_REQUESTS,
                                          .page_tokens = 4,
                                          .max_step_tokens = 64,
                                          .max_sequence_tokens = 100 };
    const kvspan_scheduler_config scheduler = { .size = sizeof(scheduler),
                                                .token_budget = 64,
                                                .page_tokens = 4,
                                                .request_count = MAX_REQUESTS,
                                                .max_sequence_tokens = 100 };

    *w = (world){ 0 };
    ck_assert_int_eq(kvspan_ledger_create(&ledger, &w->ledger, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_create(w->ledger, &scheduler, &w->scheduler, NULL),
                     KVSPAN_OK);
    for (uint32_t i = 0; i < request_count; i++) {
        w->requests[i] = (kvspan_request){ .tag = FIRST_TAG + i,
                                           .prompt_tokens = 1,
                                           .output_tokens = output_tokens };
    }
    w->arrivals = (kvspan_arrivals){
        .requests = w->requests, .times_ms = times_ms, .request_count = request_count, .step_ms = 30
    };
}

static void world_fini(world *w)
{
    kvspan_scheduler_destroy(w->scheduler);
    kvspan_ledger_destroy(w->ledger);
}

/* Plays a step; the tags of its rows as bits from FIRST_TAG, or from 0 where tags are renumbered. 0
 * when all is done. */
static uint32_t play(world *w)
{
    const uint64_t first_tag = w->arrivals.is_renumbering ? 0 : FIRST_TAG;
    const kvspan_row *rows = NULL;
    kvspan_step *step = NULL;
    uint32_t row_count = 0;
    uint32_t tags = 0;

    ck_assert_int_eq(kvspan_arrivals_plan(&w->arrivals, w->scheduler, &step, NULL), KVSPAN_OK);
    if (!step) {
        return 0;
    }
    ck_assert_int_eq(kvspan_scheduler_rows(w->scheduler, &rows, &row_count, NULL), KVSPAN_OK);
    for (uint32_t i = 0; i < row_count; i++) {
        tags |= 1u << (rows[i].tag - first_tag);
    }
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_scheduler_complete(w->scheduler, NULL), KVSPAN_OK);
    return tags;
}

START_TEST(without_times_all_are_there_at_the_first_step)
{
    world w;

    world_init(&w, 3, 2, NULL);
    ck_assert_uint_eq(play(&w), 7);
    ck_assert_uint_eq(play(&w), 7);
    ck_assert_uint_eq(play(&w), 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_request_takes_part_from_the_first_step_that_begins_when_it_is_there)
{
    /* Steps begin at 0, 30, 60, 90 ms. */
    static const uint64_t times_ms[] = { 0, 30, 31, 60, 61 };
    world w;

    world_init(&w, 5, 10, times_ms);
    ck_assert_uint_eq(play(&w), 1);
    ck_assert_uint_eq(play(&w), 3);
    ck_assert_uint_eq(play(&w), 15);
    ck_assert_uint_eq(play(&w), 31);
    ck_assert_uint_eq(w.arrivals.now_ms, 120);
    world_fini(&w);
}
END_TEST

START_TEST(the_clock_jumps_where_nothing_is_left_to_do)
{
    static const uint64_t times_ms[] = { 7, 1000, 1000000000, 1000000060 };
    world w;

    world_init(&w, 4, 2, times_ms);
    ck_assert_uint_eq(play(&w), 1);
    ck_assert_uint_eq(w.arrivals.now_ms, 37);
    ck_assert_uint_eq(play(&w), 1);
    ck_assert_uint_eq(play(&w), 2);
    ck_assert_uint_eq(w.arrivals.now_ms, 1030);
    ck_assert_uint_eq(play(&w), 2);
    ck_assert_uint_eq(play(&w), 4);
    ck_assert_uint_eq(play(&w), 4);
    ck_assert_uint_eq(play(&w), 8); /* came just then: no jump */
    ck_assert_uint_eq(w.arrivals.now_ms, 1000000090);
    ck_assert_uint_eq(play(&w), 8);
    ck_assert_uint_eq(play(&w), 0);
    ck_assert_uint_eq(play(&w), 0);
    ck_assert_uint_eq(kvspan_scheduler_count(w.scheduler).finished, 4);
    world_fini(&w);
}
END_TEST

START_TEST(requests_that_never_fit_do_not_keep_others_waiting)
{
    static const uint64_t times_ms[] = { 0, 500, 501, 900 };
    world w;

    world_init(&w, 4, 2, times_ms);
    w.requests[0].output_tokens = 101;
    w.requests[1].output_tokens = 101;
    w.requests[3].output_tokens = 101;
    ck_assert_uint_eq(play(&w), 4);
    ck_assert_uint_eq(w.arrivals.now_ms, 531);
    ck_assert_uint_eq(play(&w), 4);
    ck_assert_uint_eq(play(&w), 0);
    ck_assert_uint_eq(kvspan_scheduler_count(w.scheduler).refused, 3);
    ck_assert_uint_eq(kvspan_scheduler_count(w.scheduler).finished, 1);
    world_fini(&w);
}
END_TEST

START_TEST(tags_may_be_places_in_the_list)
{
    static const uint64_t times_ms[] = { 0, 30 };
    world w;

    world_init(&w, 2, 3, times_ms);
    w.arrivals.is_renumbering = true;
    ck_assert_uint_eq(play(&w), 1);
    ck_assert_uint_eq(play(&w), 3);
    world_fini(&w);
}
END_TEST

START_TEST(what_the_scheduler_refuses_comes_through)
{
    kvspan_step *step = NULL;
    world w;

    world_init(&w, 2, 2, NULL);
    w.requests[1].prompt_tokens = 0;
    ck_assert_int_eq(kvspan_arrivals_plan(&w.arrivals, w.scheduler, &step, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(step);
    world_fini(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/arrivals");
    TCase *clock = tcase_create("clock");

    tcase_add_test(clock, without_times_all_are_there_at_the_first_step);
    tcase_add_test(clock, a_request_takes_part_from_the_first_step_that_begins_when_it_is_there);
    tcase_add_test(clock, the_clock_jumps_where_nothing_is_left_to_do);
    tcase_add_test(clock, requests_that_never_fit_do_not_keep_others_waiting);
    tcase_add_test(clock, tags_may_be_places_in_the_list);
    tcase_add_test(clock, what_the_scheduler_refuses_comes_through);
    suite_add_tcase(suite, clock);
    return suite_run(suite);
}
