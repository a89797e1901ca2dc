#include "support/suite.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "comm/faulty_transport.h"
#include "comm/watch.h"
#include "runtime/cache/cache_parts.h"
#include "runtime/cache_fixture.h"
#include "support/ranks.h"

/* What the calls of a step hear of other ranks, and tell of themselves. */

enum {
    STEPS = 3,
    WAIT_MS = 20000,
    DEADLINE_MS = 400,
    ABSENCE_MS = 2500,
    LONG_STEPS = 12, /* every message slot is used again and again */
    TREE_RANKS = 4,  /* of which rank 2 passes on to rank 3 */
    RIDER_BYTES = 20000
};

static void sleep_ms(uint32_t ms)
{
    (void)nanosleep(
        &(const struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

static kvspan_status begin_step(cache_fixture *fixture, kvspan_sequence *sequence,
                                kvspan_error *error)
{
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_status status = cache_fixture_plan(fixture, sequence, 1, &step, error);

    return status == KVSPAN_OK
               ? kvspan_step_begin(fixture->cache, step, NULL, WAIT_MS, &view, error)
               : status;
}

/* ---- epochs --------------------------------------------------------------------------------- */

static uint64_t heard_epoch(const kvspan_comm *comm, uint32_t rank)
{
    return kvspan_watch_find(comm, rank)->heard_epoch;
}

/* Rank 1 hears of rank 0 by its message, rank 0 of rank 1 by its acknowledgement. */
static void hear_steps(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    for (uint32_t i = 1; i <= STEPS; i++) {
        ranks_check_status(self, begin_step(&fixture, &sequence, &error), KVSPAN_OK, &error);
        ranks_check(self, self->comm->epoch == i);
        ranks_check(self, self->rank == 0 || heard_epoch(self->comm, 0) == i);
        ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    }
    for (uint32_t i = 0; self->rank == 0 && heard_epoch(self->comm, 1) < STEPS && i < WAIT_MS;
         i++) {
        sleep_ms(1);
        ranks_check_status(self, kvspan_comm_poll(self->comm, &error), KVSPAN_OK, &error);
    }
    ranks_check(self, heard_epoch(self->comm, 1 - self->rank) == STEPS);
    cache_fixture_close(&fixture);
}

START_TEST(steps_are_heard_of_with_their_epochs)
{
    ranks_run(2, hear_steps, NULL);
}
END_TEST

/* Rank 1 takes part in one step: rank 0 tells which one waits for it. context: the control */
static void wait_alone(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;
    kvspan_status status = KVSPAN_OK;
    char text[64];
    uint32_t begun = 0;

    fixture.config.control = *(const kvspan_control *)self->context;
    fixture.config.deadline_ms = DEADLINE_MS;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    while (status == KVSPAN_OK && (self->rank == 0 || begun < 1)) {
        begun++;
        status = begin_step(&fixture, &sequence, &error);
        if (status == KVSPAN_OK) {
            status = kvspan_step_end(fixture.cache, NULL, &error);
        }
    }
    if (self->rank == 0) {
        ranks_check_status(self, status, KVSPAN_ERR_LATE, &error);
        (void)snprintf(text, sizeof(text), "while epoch %u waits for it", begun);
        ranks_check(self, strstr(error.message, text));
    } else {
        sleep_ms(ABSENCE_MS);
    }
    cache_fixture_close(&fixture);
}

START_TEST(the_step_that_waits_is_named)
{
    kvspan_control control = _i ? KVSPAN_REPLICATED : KVSPAN_COORDINATED;

    ranks_run(2, wait_alone, &control);
}
END_TEST

/* ---- messages ------------------------------------------------------------------------------- */

/* In the mesh of six, 0 and 3 decide together, and are no neighbours. */
static void watch_group(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };

    fixture.config.mesh = "tp:2,dp:3";
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check(self, fixture.cache->geometry.step.count == 2);
    ranks_check(self, kvspan_watch_find(self->comm, (self->rank + 3) % 6));
    cache_fixture_close(&fixture);
}

START_TEST(ranks_of_a_step_group_watch_each_other)
{
    ranks_run(6, watch_group, NULL);
}
END_TEST

/* context: transports whose sends are not done at once, one for each rank */
static void send_slowly(ranks_self *self)
{
    faulty_transport *const transport = (faulty_transport *)self->context + self->rank;
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;

    *transport = (faulty_transport){ .has_slow_sends = true };
    faulty_put(transport, self->comm);
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    for (uint32_t i = 0; i < LONG_STEPS; i++) {
        ranks_check_status(self, begin_step(&fixture, &sequence, &error), KVSPAN_OK, &error);
        ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    }
    cache_fixture_close(&fixture);
}

START_TEST(a_message_goes_where_one_was_once_that_is_sent)
{
    static faulty_transport transports[TREE_RANKS];

    ranks_run(TREE_RANKS, send_slowly, transports);
    for (int rank = 0; rank < TREE_RANKS; rank++) {
        ck_assert_msg(transports[rank].open_requests == 0, "rank %d has left %d requests open",
                      rank, transports[rank].open_requests);
    }
}
END_TEST

/* Each step carries other bytes. context: as above, but receives are slow */
static void receive_slowly(ranks_self *self)
{
    faulty_transport *const transport = (faulty_transport *)self->context + self->rank;
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;
    unsigned char rider[RIDER_BYTES];
    uint32_t all[TREE_RANKS];

    *transport = (faulty_transport){ .has_slow_receives = true };
    faulty_put(transport, self->comm);
    fixture.config.max_payload_bytes = RIDER_BYTES;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    for (uint32_t i = 0; i < LONG_STEPS; i++) {
        kvspan_step *step = NULL;
        kvspan_step_view view;

        memset(rider, (int)i + 1, sizeof(rider));
        ranks_check_status(self, cache_fixture_plan(&fixture, &sequence, 1, &step, &error),
                           KVSPAN_OK, &error);
        ranks_check_status(
            self, step ? kvspan_step_attach(step, rider, sizeof(rider), &error) : KVSPAN_OK,
            KVSPAN_OK, &error);
        ranks_check_status(self,
                           kvspan_step_begin(fixture.cache, step, NULL, WAIT_MS, &view, &error),
                           KVSPAN_OK, &error);
        ranks_check(self, view.payload_bytes == sizeof(rider) &&
                              memcmp(view.payload, rider, sizeof(rider)) == 0);
        ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    }
    /* What is under way ends with the cache. */
    ranks_check_status(
        self,
        kvspan_comm_all_gather(self->comm, &self->rank, sizeof(uint32_t), all, WAIT_MS, &error),
        KVSPAN_OK, &error);
    cache_fixture_close(&fixture);
}

START_TEST(a_long_message_is_read_once_all_of_it_is_there)
{
    static faulty_transport transports[TREE_RANKS];

    ranks_run(TREE_RANKS, receive_slowly, transports);
}
END_TEST

/* ---- failures elsewhere --------------------------------------------------------------------- */

typedef struct raised_case {
    bool waits; /* rank 0 waits for its stream; else it ends the step */
    atomic_bool is_raised;
} raised_case;

/* Rank 1 fails in the middle of a step: rank 0 hears of it in its next call. */
static void hear_of_failure(ranks_self *self)
{
    raised_case *const it = self->context;
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;
    kvspan_error why;
    kvspan_status status;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check_status(self, begin_step(&fixture, &sequence, &error), KVSPAN_OK, &error);
    if (self->rank == 1) {
        (void)kvspan_fail(&why, KVSPAN_ERR_IO, "a page is gone");
        kvspan_comm_raise(self->comm, &why);
        atomic_store(&it->is_raised, true);
    } else {
        while (!atomic_load(&it->is_raised)) {
            sleep_ms(1);
        }
        status = it->waits ? kvspan_cache_wait(fixture.cache, NULL, WAIT_MS, &error)
                           : kvspan_step_end(fixture.cache, NULL, &error);
        ranks_check_status(self, status, KVSPAN_ERR_PEER, &error);
        ranks_check(self, strcmp(error.message, "a page is gone") == 0);
        ranks_check(self, fixture.cache->spent.status == KVSPAN_ERR_PEER);
    }
    cache_fixture_close(&fixture);
}

START_TEST(a_failure_elsewhere_is_heard_of_at_once)
{
    raised_case it = { .waits = _i };

    ranks_run(2, hear_of_failure, &it);
}
END_TEST

static kvspan_status fail_poll(kvspan_device_comm *self, kvspan_error *error)
{
    (void)self;
    return kvspan_fail(error, KVSPAN_ERR_NCCL, "an exchange has failed");
}

/* Exchanges fail behind the call that issued them. */
static void poll_exchanges(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;
    kvspan_device_comm_ops ops;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check_status(self, begin_step(&fixture, &sequence, &error), KVSPAN_OK, &error);
    ops = *fixture.cache->device_comm->ops;
    ops.poll = fail_poll;
    fixture.cache->device_comm->ops = &ops;
    ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_ERR_NCCL, &error);
    ranks_check(self, fixture.cache->spent.status == KVSPAN_ERR_NCCL);
    cache_fixture_close(&fixture);
}

START_TEST(an_exchange_that_has_failed_is_heard_of_at_the_end_of_its_step)
{
    ranks_run(1, poll_exchanges, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_alarms");
    TCase *alarms = tcase_create("alarms");

    tcase_set_timeout(alarms, 0);
    tcase_add_test(alarms, steps_are_heard_of_with_their_epochs);
    tcase_add_loop_test(alarms, the_step_that_waits_is_named, 0, 2);
    tcase_add_test(alarms, ranks_of_a_step_group_watch_each_other);
    tcase_add_test(alarms, a_message_goes_where_one_was_once_that_is_sent);
    tcase_add_test(alarms, a_long_message_is_read_once_all_of_it_is_there);
    tcase_add_loop_test(alarms, a_failure_elsewhere_is_heard_of_at_once, 0, 2);
    tcase_add_test(alarms, an_exchange_that_has_failed_is_heard_of_at_the_end_of_its_step);
    suite_add_tcase(suite, alarms);
    return suite_run(suite);
}
