#include "kernels/cpu/pool.h"

#include <assert.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES = 64,
    /* About 20 to 50 µs: longer than the gap between the operations of a layer, far shorter than a
     * scheduler's tick. */
    SPIN_PAUSES = 1000
};

struct member {
    struct kvspan_pool *pool;
    pthread_t thread;
    uint32_t number;
};

/* A run is a round. Members wait for `round` to move, the caller for `busy` to reach 0; who has
 * spun for long enough announces that it sleeps, under the lock, and looks once more. */
struct kvspan_pool {
    kvspan_pool_work work; /* NULL: the members end */
    void *context;
    uint32_t thread_count;
    uint32_t spin_pauses;
    struct member *members; /* [thread_count − 1] */
    pthread_mutex_t lock;
    pthread_cond_t round_began;
    pthread_cond_t round_ended;
    _Alignas(LINE_BYTES) _Atomic uint32_t round;
    _Atomic uint32_t sleeping_members;
    _Alignas(LINE_BYTES) _Atomic uint32_t busy; /* members that have not ended the round */
    _Atomic bool is_caller_sleeping;
};

static uint32_t bound_cores(void)
{
    cpu_set_t cores;

    if (sched_getaffinity(0, sizeof(cores), &cores) != 0) {
        return 1; /* a machine of more cores than cpu_set_t holds */
    }
    return (uint32_t)CPU_COUNT(&cores);
}

/* Returns once the round is not `seen`. */
static void await_round(struct kvspan_pool *pool, uint32_t seen)
{
    for (uint32_t i = 0; i < pool->spin_pauses; i++) {
        if (atomic_load_explicit(&pool->round, memory_order_acquire) != seen) {
            return;
        }
        _mm_pause();
    }
    (void)pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping_members, 1);
    while (atomic_load(&pool->round) == seen) {
        (void)pthread_cond_wait(&pool->round_began, &pool->lock);
    }
    atomic_fetch_sub(&pool->sleeping_members, 1);
    (void)pthread_mutex_unlock(&pool->lock);
}

static void begin_round(struct kvspan_pool *pool, kvspan_pool_work work, void *context)
{
    pool->work = work;
    pool->context = context;
    atomic_store_explicit(&pool->busy, pool->thread_count - 1, memory_order_relaxed);
    atomic_fetch_add(&pool->round, 1);
    if (atomic_load(&pool->sleeping_members) > 0) {
        (void)pthread_mutex_lock(&pool->lock);
        (void)pthread_cond_broadcast(&pool->round_began);
        (void)pthread_mutex_unlock(&pool->lock);
    }
}

static void end_round(struct kvspan_pool *pool)
{
    if (atomic_fetch_sub(&pool->busy, 1) == 1 && atomic_load(&pool->is_caller_sleeping)) {
        (void)pthread_mutex_lock(&pool->lock);
        (void)pthread_cond_signal(&pool->round_ended);
        (void)pthread_mutex_unlock(&pool->lock);
    }
}

/* Returns once no member is busy. */
static void await_members(struct kvspan_pool *pool)
{
    for (uint32_t i = 0; i < pool->spin_pauses; i++) {
        if (atomic_load_explicit(&pool->busy, memory_order_acquire) == 0) {
            return;
        }
        _mm_pause();
    }
    (void)pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->is_caller_sleeping, true);
    while (atomic_load(&pool->busy) > 0) {
        (void)pthread_cond_wait(&pool->round_ended, &pool->lock);
    }
    atomic_store(&pool->is_caller_sleeping, false);
    (void)pthread_mutex_unlock(&pool->lock);
}

static void *member_main(void *context)
{
    const struct member *const member = context;
    struct kvspan_pool *const pool = member->pool;
    uint32_t round = 0;

    for (;;) {
        await_round(pool, round);
        round++;
        if (!pool->work) {
            return NULL;
        }
        pool->work(pool->context, member->number);
        end_round(pool);
    }
}

/* Ends the first `count` members. */
static void end_members(struct kvspan_pool *pool, uint32_t count)
{
    begin_round(pool, NULL, NULL);
    for (uint32_t i = 0; i < count; i++) {
        (void)pthread_join(pool->members[i].thread, NULL);
    }
}

static kvspan_status start_members(struct kvspan_pool *pool, kvspan_error *error)
{
    sigset_t all;
    sigset_t before;
    uint32_t count = 0;
    int failure = 0;

    /* The application's signals are for its own threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (count < pool->thread_count - 1 && failure == 0) {
        struct member *const member = &pool->members[count];

        *member = (struct member){ .pool = pool, .number = count + 1 };
        failure = pthread_create(&member->thread, NULL, member_main, member);
        count += failure == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        end_members(pool, count);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot start thread %u of %u: %s", count + 1,
                           pool->thread_count, strerror(failure));
    }
    return KVSPAN_OK;
}

static void free_pool(struct kvspan_pool *pool)
{
    (void)pthread_cond_destroy(&pool->round_ended);
    (void)pthread_cond_destroy(&pool->round_began);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool->members);
    free(pool);
}

kvspan_status kvspan_pool_create(uint32_t thread_count, kvspan_pool **pool_out, kvspan_error *error)
{
    const uint32_t cores = bound_cores();
    struct kvspan_pool *const pool = aligned_alloc(LINE_BYTES, sizeof(*pool));
    kvspan_status status;

    if (!pool) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %zu bytes for a pool of threads",
                           sizeof(*pool));
    }
    memset(pool, 0, sizeof(*pool));
    pool->thread_count = thread_count > 0 ? thread_count : cores;
    /* More threads than cores: who spins keeps the core from who works. */
    pool->spin_pauses = pool->thread_count <= cores ? SPIN_PAUSES : 0;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->round_began, NULL);
    (void)pthread_cond_init(&pool->round_ended, NULL);
    pool->members = calloc(pool->thread_count, sizeof(*pool->members));
    if (!pool->members) {
        free_pool(pool);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u threads", thread_count);
    }
    status = start_members(pool, error);
    if (status != KVSPAN_OK) {
        free_pool(pool);
        return status;
    }
    *pool_out = pool;
    return KVSPAN_OK;
}

void kvspan_pool_destroy(kvspan_pool *pool)
{
    if (pool) {
        end_members(pool, pool->thread_count - 1);
        free_pool(pool);
    }
}

uint32_t kvspan_pool_thread_count(const kvspan_pool *pool)
{
    return pool->thread_count;
}

void kvspan_pool_run(kvspan_pool *pool, kvspan_pool_work work, void *context)
{
    assert(work);
    if (pool->thread_count == 1) {
        work(context, 0);
        return;
    }
    begin_round(pool, work, context);
    work(context, 0);
    await_members(pool);
}
