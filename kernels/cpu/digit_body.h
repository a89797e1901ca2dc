/** @file
 * What the files of digit_passes.h have in common.
 *
 * A part of the file of one instruction set: AVX-512 F, BW, DQ, VL and VNNI.
 */
#ifndef KVSPAN_KERNELS_CPU_DIGIT_BODY_H
#define KVSPAN_KERNELS_CPU_DIGIT_BODY_H

#include <assert.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/cpu/digit_passes.h"

#define INLINED static inline __attribute__((always_inline))

enum {
    LINE_BYTES = 64,
    QUAD = 4, /* codes or digits that are multiplied at once */
    LANES = 16,
    DIGIT_BASE = 256,
    CODE_BIAS = 128,         /* what makes codes unsigned */
    QUERY_BITS = 15,         /* of the highest */
    QUERY_HIGHEST = 32639,   /* digits from −128 to 127 */
    LEAST_UNIT = -118,       /* its 256th is still a float of full precision */
    WEIGHT_HIGHEST = 1 << 15 /* a power of two, so that the highest is exact */
};

/* ---- queries -------------------------------------------------------------------------------- */

/* The power of two in which a query is counted; NaN where an element is not finite. */
static float choose_unit(const float *query, uint32_t dim)
{
    __m512 highest = _mm512_setzero_ps();
    __m512 check = _mm512_setzero_ps();
    float top;
    int exponent;

    for (uint32_t i = 0; i < dim; i += LANES) {
        const __m512 elements = _mm512_loadu_ps(query + i);

        highest = _mm512_max_ps(_mm512_abs_ps(elements), highest);
        check = _mm512_fmadd_ps(elements, _mm512_setzero_ps(), check);
    }
    if (_mm512_reduce_add_ps(check) != 0.0f) {
        return NAN;
    }
    top = _mm512_reduce_max_ps(highest);
    (void)frexpf(top, &exponent);
    exponent -= QUERY_BITS;
    exponent = exponent < LEAST_UNIT ? LEAST_UNIT : exponent;
    return ldexpf(1.0f, top <= ldexpf(QUERY_HIGHEST, exponent) ? exponent : exponent + 1);
}

/* Takes the last digit off each number. */
INLINED __m512i take_digits(__m512i *numbers)
{
    const __m512i digits = _mm512_srai_epi32(_mm512_slli_epi32(*numbers, 24), 24);

    *numbers = _mm512_srai_epi32(_mm512_sub_epi32(*numbers, digits), 8);
    return digits;
}

/* ---- weights -------------------------------------------------------------------------------- */

typedef struct weight_scale {
    float lift;
    float factor;
} weight_scale;

INLINED weight_scale choose_weight_scale(float highest)
{
    /* Lifts the least of floats to where they have a reciprocal. */
    const float lift = highest < 0x1p-64f ? 0x1p96f : 1.0f;

    return (weight_scale){ .lift = lift,
                           .factor = highest == 0.0f ? 0.0f : WEIGHT_HIGHEST / (highest * lift) };
}

/* 16 weights in 2^−15 of the highest. */
INLINED __m512i weight_numbers(const weight_scale *scale, const float *weights)
{
    const __m512 weight = _mm512_mul_ps(_mm512_load_ps(weights), _mm512_set1_ps(scale->lift));

    return _mm512_cvtps_epi32(_mm512_mul_ps(weight, _mm512_set1_ps(scale->factor)));
}

/* Adds 16 sums in 2^−15 of the unit. */
INLINED void add_weighted(__m512i sums, __m512 unit, float *outputs)
{
    const __m512 sum =
        _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(1.0f / WEIGHT_HIGHEST));

    _mm512_store_ps(outputs, _mm512_fmadd_ps(sum, unit, _mm512_load_ps(outputs)));
}

#endif
