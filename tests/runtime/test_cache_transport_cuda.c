#include "support/suite.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "comm/faulty_transport.h"
#include "runtime/cuda_story.h"
#include "support/ranks.h"

/* Calls of the transport fail in the life of a cache on device "cuda", with exchanges through the
 * host and by NCCL, on either of two ranks. */

enum {
    TEST_STRIDE = 17, /* of tests; sends and receives fail each */
    MOST = 400,       /* failures of one verb on one rank */
    LONGEST_MS = CUDA_STORY_DEADLINE_MS + 1500 + 4000
};

typedef struct fault {
    cuda_story story;
    faulty_verb verb;
    uint32_t rank;
    uint32_t calls; /* good ones before it */
    faulty_transport transports[CUDA_STORY_RANKS];
    cuda_story_end ends[CUDA_STORY_RANKS];
} fault;

typedef struct tally {
    uint32_t failures;
    uint32_t silent; /* at the end of a life, where nobody is left to tell */
    uint64_t longest_ms;
} tally;

static uint64_t now_ms(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void live(ranks_self *self)
{
    fault *const it = self->context;
    faulty_transport *const transport = &it->transports[self->rank];

    *transport = (faulty_transport){ .verb = self->rank == it->rank ? it->verb : FAULTY_NONE,
                                     .calls_left = it->calls };
    faulty_put(transport, self->comm);
    cuda_story_run(&it->story, self->comm, &it->ends[self->rank]);
}

static const char *words_of(faulty_verb verb)
{
    switch (verb) {
    case FAULTY_SEND: return "the transport cannot send";
    case FAULTY_RECEIVE: return "the transport cannot receive";
    default: return "the message ";
    }
}

static void check_end(const fault *it, uint32_t rank)
{
    const cuda_story_end *const end = &it->ends[rank];
    const cuda_story_end *const own = &it->ends[it->rank];
    const kvspan_status wanted =
        it->verb == FAULTY_RECEIVE ? KVSPAN_ERR_MEMORY : KVSPAN_ERR_TRANSPORT;
    const int is_own =
        end->status == wanted && strstr(end->error.message, words_of(it->verb)) != NULL;
    const int is_heard = (end->status == KVSPAN_ERR_PEER || end->status == KVSPAN_ERR_LATE) &&
                         end->error.rank == (int32_t)it->rank;
    const int is_done = end->status == KVSPAN_OK && end->digest != 0;

    ck_assert_msg(end->broken[0] == '\0' && !end->is_error_left, "rank %u: %s", rank, end->broken);
    ck_assert_msg(rank == it->rank ? is_own || is_done
                                   : is_heard || (is_done && own->is_in_last_step),
                  "call %u of verb %d fails on rank %u: rank %u has %s, about %d: %s", it->calls,
                  (int)it->verb, it->rank, rank, kvspan_status_name(end->status), end->error.rank,
                  end->error.message);
}

/* False once the rank makes no so many calls. */
static int fail_once(fault *it, tally *all)
{
    const uint64_t start_ms = now_ms();
    uint64_t elapsed_ms;

    ranks_run(CUDA_STORY_RANKS, live, it);
    elapsed_ms = now_ms() - start_ms;
    ck_assert_uint_lt(elapsed_ms, LONGEST_MS);
    if (it->transports[it->rank].failed == 0) {
        return 0;
    }
    for (uint32_t rank = 0; rank < CUDA_STORY_RANKS; rank++) {
        check_end(it, rank);
    }
    all->failures++;
    all->silent += it->ends[it->rank].status == KVSPAN_OK;
    all->longest_ms = elapsed_ms > all->longest_ms ? elapsed_ms : all->longest_ms;
    return 1;
}

static void fail_verb(int is_by_nccl, faulty_verb verb)
{
    static fault it;
    tally all = { .failures = 0 };

    for (uint32_t rank = 0; rank < CUDA_STORY_RANKS; rank++) {
        uint32_t failures = 0;

        it = (fault){ .story = { .mesh = "sp:2", .is_by_nccl = is_by_nccl },
                      .verb = verb,
                      .rank = rank,
                      .calls = 0 };
        while (failures < MOST && fail_once(&it, &all)) {
            it.calls += verb == FAULTY_TEST ? TEST_STRIDE : 1;
            failures++;
        }
    }
    (void)printf("verb %d, %s: %u failures, %u told nobody, the longest life took %llu ms\n",
                 (int)verb, is_by_nccl ? "NCCL" : "host", all.failures, all.silent,
                 (unsigned long long)all.longest_ms);
    /* How often a transport is asked is chance. */
    ck_assert_uint_ge(all.failures, verb == FAULTY_TEST ? 4 : 30);
    ck_assert_uint_le(all.silent, all.failures / 4);
}

START_TEST(sends_receives_and_tests_that_fail_are_heard_of)
{
    for (int verb = FAULTY_SEND; verb < FAULTY_VERB_END; verb++) {
        fail_verb(_i, (faulty_verb)verb);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_transport_cuda");
    TCase *verbs = tcase_create("verbs");

    tcase_set_timeout(verbs, 0);
    tcase_add_loop_test(verbs, sends_receives_and_tests_that_fail_are_heard_of, 0, 2);
    suite_add_tcase(suite, verbs);
    return suite_run(suite);
}
