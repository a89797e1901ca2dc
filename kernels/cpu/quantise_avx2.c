#include "kernels/cpu/page_kernels.h"

#include <assert.h>
#include <immintrin.h>
#include <string.h>

#include "kernels/reference/quantise.h"

/* Types are constants once inlined: no loop asks for them. */
#define INLINED static inline __attribute__((always_inline))

enum {
    VECTOR_FLOATS = 8,
    BLOCK_FLOATS = 16, /* what a store of codes takes */
    INFINITY_BITS = 0x7f800000
};

/* An 8-bit float. */
struct small_float {
    int mantissa_bits;
    int bias;
    int largest_code;
    int nan_code;
};

static const struct small_float e4m3 = {
    .mantissa_bits = 3, .bias = 7, .largest_code = 0x7e, .nan_code = 0x7f
};
static const struct small_float e5m2 = {
    .mantissa_bits = 2, .bias = 15, .largest_code = 0x7b, .nan_code = 0x7e
};

static inline __m256i magnitude_of(__m256 value)
{
    return _mm256_and_si256(_mm256_castps_si256(value), _mm256_set1_epi32(0x7fffffff));
}

static inline __m256i is_nan(__m256i magnitude)
{
    return _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
}

INLINED __m256 load_floats(kvspan_dtype dtype, const unsigned char *source)
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

static inline __m256i load_words(const unsigned char *source)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)source);
}

static inline uint32_t largest_u32(__m256i values)
{
    uint32_t lanes[VECTOR_FLOATS];
    uint32_t largest = 0;

    _mm256_storeu_si256((__m256i *)(void *)lanes, values);
    for (size_t i = 0; i < VECTOR_FLOATS; i++) {
        largest = lanes[i] > largest ? lanes[i] : largest;
    }
    return largest;
}

/* The bits of the largest magnitude, as f32; infinity is above all numbers and NaN above it. */
static uint32_t largest_magnitude(kvspan_dtype dtype, const unsigned char *source, uint32_t dim)
{
    const __m256i low_half = _mm256_set1_epi32(0xffff);
    __m256i largest = _mm256_setzero_si256();
    uint32_t bits;

    if (dtype == KVSPAN_F32) {
        for (size_t i = 0; i < dim; i += VECTOR_FLOATS) {
            const __m256i magnitude =
                magnitude_of(_mm256_castsi256_ps(load_words(source + i * sizeof(float))));

            largest = _mm256_max_epu32(largest, magnitude);
        }
        return largest_u32(largest);
    }
    for (size_t i = 0; i < dim; i += BLOCK_FLOATS) {
        const __m256i magnitude =
            _mm256_and_si256(load_words(source + i * 2), _mm256_set1_epi16(0x7fff));

        largest = _mm256_max_epu16(largest, magnitude);
    }
    bits = largest_u32(
        _mm256_max_epu32(_mm256_and_si256(largest, low_half), _mm256_srli_epi32(largest, 16)));
    if (dtype == KVSPAN_BF16) {
        return bits << 16;
    }
    return (uint32_t)_mm_cvtsi128_si32(
        _mm_castps_si128(_mm_cvtph_ps(_mm_cvtsi32_si128((int)bits))));
}

/* As kvspan_narrow_magnitude(), with its cap, sign and NaN, in 32 bits. */
INLINED __m256i float_codes(__m256 value, const struct small_float *type)
{
    const int shift = 23 - type->mantissa_bits;
    const int lowest = 128 - type->bias; /* f32 exponent of the smallest normal number */
    /* Its last bit is worth what the last bit of a subnormal code is. */
    const __m256i magic = _mm256_set1_epi32((lowest + shift) << 23);
    const __m256i magnitude = magnitude_of(value);
    const __m256i is_odd =
        _mm256_and_si256(_mm256_srli_epi32(magnitude, shift), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_add_epi32(_mm256_add_epi32(magnitude, is_odd),
                         _mm256_set1_epi32((1 << (shift - 1)) - 1 - ((lowest - 1) << 23)));
    const __m256i normal = _mm256_srli_epi32(rounded, shift);
    const __m256i subnormal =
        _mm256_sub_epi32(_mm256_castps_si256(_mm256_add_ps(_mm256_castsi256_ps(magnitude),
                                                           _mm256_castsi256_ps(magic))),
                         magic);
    const __m256i is_subnormal = _mm256_cmpgt_epi32(_mm256_set1_epi32(lowest << 23), magnitude);
    const __m256i capped = _mm256_min_epi32(_mm256_blendv_epi8(normal, subnormal, is_subnormal),
                                            _mm256_set1_epi32(type->largest_code));
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

/* Writes 16 numbers as int8, which has no −128. */
static inline void store_int8(unsigned char *codes, __m256i first, __m256i second)
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    const __m128i bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));

    _mm_storeu_si128((__m128i *)(void *)codes, _mm_max_epi8(bytes, _mm_set1_epi8(-127)));
}

