#include "support/suite.h"

#include <string.h>
#include <time.h>

#include "runtime/cache/cache_parts.h"
#include "runtime/cache_fixture.h"
#include "support/ranks.h"

enum {
    WAIT_MS = 20000
};

/* One step of `tokens` tokens of one sequence, without attention. */
static kvspan_status do_step(cache_fixture *fixture, kvspan_sequence *sequence, uint32_t tokens,
                             kvspan_step_view *view_out, kvspan_error *error)
{
    kvspan_step *step = NULL;
    kvspan_status status = cache_fixture_plan(fixture, sequence, tokens, &step, error);

    if (status == KVSPAN_OK) {
        status = kvspan_step_begin(fixture->cache, step, NULL, WAIT_MS, view_out, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_end(fixture->cache, NULL, error);
    }
    return status;
}

static void sleep_ms(uint32_t ms)
{
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

    (void)nanosleep(&time, NULL);
}

/* ---- calls at the wrong time, on the wrong rank, of the wrong shape -------------------------- */

static void call_wrongly(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;
    kvspan_ledger *ledger;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ledger = kvspan_cache_ledger(fixture.cache);
    ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_ERR_ARGUMENT,
                       &error);
    ranks_check_status(self, kvspan_cache_append(fixture.cache, 0, NULL, NULL, &error),
                       KVSPAN_ERR_ARGUMENT, &error);
    ranks_check_status(self, kvspan_cache_wait(fixture.cache, NULL, 0, &error), KVSPAN_ERR_ARGUMENT,
                       &error);
    ranks_check_status(self, kvspan_cache_wait(fixture.cache, NULL, 10, &error), KVSPAN_OK, &error);
    if (ledger) {
        ranks_check_status(self, kvspan_step_begin(fixture.cache, NULL, NULL, 1, &view, &error),
                           KVSPAN_ERR_ARGUMENT, &error);
    }
    ranks_check_status(self, cache_fixture_plan(&fixture, &sequence, 3, &step, &error), KVSPAN_OK,
                       &error);
    if (ledger) {
        ranks_check_status(self, kvspan_step_rehearse(step, &error), KVSPAN_ERR_ARGUMENT, &error);
    }
    ranks_check_status(self, kvspan_step_begin(fixture.cache, step, NULL, WAIT_MS, &view, &error),
                       KVSPAN_OK, &error);
    ranks_check(self, view.token_count == 3 && view.row_count == 1 && view.rows[0].tag == 7);
    ranks_check(self, view.row_starts[0] == 0 && view.row_starts[1] == 3);
    ranks_check(self, view.positions[2] == 2 && view.row_slots[0] == view.rows[0].slot);
    ranks_check_status(self, kvspan_step_begin(fixture.cache, NULL, NULL, 1, &view, &error),
                       KVSPAN_ERR_ARGUMENT, &error);
    ranks_check(self, strstr(error.message, "step 1"));
    ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    cache_fixture_close(&fixture);
}

START_TEST(calls_out_of_order_are_refused_and_nothing_is_lost)
{
    ranks_run(2, call_wrongly, NULL);
}
END_TEST

/* One step of 4 tokens in a cache of one rank, with tensors that fit. */
typedef struct shape_case {
    cache_fixture fixture;
    float memory[4 * 4 * 8];
    float out_memory[4 * 4 * 8];
    kvspan_tensor planes[2];
    kvspan_tensor q;
    kvspan_tensor out;
    kvspan_tensor lse;
    kvspan_attention attention;
} shape_case;

static void shape_case_open(shape_case *it)
{
    const kvspan_tensor plane = { it->memory, KVSPAN_F32, 2, 8, 4, 16, 8 };
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;

    *it = (shape_case){ .fixture = cache_fixture_make(),
                        .planes = { plane, plane },
                        .q = { it->memory, KVSPAN_F32, 4, 8, 4, 32, 8 },
                        .out = { it->out_memory, KVSPAN_F32, 4, 8, 4, 32, 8 },
                        .lse = { it->out_memory, KVSPAN_F32, 4, 1, 4, 4, 1 },
                        .attention = { .size = sizeof(it->attention) } };
    memset(it->out_memory, 0x5a, sizeof(it->out_memory));
    ck_assert_int_eq(cache_fixture_open(&it->fixture, NULL, &error), KVSPAN_OK);
    ck_assert_int_eq(cache_fixture_plan(&it->fixture, &sequence, 4, &step, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_begin(it->fixture.cache, step, NULL, 0, &view, &error), KVSPAN_OK);
}

static void assert_append_refused(shape_case *it, uint32_t layer, const char *part,
                                  const char *other_part)
{
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_cache_append(it->fixture.cache, layer, it->planes, NULL, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error.message, part) && strstr(error.message, other_part), "%s",
                  error.message);
}

