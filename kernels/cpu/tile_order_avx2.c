#include "kernels/cpu/page_kernels.h"

#include <immintrin.h>

/* A quarter is 16 bytes: four units of 4 bytes. A line of a key tile holds one unit of each of 16
 * tokens, four tokens in each quarter. */
enum {
    LINE_BYTES = 64,
    QUARTER_BYTES = 16,
    QUARTER_TOKENS = 4,
    VECTOR_TOKENS = 8, /* of two quarters, which lie in the two halves of a vector */
    VECTOR_BYTES = 32
};

static inline __m128i load_quarter(const unsigned char *source)
{
    return _mm_loadu_si128((const __m128i *)(const void *)source);
}

static inline void store_quarter(unsigned char *target, __m128i value)
{
    _mm_storeu_si128((__m128i *)(void *)target, value);
}

static inline __m256i load_vector(const unsigned char *source)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)source);
}

static inline void store_vector(unsigned char *target, __m256i value)
{
    _mm256_storeu_si256((__m256i *)(void *)target, value);
}

/* Transposes the 4 × 4 units of each half; its own inverse. */
static inline void transpose_units(__m256i units[4])
{
    const __m256i low_01 = _mm256_unpacklo_epi32(units[0], units[1]);
    const __m256i high_01 = _mm256_unpackhi_epi32(units[0], units[1]);
    const __m256i low_23 = _mm256_unpacklo_epi32(units[2], units[3]);
    const __m256i high_23 = _mm256_unpackhi_epi32(units[2], units[3]);

    units[0] = _mm256_unpacklo_epi64(low_01, low_23);
    units[1] = _mm256_unpackhi_epi64(low_01, low_23);
    units[2] = _mm256_unpacklo_epi64(high_01, high_23);
    units[3] = _mm256_unpackhi_epi64(high_01, high_23);
}

/* Past the caches, for what is too much for them. */
static inline void stream_vector(unsigned char *target, __m256i value)
{
    _mm256_stream_si256((__m256i *)(void *)target, value);
}

/* Four lines of a key tile: the quarter at `offset` of every row. Lines are written one after the
 * other, so that streams fill them whole. */
static inline void pack_key_lines(const unsigned char *const *rows, size_t offset, int streams,
                                  unsigned char *lines)
{
    __m256i units[2][4];

    for (size_t half = 0; half < 2; half++) {
        const unsigned char *const *const tokens = rows + half * VECTOR_TOKENS;

        for (size_t i = 0; i < 4; i++) {
            units[half][i] =
                _mm256_inserti128_si256(_mm256_castsi128_si256(load_quarter(tokens[i] + offset)),
                                        load_quarter(tokens[i + QUARTER_TOKENS] + offset), 1);
        }
        transpose_units(units[half]);
    }
    for (size_t i = 0; i < 4; i++) {
        for (size_t half = 0; half < 2; half++) {
            unsigned char *const target = lines + i * LINE_BYTES + half * VECTOR_BYTES;

            if (streams) {
                stream_vector(target, units[half][i]);
            } else {
                store_vector(target, units[half][i]);
            }
        }
    }
}

static inline void unpack_key_lines(const unsigned char *lines, size_t offset,
                                    unsigned char *const *rows)
{
    for (size_t half = 0; half < 2; half++) {
        unsigned char *const *const tokens = rows + half * VECTOR_TOKENS;
        __m256i units[4];

        for (size_t i = 0; i < 4; i++) {
            units[i] = load_vector(lines + i * LINE_BYTES + half * VECTOR_BYTES);
        }
        transpose_units(units);
        for (size_t i = 0; i < 4; i++) {
            store_quarter(tokens[i] + offset, _mm256_castsi256_si128(units[i]));
            store_quarter(tokens[i + QUARTER_TOKENS] + offset,
                          _mm256_extracti128_si256(units[i], 1));
        }
    }
}

static inline void pack_keys(const unsigned char *const *rows, size_t row_bytes, int streams,
                             unsigned char *tile)
{
    for (size_t offset = 0; offset < row_bytes; offset += QUARTER_BYTES) {
        pack_key_lines(rows, offset, streams, tile + offset * KVSPAN_TILE_TOKENS);
    }
}

static void unpack_keys(const unsigned char *tile, size_t row_bytes, unsigned char *const *rows)
{
    for (size_t offset = 0; offset < row_bytes; offset += QUARTER_BYTES) {
        unpack_key_lines(tile + offset * KVSPAN_TILE_TOKENS, offset, rows);
    }
}

/* Puts the second and third quarters of 64 bits in each other's place. */
static inline __m256i swap_middle(__m256i value)
{
    return _mm256_permute4x64_epi64(value, 0xd8);
}

/* 16 bf16 of two tokens each, side by side. */
static inline void pack_value_line(const unsigned char *first, const unsigned char *second,
                                   int streams, unsigned char *line)
{
    const __m256i a = swap_middle(load_vector(first));
    const __m256i b = swap_middle(load_vector(second));

    if (streams) {
        stream_vector(line, _mm256_unpacklo_epi16(a, b));
        stream_vector(line + VECTOR_BYTES, _mm256_unpackhi_epi16(a, b));
    } else {
        store_vector(line, _mm256_unpacklo_epi16(a, b));
        store_vector(line + VECTOR_BYTES, _mm256_unpackhi_epi16(a, b));
    }
}

static inline void unpack_value_line(const unsigned char *line, unsigned char *first,
                                     unsigned char *second)
{
    /* In each half: the first token's four, then the second's. */
    const __m256i split = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15, 0,
                                           1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    const __m256i low = _mm256_shuffle_epi8(load_vector(line), split);
    const __m256i high = _mm256_shuffle_epi8(load_vector(line + VECTOR_BYTES), split);

    store_vector(first, swap_middle(_mm256_unpacklo_epi64(low, high)));
    store_vector(second, swap_middle(_mm256_unpackhi_epi64(low, high)));
}