/* `divisor` 0: there is none. */
INLINED __m256 divide(__m256 value, float divisor)
{
    return divisor == 0.0f ? value : _mm256_div_ps(value, _mm256_set1_ps(divisor));
}

INLINED void encode_floats(kvspan_dtype dtype, const unsigned char *source, uint32_t dim,
                           float divisor, const struct small_float *type, unsigned char *codes)
{
    const size_t item = kvspan_dtype_bytes(dtype);

    for (size_t i = 0; i < dim; i += BLOCK_FLOATS) {
        const __m256 first = load_floats(dtype, source + i * item);
        const __m256 second = load_floats(dtype, source + (i + VECTOR_FLOATS) * item);

        store_codes(codes + i, float_codes(divide(first, divisor), type),
                    float_codes(divide(second, divisor), type));
    }
}

/* No number is special, so none is out of bounds by more than a rounding. */
INLINED void encode_int8(kvspan_dtype dtype, const unsigned char *source, uint32_t dim,
                         float divisor, unsigned char *codes)
{
    const size_t item = kvspan_dtype_bytes(dtype);

    for (size_t i = 0; i < dim; i += BLOCK_FLOATS) {
        const __m256 first = load_floats(dtype, source + i * item);
        const __m256 second = load_floats(dtype, source + (i + VECTOR_FLOATS) * item);

        store_int8(codes + i, _mm256_cvtps_epi32(divide(first, divisor)),
                   _mm256_cvtps_epi32(divide(second, divisor)));
    }
}

INLINED void encode(kvspan_dtype source_dtype, const unsigned char *source, uint32_t dim,
                    kvspan_dtype code_dtype, float divisor, unsigned char *codes)
{
    if (code_dtype == KVSPAN_I8) {
        encode_int8(source_dtype, source, dim, divisor, codes);
    } else if (code_dtype == KVSPAN_F8E4M3) {
        encode_floats(source_dtype, source, dim, divisor, &e4m3, codes);
    } else {
        encode_floats(source_dtype, source, dim, divisor, &e5m2, codes);
    }
}

static float largest_of(kvspan_dtype dtype)
{
    return dtype == KVSPAN_I8 ? 127.0f : dtype == KVSPAN_F8E4M3 ? 448.0f : 57344.0f;
}

/* A vector with infinities or NaN. */
static void quantise_special(kvspan_dtype source_dtype, const void *source, uint32_t dim,
                             kvspan_dtype code_dtype, unsigned char *codes, float *scale)
{
    const kvspan_plane_place target = { .elements = codes, .scale = (unsigned char *)scale };
    float floats[KVSPAN_MAX_DIM];

    kvspan_row_load(source_dtype, source, dim, floats);
    kvspan_quantise(code_dtype, floats, dim, &target);
}

void kvspan_quantise_avx2(kvspan_dtype source_dtype, const void *source, uint32_t dim,
                          kvspan_dtype code_dtype, unsigned char *codes, float *scale)
{
    uint32_t largest_bits;
    float divisor = 0.0f;

    assert(dim % BLOCK_FLOATS == 0);
    if (scale) {
        largest_bits = largest_magnitude(source_dtype, source, dim);
        if (largest_bits >= INFINITY_BITS) {
            quantise_special(source_dtype, source, dim, code_dtype, codes, scale);
            return;
        }
        memcpy(&divisor, &largest_bits, sizeof(divisor));
        divisor /= largest_of(code_dtype);
        *scale = divisor;
        if (divisor == 0.0f) {
            memset(codes, 0, dim);
            return;
        }
    }
    if (source_dtype == KVSPAN_BF16) {
        encode(KVSPAN_BF16, source, dim, code_dtype, divisor, codes);
    } else if (source_dtype == KVSPAN_F16) {
        encode(KVSPAN_F16, source, dim, code_dtype, divisor, codes);
    } else {
        encode(KVSPAN_F32, source, dim, code_dtype, divisor, codes);
    }
}
