/** @file
 * Attention of up to 16 rows: the query heads of one kv head and the tokens of a row, packed into
 * the 16 rows of a product (m16n8k16), whatever the group size. Keys and values are read once.
 *
 * A block takes a unit (attend_plan.h) of one kv head. Tile i of the sequence, TILE_TOKENS local
 * tokens, is warp i % WARPS's: each warp has a ring of STAGES tiles in shared memory, fills it by
 * asynchronous copies of 16 bytes and waits for nobody but itself. Pages of a tile are looked up
 * one tile before it is copied. At the end of a split the warps' results are merged through shared
 * memory in order of warps and folded into the unit's total, or kept for the last block to fold.
 */
#ifndef KVSPAN_KERNELS_CUDA_DECODE_CUH
#define KVSPAN_KERNELS_CUDA_DECODE_CUH

#include "kernels/cuda/decode_total.cuh"

namespace kvspan
{

/* A warp's way through its tiles of a split. */
template <class Shape> struct decode_walk {
    token_source source; /* range: the split's */
    token_range whole;   /* tokens that every row sees */
    uint32_t token;      /* first of the tile that is folded next */
    uint32_t fetched;    /* first of the tile that is copied next */
    uint32_t read;       /* stages of these tiles, as bytes from the ring's start */
    uint32_t write;
    bool is_pending; /* the tile that is folded next is there, but was not folded as it should */
    page_row next;   /* rows of the tile that is copied next */
    uint32_t ring;   /* addresses: of the ring, and with the thread's place in a tile */
    uint32_t keys;
    uint32_t values;
};

/* Begins to copy the warp's next tile, and looks up the rows of the one after it. */
template <class Shape>
__device__ inline void fetch_stage(decode_walk<Shape> &walk, const kvspan_attend_params &params)
{
    const uint32_t stage = walk.ring + walk.write;

    fetch_tokens<typename Shape::Pair, Shape::TILE_TOKENS>(
        params, walk.source, walk.next, walk.fetched,
        token_target{ stage, stage + Shape::VALUE_OFFSET, stage + Shape::SCALE_OFFSET,
                      Shape::TILE_TOKENS * 4 });
    commit_copies();
    walk.fetched += Shape::TILE_TOKENS * Shape::WARPS;
    walk.write = next_stage<Shape>(walk.write);
    walk.next = find_lane_row<Shape::TILE_TOKENS>(params, walk.source, walk.fetched);
}

template <class Shape>
__device__ inline bool is_plain(const decode_walk<Shape> &walk, bool is_capped)
{
    return !is_capped && walk.token >= walk.whole.begin &&
           walk.token + Shape::TILE_TOKENS <= walk.whole.end;
}

/* Folds the next tile, which is pending afterwards if fold_tile() left it. */
template <class Shape, tile_kind KIND>
__device__ inline void fold_next(typename Shape::Rows &rows, decode_walk<Shape> &walk,
                                 const kvspan_attend_params &params, const kvspan_attend_unit &unit,
                                 unsigned char *ring)
{
    if (KIND == PLAIN_TILE || !walk.is_pending) {
        await_copies<Shape::STAGES - 2>();
        __syncwarp();
        fetch_stage<Shape>(walk, params);
    }
    walk.is_pending = !fold_tile<typename Shape::Pair, Shape::TILE_TOKENS, KIND>(
        rows, params, warp_place{ unit, 0 }, walk.token, walk.keys + walk.read,
        walk.values + walk.read, (const float *)(ring + walk.read + Shape::SCALE_OFFSET));
    if (!walk.is_pending) {
        walk.token += Shape::TILE_TOKENS * Shape::WARPS;
        walk.read = next_stage<Shape>(walk.read);
    }
}

/* Folds the warp's tiles of a split, walk.source.range. is_checked: as CHECKED_TILE. */
template <class Shape>
__device__ inline void
fold_split(typename Shape::Rows &rows, decode_walk<Shape> &walk, const kvspan_attend_params &params,
           const kvspan_attend_unit &unit, unsigned char *ring, bool is_checked)
{
    const uint32_t first_tile = walk.source.range.begin / Shape::TILE_TOKENS;
    const uint32_t end = walk.source.range.end;
    const bool is_capped = params.soft_cap != 0.0f;

    walk.token = (first_tile + (threadIdx.x / 32 - first_tile) % Shape::WARPS) * Shape::TILE_TOKENS;
    walk.fetched = walk.token;
    walk.read = 0;
    walk.write = 0;
    walk.is_pending = false;
    walk.next = find_lane_row<Shape::TILE_TOKENS>(params, walk.source, walk.fetched);
#pragma unroll
    for (uint32_t stage = 0; stage < Shape::STAGES - 1; stage++) {
        fetch_stage<Shape>(walk, params);
    }
    if constexpr (!Shape::Pair::Plane::IS_ALWAYS_FINITE) {
#pragma unroll 1
        while (is_checked && walk.token < end) {
            fold_next<Shape, CHECKED_TILE>(rows, walk, params, unit, ring);
        }
    }
    while (walk.token < end) {
        /* The first tile's scores are the first maxima. */
#pragma unroll 1
        do {
            fold_next<Shape, MASKED_TILE>(rows, walk, params, unit, ring);
        } while (walk.token < end && !is_plain(walk, is_capped));
#pragma unroll 1
        while (!walk.is_pending && walk.token < end && is_plain(walk, is_capped)) {
            fold_next<Shape, PLAIN_TILE>(rows, walk, params, unit, ring);
        }
    }
    await_copies<0>();
}

/* Scales of planes that have none, in every stage of the block. */
template <class Shape>
__device__ inline void fill_missing_scales(const kvspan_attend_params &params,
                                           unsigned char *shared)
{
    for (uint32_t i = threadIdx.x; i < Shape::WARPS * Shape::STAGES * Shape::TILE_TOKENS;
         i += Shape::THREADS) {
        float *const scales =
            (float *)(shared + i / Shape::TILE_TOKENS * Shape::STAGE_BYTES + Shape::SCALE_OFFSET);

        if (params.keys.scale_offset == 0) {
            scales[i % Shape::TILE_TOKENS] = 1.0f;
        }
        if (params.values.scale_offset == 0) {
            scales[Shape::TILE_TOKENS + i % Shape::TILE_TOKENS] = 1.0f;
        }
    }
}

template <class Shape>
__device__ inline decode_walk<Shape> begin_walk(const kvspan_attend_params &params,
                                                const kvspan_attend_unit &unit, uint32_t kv_head,
                                                uint32_t ring)
{
    using Pair = typename Shape::Pair;
    const uint32_t lane = threadIdx.x % 32;
    const uint32_t first = unit.first_row / params.group_size;
    const uint32_t last = (unit.first_row + unit.row_count - 1) / params.group_size;
    decode_walk<Shape> walk;

    walk.source = find_source(params, unit, kv_head);
    walk.whole.begin = visible_tokens(params, unit.position + last).begin;
    walk.whole.end = min(visible_tokens(params, unit.position + first).end,
                         count_tokens(params, find_trees(params, unit, first, last)));
    walk.ring = ring;
    walk.keys = ring + key_place<Pair::KEY_BYTES>(lane);
    walk.values = ring + Shape::VALUE_OFFSET + value_place<Pair::VALUE_BYTES>(lane);
    return walk;
}

template <class Shape>
__device__ inline void decode_unit(const kvspan_attend_params &params,
                                   const kvspan_attend_unit &unit, uint32_t kv_head,
                                   unsigned char *shared)
{
    using Pair = typename Shape::Pair;
    const bool is_part = unit.partial_row != KVSPAN_NO_PARTIAL;
    unsigned char *const ring = shared + threadIdx.x / 32 * Shape::STAGES * Shape::STAGE_BYTES;
    uint32_t border =
        unit.index_begin / unit.split_tokens * unit.split_tokens + unit.split * unit.split_tokens;
    decode_walk<Shape> walk = begin_walk<Shape>(params, unit, kv_head, shared_address(ring));
    typename Shape::Rows rows;
    row_total total;
    bool is_checked = false;

    begin_rows(rows, params, unit, kv_head, 0, shared + Shape::QUERY_OFFSET);
    begin_total<Shape>(total, shared);
    do {
        walk.source.range.begin = max(border, unit.index_begin);
        walk.source.range.end = min(border + unit.split_tokens, unit.index_end);
        if constexpr (Pair::HAS_SCALES) {
            fill_missing_scales<Shape>(params, shared);
            __syncthreads();
        }
        clear_rows(rows);
        fold_split<Shape>(rows, walk, params, unit, ring, is_checked);
        is_checked = !merge_warps<Shape>(total, rows, params.soft_cap, shared, is_checked);
        border += is_checked ? 0 : unit.split_tokens;
    } while (is_checked || (!is_part && border < unit.index_end));
    if (is_part && !fold_parts<Shape>(total, params, unit, kv_head, shared)) {
        return;
    }
    store_total<Shape>(total, params, unit, kv_head, shared);
}

/* What the block of that number, among those that decode, does. */
template <class Shape>
__device__ inline void decode_block(const kvspan_attend_params &params, uint32_t block,
                                    unsigned char *shared)
{
    const uint32_t number = divide(block, params.kv_heads);
    const kvspan_attend_unit *const units = (const kvspan_attend_unit *)(params.plan + 1);

    if (number < params.plan->decode_count) {
        decode_unit<Shape>(params, units[number], block - number * params.kv_heads.value, shared);
    }
}

template <class Shape>
__global__ void __launch_bounds__(Shape::THREADS, 2)
    decode_kernel(const __grid_constant__ kvspan_attend_params params)
{
    extern __shared__ __align__(128) unsigned char shared[];

    decode_block<Shape>(params, blockIdx.x, shared);
}

} // namespace kvspan

#endif
