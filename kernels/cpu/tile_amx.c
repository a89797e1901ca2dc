#include "kernels/cpu/tile_kernels.h"
#include "kernels/cpu/vector_avx512.h"

#include "kernels/cpu/pairs_bf16.h"

/* Memory is read once for all rows of a block, and AMX has no want of registers for more. */
enum {
    BLOCK_ROWS = KVSPAN_BLOCK_ROWS,
    STEP_TILES = 1,
    VALUE_STEP_TILES = KVSPAN_CHUNK_TILES,
    VALUE_STREAMS = 1,
    FETCHES_IN_STREAMS = 1,
    FETCHES_CHUNKS = 0,
    BESIDE_LINES = 0
};

#define FETCH_HINT _MM_HINT_T1
#include "kernels/cpu/matrix_body.h"
#include "kernels/cpu/widen_body.h"

#define WIDEN_TILE        widen_tile
#define DIGIT_PASSES      &kvspan_digit_passes_amx
#define LEAVE             matrix_release
#define TILE_KERNELS      kvspan_tile_kernels_amx
#define TILE_KERNELS_NAME "amx"

#include "kernels/cpu/ahead_body.h"

#include "kernels/cpu/tile_body.h"
