/** @file
 * Rounds on a GPU: against copies within its memory and products of matrices on its tensor cores,
 * by the clock on the wall.
 */
#ifndef KVSPAN_LAUNCH_BENCH_DEVICE_H
#define KVSPAN_LAUNCH_BENCH_DEVICE_H

#include "launch/bench_cache.h"

/* All rounds that the options say, after one that does not count. MEMORY, CUDA, and what a cache
 * answers; TIMEOUT. */
kvspan_status kvspan_bench_device_attention(kvspan_bench_cache *bench, kvspan_bench_report *report,
                                            kvspan_error *error);
kvspan_status kvspan_bench_device_append(kvspan_bench_cache *bench, kvspan_bench_report *report,
                                         kvspan_error *error);

#endif
