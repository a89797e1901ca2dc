#include "runtime/scheduler_fixture.h"
#include "support/random.h"
#include "support/suite.h"

#include <inttypes.h>
#include <stdio.h>

/* Check writes to a file at every assertion; here are millions. */
#define REQUIRE(condition)                          \
    do {                                            \
        if (!(condition)) {                         \
            ck_abort_msg("not so: %s", #condition); \
        }                                           \
    } while (0)

enum {
    MOST_REQUESTS = 40,
    ROUNDS = 4000
};

/* What an onlooker knows of a request. */
typedef struct model_request {
    uint64_t prompt;
    uint64_t output;
    uint64_t appended; /* of its present life */
    uint64_t reached;  /* the most of any life */
    bool has_started;
    bool is_over;
} model_request;

/* An onlooker who sees requests and rows, and draws his own conclusions. */
typedef struct onlooker {
    model_request requests[MOST_REQUESTS];
    uint32_t request_count;
    uint64_t refused;
    uint64_t finished;
    uint64_t appended;
    uint64_t recomputed;
    uint64_t steps;
    uint64_t trail; /* of all rows, to compare two runs */
} onlooker;

static uint64_t total_of(const model_request *request)
{
    return request->prompt + request->output - 1;
}

static uint64_t pages_of(uint64_t tokens, uint32_t page_tokens)
{
    return (tokens + page_tokens - 1) / page_tokens;
}

static void submit_random(test_scheduling *scheduling, const test_sizes *sizes, onlooker *model,
                          random_source *source)
{
    const uint32_t room = sizes->pages * sizes->page_tokens;

    model->request_count = random_between(source, 1, MOST_REQUESTS);
    for (uint32_t tag = 0; tag < model->request_count; tag++) {
        model_request *request = &model->requests[tag];
        bool fits;

        /* Most are short enough to run side by side, some too long to run at all. */
        request->prompt = random_between(source, 1, random_between(source, 1, room / 2 + 1));
        request->output = random_between(source, 1, random_between(source, 1, room));
        fits = total_of(request) <= room;
        REQUIRE(test_submit(scheduling, tag, request->prompt, request->output) ==
                (fits ? KVSPAN_OK : KVSPAN_ERR_NEVER_FITS));
        request->is_over = !fits;
        model->refused += !fits;
    }
}

static bool has_row(const kvspan_row *rows, uint32_t row_count, uint64_t tag)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (rows[row].tag == tag) {
            return true;
        }
    }
    return false;
}

/* First come, first served: nobody starts before an older one has, and the oldest has a row. */
static void check_order(const onlooker *model, const kvspan_row *rows, uint32_t row_count)
{
    bool is_waiting_seen = false;
    bool is_oldest = true;

    for (uint32_t tag = 0; tag < model->request_count; tag++) {
        const model_request *request = &model->requests[tag];

        if (request->is_over) {
            continue;
        }
        REQUIRE(has_row(rows, row_count, tag) || !is_oldest);
        REQUIRE(!request->has_started || !is_waiting_seen);
        is_waiting_seen = is_waiting_seen || !request->has_started;
        is_oldest = false;
    }
}

/* One row, as far as it can be judged by itself. True if it takes all tokens that are known. */
static bool watch_row(onlooker *model, const kvspan_row *row)
{
    model_request *request = &model->requests[row->tag];
    uint64_t known;

    REQUIRE(row->tag < model->request_count);
    REQUIRE(!request->is_over);
    if (row->position == 0) {
        request->appended = 0; /* a first life, or another */
    }
    known = request->reached < request->prompt ? request->prompt : request->reached + 1;
    REQUIRE(row->position == request->appended);
    REQUIRE(row->token_count >= 1);
    REQUIRE(row->position + row->token_count <= known);
    for (uint32_t token = 0; token < row->token_count; token++) {
        model->recomputed += row->position + token < request->reached;
        model->appended++;
    }
    request->has_started = true;
    request->appended += row->token_count;
    if (request->appended > request->reached) {
        request->reached = request->appended;
    }
    model->trail =
        random_mix(model->trail ^ (row->tag << 48 | row->position << 16) ^ row->token_count);
    return row->position + row->token_count == known;
}

static void watch_step(onlooker *model, const test_sizes *sizes, const kvspan_row *rows,
                       uint32_t row_count)
{
    uint32_t token_count = 0;
    bool is_all = true;

    REQUIRE(row_count <= sizes->slots);
    for (uint32_t row = 0; row < row_count; row++) {
        REQUIRE(!has_row(rows, row, rows[row].tag));
        REQUIRE(rows[row].first_token == token_count);
        token_count += rows[row].token_count;
        is_all = watch_row(model, &rows[row]) && is_all;
    }
    REQUIRE(token_count <= sizes->budget);
    REQUIRE(token_count == sizes->budget || is_all); /* nobody is kept waiting for nothing */
    check_order(model, rows, row_count);
    for (uint32_t tag = 0; tag < model->request_count; tag++) {
        model_request *request = &model->requests[tag];

        if (!request->is_over && request->reached == total_of(request)) {
            request->is_over = true;
            model->finished++;
        }
    }
    model->steps++;
}

