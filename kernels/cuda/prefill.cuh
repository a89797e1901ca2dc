/** @file
 * Attention of many rows: 64 rows of an item, tokens · query heads of one kv head, 16 to a warp.
 *
 * A block goes over tiles of TILE_TOKENS local tokens, from the first that its first row sees to
 * the last that its last row sees, while the next tile is copied to the other half of its shared
 * memory. Each warp copies its share of the tile's tokens. Tiles that all rows see are folded in a
 * loop of their own, without masks.
 */
#ifndef KVSPAN_KERNELS_CUDA_PREFILL_CUH
#define KVSPAN_KERNELS_CUDA_PREFILL_CUH

#include "kernels/cuda/tile_fold.cuh"

namespace kvspan
{

template <class PAIR> struct prefill_shape {
    using Pair = PAIR;
    enum {
        WARPS = 4,
        THREADS = 32 * WARPS,
        TILE_TOKENS = PAIR::KEY_DIM > 128 ? 32 : 64,
        WARP_TOKENS = TILE_TOKENS / WARPS, /* that a warp copies */
        VALUE_OFFSET = TILE_TOKENS * PAIR::KEY_BYTES,
        SCALE_OFFSET = TILE_TOKENS * (PAIR::KEY_BYTES + PAIR::VALUE_BYTES),
        STAGE_BYTES = TILE_TOKENS * PAIR::TOKEN_BYTES,
        OUTPUT_BYTES = WARPS * 16 * (PAIR::VALUE_DIM + 8) * 4,
        QUERY_OFFSET = 2 * STAGE_BYTES > OUTPUT_BYTES ? 2 * STAGE_BYTES : OUTPUT_BYTES,
        HAS_SHARED_QUERIES = PAIR::KEY_DIM > 192,
        SHARED_BYTES = QUERY_OFFSET + (HAS_SHARED_QUERIES ? WARPS * shared_query_bytes<PAIR>() : 0),
        /* Blocks of an SM with 228 KiB that registers allow for. */
        BLOCKS = PAIR::KEY_DIM > 128 ? 2 : PAIR::KEY_DIM > 64 ? 2 : 3
    };
    using Rows = warp_rows<PAIR, HAS_SHARED_QUERIES>;
};

/* A unit's way through its tiles. */
template <class Shape> struct prefill_walk {
    token_source source;
    token_range whole; /* tokens that every row sees */
    uint32_t token;    /* first of the tile that is folded next */
    uint32_t stage;    /* its bytes in shared memory */
    page_row next;     /* of the tile after the one being copied */
};

/* Begins to copy the warp's share of the tile at `token`. */
template <class Shape>
__device__ inline void fetch_share(prefill_walk<Shape> &walk, const kvspan_attend_params &params,
                                   uint32_t token, uint32_t stage)
{
    using Pair = typename Shape::Pair;
    const uint32_t first = threadIdx.x / 32 * Shape::WARP_TOKENS;

    fetch_tokens<Pair, Shape::WARP_TOKENS>(
        params, walk.source, walk.next, token + first,
        token_target{ stage + first * Pair::KEY_BYTES,
                      stage + Shape::VALUE_OFFSET + first * Pair::VALUE_BYTES,
                      stage + Shape::SCALE_OFFSET + first * 4, Shape::TILE_TOKENS * 4 });
    commit_copies();
    walk.next =
        find_lane_row<Shape::WARP_TOKENS>(params, walk.source, token + Shape::TILE_TOKENS + first);
}

template <class Shape>
__device__ inline bool is_plain(const prefill_walk<Shape> &walk, bool is_capped)
{
    return !is_capped && walk.token >= walk.whole.begin &&
           walk.token + Shape::TILE_TOKENS <= walk.whole.end;
}

template <class Shape, bool IS_PLAIN>
__device__ inline void fold_next(typename Shape::Rows &rows, prefill_walk<Shape> &walk,
                                 const kvspan_attend_params &params, unsigned char *shared)
{
    using Pair = typename Shape::Pair;
    const uint32_t lane = threadIdx.x % 32;
    const uint32_t base = shared_address(shared);
    const uint32_t tile = base + walk.stage;

    await_copies<0>();
    __syncthreads();
    fetch_share<Shape>(walk, params, walk.token + Shape::TILE_TOKENS,
                       base + (Shape::STAGE_BYTES - walk.stage));
    fold_tile<Pair, Shape::TILE_TOKENS, IS_PLAIN>(
        rows, params.soft_cap, walk.token,
        tile + key_place<typename Pair::Plane, Pair::KEY_BYTES>(lane),
        tile + Shape::VALUE_OFFSET + value_place<typename Pair::Plane, Pair::VALUE_BYTES>(lane),
        (const float *)(shared + walk.stage + Shape::SCALE_OFFSET));
    walk.token += Shape::TILE_TOKENS;
    walk.stage = Shape::STAGE_BYTES - walk.stage;
}

template <class Shape>
__device__ inline prefill_walk<Shape> begin_walk(const kvspan_attend_params &params,
                                                 const kvspan_attend_unit &unit, uint32_t kv_head)
{
    const uint32_t first = unit.first_row / params.group_size;
    const uint32_t last = (unit.first_row + unit.row_count - 1) / params.group_size;
    const token_range lowest = visible_tokens(params, unit.position + first);
    const token_range highest = visible_tokens(params, unit.position + last);
    prefill_walk<Shape> walk;

    walk.source = find_source(params, unit, kv_head);
    walk.source.range.begin = lowest.begin;
    walk.source.range.end = highest.end;
    walk.whole.begin = highest.begin;
    walk.whole.end = lowest.end;
    walk.token = lowest.begin / Shape::TILE_TOKENS * Shape::TILE_TOKENS;
    walk.stage = 0;
    walk.next = find_lane_row<Shape::WARP_TOKENS>(
        params, walk.source, walk.token + threadIdx.x / 32 * Shape::WARP_TOKENS);
    return walk;
}

/* Scales of planes that have none, in both halves. */
template <class Shape>
__device__ inline void fill_scales(const kvspan_attend_params &params, unsigned char *shared)
{
    for (uint32_t i = threadIdx.x; i < 2 * Shape::TILE_TOKENS; i += blockDim.x) {
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

/* Stores a warp's rows, by way of its part of shared memory. */
template <class Shape>
__device__ inline void
store_rows(const typename Shape::Rows &rows, const kvspan_attend_params &params,
           const kvspan_attend_unit &unit, uint32_t kv_head, unsigned char *shared)
{
    using Pair = typename Shape::Pair;
    const uint32_t warp = threadIdx.x / 32;
    const uint32_t lane = threadIdx.x % 32;
    float *const outputs = (float *)shared + warp * 16 * output_pitch<Pair>();
    row_state state;

    spill_outputs(rows, outputs);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        state.sum[half] = sum_of_quad(rows.state.sum[half]);
        state.maximum[half] =
            maximum_of<typename Pair::Plane>(rows.state, rows.rule, params.soft_cap, half);
    }
    __syncwarp();
#pragma unroll 1
    for (uint32_t row = 0; row < 16; row++) {
        const query_row query = find_query(params, unit, kv_head, warp * 16 + row);
        const float sum =
            __shfl_sync(0xffffffffU, row < 8 ? state.sum[0] : state.sum[1], (int)(row % 8 * 4));
        const float maximum = __shfl_sync(
            0xffffffffU, row < 8 ? state.maximum[0] : state.maximum[1], (int)(row % 8 * 4));
        const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;

        if (!query.is_there) {
            continue;
        }
        for (uint32_t i = 4 * lane; i < Pair::VALUE_DIM; i += 128) {
            const float4 value = *(const float4 *)(outputs + row * output_pitch<Pair>() + i);

            store_elements(params, query, i,
                           make_float4(value.x * factor, value.y * factor, value.z * factor,
                                       value.w * factor));
        }
        if (lane == 0) {
            store_lse(params, query, maximum, sum);
        }
    }
}

template <class Shape>
__device__ inline void prefill_unit(const kvspan_attend_params &params,
                                    const kvspan_attend_unit &unit, uint32_t kv_head,
                                    unsigned char *shared)
{
    prefill_walk<Shape> walk = begin_walk<Shape>(params, unit, kv_head);
    typename Shape::Rows rows;

    begin_rows(rows, params, unit, kv_head, threadIdx.x / 32 * 16, shared + Shape::QUERY_OFFSET);
    clear_rows(rows);
    if constexpr (Shape::Pair::HAS_SCALES) {
        fill_scales<Shape>(params, shared);
    }
    fetch_share<Shape>(walk, params, walk.token, shared_address(shared));
    while (walk.token < walk.source.range.end) {
#pragma unroll 1
        while (walk.token < walk.source.range.end && !is_plain(walk, params.soft_cap != 0.0f)) {
            fold_next<Shape, false>(rows, walk, params, shared);
        }
#pragma unroll 1
        while (is_plain(walk, params.soft_cap != 0.0f)) {
            fold_next<Shape, true>(rows, walk, params, shared);
        }
    }
    await_copies<0>();
    __syncthreads();
    store_rows<Shape>(rows, params, unit, kv_head, shared);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::THREADS, Shape::BLOCKS)
    prefill_kernel(const __grid_constant__ kvspan_attend_params params)
{
    extern __shared__ __align__(128) unsigned char shared[];
    const uint32_t number = divide(blockIdx.x, params.kv_heads);
    const kvspan_attend_unit *const units =
        (const kvspan_attend_unit *)(params.plan + 1) + params.plan->decode_count;

    if (number < params.plan->prefill_count) {
        prefill_unit<Shape>(params, units[number], blockIdx.x - number * params.kv_heads.value,
                            shared);
    }
}

} // namespace kvspan

#endif
