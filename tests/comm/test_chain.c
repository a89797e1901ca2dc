#include "support/suite.h"

#include "comm/chain.h"
#include "comm/clock.h"
#include "comm/watch.h"

enum {
    RANK = 0,
    PEER_COUNT = 3,
    NOW_MS = 1000
};

static uint64_t ms(uint64_t count)
{
    return count * KVSPAN_NS_PER_MS;
}

/* Rank 0 of 64, which watches ranks 1, 3 and 4 and has waited for 1000 ms. */
typedef struct waiting_rank {
    kvspan_comm comm;
    kvspan_peer peers[PEER_COUNT];
    kvspan_peer *list[PEER_COUNT];
    kvspan_request requests[PEER_COUNT];
    kvspan_wait wait;
} waiting_rank;

static waiting_rank it;

static void start(void)
{
    static const uint32_t ranks[PEER_COUNT] = { 1, 3, 4 };

    it = (waiting_rank){ .comm = { .transport = { .rank = RANK, .rank_count = 64 },
                                   .epoch = 9,
                                   .peers = it.list,
                                   .peer_count = PEER_COUNT,
                                   .wait = &it.wait,
                                   .steady_ns = ms(NOW_MS) },
                         .wait = { .requests = it.requests, .kind = KVSPAN_WAIT_STEP } };
    for (uint32_t i = 0; i < PEER_COUNT; i++) {
        it.peers[i].rank = ranks[i];
        it.list[i] = &it.peers[i];
    }
}

static void wait_for(uint32_t rank)
{
    it.requests[it.wait.count++] = (kvspan_request){ .peer = rank, .handle = &it };
}

static void answer(uint32_t rank, kvspan_chain chain)
{
    kvspan_peer *peer = kvspan_watch_find(&it.comm, rank);

    peer->has_answered = true;
    peer->answered_at_steady_ns = ms(10);
    peer->chain = chain;
}

/* Unanswered since long ago; last heard of at a time. */
static void fall_silent(uint32_t rank, uint64_t heard_at_ms)
{
    kvspan_peer *peer = kvspan_watch_find(&it.comm, rank);

    peer->is_probe_unanswered = true;
    peer->heard_at_ns = ms(heard_at_ms);
}

static void check_path(const kvspan_chain *chain, const uint32_t *path, uint32_t count)
{
    ck_assert_uint_eq(chain->path_count, count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(chain->path[i], path[i]);
    }
}

START_TEST(a_chain_is_that_of_the_peer_with_this_rank_before_it)
{
    static const uint32_t path[] = { RANK, 3, 5 };
    kvspan_chain chain;

    start();
    wait_for(3);
    answer(3, (kvspan_chain){ .kind = KVSPAN_CHAIN_AWAKE,
                              .end_rank = 5,
                              .end_epoch = 8,
                              .path_count = 2,
                              .path = { 3, 5 } });
    chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
    ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_AWAKE);
    ck_assert_uint_eq(chain.end_rank, 5);
    ck_assert_uint_eq(chain.end_epoch, 8);
    check_path(&chain, path, 3);
}
END_TEST

START_TEST(who_waits_for_a_circle_is_not_part_of_it)
{
    static const uint32_t path[] = { RANK, 3, 7, 8 };
    kvspan_chain chain;

    start();
    wait_for(3);
    answer(3, (kvspan_chain){ .kind = KVSPAN_CHAIN_CYCLE,
                              .end_rank = 7,
                              .cycle_start = 1, /* 7 waits for 8, 8 for 7 */
                              .path_count = 3,
                              .path = { 3, 7, 8 } });
    chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
    ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_CYCLE);
    ck_assert_uint_eq(chain.cycle_start, 2);
    check_path(&chain, path, 4);
}
END_TEST

START_TEST(a_chain_that_comes_back_is_a_circle_from_this_rank_on)
{
    static const uint32_t path[] = { RANK, 3, 7 };
    kvspan_chain chain;

    start();
    wait_for(3);
    answer(3, (kvspan_chain){ .kind = KVSPAN_CHAIN_UNKNOWN,
                              .end_rank = 9,
                              .path_count = 4,
                              .path = { 3, 7, RANK, 9 } });
    chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
    ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_CYCLE);
    ck_assert_uint_eq(chain.cycle_start, 0);
    check_path(&chain, path, 3);
}
END_TEST