/* The totals so far. A preempted request keeps its tokens in the model until it starts again, so
 * that the pages in use are at most what the model's tokens need. */
static void check_counts(const onlooker *model, test_scheduling *scheduling, uint32_t page_tokens)
{
    const kvspan_scheduler_counts counts = kvspan_scheduler_count(scheduling->scheduler);
    const kvspan_ledger_counts ledger = kvspan_ledger_count(scheduling->ledger);
    uint64_t most_pages = 0;

    REQUIRE(counts.finished == model->finished);
    REQUIRE(counts.refused == model->refused);
    REQUIRE(counts.tokens_appended == model->appended);
    REQUIRE(counts.tokens_recomputed == model->recomputed);
    REQUIRE(counts.steps == model->steps);
    REQUIRE(counts.finished + counts.refused + counts.running + counts.waiting ==
            model->request_count);
    for (uint32_t tag = 0; tag < model->request_count; tag++) {
        const model_request *request = &model->requests[tag];

        most_pages += request->is_over ? 0 : pages_of(request->appended, page_tokens);
    }
    REQUIRE(ledger.pages_in_use <= most_pages);
}

static void check_sums(const onlooker *model, test_scheduling *scheduling)
{
    const kvspan_scheduler_counts counts = kvspan_scheduler_count(scheduling->scheduler);
    uint64_t prompts = 0;
    uint64_t outputs = 0;
    uint64_t finished = 0;

    for (uint32_t tag = 0; tag < model->request_count; tag++) {
        const model_request *request = &model->requests[tag];

        REQUIRE(request->is_over);
        if (request->reached > 0) {
            prompts += request->prompt;
            outputs += request->output;
            finished++;
        }
    }
    REQUIRE(finished + model->refused == model->request_count);
    REQUIRE(counts.prompt_tokens == prompts);
    REQUIRE(counts.generated_tokens == outputs);
    REQUIRE(counts.tokens_appended - counts.tokens_recomputed == prompts + outputs - finished);
}

/* Runs one random set of requests to its end. */
static onlooker run_round(uint64_t seed, uint64_t *preemptions)
{
    random_source source = { .state = seed };
    onlooker model = { 0 };
    test_sizes sizes = { .max_sequence_tokens = 4096, .request_count = MOST_REQUESTS };
    test_scheduling scheduling;
    const kvspan_row *rows = NULL;
    uint32_t row_count = 0;

    sizes.pages = random_between(&source, 2, 24);
    sizes.slots = random_between(&source, 1, 8);
    sizes.page_tokens = random_between(&source, 1, 5);
    sizes.budget = random_between(&source, 1, 24);
    sizes.reserve_percent = random_below(&source, 4) == 0 ? random_below(&source, 101) : 0;
    scheduling = test_scheduling_create(&sizes);
    submit_random(&scheduling, &sizes, &model, &source);
    while (test_do_step(&scheduling, &rows, &row_count)) {
        watch_step(&model, &sizes, rows, row_count);
        check_counts(&model, &scheduling, sizes.page_tokens);
        REQUIRE(kvspan_ledger_check(scheduling.ledger, NULL) == KVSPAN_OK);
    }
    check_sums(&model, &scheduling);
    *preemptions += kvspan_scheduler_count(scheduling.scheduler).preemptions;
    test_scheduling_destroy(&scheduling);
    return model;
}

START_TEST(random_requests_in_tiny_pools_all_end_in_order_and_add_up)
{
    random_source source = random_start("scheduler model", 20240917);
    uint64_t preemptions = 0;
    uint64_t refused = 0;
    uint64_t recomputed = 0;
    uint64_t steps = 0;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        const onlooker model = run_round(random_next(&source), &preemptions);

        refused += model.refused;
        recomputed += model.recomputed;
        steps += model.steps;
    }
    printf("%d rounds, %" PRIu64 " steps, %" PRIu64 " preemptions, %" PRIu64
           " tokens recomputed, %" PRIu64 " refused\n",
           ROUNDS, steps, preemptions, recomputed, refused);
    ck_assert_uint_gt(preemptions, ROUNDS);
    ck_assert_uint_gt(recomputed, ROUNDS);
    ck_assert_uint_gt(refused, ROUNDS / 4);
}
END_TEST

START_TEST(equal_calls_give_equal_steps)
{
    random_source source = random_start("scheduler determinism", 77);

    for (uint32_t round = 0; round < 50; round++) {
        const uint64_t seed = random_next(&source);
        uint64_t preemptions = 0;
        const onlooker first = run_round(seed, &preemptions);
        const onlooker second = run_round(seed, &preemptions);

        ck_assert_uint_ne(first.trail, 0);
        ck_assert_uint_eq(first.trail, second.trail);
        ck_assert_uint_eq(first.steps, second.steps);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/scheduler_model");
    TCase *random = tcase_create("random");

    tcase_set_timeout(random, 120);
    tcase_add_test(random, random_requests_in_tiny_pools_all_end_in_order_and_add_up);
    tcase_add_test(random, equal_calls_give_equal_steps);
    suite_add_tcase(suite, random);
    return suite_run(suite);
}
