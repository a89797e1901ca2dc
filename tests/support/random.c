#include "support/random.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The golden ratio step and finaliser of SplitMix64. */
uint64_t random_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

random_source random_start(const char *name, uint64_t default_seed)
{
    const char *text = getenv("KVSPAN_TEST_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : default_seed;

    (void)printf("%s: KVSPAN_TEST_SEED=%" PRIu64 "\n", name, seed);
    (void)fflush(stdout);
    return (random_source){ .state = random_mix(seed) };
}

uint64_t random_next(random_source *source)
{
    source->state += 0x9e3779b97f4a7c15u;
    return random_mix(source->state);
}

uint32_t random_below(random_source *source, uint32_t limit)
{
    assert(limit > 0);
    return (uint32_t)(random_next(source) % limit);
}

uint32_t random_between(random_source *source, uint32_t first, uint32_t last)
{
    assert(first <= last);
    return first + random_below(source, last - first + 1);
}

void random_shuffle(random_source *source, uint32_t *items, uint32_t count)
{
    for (uint32_t left = count; left > 1; left--) {
        const uint32_t other = random_below(source, left);
        const uint32_t item = items[left - 1];

        items[left - 1] = items[other];
        items[other] = item;
    }
}
