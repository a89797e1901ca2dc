#include "support/suite.h"

#include <stdio.h>
#include <time.h>

#include "comm/faulty_transport.h"
#include "runtime/cache_story.h"
#include "support/ranks.h"

enum {
    RANK_COUNT = 4,
    EVERY_CALL = 60, /* each of the first calls fails once, then each seventh */
    STRIDE = 7,
    LONGEST_MS = 4000, /* deadline, the search for who is late, slow machines */
    BUDGET_MS = 15000  /* of one verb */
};

typedef struct fault {
    faulty_verb verb;
    uint32_t rank;
    uint32_t calls; /* good ones before it */
    faulty_transport transports[RANK_COUNT];
    cache_story stories[RANK_COUNT];
} fault;

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void live(ranks_self *self)
{
    fault *const it = self->context;
    faulty_transport *const transport = &it->transports[self->rank];
    cache_story *const story = &it->stories[self->rank];

    *transport = (faulty_transport){ .verb = self->rank == it->rank ? it->verb : FAULTY_NONE,
                                     .calls_left = it->calls,
                                     .has_slow_sends = it->calls % 2 == 1 };
    *story = (cache_story){ .mesh = "tp:2,sp:2" };
    faulty_put(transport, self->comm);
    cache_story_run(story, self->comm);
}

/* The rank that it happened to has the failure; the others have heard of it, or were done. */
static void check_rank(const fault *it, uint32_t rank, bool may_be_done)
{
    const cache_story *const story = &it->stories[rank];
    const kvspan_status status = story->status;
    const bool is_named = story->error.rank == (int32_t)it->rank;
    const bool is_own = status == KVSPAN_ERR_TRANSPORT || status == KVSPAN_ERR_MEMORY;
    const bool is_heard = status == KVSPAN_ERR_PEER || status == KVSPAN_ERR_LATE;
    const bool is_done = status == KVSPAN_OK && may_be_done;

    ck_assert_msg(rank == it->rank ? is_own || is_done : (is_heard && is_named) || is_done,
                  "call %u of verb %d fails on rank %u: rank %u has %s, about %d: %s", it->calls,
                  (int)it->verb, it->rank, rank, kvspan_status_name(status), story->error.rank,
                  story->error.message);
}

/* False once the rank makes no so many calls. */
static bool fail_once(fault *it)
{
    const uint64_t start = now_ms();
    const cache_story *const story = &it->stories[it->rank];
    bool has_failed;

    ranks_run(RANK_COUNT, live, it);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        ck_assert_msg(it->transports[rank].open_requests == 0,
                      "call %u of verb %d fails on rank %u: rank %u has left %d requests open",
                      it->calls, (int)it->verb, it->rank, rank, it->transports[rank].open_requests);
    }
    has_failed = it->transports[it->rank].failed > 0;
    ck_assert_uint_le(now_ms() - start, LONGEST_MS);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        if (!has_failed) {
            ck_assert_msg(it->stories[rank].status == KVSPAN_OK, "rank %u: %s", rank,
                          it->stories[rank].error.message);
        } else {
            /* What fails behind the last step need reach nobody; an alarm that cannot be sent is no
             * failure. */
            check_rank(it, rank, story->is_closing);
        }
    }
    return has_failed;
}

static void fail_each(faulty_verb verb)
{
    static fault it;
    const uint64_t start = now_ms();
    uint32_t failures = 0;

    for (uint32_t calls = 0, ranks_left = RANK_COUNT;
         ranks_left > 0 && now_ms() - start < BUDGET_MS; calls += calls < EVERY_CALL ? 1 : STRIDE) {
        ranks_left = 0;
        for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
            it.verb = verb;
            it.rank = rank;
            it.calls = calls;
            if (fail_once(&it)) {
                ranks_left++;
                failures++;
            }
        }
    }
    (void)printf("verb %d: %u failures in %u ms\n", (int)verb, failures,
                 (uint32_t)(now_ms() - start));
    ck_assert_uint_gt(failures, EVERY_CALL);
}

START_TEST(every_send_that_fails_is_a_status_on_every_rank)
{
    fail_each(FAULTY_SEND);
}
END_TEST

START_TEST(every_receive_that_fails_is_a_status_on_every_rank)
{
    fail_each(FAULTY_RECEIVE);
}
END_TEST

START_TEST(every_test_that_fails_is_a_status_on_every_rank)
{
    fail_each(FAULTY_TEST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_faults");
    TCase *verbs = tcase_create("verbs");

    tcase_set_timeout(verbs, 0);
    tcase_add_test(verbs, every_send_that_fails_is_a_status_on_every_rank);
    tcase_add_test(verbs, every_receive_that_fails_is_a_status_on_every_rank);
    tcase_add_test(verbs, every_test_that_fails_is_a_status_on_every_rank);
    suite_add_tcase(suite, verbs);
    return suite_run(suite);
}
