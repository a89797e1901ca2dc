#include "kernels/cpu/page_kernels.h"

#include <assert.h>
#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

enum {
    VECTOR_FLOATS = 8,
    BLOCK_FLOATS = 16, /* what a store of codes takes */
    MAX_DIM = KVSPAN_MAX_DIM
};

/* An 8-bit float. */
struct small_float {
    int mantissa_bits;
    int bias;
    int largest_code;
    int nan_code;
};

static inline __m256i magnitude_of(__m256 value)
{
    return _mm256_and_si256(_mm256_castps_si256(value), _mm256_set1_epi32(0x7fffffff));
}

static inline __m256i is_nan(__m256i magnitude)
{
    return _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
}

static inline __m256 load_floats(kvspan_dtype dtype, const unsigned char *source)
{
    if (dtype == KVSPAN_F32) {
        return _mm256_loadu_ps((const float *)(const void *)source);
    }
    const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)source);

    if (dtype == KVSPAN_F16) {
        return _mm256_cvtph_ps(halves);
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/* Reads a vector as f32 and finds the largest magnitude that is no NaN, as bits, and whether there
 * is one. */
static inline uint32_t widen(kvspan_dtype dtype, const unsigned char *source, uint32_t dim,
                             float *floats, int *has_nan_out)
{
    const size_t item = kvspan_dtype_bytes(dtype);
    __m256i largest = _mm256_setzero_si256();
    __m256i nans = _mm256_setzero_si256();
    uint32_t lanes[VECTOR_FLOATS];
    uint32_t result = 0;

    for (size_t i = 0; i < dim; i += VECTOR_FLOATS) {
        const __m256 value = load_floats(dtype, source + i * item);
        const __m256i magnitude = magnitude_of(value);
        const __m256i nan = is_nan(magnitude);

        _mm256_storeu_ps(floats + i, value);
        largest = _mm256_max_epu32(largest, _mm256_andnot_si256(nan, magnitude));
        nans = _mm256_or_si256(nans, nan);
    }
    _mm256_storeu_si256((__m256i *)(void *)lanes, largest);
    for (size_t i = 0; i < VECTOR_FLOATS; i++) {
        result = lanes[i] > result ? lanes[i] : result;
    }
    *has_nan_out = !_mm256_testz_si256(nans, nans);
    return result;
}

/* As kvspan_i8_from_f32(), in 32 bits. */
static inline __m256i int8_codes(__m256 value)
{
    const __m256 bounded =
        _mm256_min_ps(_mm256_max_ps(value, _mm256_set1_ps(-127.0f)), _mm256_set1_ps(127.0f));
    const __m256 ordered = _mm256_cmp_ps(value, value, _CMP_ORD_Q);

    return _mm256_and_si256(_mm256_cvtps_epi32(bounded), _mm256_castps_si256(ordered));
}

/* As kvspan_narrow_magnitude(), with its cap, sign and NaN, in 32 bits. Shifts by 32 and more give
 * 0, as they should. */
static inline __m256i float_codes(__m256 value, const struct small_float *type)
{
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i lowest = _mm256_set1_epi32(128 - type->bias);
    const __m256i magnitude = magnitude_of(value);
    const __m256i exponent = _mm256_srli_epi32(magnitude, 23);
    const __m256i significand = _mm256_or_si256(
        _mm256_and_si256(magnitude, _mm256_set1_epi32(0x7fffff)), _mm256_set1_epi32(0x800000));
    const __m256i zero = _mm256_setzero_si256();
    const __m256i shift =
        _mm256_add_epi32(_mm256_max_epi32(_mm256_sub_epi32(lowest, exponent), zero),
                         _mm256_set1_epi32(23 - type->mantissa_bits));
    const __m256i half = _mm256_sllv_epi32(one, _mm256_sub_epi32(shift, one));
    const __m256i is_odd = _mm256_and_si256(_mm256_srlv_epi32(significand, shift), one);
    const __m256i rounded = _mm256_srlv_epi32(
        _mm256_add_epi32(_mm256_sub_epi32(_mm256_add_epi32(significand, half), one), is_odd),
        shift);
    const __m256i carried = _mm256_slli_epi32(
        _mm256_max_epi32(_mm256_sub_epi32(exponent, lowest), zero), type->mantissa_bits);
    const __m256i capped =
        _mm256_min_epi32(_mm256_add_epi32(rounded, carried), _mm256_set1_epi32(type->largest_code));
    const __m256i code =
        _mm256_blendv_epi8(capped, _mm256_set1_epi32(type->nan_code), is_nan(magnitude));
    const __m256i sign = _mm256_and_si256(_mm256_srli_epi32(_mm256_castps_si256(value), 24),
                                          _mm256_set1_epi32(0x80));

    return _mm256_or_si256(code, sign);
}

/* Writes 16 codes, of whose 32 bits the low 8 count. */
static inline void store_codes(unsigned char *codes, __m256i first, __m256i second)
{
    const __m256i byte = _mm256_set1_epi32(0xff);
    /* Lanes of 64 bits: first 0–3, second 0–3, first 4–7, second 4–7. */
    const __m256i words = _mm256_permute4x64_epi64(
        _mm256_packus_epi32(_mm256_and_si256(first, byte), _mm256_and_si256(second, byte)), 0xd8);

    _mm_storeu_si128(
        (__m128i *)(void *)codes,
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

static inline void encode(const float *floats, uint32_t dim, float scale, int has_scale,
                          const struct small_float *type, unsigned char *codes)
{
    const __m256 divisor = _mm256_set1_ps(scale);

    for (size_t i = 0; i < dim; i += BLOCK_FLOATS) {
        __m256i block[2];

        for (size_t half = 0; half < 2; half++) {
            __m256 value = _mm256_loadu_ps(floats + i + half * VECTOR_FLOATS);

            value = has_scale ? _mm256_div_ps(value, divisor) : value;
            block[half] = type ? float_codes(value, type) : int8_codes(value);
        }
        store_codes(codes + i, block[0], block[1]);
    }
}

/* A vector whose scale is 0: zeros, and NaN where there is one. */
static void keep_only_nan(float *floats, uint32_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        floats[i] = isnan(floats[i]) ? floats[i] : 0.0f;
    }
}

static const struct small_float e4m3 = {
    .mantissa_bits = 3, .bias = 7, .largest_code = 0x7e, .nan_code = 0x7f
};
static const struct small_float e5m2 = {
    .mantissa_bits = 2, .bias = 15, .largest_code = 0x7b, .nan_code = 0x7e
};

static float largest_of(kvspan_dtype dtype)
{
    return dtype == KVSPAN_I8 ? 127.0f : dtype == KVSPAN_F8E4M3 ? 448.0f : 57344.0f;
}

/* The scale of a vector; where it is 0, changes the vector and answers 1. */
static float choose_scale(kvspan_dtype dtype, uint32_t largest_bits, int has_nan, float *floats,
                          uint32_t dim, float *scale_out)
{
    float largest;

    memcpy(&largest, &largest_bits, sizeof(largest));
    largest = largest < FLT_MAX ? largest : FLT_MAX;
    *scale_out = has_nan && dtype == KVSPAN_I8 ? NAN : largest / largest_of(dtype);
    if (*scale_out == 0.0f) {
        keep_only_nan(floats, dim);
        return 1.0f;
    }
    return *scale_out;
}

void kvspan_quantise_avx2(kvspan_dtype source_dtype, const void *source, uint32_t dim,
                          kvspan_dtype code_dtype, unsigned char *codes, float *scale)
{
    _Alignas(32) float floats[MAX_DIM];
    uint32_t largest_bits = 0;
    float divisor = 1.0f;
    int has_nan = 0;

    assert(dim <= MAX_DIM && dim % BLOCK_FLOATS == 0);
    if (source_dtype == KVSPAN_BF16) {
        largest_bits = widen(KVSPAN_BF16, source, dim, floats, &has_nan);
    } else if (source_dtype == KVSPAN_F16) {
        largest_bits = widen(KVSPAN_F16, source, dim, floats, &has_nan);
    } else {
        largest_bits = widen(KVSPAN_F32, source, dim, floats, &has_nan);
    }
    if (scale) {
        divisor = choose_scale(code_dtype, largest_bits, has_nan, floats, dim, scale);
    }
    if (code_dtype == KVSPAN_I8) {
        encode(floats, dim, divisor, scale != NULL, NULL, codes);
    } else if (code_dtype == KVSPAN_F8E4M3) {
        encode(floats, dim, divisor, scale != NULL, &e4m3, codes);
    } else {
        encode(floats, dim, divisor, scale != NULL, &e5m2, codes);
    }
}
