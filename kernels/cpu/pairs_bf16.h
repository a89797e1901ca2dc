/** @file
 * Products of pairs by the bf16 dot product of AVX-512: queries and weights are bf16.
 */
#ifndef KVSPAN_KERNELS_CPU_PAIRS_BF16_H
#define KVSPAN_KERNELS_CPU_PAIRS_BF16_H

#include <assert.h>
#include <string.h>

/* A query's element or a weight: bf16. */
typedef uint16_t number;

/* What is stored: a pair of bf16 in each lane. */
typedef __m512bh stored_pairs;

/* A pair of numbers, the same in every lane. */
typedef __m512bh number_pair;

static inline stored_pairs pairs_load(const unsigned char *source)
{
    return (__m512bh)_mm512_load_si512(source);
}

static inline number_pair pair_of(const number *numbers)
{
    int32_t pair;

    memcpy(&pair, numbers, sizeof(pair));
    return (__m512bh)_mm512_set1_epi32(pair);
}

/* sum + first · first + second · second */
static inline vector pairs_fold(vector sum, stored_pairs stored, number_pair pair)
{
    return _mm512_dpbf16_ps(sum, stored, pair);
}

enum {
    WEIGHTS_ARE_EXACT = 0
};

/* Writes VECTOR_FLOATS weights, rounded to the nearest; returns them as they were written. */
static inline vector weights_store(number *target, vector value)
{
    const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(value);

    _mm256_store_si256((__m256i *)(void *)target, rounded);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16));
}

/* The same, and what rounding took away to `rest`. */
static inline void weights_store_whole(number *target, number *rest, vector value)
{
    (void)weights_store(rest, vector_subtract(value, weights_store(target, value)));
}

static inline void query_pack(number *target, kvspan_dtype dtype, const void *query, uint32_t dim)
{
    assert(dtype == KVSPAN_BF16);
    (void)dtype;
    memcpy(target, query, dim * sizeof(number));
}

#endif
