#include "kernels/cpu/digit_passes.h"

#include "kernels/cpu/digit_body.h"
#include "kernels/cpu/matrix_amx.h"

/* The digits of weights are two rows of a matrix, the high ones and the low ones, those of a query
 * three, its rests as well: so are their sums, which become one number when they are whole. */

enum {
    QUERY_DIGITS = 3,
    WEIGHT_DIGITS = 2,
    VALUE_UNIT_TILES = 4 /* the most */
};

/* ---- queries -------------------------------------------------------------------------------- */

/* [row][high, low, rest][dim] */
static int8_t *query_numbers(kvspan_tile_workspace *work, uint32_t row, uint32_t dim)
{
    return (int8_t *)work->queries + (size_t)row * QUERY_DIGITS * dim;
}

INLINED void store_digits(__m512i digits, void *target)
{
    _mm_storeu_si128((__m128i *)target, _mm512_cvtepi32_epi8(digits));
}

static void pack_query(kvspan_tile_workspace *work, uint32_t row, const float *query, uint32_t dim)
{
    kvspan_query_digits *const packed = &work->query_digits[row];
    int8_t *const numbers = query_numbers(work, row, dim);
    const float unit = choose_unit(query, dim);
    const __m512 factor = _mm512_set1_ps(isnan(unit) ? 0.0f : DIGIT_BASE / unit);

    packed->unit = unit;
    for (uint32_t i = 0; i < dim; i += LANES) {
        __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(query + i), factor));
        const __m512i rest = take_digits(&high);
        const __m512i low = take_digits(&high);

        store_digits(high, numbers + i);
        store_digits(low, numbers + dim + i);
        store_digits(rest, numbers + (size_t)2 * dim + i);
    }
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* A row's scores of a tile from the sums of its digits, which lie `stride` apart. */
INLINED void finish_tile(const int32_t *sums, size_t stride, float unit, float *scores)
{
    const __m512i high = _mm512_slli_epi32(_mm512_load_si512(sums), 8);
    const __m512i sum = _mm512_add_epi32(high, _mm512_load_si512(sums + stride));
    const __m512i rest = _mm512_load_si512(sums + 2 * stride);
    const __m512 score = _mm512_fmadd_ps(
        _mm512_cvtepi32_ps(rest), _mm512_set1_ps(1.0f / DIGIT_BASE), _mm512_cvtepi32_ps(sum));

    _mm512_store_ps(scores, _mm512_mul_ps(score, _mm512_set1_ps(unit)));
}

static void score(const kvspan_tile_block *block, uint32_t first_row, uint32_t row_count,
                  const kvspan_digit_tiles *keys)
{
    _Alignas(64) int32_t sums[KVSPAN_BLOCK_ROWS][QUERY_DIGITS][MATRIX_TILES * LANES];
    kvspan_tile_workspace *const work = block->work;
    const uint32_t quads = block->key_dim / QUAD;
    const matrix_keys product = { .rows = (const unsigned char *)query_numbers(work, first_row,
                                                                               block->key_dim),
                                  .row_bytes = block->key_dim,
                                  .row_count = row_count * QUERY_DIGITS,
                                  .tiles = keys->tiles,
                                  .tile_lines = quads,
                                  .unit_lines = matrix_unit_lines(quads),
                                  .fetch = &work->fetch,
                                  .sums = (unsigned char *)sums,
                                  .sum_bytes = sizeof(sums[0][0]) };

    matrix_multiply_keys(work, &product, keys->count, MATRIX_SIGNED);
    for (uint32_t row = 0; row < row_count; row++) {
        float *const scores = work->scores + (size_t)(first_row + row) * KVSPAN_CHUNK_TOKENS +
                              (size_t)keys->first * KVSPAN_TILE_TOKENS;

        for (uint32_t i = 0; i < keys->count; i++) {
            finish_tile(sums[row][0] + (size_t)i * LANES, (size_t)MATRIX_TILES * LANES,
                        work->query_digits[first_row + row].unit, scores + (size_t)i * LANES);
        }
    }
}

/* ---- weights -------------------------------------------------------------------------------- */

/* [row][high, low][KVSPAN_CHUNK_TOKENS] */
static uint8_t *weight_numbers_of(kvspan_tile_workspace *work, uint32_t row)
{
    return work->weight_digits + (size_t)row * WEIGHT_DIGITS * KVSPAN_CHUNK_TOKENS;
}

