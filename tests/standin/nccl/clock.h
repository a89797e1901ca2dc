/** @file
 * Time that passes, and waiting without burning a core.
 */
#ifndef KVSPAN_STANDIN_NCCL_CLOCK_H
#define KVSPAN_STANDIN_NCCL_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void clock_nap(void)
{
    const struct timespec nap = { .tv_nsec = 50000 };

    nanosleep(&nap, NULL);
}

#endif
