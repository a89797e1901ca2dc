/** @file
 * Vectors of 16 floats, AVX-512 F, BW, DQ and VL.
 */
#ifndef KVSPAN_KERNELS_CPU_VECTOR_AVX512_H
#define KVSPAN_KERNELS_CPU_VECTOR_AVX512_H

#include <immintrin.h>
#include <stdint.h>

enum {
    VECTOR_FLOATS = 16
};

typedef __m512 vector;

static inline vector vector_load(const float *source)
{
    return _mm512_load_ps(source);
}

static inline void vector_store(float *target, vector value)
{
    _mm512_store_ps(target, value);
}

static inline vector vector_of(float value)
{
    return _mm512_set1_ps(value);
}

static inline vector vector_add(vector a, vector b)
{
    return _mm512_add_ps(a, b);
}

static inline vector vector_subtract(vector a, vector b)
{
    return _mm512_sub_ps(a, b);
}

static inline vector vector_multiply(vector a, vector b)
{
    return _mm512_mul_ps(a, b);
}

static inline vector vector_divide(vector a, vector b)
{
    return _mm512_div_ps(a, b);
}

/* a · b + c, rounded once. */
static inline vector vector_fused(vector a, vector b, vector c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* a · b − c, rounded once. */
static inline vector vector_fused_less(vector a, vector b, vector c)
{
    return _mm512_fmsub_ps(a, b, c);
}

/* b where either is NaN. */
static inline vector vector_max(vector a, vector b)
{
    return _mm512_max_ps(a, b);
}

static inline vector vector_min(vector a, vector b)
{
    return _mm512_min_ps(a, b);
}

/* value · 2^exponent for whole exponents; 0 far below. */
static inline vector vector_scale(vector value, vector exponent)
{
    return _mm512_scalef_ps(value, exponent);
}

static inline float vector_highest(vector value)
{
    return _mm512_reduce_max_ps(value);
}

static inline float vector_sum(vector value)
{
    return _mm512_reduce_add_ps(value);
}

/* `value` in lanes [first, last), `other` elsewhere; lanes count from 0 and may lie outside. */
static inline vector vector_within(vector value, int32_t first, int32_t last, vector other)
{
    const uint32_t below = first <= 0 ? 0 : first >= 16 ? 0xffffu : (1u << first) - 1;
    const uint32_t upto = last <= 0 ? 0 : last >= 16 ? 0xffffu : (1u << last) - 1;

    return _mm512_mask_blend_ps((__mmask16)(upto & ~below), other, value);
}

/* 16 pairs of bf16 as floats: the first of each pair and the second. */
static inline void vector_load_pairs(const unsigned char *source, vector *first_out,
                                     vector *second_out)
{
    const __m512i pairs = _mm512_load_si512(source);
    const __m512i upper = _mm512_and_si512(pairs, _mm512_set1_epi32((int32_t)0xffff0000u));

    *first_out = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    *second_out = _mm512_castsi512_ps(upper);
}

#endif
