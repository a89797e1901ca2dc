/** @file
 * Products of pairs in f32: queries and weights are floats, what is stored is widened. Over any
 * vector_….h.
 */
#ifndef KVSPAN_KERNELS_CPU_PAIRS_F32_H
#define KVSPAN_KERNELS_CPU_PAIRS_F32_H

#include "kernels/reference/rows.h"

/* A query's element or a weight. */
typedef float number;

/* What is stored: a pair of bf16 in each lane. */
typedef struct stored_pairs {
    vector first;
    vector second;
} stored_pairs;

/* A pair of numbers, the same in every lane. */
typedef struct number_pair {
    vector first;
    vector second;
} number_pair;

static inline stored_pairs pairs_load(const unsigned char *source)
{
    stored_pairs pairs;

    vector_load_pairs(source, &pairs.first, &pairs.second);
    return pairs;
}

static inline number_pair pair_of(const number *numbers)
{
    return (number_pair){ .first = vector_of(numbers[0]), .second = vector_of(numbers[1]) };
}

/* sum + first · first + second · second */
static inline vector pairs_fold(vector sum, stored_pairs stored, number_pair pair)
{
    return vector_fused(stored.second, pair.second, vector_fused(stored.first, pair.first, sum));
}

enum {
    WEIGHTS_ARE_EXACT = 1 /* nothing is rounded when weights are written */
};

/* Writes VECTOR_FLOATS weights; returns them as they were written. */
static inline vector weights_store(number *target, vector value)
{
    vector_store(target, value);
    return value;
}

/* The same where rounding takes something away, which goes to `rest`. */
static inline void weights_store_whole(number *target, number *rest, vector value)
{
    (void)rest;
    (void)weights_store(target, value);
}

static inline void query_pack(number *target, kvspan_dtype dtype, const void *query, uint32_t dim)
{
    kvspan_row_load(dtype, query, dim, target);
}

#endif
