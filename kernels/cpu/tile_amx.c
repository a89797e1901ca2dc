#include "kernels/cpu/tile_kernels.h"
#include "kernels/cpu/vector_avx512.h"

#include "kernels/cpu/pairs_bf16.h"

enum {
    VALUE_STEP_TILES = KVSPAN_CHUNK_TILES,
    SCORE_TILES = 2
};

#define FETCH_HINT        _MM_HINT_T1
#define MATRIX_HINT       FETCH_HINT
#include "kernels/cpu/matrix_body.h"
#include "kernels/cpu/widen_avx512.h"

#define WIDEN_TILE        widen_tile
#define DIGIT_PASSES      &kvspan_digit_passes_vnni
#define LEAVE             matrix_release
#define TILE_KERNELS      kvspan_tile_kernels_amx
#define TILE_KERNELS_NAME "amx"

#include "kernels/cpu/order_body.h"

#include "kernels/cpu/tile_body.h"