static void split_weights(kvspan_tile_workspace *work, uint32_t row, uint32_t tokens, float highest)
{
    const float *const weights = work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    uint8_t *const digits = weight_numbers_of(work, row);
    const weight_scale scale = choose_weight_scale(highest);

    for (uint32_t token = 0; token < tokens; token += LANES) {
        const __m512i number = weight_numbers(&scale, weights + token);

        store_digits(_mm512_srli_epi32(number, 8), digits + token);
        store_digits(number, digits + KVSPAN_CHUNK_TOKENS + token);
    }
    work->units[row] = highest;
}

/* ---- values --------------------------------------------------------------------------------- */

/* Tiles whose tokens are multiplied in one step: sums are exact, so any will do. */
static uint32_t value_unit_tiles(const kvspan_tile_block *block)
{
    uint32_t tiles = VALUE_UNIT_TILES;

    while (block->page_tiles % tiles != 0) {
        tiles /= 2;
    }
    return tiles;
}

/* A part of a step's tiles, the others zero: their weights, whatever those are, count for nothing.
 */
static const unsigned char *fill_unit(const kvspan_tile_block *block, const unsigned char *tiles,
                                      uint32_t count, unsigned char *unit)
{
    const size_t tile_bytes = (size_t)KVSPAN_TILE_TOKENS * block->value_dim;

    memcpy(unit, tiles, count * tile_bytes);
    memset(unit + count * tile_bytes, 0, (value_unit_tiles(block) - count) * tile_bytes);
    return unit;
}

static void fold(const kvspan_tile_block *block, uint32_t first_row, uint32_t row_count,
                 const kvspan_digit_tiles *tiles)
{
    kvspan_tile_workspace *const work = block->work;
    const uint32_t most = value_unit_tiles(block);
    matrix_values values = { .rows = weight_numbers_of(work, first_row),
                             .row_bytes = KVSPAN_CHUNK_TOKENS,
                             .row_count = row_count * WEIGHT_DIGITS,
                             .unit_lines = most * KVSPAN_TILE_TOKENS / QUAD,
                             .line_count = block->value_dim / LANES,
                             .fetch = &work->fetch,
                             .sums = (unsigned char *)(work->chunk_sums + (size_t)first_row *
                                                                              WEIGHT_DIGITS *
                                                                              block->value_dim),
                             .sum_bytes = block->value_dim * sizeof(int32_t),
                             .is_first = tiles->first == 0 };
    uint32_t count;

    for (uint32_t i = 0; i < tiles->count; i += count) {
        const uint32_t wanted = most - (tiles->in_page + i) % most;
        const unsigned char *unit = tiles->tiles[i];

        count = wanted < tiles->count - i ? wanted : tiles->count - i;
        if (count < most) {
            /* The first step of a chunk may be one of these, and the last. */
            unit = fill_unit(block, unit, count, work->unit_copies[values.unit_count > 0]);
        }
        values.units[values.unit_count] = unit;
        values.offsets[values.unit_count++] = (tiles->first + i) * KVSPAN_TILE_TOKENS;
    }
    matrix_multiply_values(work, &values, MATRIX_UNSIGNED);
}

static void add_sums(const kvspan_tile_block *block, uint32_t row)
{
    kvspan_tile_workspace *const work = block->work;
    const uint32_t dim = block->value_dim;
    const int32_t *const highs = work->chunk_sums + (size_t)row * WEIGHT_DIGITS * dim;
    const int32_t *const lows = highs + dim;
    float *const outputs = work->outputs + (size_t)row * dim;
    const __m512 unit = _mm512_set1_ps(work->units[row]);

    for (uint32_t i = 0; i < dim; i += LANES) {
        const __m512i high = _mm512_slli_epi32(_mm512_load_si512(highs + i), 8);

        add_weighted(_mm512_add_epi32(high, _mm512_load_si512(lows + i)), unit, outputs + i);
    }
}

const kvspan_digit_passes kvspan_digit_passes_amx = {
    .pack_query = pack_query,
    .score = score,
    .split_weights = split_weights,
    .fold = fold,
    .add_sums = add_sums,
};
