/** @file
 * Weights times values, for as many rows and lines of dims as registers hold sums.
 *
 * A part of the file of one instruction set, which has chosen the vectors before (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_VALUE_BODY_H
#define KVSPAN_KERNELS_CPU_VALUE_BODY_H

#include "kernels/cpu/line_body.h"

_Static_assert(VALUE_STREAMS == 1 || VALUE_STREAMS == VALUE_STEP_TILES,
               "tiles of a step take turns, all or none");
_Static_assert(VALUE_ROWS <= 8 && WIDE_ROWS <= VALUE_ROWS, "fold_value_rows() has a case for each");

/* Some rows' weights times lines of values. */
struct value_pass {
    const number *weights; /* [row][KVSPAN_CHUNK_TOKENS] of the first row */
    const unsigned char *const *tiles;
    const unsigned char *const *next_tiles;
    const unsigned char *const *behind_tiles; /* read when the pass has read its lines, … */
    uint32_t behind_line;                     /* … from this line of each pair on */
    uint32_t tile_count;
    uint32_t dim;
    uint32_t first_line;
    float *outputs; /* [row][dim] of the first row */
};

/* The sums of a pass. */
typedef vector value_sums[VALUE_ROWS][WIDE_LINES * LINE_VECTORS];

/* A pair of tokens: a line of values, times each row's two weights. */
INLINED void fold_pair(value_sums sums, const unsigned char *line, const number *weights,
                       const int rows, const int vectors)
{
    stored_pairs values[WIDE_LINES * LINE_VECTORS];

#pragma GCC unroll 8
    for (int i = 0; i < vectors; i++) {
        values[i] = pairs_load(line + (size_t)i * VECTOR_FLOATS * 4);
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
        const number_pair weight = pair_of(weights + (size_t)row * KVSPAN_CHUNK_TOKENS);

#pragma GCC unroll 8
        for (int i = 0; i < vectors; i++) {
            sums[row][i] = pairs_fold(sums[row][i], values[i], weight);
        }
    }
}

INLINED void fetch_lines(const unsigned char *next, const int lines)
{
#pragma GCC unroll 8
    for (int i = 0; i < lines; i++) {
        _mm_prefetch((const char *)next + (size_t)i * LINE_BYTES, FETCH_HINT);
    }
}

/* The same, to the first cache. */
INLINED void fetch_near_lines(const unsigned char *near, const int lines)
{
#pragma GCC unroll 8
    for (int i = 0; i < lines; i++) {
        _mm_prefetch((const char *)near + (size_t)i * LINE_BYTES, _MM_HINT_T0);
    }
}

INLINED void load_sums(value_sums sums, const float *outputs, size_t dim, const int rows,
                       const int vectors)
{
#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 8
        for (int i = 0; i < vectors; i++) {
            sums[row][i] = vector_load(outputs + (size_t)row * dim + (size_t)i * VECTOR_FLOATS);
        }
    }
}

INLINED void store_sums(value_sums sums, float *outputs, size_t dim, const int rows,
                        const int vectors)
{
#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 8
        for (int i = 0; i < vectors; i++) {
            vector_store(outputs + (size_t)row * dim + (size_t)i * VECTOR_FLOATS, sums[row][i]);
        }
    }
}

/* What is read in a tile's place VALUE_NEAR_PAIRS after the line of a pair. */
INLINED const unsigned char *near_line(const struct value_pass *pass, uint32_t tile,
                                       const unsigned char *line, uint32_t pair)
{
    const size_t pair_bytes = (size_t)pass->dim * 4;
    const uint32_t near_pair = pair + VALUE_NEAR_PAIRS;

    if (near_pair < TILE_PAIRS) {
        return line + VALUE_NEAR_PAIRS * pair_bytes;
    }
    return pass->behind_tiles[tile] + (size_t)pass->behind_line * LINE_BYTES +
           (near_pair - TILE_PAIRS) * pair_bytes;
}

/* Adds some tiles, whose pairs take turns. What is fetched is a part of each next tile as it lies,
 * in the passes over all lines together the whole of it. */
INLINED void fold_tiles(const struct value_pass *pass, value_sums sums, uint32_t first,
                        const int tiles, const int rows, const int lines)
{
    const size_t pair_bytes = (size_t)pass->dim * 4;
    const size_t offset = (size_t)pass->first_line * LINE_BYTES;
    const number *weights = pass->weights + (size_t)first * KVSPAN_TILE_TOKENS;
    const unsigned char *here[VALUE_STREAMS] = { NULL };
    const unsigned char *next[VALUE_STREAMS] = { NULL };

#pragma GCC unroll 4
    for (int i = 0; i < tiles; i++) {
        here[i] = pass->tiles[first + (uint32_t)i] + offset;
        next[i] = pass->next_tiles[first + (uint32_t)i] + offset * TILE_PAIRS;
    }
    for (uint32_t pair = 0; pair < TILE_PAIRS; pair++) {
#pragma GCC unroll 4
        for (int i = 0; i < tiles; i++) {
            fold_pair(sums, here[i], weights + (size_t)i * KVSPAN_TILE_TOKENS, rows,
                      lines * LINE_VECTORS);
            fetch_lines(next[i], lines);
            if (VALUE_NEAR_PAIRS != 0) {
                fetch_near_lines(near_line(pass, first + (uint32_t)i, here[i], pair), lines);
            }
            here[i] += pair_bytes;
            next[i] += (size_t)lines * LINE_BYTES;
        }
        weights += 2;
    }
}

