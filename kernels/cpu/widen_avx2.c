#include <immintrin.h>

#include "kernels/cpu/widen_tile.h"

#define INLINED static inline __attribute__((always_inline))

enum {
    LINE_BYTES = 64,
    LINE_ELEMENTS = LINE_BYTES / 2 /* bf16 in a line */
};

/* The first 8 codes. An e5m2 is the upper half of an f16. */
INLINED __m256i float_bits(__m128i codes, const kvspan_dtype dtype)
{
    const __m256 floats = dtype == KVSPAN_I8
                              ? _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes))
                              : _mm256_cvtph_ps(_mm_unpacklo_epi8(_mm_setzero_si128(), codes));

    return _mm256_castps_si256(floats);
}

/* 16 codes whose floats end with 16 zeros. */
INLINED __m256i widen_by_floats(__m128i codes, const kvspan_dtype dtype)
{
    const __m256i first = _mm256_srli_epi32(float_bits(codes, dtype), 16);
    const __m256i last = _mm256_srli_epi32(float_bits(_mm_srli_si128(codes, 8), dtype), 16);

    /* Packing takes turns between the two, quarter by quarter. */
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(first, last), 0xd8);
}

/* 16 codes. An e4m3 has 3 bits of mantissa, as the upper ones of a bf16, and an exponent that
 * counts from 7 where that counts from 127; below 8 codes are multiples of 2^−9, above 0x7e NaN. */
INLINED __m256i widen_e4m3(__m128i codes)
{
    const __m256i least = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, (char)0x80, (char)0xc0, 0, 0x20, 0x40, 0x60, 0, 0x3b, 0x3b, 0x3b, 0x3c,
                      0x3c, 0x3c, 0x3c)); /* lower bytes, upper bytes */
    const __m256i words = _mm256_cvtepu8_epi16(codes);
    const __m256i magnitudes = _mm256_and_si256(words, _mm256_set1_epi16(0x7f));
    const __m256i signs = _mm256_slli_epi16(_mm256_xor_si256(words, magnitudes), 8);
    const __m256i places = _mm256_add_epi16(
        _mm256_or_si256(magnitudes, _mm256_slli_epi16(magnitudes, 8)), _mm256_set1_epi16(0x0800));
    const __m256i usual =
        _mm256_add_epi16(_mm256_slli_epi16(magnitudes, 4), _mm256_set1_epi16((127 - 7) << 7));
    const __m256i is_least = _mm256_cmpgt_epi16(_mm256_set1_epi16(8), magnitudes);
    const __m256i is_nan = _mm256_cmpeq_epi16(magnitudes, _mm256_set1_epi16(0x7f));
    const __m256i numbers = _mm256_blendv_epi8(usual, _mm256_shuffle_epi8(least, places), is_least);

    return _mm256_or_si256(_mm256_or_si256(numbers, signs),
                           _mm256_and_si256(is_nan, _mm256_set1_epi16(0x7fc0)));
}

INLINED void store_wide(__m128i codes, const kvspan_dtype dtype, uint16_t *target)
{
    const __m256i wide = dtype == KVSPAN_F8E4M3 ? widen_e4m3(codes) : widen_by_floats(codes, dtype);

    _mm256_store_si256((__m256i *)(void *)target, wide);
}

/* Half a line: the first pair of each unit of 4 bytes, and the second. */
INLINED void widen_half(const unsigned char *codes, const kvspan_dtype dtype, uint16_t *first_out,
                        uint16_t *second_out)
{
    const __m128i apart = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    const __m128i *const source = (const __m128i *)(const void *)codes;
    const __m128i left = _mm_shuffle_epi8(_mm_load_si128(source), apart);
    const __m128i right = _mm_shuffle_epi8(_mm_load_si128(source + 1), apart);

    store_wide(_mm_unpacklo_epi64(left, right), dtype, first_out);
    store_wide(_mm_unpackhi_epi64(left, right), dtype, second_out);
}

INLINED void widen(const unsigned char *tile, const unsigned char *next, uint32_t quads,
                   uint32_t lines, const kvspan_dtype dtype, uint16_t *bf16_out)
{
    uint16_t *target = bf16_out;

    for (uint32_t quad = 0; quad < quads; quad++) {
        for (uint32_t line = 0; line < lines; line++) {
            uint16_t *const second = target + (size_t)lines * LINE_ELEMENTS;

            widen_half(tile, dtype, target, second);
            widen_half(tile + LINE_BYTES / 2, dtype, target + LINE_ELEMENTS / 2,
                       second + LINE_ELEMENTS / 2);
            _mm_prefetch((const char *)next, _MM_HINT_T1);
            tile += LINE_BYTES;
            next += LINE_BYTES;
            target += LINE_ELEMENTS;
        }
        target += (size_t)lines * LINE_ELEMENTS;
    }
}

void kvspan_widen_tile_avx2(const kvspan_code_table *codes, const unsigned char *tile,
                            const unsigned char *next, uint32_t quads, uint32_t lines,
                            uint16_t *bf16_out)
{
    switch (codes->dtype) {
    case KVSPAN_I8: widen(tile, next, quads, lines, KVSPAN_I8, bf16_out); break;
    case KVSPAN_F8E5M2: widen(tile, next, quads, lines, KVSPAN_F8E5M2, bf16_out); break;
    default: widen(tile, next, quads, lines, KVSPAN_F8E4M3, bf16_out); break;
    }
}
