#include "kernels/cpu/tile_kernels.h"
#include "kernels/cpu/vector_avx512.h"

#include "kernels/cpu/blocks_avx512.h"
#include "kernels/cpu/pairs_f32.h"
#include "kernels/cpu/widen_body.h"

#define TILE_KERNELS      kvspan_tile_kernels_avx512_vnni
#define TILE_KERNELS_NAME "avx512_vnni"
#define WIDEN_TILE        widen_tile
#define DIGIT_PASSES      &kvspan_digit_passes_vnni
#define LEAVE             NULL

#include "kernels/cpu/ahead_body.h"
#include "kernels/cpu/score_body.h"
#include "kernels/cpu/value_body.h"

#include "kernels/cpu/tile_body.h"
