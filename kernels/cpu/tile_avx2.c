#include "kernels/cpu/tile_kernels.h"
#include "kernels/cpu/vector_avx2.h"

#include "kernels/cpu/pairs_f32.h"
#include "kernels/cpu/widen_tile.h"

/* 8 sums, 4 vectors of what is stored and 2 of a pair fill the 16 registers. */
enum {
    FETCHES_IN_STREAMS = 0,
    FETCHES_CHUNKS = 0,
    BESIDE_LINES = 0,
    BLOCK_ROWS = 64,
    STEP_TILES = 1,
    VALUE_STEP_TILES = KVSPAN_VALUE_TILES,
    SCORE_ROWS = 4,
    SCORE_TILES = 1,
    FEW_ROWS = 4,
    FEW_ROWS_TILES = 1,
    SCORES_IN_ORDER = 1,
    VALUE_ROWS = 4,
    VALUE_LINES = 1,
    WIDE_HEAD_ROWS = 4,
    WIDE_ROWS = 4,
    WIDE_LINES = 1,
    VALUE_STREAMS = 1,
    SCORE_NEAR_LINES = 16,
    VALUE_NEAR_PAIRS = 4
};

#define FETCH_HINT        _MM_HINT_T1
#define TILE_KERNELS      kvspan_tile_kernels_avx2
#define TILE_KERNELS_NAME "avx2"
#define WIDEN_TILE        kvspan_widen_tile_avx2
#define DIGIT_PASSES      NULL
#define LEAVE             NULL

#include "kernels/cpu/ahead_body.h"
#include "kernels/cpu/score_body.h"
#include "kernels/cpu/value_body.h"

#include "kernels/cpu/tile_body.h"
