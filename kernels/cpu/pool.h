/** @file
 * Threads that work together for microseconds at a time: a team that spins a little before it
 * sleeps.
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

#endif
