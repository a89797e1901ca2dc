#include "kernels/cpu/tile_kernels.h"
#include "kernels/cpu/vector_avx512.h"

#include "kernels/cpu/blocks_avx512.h"
#include "kernels/cpu/pairs_f32.h"
#include "kernels/cpu/widen_tile.h"

#define TILE_KERNELS      kvspan_tile_kernels_avx512
#define TILE_KERNELS_NAME "avx512"
#define WIDEN_TILE        kvspan_widen_tile_avx2
#define DIGIT_PASSES      NULL
#define LEAVE             NULL

#include "kernels/cpu/ahead_body.h"
#include "kernels/cpu/score_body.h"
#include "kernels/cpu/value_body.h"

#include "kernels/cpu/tile_body.h"
