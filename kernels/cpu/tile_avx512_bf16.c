#include "kernels/cpu/tile_kernels.h"
#include "kernels/cpu/vector_avx512.h"

#include "kernels/cpu/pairs_bf16.h"

/* Of 32 registers: 24 sums, 2 vectors of keys and 1 pair; 24 sums, 4 vectors of values, 1 pair. */
enum {
    FETCHES_IN_STREAMS = 0,
    FETCHES_CHUNKS = 1,
    BESIDE_LINES = 0,
    BLOCK_ROWS = 64,
    STEP_TILES = 1,
    VALUE_STEP_TILES = KVSPAN_VALUE_TILES,
    SCORE_ROWS = 12,
    SCORE_TILES = 2,
    FEW_ROWS = 12,
    FEW_ROWS_TILES = 2,
    SCORES_IN_ORDER = 1,
    VALUE_ROWS = 6,
    VALUE_LINES = 4,
    WIDE_HEAD_ROWS = 6,
    WIDE_ROWS = 3,
    WIDE_LINES = 8,
    VALUE_STREAMS = 1,
    SCORE_NEAR_LINES = 0,
    VALUE_NEAR_PAIRS = 0
};

#define FETCH_HINT _MM_HINT_T1
#include "kernels/cpu/widen_body.h"

#define WIDEN_TILE        widen_tile
#define DIGIT_PASSES      &kvspan_digit_passes_vnni
#define LEAVE             NULL
#define TILE_KERNELS      kvspan_tile_kernels_avx512_bf16
#define TILE_KERNELS_NAME "avx512_bf16"

#include "kernels/cpu/ahead_body.h"
#include "kernels/cpu/score_body.h"
#include "kernels/cpu/value_body.h"

#include "kernels/cpu/tile_body.h"