static void assert_attend_refused(shape_case *it, const char *part, const char *other_part)
{
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(
        kvspan_cache_attend(it->fixture.cache, 0, &it->q, &it->attention, &it->out, NULL, &error),
        KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error.message, part) && strstr(error.message, other_part), "%s",
                  error.message);
}

START_TEST(planes_of_the_wrong_shape_are_refused_with_both_shapes)
{
    shape_case it;
    kvspan_tensor good;

    shape_case_open(&it);
    good = it.planes[0];
    it.planes[1].heads = 3;
    assert_append_refused(&it, 0, "planes[1] is [3 heads]", "2 heads");
    it.planes[1] = good;
    it.planes[0].dtype = KVSPAN_BF16;
    assert_append_refused(&it, 0, "bfloat16", "float32");
    it.planes[0] = good;
    it.planes[0].tokens = 5;
    assert_append_refused(&it, 0, "has 5 tokens", "the step 4");
    it.planes[0] = good;
    assert_append_refused(&it, 9, "layer 9", "");
    ck_assert_int_eq(kvspan_cache_append(it.fixture.cache, 0, it.planes, NULL, NULL), KVSPAN_OK);
    cache_fixture_close(&it.fixture);
}
END_TEST

/* Whatever is wrong, out keeps its bytes. */
START_TEST(tensors_of_the_wrong_shape_are_refused_with_both_shapes)
{
    shape_case it;

    shape_case_open(&it);
    ck_assert_int_eq(kvspan_cache_append(it.fixture.cache, 0, it.planes, NULL, NULL), KVSPAN_OK);
    it.q.dim = 7;
    assert_attend_refused(&it, "[7 dim]", "[8]");
    it.q.dim = 8;
    it.out.dtype = KVSPAN_BF16;
    assert_attend_refused(&it, "bfloat16", "float32");
    it.out.dtype = KVSPAN_F32;
    it.out.tokens = 3;
    assert_attend_refused(&it, "3", "4");
    it.out.tokens = 4;
    it.attention.q_heads = KVSPAN_HEADS_ALL;
    assert_attend_refused(&it, "q_heads", "");
    it.attention.q_heads = KVSPAN_HEADS_OF_KV;
    it.lse.dtype = KVSPAN_BF16;
    it.attention.lse_out = &it.lse;
    assert_attend_refused(&it, "lse", "");
    it.attention.lse_out = NULL;
    for (size_t i = 0; i < sizeof(it.out_memory); i++) {
        ck_assert_uint_eq(((unsigned char *)it.out_memory)[i], 0x5a);
    }
    ck_assert_int_eq(
        kvspan_cache_attend(it.fixture.cache, 0, &it.q, &it.attention, &it.out, NULL, NULL),
        KVSPAN_OK);
    ck_assert(it.out_memory[0] == 0.0f); /* all values are 0 */
    cache_fixture_close(&it.fixture);
}
END_TEST

/* ---- waiting -------------------------------------------------------------------------------- */

static void be_idle(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;

    fixture.config.deadline_ms = 2000;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    if (self->rank == 0) {
        sleep_ms(300); /* an idle engine */
    } else {
        ranks_check_status(self, kvspan_step_begin(fixture.cache, NULL, NULL, 20, &view, &error),
                           KVSPAN_ERR_TIMEOUT, &error);
    }
    for (uint32_t i = 1; i <= 3; i++) {
        ranks_check_status(self, do_step(&fixture, &sequence, 1, &view, &error), KVSPAN_OK, &error);
        ranks_check(self, view.epoch == i);
    }
    cache_fixture_close(&fixture);
}

START_TEST(an_idle_coordinator_is_a_timeout_and_nothing_is_lost)
{
    ranks_run(4, be_idle, NULL);
}
END_TEST

