/** @file
 * How loops over f32 products use the 32 registers of AVX-512: of keys 20 sums (few rows: 16), 4
 * vectors of what is stored (8) and 2 of a pair; of values 16, at most 8, and 2.
 */
#ifndef KVSPAN_KERNELS_CPU_BLOCKS_AVX512_H
#define KVSPAN_KERNELS_CPU_BLOCKS_AVX512_H

#include "kernels/cpu/tile_kernels.h"

enum {
    FETCHES_IN_STREAMS = 0,
    FETCHES_CHUNKS = 0,
    BESIDE_LINES = 2,
    BLOCK_ROWS = 64,
    STEP_TILES = 4,
    VALUE_STEP_TILES = KVSPAN_VALUE_TILES,
    SCORE_ROWS = 10,
    SCORE_TILES = 2,
    FEW_ROWS = 4,
    FEW_ROWS_TILES = 4,
    SCORES_IN_ORDER = 0,
    VALUE_ROWS = 8,
    VALUE_LINES = 2,
    WIDE_HEAD_ROWS = 4,
    WIDE_ROWS = 4,
    WIDE_LINES = 4,
    VALUE_STREAMS = 4,
    SCORE_NEAR_LINES = 16,
    VALUE_NEAR_PAIRS = 4
};

#define FETCH_HINT _MM_HINT_T1

#endif
