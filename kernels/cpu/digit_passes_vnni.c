#include "kernels/cpu/digit_passes.h"

#include <string.h>

#include "kernels/cpu/digit_body.h"

/* Of 32 registers 16 are sums; with more the compiler keeps some in memory. */
enum {
    SCORE_ROWS = 4,
    SCORE_TILES = 2,
    VALUE_ROWS = 2,
    VALUE_LINES = 4,
    WIDE_ROWS = 1,
    WIDE_LINES = 8
};

enum {
    TILE_QUADS = KVSPAN_TILE_TOKENS / QUAD
};

INLINED __m512i quad_of(const void *digits)
{
    int32_t quad;

    memcpy(&quad, digits, sizeof(quad));
    return _mm512_set1_epi32(quad);
}

/* Keeps the compiler from loading a vector once for each of its uses: loads are the scarcer. */
INLINED __m512i held(__m512i vector)
{
    __asm__("" : "+v"(vector));
    return vector;
}

/* ---- queries -------------------------------------------------------------------------------- */

/* Writes digits of 16 numbers, [four][high, low][4]. */
INLINED void store_digits(__m512i high, __m512i low, void *target)
{
    const __m128i highs = _mm512_cvtepi32_epi8(high);
    const __m128i lows = _mm512_cvtepi32_epi8(low);

    _mm_storeu_si128((__m128i *)target, _mm_unpacklo_epi32(highs, lows));
    _mm_storeu_si128((__m128i *)target + 1, _mm_unpackhi_epi32(highs, lows));
}

/* Keeps those of four quads, from the number-th on, that are not 0. */
static void keep_rests(kvspan_query_digits *query, uint32_t quad, __m512i rests)
{
    int8_t bytes[LANES];

    _mm_storeu_si128((__m128i *)(void *)bytes, _mm512_cvtepi32_epi8(rests));
    for (uint32_t i = 0; i < LANES / QUAD; i++) {
        static const int8_t none[QUAD] = { 0 };

        if (memcmp(bytes + (size_t)i * QUAD, none, QUAD) != 0) {
            memcpy(query->rests + (size_t)query->rest_count * QUAD, bytes + (size_t)i * QUAD, QUAD);
            query->rest_quads[query->rest_count++] = (uint8_t)(quad + i);
        }
    }
}

static void pack_query(kvspan_tile_workspace *work, uint32_t row, const float *query, uint32_t dim)
{
    kvspan_query_digits *const packed = &work->query_digits[row];
    const float unit = choose_unit(query, dim);
    const __m512 factor = _mm512_set1_ps(isnan(unit) ? 0.0f : DIGIT_BASE / unit);
    __m512i high_sum = _mm512_setzero_si512();
    __m512i low_sum = high_sum;
    __m512i rest_sum = high_sum;

    packed->unit = unit;
    packed->rest_count = 0;
    for (uint32_t i = 0; i < dim; i += LANES) {
        __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(query + i), factor));
        const __m512i rest = take_digits(&high);
        const __m512i low = take_digits(&high);

        store_digits(high, low, packed->numbers + (size_t)i * 2);
        keep_rests(packed, i / QUAD, rest);
        high_sum = _mm512_add_epi32(high_sum, high);
        low_sum = _mm512_add_epi32(low_sum, low);
        rest_sum = _mm512_add_epi32(rest_sum, rest);
    }
    packed->high_start = -CODE_BIAS * _mm512_reduce_add_epi32(high_sum);
    packed->low_start = -CODE_BIAS * _mm512_reduce_add_epi32(low_sum);
    packed->rest_start = -CODE_BIAS * _mm512_reduce_add_epi32(rest_sum);
}

/* ---- keys ----------------------------------------------------------------------------------- */

struct score_pass {
    const kvspan_query_digits *queries;
    uint32_t dim;
    const unsigned char *const *tiles;
    const unsigned char *next[SCORE_TILES]; /* fetched, a line of each in turn, … */
    size_t next_step;                       /* … so many bytes apart */
    const unsigned char *const *soon;
    float *scores; /* [row][KVSPAN_CHUNK_TOKENS], at the first tile's first token */
};

INLINED __m512i load_unsigned(const unsigned char *codes)
{
    return _mm512_xor_si512(_mm512_load_si512(codes), _mm512_set1_epi8((char)CODE_BIAS));
}

