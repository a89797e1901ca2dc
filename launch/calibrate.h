/** @file
 * Calibrators: what this machine does at most at this moment, measured between the rounds of a
 * benchmark, on as many threads.
 */
#ifndef KVSPAN_LAUNCH_CALIBRATE_H
#define KVSPAN_LAUNCH_CALIBRATE_H

#include <kvspan/status.h>

#include "launch/calibrate_kernels.h"

enum {
    KVSPAN_CALIBRATE_MAX_THREADS = 1024
};

typedef struct kvspan_calibrator {
    kvspan_calibrate_kernels kernels;
    uint32_t thread_count;
    unsigned char *buffer; /* read by all threads, each a part */
    uint64_t buffer_bytes;
} kvspan_calibrator;

/* Bytes of the last level of cache; 32 MiB where the system does not tell. */
uint64_t kvspan_calibrate_cache_bytes(void);

/* Seconds for work on so many threads: one thread's own time on a core, which other programs do not
 * lengthen by taking turns with it; of several threads, time on the wall. */
double kvspan_calibrate_seconds(uint32_t thread_count);

/* Which of the two it is, for reports: "thread" or "wall". */
const char *kvspan_calibrate_clock_name(uint32_t thread_count);

/* thread_count in [1, KVSPAN_CALIBRATE_MAX_THREADS]; buffer_bytes is rounded up so that every
 * thread has whole grains. MEMORY. */
kvspan_status kvspan_calibrator_init(kvspan_calibrator *calibrator, uint32_t thread_count,
                                     uint64_t buffer_bytes, kvspan_error *error);
void kvspan_calibrator_fini(kvspan_calibrator *calibrator);

/* Reads the whole buffer once, each way the CPU has, and gives the bytes per second of the fastest.
 * MEMORY (a thread cannot be started). */
kvspan_status kvspan_calibrate_memory(const kvspan_calibrator *calibrator, double *rate_out,
                                      kvspan_error *error);

/* Multiply-adds for some milliseconds: floating-point operations per second of all threads. The CPU
 * must have it. MEMORY (a thread cannot be started). */
kvspan_status kvspan_calibrate_multiplies(const kvspan_calibrator *calibrator,
                                          kvspan_calibrate_multiply multiply, double *rate_out,
                                          kvspan_error *error);

#endif
