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

/* A warp's ring: next stage to read and to write, as bytes from its start. */
template <class Shape>
struct ring_place {
    uint32_t read;
    uint32_t write;
};

template <class Shape>
__device__ inline uint32_t next_stage(uint32_t place)
{
    return place + Shape::STAGE_BYTES == Shape::STAGES * Shape::STAGE_BYTES
               ? 0
               : place + Shape::STAGE_BYTES;
}

template <class Shape>
__device__ inline void fetch_stage(const kvspan_attend_params &params, const token_source &source,
                                   const page_row &own, uint32_t first_token, uint32_t stage)
{
    fetch_tokens<typename Shape::Pair, Shape::TILE_TOKENS>(
        params, source, own, first_token, stage, stage + Shape::VALUE_OFFSET,
        stage + Shape::SCALE_OFFSET, Shape::TILE_TOKENS * 4);
    commit_copies();
}

/* Folds the warp's tiles of a split, source.range. `whole`: the tokens that every row sees. ring:
 * the warp's. */
template <class Shape>
__device__ inline void fold_split(warp_rows<typename Shape::Pair> &rows,
                                  const kvspan_attend_params &params, const token_source &source,
                                  const token_range &whole, unsigned char *ring)
{
    using Pair = typename Shape::Pair;
    constexpr uint32_t TOKENS = Shape::TILE_TOKENS;
    constexpr uint32_t STEP = TOKENS * Shape::WARPS;
    const uint32_t lane = threadIdx.x % 32;
    const uint32_t base = shared_address(ring);
    const uint32_t keys = base + key_place<typename Pair::Plane, Pair::KEY_BYTES>(lane);
    const uint32_t values = base + Shape::VALUE_OFFSET +
                            value_place<typename Pair::Plane, Pair::VALUE_BYTES>(lane);
    const uint32_t first_tile = source.range.begin / TOKENS;
    uint32_t token =
        (first_tile + (threadIdx.x / 32 - first_tile) % Shape::WARPS) * TOKENS;
    uint32_t fetched = token;
    uint32_t read = 0;
    uint32_t write = (Shape::STAGES - 1) * Shape::STAGE_BYTES;
    page_row next;

#pragma unroll
    for (uint32_t stage = 0; stage < Shape::STAGES - 1; stage++) {
        next = find_lane_row<TOKENS>(params, source, fetched);
        fetch_stage<Shape>(params, source, next, fetched, base + stage * Shape::STAGE_BYTES);
        fetched += STEP;
    }
    next = find_lane_row<TOKENS>(params, source, fetched);
#pragma unroll 1
    for (; token < source.range.end; token += STEP) {
        const bool is_masked = token < whole.begin || token + TOKENS > whole.end;

        await_copies<Shape::STAGES - 2>();
        __syncwarp();
        fetch_stage<Shape>(params, source, next, fetched, base + write);
        fetched += STEP;
        next = find_lane_row<TOKENS>(params, source, fetched);
        fold_tile<Pair, TOKENS>(rows, token, keys + read, values + read,
                                (const float *)(ring + read + Shape::SCALE_OFFSET), is_masked,
                                rows.rule.cap != 0.0f);
        read = next_stage<Shape>(read);
        write = next_stage<Shape>(write);
    }
    await_copies<0>();
}

/* Scales of planes that have none, in every stage of the block. */
template <class Shape>
__device__ inline void fill_missing_scales(const kvspan_attend_params &params,
                                           unsigned char *shared)
{
    for (uint32_t i = threadIdx.x; i < Shape::WARPS * Shape::STAGES * Shape::TILE_TOKENS;
         i += blockDim.x) {
        float *const scales = (float *)(shared + i / Shape::TILE_TOKENS * Shape::STAGE_BYTES +
                                        Shape::SCALE_OFFSET);

        if (params.keys.scale_offset == 0) {
            scales[i % Shape::TILE_TOKENS] = 1.0f;
        }
        if (params.values.scale_offset == 0) {
            scales[Shape::TILE_TOKENS + i % Shape::TILE_TOKENS] = 1.0f;
        }
    }
}

template <class Shape>
__device__ inline void decode_unit(const kvspan_attend_params &params,
                                   const kvspan_attend_unit &unit, uint32_t kv_head,
                                   unsigned char *shared)
{
    using Pair = typename Shape::Pair;
    const uint32_t last_token = (unit.first_row + unit.row_count - 1) / params.group_size;
    const uint32_t first_token = unit.first_row / params.group_size;
    const token_range whole = { visible_tokens(params, unit.position + last_token).begin,
                                visible_tokens(params, unit.position + first_token).end };
    const bool is_part = unit.partial_row != KVSPAN_NO_PARTIAL;
    unsigned char *const ring =
        shared + threadIdx.x / 32 * Shape::STAGES * Shape::STAGE_BYTES;
    token_source source = find_source(params, unit, kv_head);
    uint32_t border = unit.index_begin / unit.split_tokens * unit.split_tokens +
                      unit.split * unit.split_tokens;
    warp_rows<Pair> rows;
    row_total total;

    begin_rows<Pair>(rows, params, unit, kv_head, 0);
    begin_total<Shape>(total, params, unit, kv_head, shared);
    do {
        source.range.begin = max(border, unit.index_begin);
        border += unit.split_tokens;
        source.range.end = min(border, unit.index_end);
        if constexpr (Pair::HAS_SCALES) {
            fill_missing_scales<Shape>(params, shared);
            __syncthreads();
        }
        clear_rows<Pair>(rows);
        fold_split<Shape>(rows, params, source, whole, ring);
        merge_warps<Shape>(total, rows, shared);
    } while (!is_part && border < unit.index_end);
    if (is_part && !fold_parts<Shape>(total, params, unit, kv_head, shared)) {
        return;
    }
    store_total<Shape>(total, params);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::THREADS, 2)
    decode_kernel(const __grid_constant__ kvspan_attend_params params)
{
    extern __shared__ __align__(128) unsigned char shared[];
    const uint32_t number = divide(blockIdx.x, params.kv_heads);
    const kvspan_attend_unit *const units = (const kvspan_attend_unit *)(params.plan + 1);

    if (number < params.plan->decode_count) {
        const kvspan_attend_unit unit = units[number];

        decode_unit<Shape>(params, unit, blockIdx.x - number * params.kv_heads.value, shared);
    }
}

} // namespace kvspan

#endif