INLINED __m512 add_rests(const kvspan_query_digits *query, const unsigned char *tile, __m512i sum)
{
    __m512i rests = _mm512_set1_epi32(query->rest_start);

    for (uint32_t i = 0; i < query->rest_count; i++) {
        rests = _mm512_dpbusd_epi32(rests,
                                    load_unsigned(tile + (size_t)query->rest_quads[i] * LINE_BYTES),
                                    quad_of(query->rests + (size_t)i * QUAD));
    }
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(rests), _mm512_set1_ps(1.0f / DIGIT_BASE),
                           _mm512_cvtepi32_ps(sum));
}

INLINED void score_tiles(const struct score_pass *pass, const int rows, const int tiles)
{
    const kvspan_query_digits *const queries = pass->queries;
    __m512i high[SCORE_ROWS][SCORE_TILES];
    __m512i low[SCORE_ROWS][SCORE_TILES];

#pragma GCC unroll 8
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 2
        for (int i = 0; i < tiles; i++) {
            high[row][i] = _mm512_set1_epi32(queries[row].high_start);
            low[row][i] = _mm512_set1_epi32(queries[row].low_start);
        }
    }
    for (size_t quad = 0; quad < pass->dim / QUAD; quad++) {
        __m512i keys[SCORE_TILES];

#pragma GCC unroll 2
        for (int i = 0; i < tiles; i++) {
            keys[i] = load_unsigned(pass->tiles[i] + quad * LINE_BYTES);
        }
#pragma GCC unroll 2
        for (int i = 0; i < tiles; i++) {
            _mm_prefetch((const char *)pass->next[i] + quad * pass->next_step, _MM_HINT_T1);
            _mm_prefetch((const char *)pass->soon[i] + quad * LINE_BYTES, _MM_HINT_T0);
        }
#pragma GCC unroll 8
        for (int row = 0; row < rows; row++) {
            const int8_t *const digits = queries[row].numbers + quad * 2 * QUAD;
            const __m512i high_digits = quad_of(digits);
            const __m512i low_digits = quad_of(digits + QUAD);

#pragma GCC unroll 2
            for (int i = 0; i < tiles; i++) {
                high[row][i] = _mm512_dpbusd_epi32(high[row][i], keys[i], high_digits);
                low[row][i] = _mm512_dpbusd_epi32(low[row][i], keys[i], low_digits);
            }
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 2
        for (int i = 0; i < tiles; i++) {
            const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high[row][i], 8), low[row][i]);
            const __m512 score = add_rests(&queries[row], pass->tiles[i], sum);

            _mm512_store_ps(pass->scores + (size_t)row * KVSPAN_CHUNK_TOKENS +
                                (size_t)i * KVSPAN_TILE_TOKENS,
                            _mm512_mul_ps(score, _mm512_set1_ps(queries[row].unit)));
        }
    }
}

static void score_rows(const struct score_pass *pass, uint32_t rows, uint32_t tiles)
{
#define SCORE_CASE(n)                          \
    case n:                                    \
        if (tiles == SCORE_TILES) {            \
            score_tiles(pass, n, SCORE_TILES); \
        } else {                               \
            score_tiles(pass, n, 1);           \
        }                                      \
        return
    switch (rows) {
        SCORE_CASE(1);
        SCORE_CASE(2);
        SCORE_CASE(3);
        SCORE_CASE(4);
    }
#undef SCORE_CASE
}

/* Tiles that lie side by side are fetched as they lie. */
static void choose_next(struct score_pass *pass, const kvspan_digit_tiles *keys)
{
    const size_t tile_bytes = (size_t)pass->dim * KVSPAN_TILE_TOKENS;

    pass->next[0] = keys->next[0];
    pass->next_step = LINE_BYTES;
    if (keys->count == SCORE_TILES) {
        pass->next[1] = keys->next[1];
        if (pass->next[1] == pass->next[0] + tile_bytes) {
            pass->next[1] = pass->next[0] + LINE_BYTES;
            pass->next_step = (size_t)SCORE_TILES * LINE_BYTES;
        }
    }
}

static void score(const kvspan_tile_block *block, uint32_t first_row, uint32_t row_count,
                  const kvspan_digit_tiles *keys)
{
    const uint32_t end = first_row + row_count;
    struct score_pass pass = { .dim = block->key_dim, .tiles = keys->tiles, .soon = keys->soon };
    uint32_t rows;

    assert(keys->count <= SCORE_TILES);
    choose_next(&pass, keys);
    for (uint32_t row = first_row; row < end; row += rows) {
        rows = kvspan_part_rows(end - row, SCORE_ROWS);
        pass.queries = block->work->query_digits + row;
        pass.scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS +
                      (size_t)keys->first * KVSPAN_TILE_TOKENS;
        score_rows(&pass, rows, keys->count);
    }
}

