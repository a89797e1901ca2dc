/* Who is named when a rank is late: ranks that are threads. */
#include <string.h>

#include "collective_bodies.h"
#include "comm/clock.h"
#include "late_bodies.h"
#include "support/suite.h"

static const uint32_t rank_counts[] = { 3, 4, 5, 8 };

enum {
    DEADLINE_MS = 40,
    MARGIN_MS = 2000,
    MAX_RANKS = 8
};

/* Every rank in every scenario, for each number of ranks. */
START_TEST(everyone_names_the_silent_rank_and_its_epoch)
{
    const uint32_t rank_count = rank_counts[_i / LATE_SCENARIO_END];

    uint32_t survivors_done[MAX_RANKS] = { 0 };
    late_case cases[MAX_RANKS];
    void *contexts[MAX_RANKS];

    for (uint32_t silent = 0; silent < rank_count; silent++) {
        cases[silent] = (late_case){ .scenario = (late_scenario)(_i % LATE_SCENARIO_END),
                                     .silent = silent,
                                     .deadline_ms = DEADLINE_MS,
                                     .margin_ms = MARGIN_MS,
                                     .survivors_done = &survivors_done[silent] };
        contexts[silent] = &cases[silent];
    }
    ranks_run_together(rank_count, rank_count, body_late, contexts);
}
END_TEST

/* Ranks 0, 1 and 2 wait in a circle, rank 3 for rank 0. */
static void body_circle(ranks_self *self)
{
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 0;
    const uint64_t start_ns = kvspan_clock_ns();

    kvspan_comm_set_epoch(self->comm, 3);
    ranks_check_status(self,
                       kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP,
                                           self->rank == 3 ? 0 : (self->rank + 1) % 3, &value,
                                           sizeof(value), &request, &error),
                       KVSPAN_OK, &error);
    ranks_check_status(
        self, kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_STEP, DEADLINE_MS, &error),
        KVSPAN_ERR_LATE, &error);
    ranks_check(self, kvspan_clock_ns() - start_ns < (uint64_t)2000 * KVSPAN_NS_PER_MS);
    ranks_check(self, error.rank == 0);
    ranks_check(self, error.epoch == 3);
    ranks_check(self, strstr(error.message, "wait for each other in a circle, in epoch 3"));
    /* The circle may be named from any of its ranks on, but in its order. */
    ranks_check(self, strstr(error.message, "ranks 0, 1, 2 ") ||
                          strstr(error.message, "ranks 1, 2, 0 ") ||
                          strstr(error.message, "ranks 2, 0, 1 "));
}

START_TEST(ranks_that_wait_in_a_circle_are_told_so)
{
    ranks_run(4, body_circle, NULL);
}
END_TEST

/* Rank 0 answers alarms but never sends. */
static void body_awake(ranks_self *self)
{
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 0;

    kvspan_comm_set_epoch(self->comm, 5 + self->rank);
    if (self->rank == 0) {
        while (kvspan_comm_poll(self->comm, &error) == KVSPAN_OK) {
            (void)nanosleep(&(const struct timespec){ .tv_nsec = 100000 }, NULL);
        }
        ranks_check(self, kvspan_comm_verdict(self->comm, NULL) == KVSPAN_ERR_LATE);
    } else {
        ranks_check_status(self,
                           kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, self->rank - 1,
                                               &value, sizeof(value), &request, &error),
                           KVSPAN_OK, &error);
        ranks_check_status(
            self, kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_STEP, DEADLINE_MS, &error),
            KVSPAN_ERR_LATE, &error);
    }
    ranks_check(self, error.rank == 0);
    ranks_check(self, error.epoch == 5);
    ranks_check(self, strstr(error.message, "answers in epoch 5 but takes no part"));
}

START_TEST(rank_that_answers_but_takes_no_part_is_named)
{
    ranks_run(3, body_awake, NULL);
}
END_TEST

/* Rank 0 waits for rank 1, which idles, since its answer waits for rank 2, which is silent. */
static void body_debtor(ranks_self *self)
{
    static const uint32_t debtors[] = { 2 };
    uint32_t *survivors_done = self->context;
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 0;
    kvspan_status status;

    while (self->rank == 2 && __atomic_load_n(survivors_done, __ATOMIC_ACQUIRE) < 2) {
        (void)nanosleep(&(const struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    if (self->rank == 2) {
        return;
    }
    if (self->rank == 1) {
        kvspan_comm_set_debtors(self->comm, debtors, 1);
    }
    status = kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, 1 - self->rank, &value,
                                 sizeof(value), &request, &error);
    if (status == KVSPAN_OK) {
        status = kvspan_comm_wait(self->comm, &request, 1,
                                  self->rank == 0 ? KVSPAN_WAIT_STEP : KVSPAN_WAIT_IDLE,
                                  self->rank == 0 ? DEADLINE_MS : BODY_PATIENCE_MS, &error);
    }
    (void)__atomic_add_fetch(survivors_done, 1, __ATOMIC_RELEASE);
    ranks_check_status(self, status, KVSPAN_ERR_LATE, &error);
    ranks_check(self, error.rank == 2);
}

START_TEST(chain_goes_on_through_an_idle_ranks_debtors)
{
    uint32_t survivors_done = 0;

    ranks_run(3, body_debtor, &survivors_done);
}
END_TEST

/* Rank 1 comes after the deadline, but before it is given up. */
static void body_just_in_time(ranks_self *self)
{
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 4;

    if (self->rank == 1) {
        (void)nanosleep(&(const struct timespec){ .tv_nsec = 100000000 }, NULL);
        ranks_check_status(self,
                           kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, &value,
                                            sizeof(value), &request, &error),
                           KVSPAN_OK, &error);
        return;
    }
    value = 0;
    ranks_check_status(self,
                       kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, 1, &value,
                                           sizeof(value), &request, &error),
                       KVSPAN_OK, &error);
    ranks_check_status(self,
                       kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_STEP, 10, &error),
                       KVSPAN_OK, &error);
    ranks_check(self, value == 4);
    ranks_check(self, kvspan_comm_verdict(self->comm, NULL) == KVSPAN_OK);
}

START_TEST(message_that_comes_before_the_verdict_is_taken)
{
    ranks_run(2, body_just_in_time, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/late");
    TCase *threads = tcase_create("threads");

    tcase_add_loop_test(threads, everyone_names_the_silent_rank_and_its_epoch, 0,
                        LATE_SCENARIO_END * (int)(sizeof(rank_counts) / sizeof(rank_counts[0])));
    tcase_add_test(threads, ranks_that_wait_in_a_circle_are_told_so);
    tcase_add_test(threads, rank_that_answers_but_takes_no_part_is_named);
    tcase_add_test(threads, chain_goes_on_through_an_idle_ranks_debtors);
    tcase_add_test(threads, message_that_comes_before_the_verdict_is_taken);
    suite_add_tcase(suite, threads);
    return suite_run(suite);
}
