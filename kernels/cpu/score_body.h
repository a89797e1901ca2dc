/** @file
 * Products of queries and keys, for as many of both as registers hold sums.
 *
 * A part of the file of one instruction set, which has chosen the vectors before (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_SCORE_BODY_H
#define KVSPAN_KERNELS_CPU_SCORE_BODY_H

#include <assert.h>

#include "kernels/cpu/line_body.h"

enum {
    MOST_SCORE_TILES = FEW_ROWS_TILES > SCORE_TILES ? FEW_ROWS_TILES : SCORE_TILES
};

/* A block of queries against some tiles of keys. */
struct score_pass {
    const number *queries; /* [row][dim] of the first row */
    uint32_t dim;
    const unsigned char *const *tiles;
    const unsigned char *const *next_tiles;
    const unsigned char *const *behind_tiles;
    float *scores; /* [row][KVSPAN_CHUNK_TOKENS], at the first tile's first token */
};

/* The sums of a pass. */
typedef vector score_sums[SCORE_ROWS][MOST_SCORE_TILES * LINE_VECTORS];

/* Adds lines [first, end) of each tile. The same of `near`, which is read SCORE_NEAR_LINES later,
 * goes to the first cache: products that wait for the second fill the scheduler, and nothing behind
 * them begins. */
INLINED void score_lines(const struct score_pass *pass, score_sums sums, const int rows,
                         const int tiles, size_t first, size_t end,
                         const unsigned char *const *near, size_t near_line)
{
    const int vectors = tiles * LINE_VECTORS;
    const number *const queries = pass->queries;
    const size_t dim = pass->dim;

    for (size_t pair = first; pair < end; pair++, near_line++) {
        stored_pairs keys[MOST_SCORE_TILES * LINE_VECTORS];

#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            keys[i] = pairs_load(pass->tiles[i / LINE_VECTORS] + pair * LINE_BYTES +
                                 (size_t)(i % LINE_VECTORS) * VECTOR_FLOATS * 4);
        }
#pragma GCC unroll 4
        for (int i = 0; i < tiles; i++) {
            const size_t line = SCORES_IN_ORDER ? pair * (size_t)tiles + (size_t)i : pair;

            _mm_prefetch((const char *)pass->next_tiles[SCORES_IN_ORDER ? 0 : i] +
                             line * LINE_BYTES,
                         FETCH_HINT);
            if (SCORE_NEAR_LINES != 0) {
                _mm_prefetch((const char *)near[i] + near_line * LINE_BYTES, _MM_HINT_T0);
            }
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
}

INLINED void score_tiles(const struct score_pass *pass, const int rows, const int tiles)
{
    score_sums sums;
    const int vectors = tiles * LINE_VECTORS;
    const size_t lines = pass->dim / 2;
    const size_t here = lines > SCORE_NEAR_LINES ? lines - SCORE_NEAR_LINES : 0;

#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            sums[row][i] = vector_of(0.0f);
        }
    }
    score_lines(pass, sums, rows, tiles, 0, here, pass->tiles, SCORE_NEAR_LINES);
    score_lines(pass, sums, rows, tiles, here, lines, pass->behind_tiles, 0);
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

INLINED void score_some_tiles(const struct score_pass *pass, const int rows, uint32_t tiles)
{
    if (tiles == FEW_ROWS_TILES && rows <= FEW_ROWS) {
        score_tiles(pass, rows, FEW_ROWS_TILES);
    } else if (tiles == SCORE_TILES) {
        score_tiles(pass, rows, SCORE_TILES);
    } else {
        score_tiles(pass, rows, 1);
    }
}

static void score_rows(const struct score_pass *pass, uint32_t rows, uint32_t tiles)
{
    assert(rows <= SCORE_ROWS);
#define SCORE_CASE(n) \
case n: score_some_tiles(pass, (n) <= SCORE_ROWS ? (n) : SCORE_ROWS, tiles); return
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

/* As many tiles as choose_tiles() says for the rows of one head, in nearly equal parts of at most
 * SCORE_ROWS. */
static void score_tile_rows(const kvspan_tile_block *block, uint32_t head, uint32_t first_tile,
                            const struct ready_tiles *ready, uint32_t tiles)
{
    const uint32_t dim = block->key_dim;
    const uint32_t first_row = head * block->head_rows;
    const uint32_t end = first_row + block->head_rows;
    struct score_pass pass = {
        .dim = dim, .tiles = ready->tiles, .next_tiles = ready->next, .behind_tiles = ready->behind
    };
    uint32_t rows;

    for (uint32_t row = first_row; row < end; row += rows) {
        rows = kvspan_part_rows(end - row, SCORE_ROWS);
        pass.queries = (const number *)block->work->queries + (size_t)row * dim;
        pass.scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS +
                      (size_t)first_tile * KVSPAN_TILE_TOKENS;
        score_rows(&pass, rows, tiles);
    }
}

/* How many of the tiles left are scored at once. A tile at a time is memory in order; two make use
 * of each query that is loaded, and of one or two rows sums enough to hide the latency of adding;
 * four are as many streams of memory. Measured. */
static uint32_t choose_tiles(const kvspan_tile_block *block, uint32_t left)
{
    const uint32_t rows = block->head_rows;

    if (SCORES_IN_ORDER && rows >= 3 && rows <= 7) {
        return 1;
    }
    if (rows <= FEW_ROWS && left >= FEW_ROWS_TILES && !block->key_digits) {
        return FEW_ROWS_TILES;
    }
    return left >= SCORE_TILES ? SCORE_TILES : 1;
}

#endif