/* ---- weights -------------------------------------------------------------------------------- */

/* Digits of two times 16 numbers of 16 bits without sign, [four][high, low][4]. */
INLINED __m512i pack_digits(__m512i first, __m512i second)
{
    const __m512i packed = _mm512_packus_epi32(first, second);
    const __m512i order =
        _mm512_broadcast_i32x4(_mm_setr_epi8(1, 3, 5, 7, 0, 2, 4, 6, 9, 11, 13, 15, 8, 10, 12, 14));
    const __m512i fours = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);

    return _mm512_permutexvar_epi64(fours, _mm512_shuffle_epi8(packed, order));
}

static void split_weights(kvspan_tile_workspace *work, uint32_t row, uint32_t tokens, float highest)
{
    const float *const weights = work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    uint8_t *const digits = work->weight_digits + (size_t)row * KVSPAN_CHUNK_TOKENS * 2;
    const weight_scale scale = choose_weight_scale(highest);

    for (uint32_t token = 0; token < tokens; token += 2 * LANES) {
        const __m512i first = weight_numbers(&scale, weights + token);
        const __m512i second = token + LANES < tokens
                                   ? weight_numbers(&scale, weights + token + LANES)
                                   : _mm512_setzero_si512();

        _mm512_store_si512(digits + (size_t)token * 2, pack_digits(first, second));
    }
    work->units[row] = highest;
}

/* ---- values --------------------------------------------------------------------------------- */

struct fold_pass {
    const uint8_t *weights; /* [row][KVSPAN_CHUNK_TOKENS · 2] of the first row and tile */
    const kvspan_digit_tiles *values;
    uint32_t dim;
    uint32_t first_line;
    size_t fetch_index; /* which part of the tiles to be fetched is this pass's */
    int32_t *sums;      /* [row][dim] of the first row */
};

/* Four tokens of some lines. */
INLINED void fold_quad(const uint8_t *weights, const unsigned char *line, const int rows,
                       const int lines, __m512i high[][WIDE_LINES], __m512i low[][WIDE_LINES])
{
    __m512i digits[VALUE_ROWS][2];

#pragma GCC unroll 4
    for (int row = 0; row < rows; row++) {
        const uint8_t *const own = weights + (size_t)row * KVSPAN_CHUNK_TOKENS * 2;

        digits[row][0] = held(quad_of(own));
        digits[row][1] = held(quad_of(own + QUAD));
    }
#pragma GCC unroll 8
    for (int i = 0; i < lines; i++) {
        const __m512i values = held(_mm512_load_si512(line + (size_t)i * LINE_BYTES));

#pragma GCC unroll 4
        for (int row = 0; row < rows; row++) {
            high[row][i] = _mm512_dpbusd_epi32(high[row][i], digits[row][0], values);
            low[row][i] = _mm512_dpbusd_epi32(low[row][i], digits[row][1], values);
        }
    }
}

INLINED void fold_lines(const struct fold_pass *pass, const int rows, const int lines,
                        const int fetches)
{
    const size_t fetch_bytes = (size_t)fetches * LINE_BYTES;
    const size_t dim = pass->dim;
    const size_t quad_bytes = dim * QUAD;
    const size_t offset = (size_t)pass->first_line * LINE_BYTES;
    int32_t *const sums = pass->sums + (size_t)pass->first_line * LANES;
    const uint8_t *weights = pass->weights;
    __m512i high[VALUE_ROWS][WIDE_LINES];
    __m512i low[VALUE_ROWS][WIDE_LINES];

#pragma GCC unroll 4
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 8
        for (int i = 0; i < lines; i++) {
            high[row][i] = _mm512_setzero_si512();
            low[row][i] = _mm512_load_si512(sums + (size_t)row * dim + (size_t)i * LANES);
        }
    }
    for (uint32_t tile = 0; tile < pass->values->count; tile++) {
        const unsigned char *line = pass->values->tiles[tile] + offset;
        const unsigned char *next =
            pass->values->next[tile] + pass->fetch_index * TILE_QUADS * fetch_bytes;
        const unsigned char *soon =
            pass->values->soon[tile] + pass->fetch_index * TILE_QUADS * fetch_bytes;

        for (uint32_t quad = 0; quad < TILE_QUADS; quad++) {
#pragma GCC unroll 8
            for (int i = 0; i < fetches; i++) {
                _mm_prefetch((const char *)next + (size_t)i * LINE_BYTES, _MM_HINT_T1);
                _mm_prefetch((const char *)soon + (size_t)i * LINE_BYTES, _MM_HINT_T0);
            }
            fold_quad(weights, line, rows, lines, high, low);
            line += quad_bytes;
            next += fetch_bytes;
            soon += fetch_bytes;
            weights += (size_t)2 * QUAD;
        }
    }
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 8
        for (int i = 0; i < lines; i++) {
            _mm512_store_si512(sums + (size_t)row * dim + (size_t)i * LANES,
                               _mm512_add_epi32(_mm512_slli_epi32(high[row][i], 8), low[row][i]));
        }
    }
}

