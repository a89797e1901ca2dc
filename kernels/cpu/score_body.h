/** @file
 * Products of queries and keys, for as many of both as registers hold sums.
 *
 * A part of the file of one instruction set, which has chosen the vectors before (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_SCORE_BODY_H
#define KVSPAN_KERNELS_CPU_SCORE_BODY_H

#include <assert.h>

#include "kernels/cpu/line_body.h"

/* A block of queries against some tiles of keys. */
struct score_pass {
    const number *queries; /* [row][dim] of the first row */
    uint32_t dim;
    const unsigned char *const *tiles;
    const unsigned char *const *next_tiles;
    float *scores; /* [row][KVSPAN_CHUNK_TOKENS], at the first tile's first token */
};

/* Brings what is read SCORE_NEAR_LINES of a tile later to the first cache: products that wait for
 * the second fill the scheduler, and nothing behind them begins. Tiles that are read together
 * follow each other, and so do the next ones, but at the end of a page. */
INLINED void fetch_near_keys(const struct score_pass *pass, size_t pair, const int tiles)
{
    const size_t tile_lines = pass->dim / 2;
    const size_t line = pair + SCORE_NEAR_LINES;
    const size_t near = line < tile_lines ? line : line + (size_t)(tiles - 1) * tile_lines;

#pragma GCC unroll 4
    for (int i = 0; i < tiles; i++) {
        _mm_prefetch((const char *)pass->tiles[i] + near * LINE_BYTES, _MM_HINT_T0);
    }
}

INLINED void score_tiles(const struct score_pass *pass, const int rows, const int tiles)
{
    vector sums[SCORE_ROWS][SCORE_TILES * LINE_VECTORS];
    const int vectors = tiles * LINE_VECTORS;
    const number *const queries = pass->queries;
    const size_t dim = pass->dim;

#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            sums[row][i] = vector_of(0.0f);
        }
    }
    for (size_t pair = 0; pair < dim / 2; pair++) {
        stored_pairs keys[SCORE_TILES * LINE_VECTORS];

#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            keys[i] = pairs_load(pass->tiles[i / LINE_VECTORS] + pair * LINE_BYTES +
                                 (size_t)(i % LINE_VECTORS) * VECTOR_FLOATS * 4);
        }
#pragma GCC unroll 4
        for (int i = 0; i < tiles; i++) {
            _mm_prefetch((const char *)pass->next_tiles[0] +
                             (pair * (size_t)tiles + (size_t)i) * LINE_BYTES,
                         FETCH_HINT);
        }
        if (SCORE_NEAR_LINES != 0) {
            fetch_near_keys(pass, pair, tiles);
        }
#pragma GCC unroll 16
        for (int row = 0; row < rows; row++) {
            const number_pair query = pair_of(queries + (size_t)row * dim + 2 * pair);

#pragma GCC unroll 4
            for (int i = 0; i < vectors; i++) {
                sums[row][i] = pairs_fold(sums[row][i], keys[i], query);
            }
        }
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            vector_store(pass->scores + (size_t)row * KVSPAN_CHUNK_TOKENS +
                             (size_t)i * VECTOR_FLOATS,
                         sums[row][i]);
        }
    }
}

static void score_rows(const struct score_pass *pass, uint32_t rows, uint32_t tiles)
{
    assert(rows <= SCORE_ROWS);
#define SCORE_CASE(n)                                                         \
case n:                                                                       \
    if (tiles == SCORE_TILES) {                                               \
        score_tiles(pass, (n) <= SCORE_ROWS ? (n) : SCORE_ROWS, SCORE_TILES); \
    } else {                                                                  \
        score_tiles(pass, (n) <= SCORE_ROWS ? (n) : SCORE_ROWS, 1);           \
    }                                                                         \
    return
    switch (rows) {
        SCORE_CASE(1);
        SCORE_CASE(2);
        SCORE_CASE(3);
        SCORE_CASE(4);
        SCORE_CASE(5);
        SCORE_CASE(6);
        SCORE_CASE(7);
        SCORE_CASE(8);
        SCORE_CASE(9);
        SCORE_CASE(10);
        SCORE_CASE(11);
        SCORE_CASE(12);
    }
#undef SCORE_CASE
}

/* At most SCORE_TILES tiles for the rows of one head, in nearly equal parts of at most SCORE_ROWS.
 */
static void score_tile_rows(const kvspan_tile_block *block, uint32_t head, uint32_t first_tile,
                            const struct ready_tiles *ready, uint32_t tiles)
{
    const uint32_t dim = block->key_dim;
    const uint32_t first_row = head * block->head_rows;
    const uint32_t end = first_row + block->head_rows;
    struct score_pass pass = { .dim = dim, .tiles = ready->tiles, .next_tiles = ready->next };
    uint32_t rows;

    for (uint32_t row = first_row; row < end; row += rows) {
        rows = kvspan_part_rows(end - row, SCORE_ROWS);
        pass.queries = (const number *)block->work->queries + (size_t)row * dim;
        pass.scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS +
                      (size_t)first_tile * KVSPAN_TILE_TOKENS;
        score_rows(&pass, rows, tiles);
    }
}

/* Tiles that are scored at once. A tile at a time is memory in order; two make use of each query
 * that is loaded, and of one or two rows sums enough to hide the latency of adding. Measured. */
static uint32_t choose_tiles(uint32_t head_rows)
{
    return FEW_ROWS_SCORE_IN_ORDER && head_rows >= 3 && head_rows <= 7 ? 1 : SCORE_TILES;
}

#endif
