/** @file
 * 128-bit digests that any language can recompute: XXH3-128 of the bytes, seed 0.
 */
#ifndef KVSPAN_DIGEST_H
#define KVSPAN_DIGEST_H

#include <kvspan/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A 128-bit digest, and the sum of digests mod 2^128. */
typedef struct kvspan_digest {
    uint64_t low;  /**< bits 0 to 63 */
    uint64_t high; /**< bits 64 to 127 */
} kvspan_digest;

/**
 * Digests bytes.
 *
 * @param data  [bytes]; may be NULL if bytes is 0, else a NULL gives the digest 0
 * @param bytes  any length
 * @return XXH3-128 with seed 0
 */
KVSPAN_API kvspan_digest kvspan_digest_bytes(const void *data, size_t bytes);

/**
 * Adds two digests mod 2^128, so that a set of rows has one digest in any order.
 *
 * @param a  first
 * @param b  second
 * @return a + b mod 2^128
 */
static inline kvspan_digest kvspan_digest_add(kvspan_digest a, kvspan_digest b)
{
    kvspan_digest sum;

    sum.low = a.low + b.low;
    sum.high = a.high + b.high + (sum.low < a.low);
    return sum;
}

#ifdef __cplusplus
}
#endif

#endif
