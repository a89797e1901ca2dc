#include "launch/percentiles.h"

#include <stddef.h>

enum {
    STEP_BITS = 8 /* log2 of KVSPAN_PERCENTILE_STEPS */
};

/* Buckets 0 to 511 hold one value each. From then on every power of two has 256 buckets: bucket
 * 256·(e + 1) + m holds [(256 + m)·2^e, (256 + m + 1)·2^e). */
static uint32_t bucket_of(uint64_t value)
{
    const uint64_t most = ((uint64_t)1 << KVSPAN_PERCENTILE_POWERS) - 1;
    uint32_t exponent = 0;

    value = value < most ? value : most;
    while (value >> (STEP_BITS + 1) != 0) {
        value >>= 1;
        exponent++;
    }
    return (exponent << STEP_BITS) + (uint32_t)value;
}

/* The middle of a bucket's values. */
static uint64_t middle_of(uint32_t bucket)
{
    uint32_t exponent = 0;
    uint64_t width;

    if (bucket >= 2 * KVSPAN_PERCENTILE_STEPS) {
        exponent = (bucket >> STEP_BITS) - 1;
    }
    width = (uint64_t)1 << exponent;
    return (uint64_t)(bucket - (exponent << STEP_BITS)) * width + (width - 1) / 2;
}

void kvspan_percentiles_add(kvspan_percentiles *percentiles, uint64_t value)
{
    percentiles->counts[bucket_of(value)]++;
    percentiles->count++;
}

void kvspan_percentiles_merge(kvspan_percentiles *percentiles, const kvspan_percentiles *other)
{
    percentiles->count += other->count;
    for (size_t i = 0; i < KVSPAN_PERCENTILE_BUCKETS; i++) {
        percentiles->counts[i] += other->counts[i];
    }
}

uint64_t kvspan_percentiles_value(const kvspan_percentiles *percentiles, double percent)
{
    const double wanted = percent / 100 * (double)percentiles->count;
    uint64_t seen = 0;

    for (uint32_t bucket = 0; bucket < KVSPAN_PERCENTILE_BUCKETS; bucket++) {
        seen += percentiles->counts[bucket];
        if (seen > 0 && (double)seen >= wanted) {
            return middle_of(bucket);
        }
    }
    return 0;
}
