/** @file
 * Threads that work together for microseconds at a time: a team that spins a little before it
 * sleeps.
 *
 * Threads inherit the cores that the creator is bound to and are not pinned to single ones: several
 * pools may share the cores, and where they do the kernel knows best. Signals are blocked in them.
 */
#ifndef KVSPAN_KERNELS_CPU_POOL_H
#define KVSPAN_KERNELS_CPU_POOL_H

#include <kvspan/status.h>

typedef struct kvspan_pool kvspan_pool;

/* What each thread does; `thread` is in [0, thread_count). */
typedef void (*kvspan_pool_work)(void *context, uint32_t thread);

/* Starts thread_count − 1 threads; the caller of kvspan_pool_run() is thread 0. 0 = as many as the
 * cores that the process is bound to. MEMORY if a thread cannot be started. */
kvspan_status kvspan_pool_create(uint32_t thread_count, kvspan_pool **pool_out,
                                 kvspan_error *error);
void kvspan_pool_destroy(kvspan_pool *pool);

uint32_t kvspan_pool_thread_count(const kvspan_pool *pool);

/* Every thread does the work once; returns when all have. What the caller wrote before is seen by
 * all, what they wrote is seen by the caller. One caller at a time. */
void kvspan_pool_run(kvspan_pool *pool, kvspan_pool_work work, void *context);

/* The first of `count` items that thread `thread` of `thread_count` takes when each takes a
 * contiguous share; that of thread + 1 ends it. */
static inline uint64_t kvspan_pool_share(uint64_t count, uint32_t thread, uint32_t thread_count)
{
    return count / thread_count * thread + count % thread_count * thread / thread_count;
}

#endif
