#include "support/suite.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "kernels/cpu/pool.h"

enum {
    MAX_THREADS = 8,
    ROUNDS = 2000,
    POOLS = 4
};

static kvspan_pool *start_pool(uint32_t thread_count)
{
    kvspan_pool *pool = NULL;

    ck_assert_int_eq(kvspan_pool_create(thread_count, &pool, NULL), KVSPAN_OK);
    return pool;
}

/* Plain memory: a sanitizer sees if the pool does not order its accesses. */
struct tally {
    uint32_t round;               /* written by the caller */
    uint32_t seen[MAX_THREADS];   /* the round each thread saw, written by it */
    uint32_t rounds[MAX_THREADS]; /* how often it worked */
};

static void tally_up(void *context, uint32_t thread)
{
    struct tally *const tally = context;

    tally->seen[thread] = tally->round;
    tally->rounds[thread]++;
}

/* Rounds at full speed, and after naps that are longer than the members spin. */
static void run_rounds(kvspan_pool *pool, uint32_t rounds, uint32_t nap_every)
{
    const struct timespec nap = { .tv_nsec = 300000 };
    const uint32_t thread_count = kvspan_pool_thread_count(pool);
    struct tally tally = { 0 };

    for (uint32_t round = 1; round <= rounds; round++) {
        tally.round = round;
        kvspan_pool_run(pool, tally_up, &tally);
        for (uint32_t thread = 0; thread < thread_count; thread++) {
            ck_assert_uint_eq(tally.seen[thread], round);
            ck_assert_uint_eq(tally.rounds[thread], round);
        }
        if (round % nap_every == 0) {
            (void)nanosleep(&nap, NULL);
        }
    }
    for (uint32_t thread = thread_count; thread < MAX_THREADS; thread++) {
        ck_assert_uint_eq(tally.rounds[thread], 0);
    }
}

START_TEST(every_thread_works_once_in_every_round)
{
    static const uint32_t thread_counts[] = { 1, 2, 3, 4, 8 };
    kvspan_pool *const pool = start_pool(thread_counts[_i]);

    ck_assert_uint_eq(kvspan_pool_thread_count(pool), thread_counts[_i]);
    run_rounds(pool, ROUNDS, 50);
    kvspan_pool_destroy(pool);
}
END_TEST

static void work_slowly(void *context, uint32_t thread)
{
    const struct timespec nap = { .tv_nsec = thread == 0 ? 0 : 2000000 };

    (void)nanosleep(&nap, NULL);
    tally_up(context, thread);
}

/* The caller has to sleep until the members are done. */
START_TEST(the_caller_waits_for_members_that_take_long)
{
    kvspan_pool *const pool = start_pool(3);
    struct tally tally = { 0 };

    for (tally.round = 1; tally.round <= 20; tally.round++) {
        kvspan_pool_run(pool, work_slowly, &tally);
        for (uint32_t thread = 0; thread < 3; thread++) {
            ck_assert_uint_eq(tally.seen[thread], tally.round);
        }
    }
    kvspan_pool_destroy(pool);
}
END_TEST

static void *use_pool(void *context)
{
    (void)context;
    for (int i = 0; i < 3; i++) {
        kvspan_pool *const pool = start_pool(2);

        run_rounds(pool, 200, 20);
        kvspan_pool_destroy(pool);
    }
    return NULL;
}

/* As when ranks are threads: each has a pool of its own. */
START_TEST(pools_do_not_know_of_each_other)
{
    pthread_t callers[POOLS];

    for (int i = 0; i < POOLS; i++) {
        ck_assert_int_eq(pthread_create(&callers[i], NULL, use_pool, NULL), 0);
    }
    for (int i = 0; i < POOLS; i++) {
        ck_assert_int_eq(pthread_join(callers[i], NULL), 0);
    }
}
END_TEST

static void *run_once(void *context)
{
    run_rounds(context, 10, 5);
    return NULL;
}

/* The caller of a run is thread 0, whoever it is. */
START_TEST(the_caller_may_change_from_run_to_run)
{
    kvspan_pool *const pool = start_pool(2);

    for (int i = 0; i < 10; i++) {
        pthread_t caller;

        ck_assert_int_eq(pthread_create(&caller, NULL, run_once, pool), 0);
        ck_assert_int_eq(pthread_join(caller, NULL), 0);
        run_rounds(pool, 10, 5);
    }
    kvspan_pool_destroy(pool);
}
END_TEST

static void list_signals(void *context, uint32_t thread)
{
    sigset_t *const masks = context;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &masks[thread]);
}

START_TEST(signals_go_to_the_application_s_threads)
{
    kvspan_pool *const pool = start_pool(2);
    sigset_t masks[2];

    kvspan_pool_run(pool, list_signals, masks);
    ck_assert_int_eq(sigismember(&masks[0], SIGTERM), 0);
    ck_assert_int_eq(sigismember(&masks[1], SIGTERM), 1);
    kvspan_pool_destroy(pool);
    kvspan_pool_destroy(NULL);
}
END_TEST

START_TEST(shares_are_contiguous_and_equal_to_one)
{
    static const uint64_t counts[] = { 0, 1, 7, 64, 1000, (uint64_t)1 << 60 };

    for (uint32_t thread_count = 1; thread_count <= 9; thread_count++) {
        const uint64_t count = counts[_i];

        ck_assert_uint_eq(kvspan_pool_share(count, 0, thread_count), 0);
        ck_assert_uint_eq(kvspan_pool_share(count, thread_count, thread_count), count);
        for (uint32_t thread = 0; thread < thread_count; thread++) {
            const uint64_t share = kvspan_pool_share(count, thread + 1, thread_count) -
                                   kvspan_pool_share(count, thread, thread_count);

            ck_assert_uint_ge(share, count / thread_count);
            ck_assert_uint_le(share, count / thread_count + 1);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/pool");
    TCase *pool = tcase_create("pool");

    tcase_add_loop_test(pool, every_thread_works_once_in_every_round, 0, 5);
    tcase_add_test(pool, the_caller_waits_for_members_that_take_long);
    tcase_add_test(pool, pools_do_not_know_of_each_other);
    tcase_add_test(pool, the_caller_may_change_from_run_to_run);
    tcase_add_test(pool, signals_go_to_the_application_s_threads);
    tcase_add_loop_test(pool, shares_are_contiguous_and_equal_to_one, 0, 6);
    suite_add_tcase(suite, pool);
    return suite_run(suite);
}
