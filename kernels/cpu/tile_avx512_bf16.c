#include "kernels/cpu/tile_kernels.h"
#include "kernels/cpu/vector_avx512.h"

#include "kernels/cpu/pairs_bf16.h"
#include "kernels/cpu/widen_tile.h"

/* Of 32 registers: 24 sums, 2 vectors of keys and 1 pair; 24 sums, 4 vectors of values, 1 pair. */
enum {
    SCORE_ROWS = 12,
    SCORE_TILES = 2,
    VALUE_ROWS = 6,
    VALUE_LINES = 4
};

#define FETCH_HINT _MM_HINT_T1

/* 256 entries of a byte in four registers. */
typedef struct byte_table {
    __m512i quarters[4];
} byte_table;

static inline byte_table byte_table_load(const uint8_t *bytes)
{
    byte_table table;

    for (int i = 0; i < 4; i++) {
        table.quarters[i] = _mm512_load_si512(bytes + (size_t)i * 64);
    }
    return table;
}

static inline __m512i look_up(const byte_table *table, __m512i codes, __mmask64 is_upper)
{
    const __m512i lower = _mm512_permutex2var_epi8(table->quarters[0], codes, table->quarters[1]);
    const __m512i upper = _mm512_permutex2var_epi8(table->quarters[2], codes, table->quarters[3]);

    return _mm512_mask_blend_epi8(is_upper, lower, upper);
}

/* As kvspan_widen_tile(). */
static void widen_tile(const kvspan_code_table *codes, const unsigned char *tile,
                       const unsigned char *next, uint32_t quads, uint32_t lines,
                       uint16_t *bf16_out)
{
    const byte_table low = byte_table_load(codes->low);
    const byte_table high = byte_table_load(codes->high);

    for (uint32_t quad = 0; quad < quads; quad++) {
        for (uint32_t line = 0; line < lines; line++) {
            const __m512i bytes = _mm512_load_si512(tile);
            const __mmask64 is_upper = _mm512_movepi8_mask(bytes);
            const __m512i low_bytes = look_up(&low, bytes, is_upper);
            const __m512i high_bytes = look_up(&high, bytes, is_upper);
            uint16_t *const target = bf16_out + ((size_t)quad * 2 * lines + line) * 32;

            _mm512_store_si512(target, _mm512_unpacklo_epi8(low_bytes, high_bytes));
            _mm512_store_si512(target + (size_t)lines * 32,
                               _mm512_unpackhi_epi8(low_bytes, high_bytes));
            _mm_prefetch((const char *)next, FETCH_HINT);
            tile += 64;
            next += 64;
        }
    }
}

#define WIDEN_TILE widen_tile
#define TILE_KERNELS kvspan_tile_kernels_avx512_bf16
#define TILE_KERNELS_NAME "avx512_bf16"

#include "kernels/cpu/tile_body.h"
