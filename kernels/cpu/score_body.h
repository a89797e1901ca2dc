/** @file
 * Products of queries and keys, for as many of both as registers hold sums.
 *
 * A part of the file of one instruction set, which has chosen the vectors before (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_SCORE_BODY_H
#define KVSPAN_KERNELS_CPU_SCORE_BODY_H

#include <assert.h>

enum {
    LINE_BYTES = 64,
    LINE_VECTORS = KVSPAN_TILE_DIMS / VECTOR_FLOATS, /* vectors of floats that a line makes */
    TILE_PAIRS = KVSPAN_TILE_TOKENS / 2
};

/* Loops over rows, tiles and vectors have constant bounds once inlined, so that the sums live in
 * registers. */
#define INLINED static inline __attribute__((always_inline))

/* A block of queries against some tiles of keys. */
struct score_pass {
    const number *queries; /* [row][dim] of the first row */
    uint32_t dim;
    const unsigned char *const *tiles;
    const unsigned char *const *next_tiles;
    float *scores; /* [row][KVSPAN_CHUNK_TOKENS], at the first tile's first token */
};

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

/* Queries in nearly equal parts of at most SCORE_ROWS. */
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

#endif