/* 16 codes of four tokens. */
static inline void pack_value_quad(const unsigned char *const *rows, size_t offset, int streams,
                                   unsigned char *line)
{
    const __m128i t0 = load_quarter(rows[0] + offset);
    const __m128i t1 = load_quarter(rows[1] + offset);
    const __m128i t2 = load_quarter(rows[2] + offset);
    const __m128i t3 = load_quarter(rows[3] + offset);
    const __m128i low_01 = _mm_unpacklo_epi8(t0, t1);
    const __m128i high_01 = _mm_unpackhi_epi8(t0, t1);
    const __m128i low_23 = _mm_unpacklo_epi8(t2, t3);
    const __m128i high_23 = _mm_unpackhi_epi8(t2, t3);
    const __m256i low =
        _mm256_set_m128i(_mm_unpackhi_epi16(low_01, low_23), _mm_unpacklo_epi16(low_01, low_23));
    const __m256i high = _mm256_set_m128i(_mm_unpackhi_epi16(high_01, high_23),
                                          _mm_unpacklo_epi16(high_01, high_23));

    if (streams) {
        stream_vector(line, low);
        stream_vector(line + VECTOR_BYTES, high);
    } else {
        store_vector(line, low);
        store_vector(line + VECTOR_BYTES, high);
    }
}

/* Four units as [token][unit]. */
static inline __m128i load_by_token(const unsigned char *units)
{
    const __m128i by_token = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

    return _mm_shuffle_epi8(load_quarter(units), by_token);
}

static inline void unpack_value_quad(const unsigned char *line, size_t offset,
                                     unsigned char *const *rows)
{
    const __m128i q0 = load_by_token(line);
    const __m128i q1 = load_by_token(line + QUARTER_BYTES);
    const __m128i q2 = load_by_token(line + VECTOR_BYTES);
    const __m128i q3 = load_by_token(line + VECTOR_BYTES + QUARTER_BYTES);
    const __m128i low_01 = _mm_unpacklo_epi32(q0, q1);
    const __m128i low_23 = _mm_unpacklo_epi32(q2, q3);
    const __m128i high_01 = _mm_unpackhi_epi32(q0, q1);
    const __m128i high_23 = _mm_unpackhi_epi32(q2, q3);

    store_quarter(rows[0] + offset, _mm_unpacklo_epi64(low_01, low_23));
    store_quarter(rows[1] + offset, _mm_unpackhi_epi64(low_01, low_23));
    store_quarter(rows[2] + offset, _mm_unpacklo_epi64(high_01, high_23));
    store_quarter(rows[3] + offset, _mm_unpackhi_epi64(high_01, high_23));
}

static inline void pack_values(const unsigned char *const *rows, uint32_t dim,
                               uint32_t element_bytes, int streams, unsigned char *tile)
{
    const size_t row_bytes = (size_t)dim * element_bytes;
    const size_t line_tokens = element_bytes == 2 ? 2 : 4;

    for (size_t token = 0; token < KVSPAN_TILE_TOKENS; token += line_tokens) {
        for (size_t offset = 0; offset < row_bytes; offset += LINE_BYTES / line_tokens) {
            if (element_bytes == 2) {
                pack_value_line(rows[token] + offset, rows[token + 1] + offset, streams, tile);
            } else {
                pack_value_quad(rows + token, offset, streams, tile);
            }
            tile += LINE_BYTES;
        }
    }
}

static void unpack_values(const unsigned char *tile, uint32_t dim, uint32_t element_bytes,
                          unsigned char *const *rows)
{
    const size_t row_bytes = (size_t)dim * element_bytes;
    const size_t line_tokens = element_bytes == 2 ? 2 : 4;

    for (size_t token = 0; token < KVSPAN_TILE_TOKENS; token += line_tokens) {
        for (size_t offset = 0; offset < row_bytes; offset += LINE_BYTES / line_tokens) {
            if (element_bytes == 2) {
                unpack_value_line(tile, rows[token] + offset, rows[token + 1] + offset);
            } else {
                unpack_value_quad(tile, offset, rows + token);
            }
            tile += LINE_BYTES;
        }
    }
}

void kvspan_pack_tile_avx2(const kvspan_tile_shape *shape, const unsigned char *const *rows,
                           int streams, unsigned char *tile)
{
    const size_t row_bytes = (size_t)shape->dim * shape->element_bytes;

    /* Constants, so that no loop asks again. */
    if (shape->order == KVSPAN_ORDER_KEY_TILES && streams) {
        pack_keys(rows, row_bytes, 1, tile);
    } else if (shape->order == KVSPAN_ORDER_KEY_TILES) {
        pack_keys(rows, row_bytes, 0, tile);
    } else if (shape->element_bytes == 2 && streams) {
        pack_values(rows, shape->dim, 2, 1, tile);
    } else if (shape->element_bytes == 2) {
        pack_values(rows, shape->dim, 2, 0, tile);
    } else {
        pack_values(rows, shape->dim, 1, streams, tile);
    }
}

void kvspan_unpack_tile_avx2(const kvspan_tile_shape *shape, const unsigned char *tile,
                             unsigned char *const *rows)
{
    if (shape->order == KVSPAN_ORDER_VALUE_TILES) {
        unpack_values(tile, shape->dim, shape->element_bytes, rows);
    } else {
        unpack_keys(tile, (size_t)shape->dim * shape->element_bytes, rows);
    }
}