/* Bits of any rank reach the coordinator with an acknowledgement. */
static void raise_notice(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    if (self->rank == self->rank_count - 1) {
        kvspan_cache_notify(fixture.cache, 4);
        kvspan_cache_notify(fixture.cache, 2);
    }
    for (uint32_t i = 0; i < 5; i++) {
        ranks_check_status(self, do_step(&fixture, &sequence, 1, &view, &error), KVSPAN_OK, &error);
    }
    if (self->rank == 0) {
        ranks_check(self, kvspan_cache_notices(fixture.cache) == 6);
    }
    cache_fixture_close(&fixture);
}

START_TEST(a_notice_of_any_rank_reaches_the_coordinator)
{
    ranks_run(1, raise_notice, NULL);
    ranks_run(4, raise_notice, NULL);
    ranks_run(8, raise_notice, NULL);
}
END_TEST

/* One empty step with a rider, which arrives whole. */
static void ride_once(ranks_self *self, cache_fixture *fixture, const unsigned char *rider,
                      uint32_t rider_bytes)
{
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;
    kvspan_step_view view;

    ranks_check_status(self, cache_fixture_plan(fixture, &sequence, 0, &step, &error), KVSPAN_OK,
                       &error);
    if (step) {
        ranks_check_status(self, kvspan_step_attach(step, rider, rider_bytes, &error), KVSPAN_OK,
                           &error);
    }
    ranks_check_status(self, kvspan_step_begin(fixture->cache, step, NULL, WAIT_MS, &view, &error),
                       KVSPAN_OK, &error);
    ranks_check(self, view.row_count == 0 && view.token_count == 0);
    ranks_check(self, view.payload_bytes == rider_bytes);
    ranks_check(self, rider_bytes == 0 || memcmp(view.payload, rider, rider_bytes) == 0);
    ranks_check_status(self, kvspan_step_end(fixture->cache, NULL, &error), KVSPAN_OK, &error);
    if (self->rank == 0 && self->rank_count > 1) {
        ranks_check(self, kvspan_cache_metrics(fixture->cache).last_broadcast_bytes >=
                              rider_bytes + KVSPAN_STEP_HEADER_BYTES);
    }
}

/* Riders of any length, also those that take a second message; so do empty steps. */
static void ride(ranks_self *self)
{
    static const uint32_t lengths[] = { 0, 1, 4000, 4096, 5000, 65536, 7, 0 };
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    unsigned char rider[65536];

    for (size_t i = 0; i < sizeof(rider); i++) {
        rider[i] = (unsigned char)(i * 7 + 3);
    }
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) && !self->failure[0]; i++) {
        ride_once(self, &fixture, rider, lengths[i]);
    }
    cache_fixture_close(&fixture);
}

START_TEST(riders_of_any_length_arrive_whole)
{
    ranks_run(1, ride, NULL);
    ranks_run(8, ride, NULL);
}
END_TEST

/* Without an arena there are steps, but no pages. */
static void go_without_arena(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_layer_view layer;
    kvspan_step_view view;
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;

    fixture.config.flags = KVSPAN_CACHE_NO_ARENA;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check_status(self, cache_fixture_plan(&fixture, &sequence, 5, &step, &error), KVSPAN_OK,
                       &error);
    ranks_check_status(self, kvspan_step_begin(fixture.cache, step, NULL, WAIT_MS, &view, &error),
                       KVSPAN_OK, &error);
    ranks_check_status(self, kvspan_cache_append(fixture.cache, 0, NULL, NULL, &error),
                       KVSPAN_ERR_UNSUPPORTED, &error);
    ranks_check_status(self, kvspan_cache_layer_view(fixture.cache, 0, KVSPAN_KEY, &layer, &error),
                       KVSPAN_ERR_UNSUPPORTED, &error);
    ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    cache_fixture_close(&fixture);
}

START_TEST(without_an_arena_append_and_attend_are_unsupported)
{
    ranks_run(2, go_without_arena, NULL);
}
END_TEST

/* ---- failures ------------------------------------------------------------------------------- */

/* Which rank falls silent, and after which step. */
typedef struct silence {
    uint32_t rank;
    uint32_t last_step;
} silence;

/* A rank that stops taking part after a step: the others end in LATE and name it and its epoch;
 * afterwards every call repeats the verdict. */
