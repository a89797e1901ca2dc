/** @file
 * The one clock of deadlines.
 */
#ifndef KVSPAN_COMM_CLOCK_H
#define KVSPAN_COMM_CLOCK_H

#include <stdint.h>
#include <time.h>

enum {
    KVSPAN_NS_PER_MS = 1000000
};

static inline uint64_t kvspan_clock_ns(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* A deadline for several waits in a row: what is left of it, 0 when it has passed. */
static inline uint32_t kvspan_clock_left_ms(uint64_t deadline_ns)
{
    const uint64_t now_ns = kvspan_clock_ns();

    return now_ns >= deadline_ns
               ? 0
               : (uint32_t)((deadline_ns - now_ns + KVSPAN_NS_PER_MS - 1) / KVSPAN_NS_PER_MS);
}

static inline uint64_t kvspan_clock_deadline_ns(uint32_t timeout_ms)
{
    return kvspan_clock_ns() + (uint64_t)timeout_ms * KVSPAN_NS_PER_MS;
}

#endif