/* Cut paths: this rank is the end of a chain that does not show it. */
START_TEST(a_chain_that_ends_at_this_rank_is_a_circle)
{
    kvspan_chain chain;

    start();
    wait_for(3);
    answer(3,
           (kvspan_chain){
               .kind = KVSPAN_CHAIN_AWAKE, .end_rank = RANK, .path_count = 2, .path = { 3, 7 } });
    chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
    ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_CYCLE);
    ck_assert_uint_eq(chain.path_count, 3);
    ck_assert_uint_eq(chain.cycle_start, 0);
}
END_TEST

START_TEST(of_two_silent_ranks_the_longer_silent_one_ends_the_chain)
{
    for (uint32_t first = 0; first < 2; first++) {
        kvspan_chain chain;

        start();
        wait_for(first == 0 ? 1 : 4);
        wait_for(first == 0 ? 4 : 1);
        fall_silent(1, 400);
        fall_silent(4, 100);
        chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
        ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_SILENT);
        ck_assert_uint_eq(chain.end_rank, 4);
        ck_assert_uint_eq(chain.silent_ms, 900);
    }
}
END_TEST

START_TEST(a_silent_rank_ends_the_chain_before_one_that_answers)
{
    kvspan_chain chain;

    start();
    wait_for(3);
    wait_for(1);
    answer(3, (kvspan_chain){
                  .kind = KVSPAN_CHAIN_AWAKE, .end_rank = 3, .path_count = 1, .path = { 3 } });
    fall_silent(1, 0);
    chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
    ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_SILENT);
    ck_assert_uint_eq(chain.end_rank, 1);
}
END_TEST

/* The end rank still holds; a circle that is cut does not. */
START_TEST(a_path_too_long_is_cut_at_its_end)
{
    kvspan_chain longest = { .kind = KVSPAN_CHAIN_AWAKE,
                             .end_rank = 60,
                             .path_count = KVSPAN_CHAIN_MAX_PATH };
    kvspan_chain chain;

    for (uint32_t i = 0; i < KVSPAN_CHAIN_MAX_PATH; i++) {
        longest.path[i] = 3 + i;
    }
    start();
    wait_for(3);
    answer(3, longest);
    chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
    ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_AWAKE);
    ck_assert_uint_eq(chain.end_rank, 60);
    ck_assert_uint_eq(chain.path_count, KVSPAN_CHAIN_MAX_PATH);
    ck_assert_uint_eq(chain.path[KVSPAN_CHAIN_MAX_PATH - 1], 3 + KVSPAN_CHAIN_MAX_PATH - 2);
    longest.kind = KVSPAN_CHAIN_CYCLE;
    answer(3, longest);
    chain = kvspan_chain_of(&it.comm, ms(NOW_MS));
    ck_assert_int_eq(chain.kind, KVSPAN_CHAIN_UNKNOWN);
    ck_assert_uint_eq(chain.path_count, KVSPAN_CHAIN_MAX_PATH);
}
END_TEST

START_TEST(the_epoch_heard_of_a_rank_never_goes_back)
{
    start();
    kvspan_comm_heard(&it.comm, 3, 9);
    kvspan_comm_heard(&it.comm, 3, 4);
    kvspan_comm_heard(&it.comm, 2, 50); /* nobody's peer */
    ck_assert_uint_eq(kvspan_watch_find(&it.comm, 3)->heard_epoch, 9);
    ck_assert_uint_eq(kvspan_watch_find(&it.comm, 1)->heard_epoch, 0);
    ck_assert_uint_eq(kvspan_watch_find(&it.comm, 4)->heard_epoch, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/chain");
    TCase *chain = tcase_create("chain");

    tcase_add_test(chain, a_chain_is_that_of_the_peer_with_this_rank_before_it);
    tcase_add_test(chain, who_waits_for_a_circle_is_not_part_of_it);
    tcase_add_test(chain, a_chain_that_comes_back_is_a_circle_from_this_rank_on);
    tcase_add_test(chain, a_chain_that_ends_at_this_rank_is_a_circle);
    tcase_add_test(chain, of_two_silent_ranks_the_longer_silent_one_ends_the_chain);
    tcase_add_test(chain, a_silent_rank_ends_the_chain_before_one_that_answers);
    tcase_add_test(chain, a_path_too_long_is_cut_at_its_end);
    tcase_add_test(chain, the_epoch_heard_of_a_rank_never_goes_back);
    suite_add_tcase(suite, chain);
    return suite_run(suite);
}
