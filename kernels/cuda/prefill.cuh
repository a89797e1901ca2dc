/** @file
 * Attention of many rows: 64 or 128 rows of an item, tokens · query heads of one kv head, 16 to a
 * warp.
 *
 * A block goes over tiles of TILE_TOKENS local tokens, from the first that its first row sees to
 * the last that its last row sees, while the next are copied: of 16-bit planes to one of two tiles
 * in turn; of 8-bit planes to one of three stages, from where the block widens it into its one tile
 * (widen_tile.cuh), which pays with twice as many rows. Tiles that all rows see are folded in a
 * loop of their own, without masks. If outputs are not finite, all tiles are folded again, checked.
 */
#ifndef KVSPAN_KERNELS_CUDA_PREFILL_CUH
#define KVSPAN_KERNELS_CUDA_PREFILL_CUH

#include "kernels/cuda/widen_tile.cuh"

namespace kvspan
{

/* Of 16-bit planes. */
template <class PAIR, bool IS_WIDE = PAIR::HAS_SCALES> struct prefill_shape {
    using Pair = PAIR;
    using Tile = PAIR;
    enum {
        IS_WIDENED = 0,
        WARPS = 4,
        THREADS = 32 * WARPS,
        TILE_TOKENS = PAIR::KEY_DIM > 128 ? 32 : 64,
        TILE_BYTES = TILE_TOKENS * PAIR::TOKEN_BYTES,
        WARP_TOKENS = TILE_TOKENS / WARPS, /* that a warp copies */
        FIRST_STAGE = 0,                   /* stages are tiles */
        STAGES = 2,
        STAGE_BYTES = TILE_BYTES,
        HAS_SHARED_QUERIES = PAIR::KEY_DIM > 192,
        /* Blocks of an SM with 228 KiB that registers allow for. */
        BLOCKS = PAIR::KEY_DIM > 64 ? 2 : 3
    };
    using Rows = warp_rows<Tile, HAS_SHARED_QUERIES>;
};

/* Of 8-bit planes. */
template <class PAIR> struct prefill_shape<PAIR, true> {
    using Pair = PAIR;
    using Tile = plane_pair<widened_plane<typename PAIR::Plane>, PAIR::KEY_DIM, PAIR::VALUE_DIM>;
    enum {
        IS_WIDENED = 1,
        WARPS = 8,
        THREADS = 32 * WARPS,
        TILE_TOKENS = PAIR::KEY_DIM > 128 ? 32 : 64,
        TILE_BYTES = TILE_TOKENS * Tile::TOKEN_BYTES
    };
    using Staged = staged_tile<PAIR, TILE_TOKENS, WARPS>;
    enum {
        FIRST_STAGE = TILE_BYTES,
        STAGES = 3,
        STAGE_BYTES = Staged::BYTES,
        HAS_SHARED_QUERIES = 1,
        BLOCKS = 1
    };
    using Rows = warp_rows<Tile, HAS_SHARED_QUERIES>;
};

/* What a block has in shared memory: tiles and stages, and queries behind them; at last outputs. */
template <class Shape> struct prefill_memory {
    enum {
        VALUE_OFFSET = Shape::TILE_TOKENS * Shape::Tile::KEY_BYTES,
        SCALE_OFFSET = VALUE_OFFSET + Shape::TILE_TOKENS * Shape::Tile::VALUE_BYTES,
        QUERY_OFFSET = Shape::FIRST_STAGE + Shape::STAGES * Shape::STAGE_BYTES,
        END = QUERY_OFFSET + (Shape::HAS_SHARED_QUERIES
                                  ? Shape::WARPS * shared_query_bytes<typename Shape::Pair>()
                                  : 0),
        OUTPUT_BYTES = Shape::WARPS * 16 * (Shape::Pair::VALUE_DIM + 8) * 4,
        BYTES = END > OUTPUT_BYTES ? END : OUTPUT_BYTES,
        BLOCK_ROWS = 16 * Shape::WARPS,
        UNIT_BLOCKS = KVSPAN_PREFILL_ROWS / BLOCK_ROWS
    };
};

/* A unit's way through its tiles. */
template <class Shape> struct prefill_walk {
    token_source source;
    token_range whole; /* tokens that every row sees */
    uint32_t token;    /* first of the tile that is folded next */
    uint32_t stage;    /* of it, as bytes from the first */
    bool is_pending;   /* that tile has been taken, but not folded */
    page_row next;     /* of the tile that is copied next */
};

/* The first token of the warp's share of a tile. */
template <class Shape> __device__ inline uint32_t share_token()
{
    if constexpr (Shape::IS_WIDENED) {
        return find_share<typename Shape::Staged>().token;
    } else {
        return threadIdx.x / 32 * Shape::WARP_TOKENS;
    }
}

/* Looks up rows of the warp's share of the tile at `first`: of widened tiles, each thread its
 * token's. */
template <class Shape>
__device__ inline void find_next_rows(prefill_walk<Shape> &walk, const kvspan_attend_params &params,
                                      uint32_t first)
{
    const uint32_t token = first + share_token<Shape>();

    if constexpr (Shape::IS_WIDENED) {
        walk.next = find_row(params, walk.source.table, token, is_within(walk.source.range, token));
    } else {
        walk.next = find_lane_row<Shape::WARP_TOKENS>(params, walk.source, token);
    }
}

/* Begins to copy the warp's share of the tile at `token`. stage: address. */
template <class Shape>
__device__ inline void fetch_share(prefill_walk<Shape> &walk, const kvspan_attend_params &params,
                                   uint32_t token, uint32_t stage)
{
    using Pair = typename Shape::Pair;
    const uint32_t first = share_token<Shape>();

    if constexpr (Shape::IS_WIDENED) {
        stage_share<Pair, typename Shape::Staged, Shape::THREADS>(
            params, walk.source, walk.next, is_within(walk.source.range, token + first), stage);
    } else {
        fetch_tokens<Pair, Shape::WARP_TOKENS>(
            params, walk.source, walk.next, token + first,
            token_target{ stage + first * Pair::KEY_BYTES,
                          stage + prefill_memory<Shape>::VALUE_OFFSET + first * Pair::VALUE_BYTES,
                          0, 0 });
    }
    commit_copies();
    find_next_rows<Shape>(walk, params, token + Shape::TILE_TOKENS);
}

template <class Shape>
__device__ inline bool is_plain(const prefill_walk<Shape> &walk, bool is_capped)
{
    return !is_capped && walk.token >= walk.whole.begin &&
           walk.token + Shape::TILE_TOKENS <= walk.whole.end;
}

/* Where the tile is that was taken last. */
template <class Shape>
__device__ inline unsigned char *find_taken(const prefill_walk<Shape> &walk, unsigned char *shared)
{
    return Shape::IS_WIDENED ? shared : shared + (Shape::STAGE_BYTES - walk.stage);
}

/* Awaits the next tile and begins to copy another. */
template <class Shape>
__device__ inline void take_tile(prefill_walk<Shape> &walk, const kvspan_attend_params &params,
                                 unsigned char *shared)
{
    const uint32_t stage = walk.stage;
    const uint32_t stages = shared_address(shared) + Shape::FIRST_STAGE;

    walk.stage = next_stage<Shape>(stage);
    if constexpr (Shape::IS_WIDENED) {
        await_copies<Shape::STAGES - 1>();
        __syncthreads();
        widen_share<typename Shape::Pair::Plane, typename Shape::Tile, typename Shape::Staged,
                    Shape::TILE_TOKENS, Shape::THREADS>(params, shared,
                                                        shared + Shape::FIRST_STAGE + stage);
        fetch_share<Shape>(walk, params, walk.token + Shape::STAGES * Shape::TILE_TOKENS,
                           stages + stage);
        __syncthreads();
    } else {
        await_copies<0>();
        __syncthreads();
        fetch_share<Shape>(walk, params, walk.token + Shape::TILE_TOKENS, stages + walk.stage);
    }
}

/* The warp's first row of the unit. */
template <class Shape> __device__ inline uint32_t find_warp_row()
{
    using Memory = prefill_memory<Shape>;

    return blockIdx.x % Memory::UNIT_BLOCKS * Memory::BLOCK_ROWS + threadIdx.x / 32 * 16;
}

/* Folds the next tile, which is pending afterwards if fold_tile() left it. */
template <class Shape, tile_kind KIND>
__device__ inline void fold_next(typename Shape::Rows &rows, prefill_walk<Shape> &walk,
                                 const kvspan_attend_params &params, const kvspan_attend_unit &unit,
                                 unsigned char *shared)
{
    using Tile = typename Shape::Tile;
    using Memory = prefill_memory<Shape>;
    const uint32_t lane = threadIdx.x % 32;

    if (KIND == PLAIN_TILE || !walk.is_pending) {
        take_tile<Shape>(walk, params, shared);
    }
    unsigned char *const tile = find_taken<Shape>(walk, shared);
    const uint32_t place = shared_address(tile);

    walk.is_pending = !fold_tile<Tile, Shape::TILE_TOKENS, KIND>(
        rows, params, warp_place{ unit, find_warp_row<Shape>() }, walk.token,
        place + key_place<Tile::KEY_BYTES>(lane),
        place + Memory::VALUE_OFFSET + value_place<Tile::VALUE_BYTES>(lane),
        (const float *)(tile + Memory::SCALE_OFFSET));
    walk.token += walk.is_pending ? 0 : Shape::TILE_TOKENS;
}

template <class Shape>
__device__ inline prefill_walk<Shape> begin_walk(const kvspan_attend_params &params,
                                                 const kvspan_attend_unit &unit, uint32_t kv_head,
                                                 unsigned char *shared)
{
    const uint32_t first = unit.first_row / params.group_size;
    const uint32_t last = (unit.first_row + unit.row_count - 1) / params.group_size;
    const token_range lowest = visible_tokens(params, unit.position + first);
    const token_range highest = visible_tokens(params, unit.position + last);
    const uint32_t stages = shared_address(shared) + Shape::FIRST_STAGE;
    prefill_walk<Shape> walk;

    walk.source = find_source(params, unit, kv_head);
    walk.source.range.begin = lowest.begin;
    walk.source.range.end = highest.end;
    walk.whole.begin = highest.begin;
    walk.whole.end = min(lowest.end, count_tokens(params, find_trees(params, unit, first, last)));
    walk.token = lowest.begin / Shape::TILE_TOKENS * Shape::TILE_TOKENS;
    walk.stage = 0;
    walk.is_pending = false;
    find_next_rows<Shape>(walk, params, walk.token);
#pragma unroll
    for (uint32_t i = 0; i < (Shape::IS_WIDENED ? Shape::STAGES : 1); i++) {
        fetch_share<Shape>(walk, params, walk.token + i * Shape::TILE_TOKENS,
                           stages + i * Shape::STAGE_BYTES);
    }
    return walk;
}

/* Folds all tiles. is_checked: as CHECKED_TILE. */
template <class Shape>
__device__ inline void fold_tiles(typename Shape::Rows &rows, prefill_walk<Shape> &walk,
                                  const kvspan_attend_params &params,
                                  const kvspan_attend_unit &unit, unsigned char *shared,
                                  bool is_checked)
{
    const bool is_capped = params.soft_cap != 0.0f;

    if constexpr (!Shape::Pair::Plane::IS_ALWAYS_FINITE) {
#pragma unroll 1
        while (is_checked && walk.token < walk.source.range.end) {
            fold_next<Shape, CHECKED_TILE>(rows, walk, params, unit, shared);
        }
    }
    while (walk.token < walk.source.range.end) {
        /* The first tile's scores are the first maxima. */
#pragma unroll 1
        do {
            fold_next<Shape, MASKED_TILE>(rows, walk, params, unit, shared);
        } while (walk.token < walk.source.range.end && !is_plain(walk, is_capped));
#pragma unroll 1
        while (!walk.is_pending && is_plain(walk, is_capped)) {
            fold_next<Shape, PLAIN_TILE>(rows, walk, params, unit, shared);
        }
    }
    await_copies<0>();
}

/* Stores a warp's rows, by way of its part of shared memory. */
template <class Shape>
__device__ inline void
store_rows(const typename Shape::Rows &rows, const kvspan_attend_params &params,
           const kvspan_attend_unit &unit, uint32_t kv_head, unsigned char *shared)
{
    using Pair = typename Shape::Tile;
    const uint32_t warp = threadIdx.x / 32;
    const uint32_t lane = threadIdx.x % 32;
    float *const outputs = (float *)shared + warp * 16 * output_pitch<Pair>();
    row_state state;

#pragma unroll
    for (int half = 0; half < 2; half++) {
        state.sum[half] = sum_of_quad(rows.state.sum[half]);
        state.maximum[half] =
            maximum_of<typename Pair::Plane>(rows.state, rows.rule, params.soft_cap, half);
    }
    spill_outputs(rows, state.sum, outputs);
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

/* The rows of a unit that this block of it has; read again wherever it is asked for, as registers
 * are few. */
template <class Shape>
__device__ inline kvspan_attend_unit find_block_unit(const kvspan_attend_unit &unit)
{
    const uint32_t first =
        blockIdx.x % prefill_memory<Shape>::UNIT_BLOCKS * prefill_memory<Shape>::BLOCK_ROWS;
    kvspan_attend_unit part = unit;

    part.first_row += first;
    part.row_count = unit.row_count <= first ? 0 : unit.row_count - first;
    part.row_count = min(part.row_count, (uint32_t)prefill_memory<Shape>::BLOCK_ROWS);
    return part;
}

/* The block's number: asked for anew each time, so that what follows from it takes no register
 * meanwhile. */
template <class Shape> __device__ inline uint32_t find_block()
{
    uint32_t block;

    asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(block));
    return block / prefill_memory<Shape>::UNIT_BLOCKS;
}

template <class Shape> __device__ inline uint32_t find_kv_head(const kvspan_attend_params &params)
{
    const uint32_t index = find_block<Shape>();

    return index - divide(index, params.kv_heads) * params.kv_heads.value;
}

template <class Shape>
__device__ inline void prefill_unit(const kvspan_attend_params &params,
                                    const kvspan_attend_unit &unit, unsigned char *shared)
{
    typename Shape::Rows rows;
    bool is_checked = false;

    begin_rows(rows, params, find_block_unit<Shape>(unit), find_kv_head<Shape>(params),
               threadIdx.x / 32 * 16, shared + prefill_memory<Shape>::QUERY_OFFSET);
#pragma unroll 1
    for (;;) {
        prefill_walk<Shape> walk = begin_walk<Shape>(params, find_block_unit<Shape>(unit),
                                                     find_kv_head<Shape>(params), shared);

        clear_rows(rows);
        fold_tiles<Shape>(rows, walk, params, unit, shared, is_checked);
        if (Shape::Pair::Plane::IS_ALWAYS_FINITE) {
            __syncthreads();
            break;
        }
        if (!__syncthreads_or(has_strange_outputs(rows)) || is_checked) {
            break;
        }
        is_checked = true;
    }
    store_rows<Shape>(rows, params, find_block_unit<Shape>(unit), find_kv_head<Shape>(params),
                      shared);
}

/* What a block does, of those that prefill. */
template <class Shape>
__device__ inline void prefill_block(const kvspan_attend_params &params, unsigned char *shared)
{
    const uint32_t number = divide(find_block<Shape>(), params.kv_heads);
    const kvspan_attend_unit *const units =
        (const kvspan_attend_unit *)(params.plan + 1) + params.plan->decode_count;

    if (number < params.plan->prefill_count &&
        find_block_unit<Shape>(units[number]).row_count > 0) {
        prefill_unit<Shape>(params, units[number], shared);
    }
}

} // namespace kvspan

#endif