INLINED void fold_values(const struct value_pass *pass, const int rows, const int lines)
{
    value_sums sums;
    const int vectors = lines * LINE_VECTORS;
    const size_t dim = pass->dim;
    float *const outputs = pass->outputs + (size_t)pass->first_line * KVSPAN_TILE_DIMS;

    load_sums(sums, outputs, dim, rows, vectors);
    for (uint32_t tile = 0; tile < pass->tile_count; tile += VALUE_STREAMS) {
        if (pass->tile_count - tile >= VALUE_STREAMS) {
            fold_tiles(pass, sums, tile, VALUE_STREAMS, rows, lines);
        } else {
            fold_tiles(pass, sums, tile, (int)(pass->tile_count - tile), rows, lines);
        }
    }
    store_sums(sums, outputs, dim, rows, vectors);
}

/* Lines that are folded at once. Few rows wait for memory, which is faster in order: all lines that
 * lie side by side. Measured. */
static uint32_t choose_lines(uint32_t left, uint32_t head_rows)
{
    if (left >= WIDE_LINES && head_rows <= WIDE_HEAD_ROWS) {
        return WIDE_LINES;
    }
    return left >= VALUE_LINES ? VALUE_LINES : 1;
}

static uint32_t most_rows(uint32_t lines)
{
    return lines == WIDE_LINES ? WIDE_ROWS : VALUE_ROWS;
}

INLINED void fold_value_lines(const struct value_pass *pass, const int rows, uint32_t lines)
{
    if (lines == WIDE_LINES) {
        fold_values(pass, rows <= WIDE_ROWS ? rows : WIDE_ROWS, WIDE_LINES);
    } else if (lines == VALUE_LINES) {
        fold_values(pass, rows, VALUE_LINES);
    } else {
        fold_values(pass, rows, 1);
    }
}

static void fold_value_rows(const struct value_pass *pass, uint32_t rows, uint32_t lines)
{
#define VALUE_CASE(n) \
case n: fold_value_lines(pass, (n) <= VALUE_ROWS ? (n) : VALUE_ROWS, lines); return
    switch (rows) {
        VALUE_CASE(1);
        VALUE_CASE(2);
        VALUE_CASE(3);
        VALUE_CASE(4);
        VALUE_CASE(5);
        VALUE_CASE(6);
        VALUE_CASE(7);
        VALUE_CASE(8);
    }
#undef VALUE_CASE
}

/* Whether all tokens of the tile are read. */
static int is_whole_value(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                          uint32_t tile)
{
    (void)block;
    return chunk->first <= tile * KVSPAN_TILE_TOKENS &&
           chunk->last >= (tile + 1) * KVSPAN_TILE_TOKENS;
}

/* Some tiles for all rows of one head and all dims. */
static void fold_value_tiles(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                             uint32_t head, uint32_t first_tile, const struct ready_tiles *ready,
                             uint32_t tile_count, const float *weights, float *outputs)
{
    const uint32_t line_count = block->value_dim / KVSPAN_TILE_DIMS;
    const uint32_t first_row = head * block->head_rows;
    const uint32_t end = first_row + block->head_rows;
    uint32_t lines;
    uint32_t rows;

    (void)chunk;
    for (uint32_t line = 0; line < line_count; line += lines) {
        int is_last;

        lines = choose_lines(line_count - line, block->head_rows);
        is_last = line + lines == line_count;
        for (uint32_t row = first_row; row < end; row += rows) {
            const struct value_pass pass = { .weights = (const number *)(const void *)weights +
                                                        (size_t)row * KVSPAN_CHUNK_TOKENS +
                                                        (size_t)first_tile * KVSPAN_TILE_TOKENS,
                                             .tiles = ready->tiles,
                                             .next_tiles = ready->next,
                                             .behind_tiles = is_last ? ready->behind : ready->tiles,
                                             .behind_line = is_last ? 0 : line + lines,
                                             .tile_count = tile_count,
                                             .dim = block->value_dim,
                                             .first_line = line,
                                             .outputs = outputs + (size_t)row * block->value_dim };

            rows = kvspan_part_rows(end - row, most_rows(lines));
            fold_value_rows(&pass, rows, lines);
        }
    }
}

#endif