/* Lines that are folded at once. Few rows wait for memory, which is faster in order: all lines that
 * lie side by side. */
static uint32_t choose_lines(uint32_t left, uint32_t row_count)
{
    if (left >= WIDE_LINES && row_count <= 4) {
        return WIDE_LINES;
    }
    return left >= VALUE_LINES ? VALUE_LINES : 1;
}

/* `parts` passes of wide lines fetch equal parts: the processor drops what is asked for faster than
 * memory gives it. */
static void fold_rows(const struct fold_pass *pass, uint32_t rows, uint32_t lines, uint32_t parts)
{
#define WIDE_CASE(n)                                                         \
    case n:                                                                  \
        fold_lines(pass, WIDE_ROWS, WIDE_LINES, (WIDE_LINES + (n)-1) / (n)); \
        return
#define FOLD_CASE(n)                                       \
    case n:                                                \
        if (lines == VALUE_LINES) {                        \
            fold_lines(pass, n, VALUE_LINES, VALUE_LINES); \
        } else {                                           \
            fold_lines(pass, n, 1, 1);                     \
        }                                                  \
        return
    if (lines == WIDE_LINES) {
        switch (parts) {
            WIDE_CASE(1);
            WIDE_CASE(2);
            WIDE_CASE(3);
            WIDE_CASE(4);
        }
    }
    switch (rows) {
        FOLD_CASE(1);
        FOLD_CASE(2);
    }
#undef WIDE_CASE
#undef FOLD_CASE
}

static void fold(const kvspan_tile_block *block, uint32_t first_row, uint32_t row_count,
                 const kvspan_digit_tiles *values)
{
    const uint32_t line_count = block->value_dim / LANES;
    const uint32_t end = first_row + row_count;
    uint32_t lines;

    if (values->first == 0) {
        memset(block->work->chunk_sums + (size_t)first_row * block->value_dim, 0,
               (size_t)row_count * block->value_dim * sizeof(int32_t));
    }
    for (uint32_t line = 0; line < line_count; line += lines) {
        uint32_t row = first_row;
        uint32_t most;
        uint32_t parts;

        lines = choose_lines(line_count - line, row_count);
        most = lines == WIDE_LINES ? WIDE_ROWS : VALUE_ROWS;
        parts = (row_count + most - 1) / most;
        for (uint32_t part = 0; part < parts; part++) {
            const uint32_t rows = kvspan_part_rows(end - row, most);
            const struct fold_pass pass = {
                .weights =
                    block->work->weight_digits + ((size_t)row * KVSPAN_CHUNK_TOKENS +
                                                  (size_t)values->first * KVSPAN_TILE_TOKENS) *
                                                     2,
                .values = values,
                .dim = block->value_dim,
                .first_line = line,
                .fetch_index = lines == WIDE_LINES ? line / lines * parts + part : line / lines,
                .sums = block->work->chunk_sums + (size_t)row * block->value_dim
            };

            fold_rows(&pass, rows, lines, parts);
            row += rows;
        }
    }
}

static void add_sums(const kvspan_tile_block *block, uint32_t row)
{
    kvspan_tile_workspace *const work = block->work;
    const int32_t *const sums = work->chunk_sums + (size_t)row * block->value_dim;
    float *const outputs = work->outputs + (size_t)row * block->value_dim;
    const __m512 unit = _mm512_set1_ps(work->units[row]);

    for (uint32_t i = 0; i < block->value_dim; i += LANES) {
        add_weighted(_mm512_load_si512(sums + i), unit, outputs + i);
    }
}

const kvspan_digit_passes kvspan_digit_passes_vnni = {
    .pack_query = pack_query,
    .score = score,
    .split_weights = split_weights,
    .fold = fold,
    .add_sums = add_sums,
};
