/** @file
 * Seeded random numbers, the same on every machine. The seed is printed, and taken from the
 * environment variable KVSPAN_TEST_SEED if that is set.
 */
#ifndef KVSPAN_TESTS_RANDOM_H
#define KVSPAN_TESTS_RANDOM_H

#include <stdint.h>

typedef struct random_source {
    uint64_t state;
} random_source;

/* Mixes 64 bits into 64 bits that look random. */
uint64_t random_mix(uint64_t value);

/* Prints the name and the seed it starts from. */
random_source random_start(const char *name, uint64_t default_seed);

uint64_t random_next(random_source *source);

/* In [0, limit); limit at least 1. */
uint32_t random_below(random_source *source, uint32_t limit);

/* In [first, last]. */
uint32_t random_between(random_source *source, uint32_t first, uint32_t last);

/* Shuffles items in place. */
void random_shuffle(random_source *source, uint32_t *items, uint32_t count);

#endif
