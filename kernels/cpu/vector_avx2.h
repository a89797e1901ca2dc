/** @file
 * Vectors of 8 floats, AVX2 and FMA.
 */
#ifndef KVSPAN_KERNELS_CPU_VECTOR_AVX2_H
#define KVSPAN_KERNELS_CPU_VECTOR_AVX2_H

#include <immintrin.h>
#include <stdint.h>

enum {
    VECTOR_FLOATS = 8
};

typedef __m256 vector;

static inline vector vector_load(const float *source)
{
    return _mm256_load_ps(source);
}

static inline void vector_store(float *target, vector value)
{
    _mm256_store_ps(target, value);
}

static inline vector vector_of(float value)
{
    return _mm256_set1_ps(value);
}

static inline vector vector_add(vector a, vector b)
{
    return _mm256_add_ps(a, b);
}

static inline vector vector_subtract(vector a, vector b)
{
    return _mm256_sub_ps(a, b);
}

static inline vector vector_multiply(vector a, vector b)
{
    return _mm256_mul_ps(a, b);
}

static inline vector vector_divide(vector a, vector b)
{
    return _mm256_div_ps(a, b);
}

/* a · b + c, rounded once. */
static inline vector vector_fused(vector a, vector b, vector c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* a · b − c, rounded once. */
static inline vector vector_fused_less(vector a, vector b, vector c)
{
    return _mm256_fmsub_ps(a, b, c);
}

/* b where either is NaN. */
static inline vector vector_max(vector a, vector b)
{
    return _mm256_max_ps(a, b);
}

static inline vector vector_min(vector a, vector b)
{
    return _mm256_min_ps(a, b);
}

/* value · 2^exponent for whole exponents; 0 where that is below the normal numbers, infinity above
 * them. NaN stays. */
static inline vector vector_scale(vector value, vector exponent)
{
    const vector lowest = _mm256_set1_ps(-126.0f);
    const vector bounded = _mm256_max_ps(lowest, _mm256_min_ps(_mm256_set1_ps(128.0f), exponent));
    const __m256i bits = _mm256_slli_epi32(
        _mm256_add_epi32(_mm256_cvtps_epi32(bounded), _mm256_set1_epi32(127)), 23);
    const vector scaled = _mm256_mul_ps(value, _mm256_castsi256_ps(bits));

    return _mm256_andnot_ps(_mm256_cmp_ps(exponent, lowest, _CMP_LT_OQ), scaled);
}

static inline float vector_highest(vector value)
{
    __m128 high = _mm_max_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));

    high = _mm_max_ps(high, _mm_movehl_ps(high, high));
    return _mm_cvtss_f32(_mm_max_ss(high, _mm_movehdup_ps(high)));
}

static inline float vector_sum(vector value)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));

    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/* `value` in lanes [first, last), `other` elsewhere; lanes count from 0 and may lie outside. */
static inline vector vector_within(vector value, int32_t first, int32_t last, vector other)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i below = _mm256_cmpgt_epi32(_mm256_set1_epi32(first), lanes);
    const __m256i upto = _mm256_cmpgt_epi32(_mm256_set1_epi32(last), lanes);

    return _mm256_blendv_ps(other, value, _mm256_castsi256_ps(_mm256_andnot_si256(below, upto)));
}

/* 8 pairs of bf16 as floats: the first of each pair and the second. */
static inline void vector_load_pairs(const unsigned char *source, vector *first_out,
                                     vector *second_out)
{
    const __m256i pairs = _mm256_load_si256((const __m256i *)(const void *)source);
    const __m256i upper = _mm256_and_si256(pairs, _mm256_set1_epi32((int32_t)0xffff0000u));

    *first_out = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    *second_out = _mm256_castsi256_ps(upper);
}

#endif