static void fall_silent(ranks_self *self)
{
    const silence *const silent = self->context;
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;
    kvspan_status status = KVSPAN_OK;

    fixture.config.deadline_ms = 400;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    for (uint32_t i = 1; status == KVSPAN_OK && i <= 30; i++) {
        if (self->rank == silent->rank && i > silent->last_step) {
            sleep_ms(2500); /* its communicator lives on, but nobody serves it */
            cache_fixture_close(&fixture);
            return;
        }
        status = do_step(&fixture, &sequence, 1, &view, &error);
    }
    ranks_check_status(self, status, KVSPAN_ERR_LATE, &error);
    ranks_check(self, error.rank == (int32_t)silent->rank);
    /* Its acknowledgements may have been on the way through ranks that it waited for itself. */
    ranks_check(self, error.epoch <= silent->last_step && error.epoch + 2 >= silent->last_step);
    ranks_check_status(self, kvspan_step_begin(fixture.cache, NULL, NULL, 1, &view, &error),
                       KVSPAN_ERR_LATE, &error);
    ranks_check(self, error.rank == (int32_t)silent->rank);
    cache_fixture_close(&fixture);
}

START_TEST(a_rank_that_falls_silent_is_named_by_all_others)
{
    silence silent = { .rank = (uint32_t)_i % 3 + 1, .last_step = (uint32_t)_i + 1 };

    ranks_run(4, fall_silent, &silent);
    silent.rank = (uint32_t)_i % 7 + 1;
    ranks_run(8, fall_silent, &silent);
}
END_TEST

/* A rank whose tables are not the coordinator's finds out before it touches a page. */
static void lose_a_page(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;
    kvspan_status status;

    fixture.config.deadline_ms = 2000;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    status = do_step(&fixture, &sequence, 20, &view, &error);
    if (self->rank == 2) {
        fixture.cache->replica.digest ^= 1;
        ranks_check_status(self, kvspan_cache_check(fixture.cache, &error), KVSPAN_ERR_CORRUPT,
                           &error);
        ranks_check(self, error.rank == 2);
    }
    while (status == KVSPAN_OK) {
        status = do_step(&fixture, &sequence, 1, &view, &error);
    }
    ranks_check_status(self, status, self->rank == 2 ? KVSPAN_ERR_MISMATCH : KVSPAN_ERR_PEER,
                       &error);
    ranks_check(self, error.rank == 2);
    ranks_check(self, error.epoch == 2);
    cache_fixture_close(&fixture);
}

START_TEST(tables_that_differ_are_found_and_told_to_all)
{
    ranks_run(4, lose_a_page, NULL);
}
END_TEST

/* Under replicated control a rank that plans something else is named on all. */
static void plan_differently(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;

    fixture.config.control = KVSPAN_REPLICATED;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check(self, kvspan_cache_ledger(fixture.cache));
    for (uint32_t i = 0; i < 3; i++) {
        ranks_check_status(self, do_step(&fixture, &sequence, 2, &view, &error), KVSPAN_OK, &error);
    }
    ranks_check_status(self, do_step(&fixture, &sequence, self->rank == 2 ? 3 : 1, &view, &error),
                       KVSPAN_ERR_MISMATCH, &error);
    ranks_check(self, error.rank == 2);
    ranks_check(self, strstr(error.message, "tokens of the step is 1 on rank 0 and 3 on rank 2"));
    cache_fixture_close(&fixture);
}

START_TEST(a_rank_that_decides_otherwise_is_named)
{
    ranks_run(4, plan_differently, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_step");
    TCase *steps = tcase_create("steps");

    tcase_set_timeout(steps, 0);
    tcase_add_test(steps, calls_out_of_order_are_refused_and_nothing_is_lost);
    tcase_add_test(steps, planes_of_the_wrong_shape_are_refused_with_both_shapes);
    tcase_add_test(steps, tensors_of_the_wrong_shape_are_refused_with_both_shapes);
    tcase_add_test(steps, an_idle_coordinator_is_a_timeout_and_nothing_is_lost);
    tcase_add_test(steps, a_notice_of_any_rank_reaches_the_coordinator);
    tcase_add_test(steps, riders_of_any_length_arrive_whole);
    tcase_add_test(steps, without_an_arena_append_and_attend_are_unsupported);
    tcase_add_loop_test(steps, a_rank_that_falls_silent_is_named_by_all_others, 0, 6);
    tcase_add_test(steps, tables_that_differ_are_found_and_told_to_all);
    tcase_add_test(steps, a_rank_that_decides_otherwise_is_named);
    suite_add_tcase(suite, steps);
    return suite_run(suite);
}
