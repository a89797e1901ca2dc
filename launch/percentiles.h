/** @file
 * Percentiles of many whole numbers in little memory: counts of buckets that are at most 1/256 of
 * their values wide. A percentile is exact below 512, and else off by at most 1/512 (0.2 %) of
 * itself. A plain struct without pointers: ranks can send it and add up what they have.
 */
#ifndef KVSPAN_LAUNCH_PERCENTILES_H
#define KVSPAN_LAUNCH_PERCENTILES_H

#include <stdint.h>

enum {
    KVSPAN_PERCENTILE_STEPS = 256, /* buckets from a power of two to the next */
    KVSPAN_PERCENTILE_POWERS = 40, /* values from 2^40 on count as 2^40 - 1 */
    KVSPAN_PERCENTILE_BUCKETS = (KVSPAN_PERCENTILE_POWERS - 7) * KVSPAN_PERCENTILE_STEPS
};

/* Zero-initialised it is empty. */
typedef struct kvspan_percentiles {
    uint64_t count; /* Σ counts */
    uint64_t counts[KVSPAN_PERCENTILE_BUCKETS];
} kvspan_percentiles;

void kvspan_percentiles_add(kvspan_percentiles *percentiles, uint64_t value);

/* Adds all that another one has seen. */
void kvspan_percentiles_merge(kvspan_percentiles *percentiles, const kvspan_percentiles *other);

/* The smallest value that at least this many hundredths of the values do not exceed; percent is in
 * [0, 100]. 0 if there are none. */
uint64_t kvspan_percentiles_value(const kvspan_percentiles *percentiles, double percent);

#endif
