/** @file
 * Numbers to compute with: multiples of 1/64 in [-2, 2), drawn evenly. Every element type has them
 * exactly, so none is rounded on its way.
 */
#ifndef KVSPAN_LAUNCH_BENCH_NUMBERS_H
#define KVSPAN_LAUNCH_BENCH_NUMBERS_H

#include <kvspan/types.h>

/* The element that is number/64, number in [-128, 128), of bf16, f16 or f32. */
uint32_t kvspan_bench_number(kvspan_dtype dtype, int number);

/* Writes `count` elements. A seed gives the same ones on every machine. */
void kvspan_bench_numbers_fill(kvspan_dtype dtype, uint64_t seed, uint64_t count, void *data);

#endif
