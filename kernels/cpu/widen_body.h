/** @file
 * Widening of 8-bit tiles by AVX-512 VBMI, which looks codes up in registers.
 *
 * A part of the file of one instruction set, which has chosen FETCH_HINT before.
 */
#ifndef KVSPAN_KERNELS_CPU_WIDEN_BODY_H
#define KVSPAN_KERNELS_CPU_WIDEN_BODY_H

#include <immintrin.h>

#include "kernels/cpu/widen_tile.h"

/* 128 bytes to look up in. */
typedef struct byte_table {
    __m512i lower;
    __m512i upper;
} byte_table;

static inline byte_table byte_table_load(const uint8_t *bytes)
{
    return (byte_table){ .lower = _mm512_load_si512(bytes),
                         .upper = _mm512_load_si512(bytes + 64) };
}

/* By the lower 7 bits of each code. */
static inline __m512i look_up(byte_table table, __m512i codes)
{
    return _mm512_permutex2var_epi8(table.lower, codes, table.upper);
}

/* Takes the first pairs and the second pairs of units apart: two units follow each other in each
 * quarter of `even`, the next two in that of `odd`. */
static inline void store_pairs(__m512i even, __m512i odd, uint16_t *first_out, uint16_t *second_out)
{
    const __m512 a = _mm512_castsi512_ps(even);
    const __m512 b = _mm512_castsi512_ps(odd);

    _mm512_store_ps(first_out, _mm512_shuffle_ps(a, b, 0x88));
    _mm512_store_ps(second_out, _mm512_shuffle_ps(a, b, 0xdd));
}

/* As kvspan_widen_tile_avx2(). */
static void widen_tile(const kvspan_code_table *codes, const unsigned char *tile,
                       const unsigned char *next, uint32_t quads, uint32_t lines,
                       uint16_t *bf16_out)
{
    const __m512i sign_bits = _mm512_set1_epi8((char)0x80);
    const __mmask64 is_complement = codes->dtype == KVSPAN_I8 ? UINT64_MAX : 0;
    const byte_table low_bytes = byte_table_load(codes->low);
    const byte_table high_bytes = byte_table_load(codes->high);
    uint16_t *target = bf16_out;

    for (uint32_t quad = 0; quad < quads; quad++) {
        for (uint32_t line = 0; line < lines; line++) {
            const __m512i bytes = _mm512_load_si512(tile);
            const __m512i magnitudes = _mm512_mask_abs_epi8(bytes, is_complement, bytes);
            const __m512i low = look_up(low_bytes, magnitudes);
            /* high | (bytes & sign_bits) */
            const __m512i high =
                _mm512_ternarylogic_epi64(look_up(high_bytes, magnitudes), bytes, sign_bits, 0xf8);

            store_pairs(_mm512_unpacklo_epi8(low, high), _mm512_unpackhi_epi8(low, high), target,
                        target + (size_t)lines * 32);
            _mm_prefetch((const char *)next, FETCH_HINT);
            tile += 64;
            next += 64;
            target += 32;
        }
        target += (size_t)lines * 32;
    }
}

#endif
