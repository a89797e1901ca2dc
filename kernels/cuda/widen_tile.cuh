/** @file
 * Tiles of 8-bit planes, widened to f16 once for all warps of a block.
 *
 * The block's threads copy a tile as it lies in pages to a stage: each to places of its own, one
 * behind the other, so that it waits for nobody to read them again. Of a group of 8 tokens, thread
 * lane has token lane / 4, and every fourth chunk from lane % 4 on. Where a tile has a group for
 * every warp, a warp takes keys and values of its group; where it has half as many, the first half
 * of the warps takes keys, the others values.
 */
#ifndef KVSPAN_KERNELS_CUDA_WIDEN_TILE_CUH
#define KVSPAN_KERNELS_CUDA_WIDEN_TILE_CUH

#include "kernels/cuda/tile_fold.cuh"

namespace kvspan
{

/* TOKENS: of a tile. */
template <class PAIR, int TOKENS, int WARPS> struct staged_tile {
    enum {
        GROUPS = TOKENS / 8,
        IS_SHARED = GROUPS < WARPS,        /* a group, by two warps */
        KEY_CHUNKS = PAIR::KEY_BYTES / 64, /* of a thread */
        VALUE_CHUNKS = PAIR::VALUE_BYTES / 64,
        CHUNKS = IS_SHARED ? (KEY_CHUNKS > VALUE_CHUNKS ? KEY_CHUNKS : VALUE_CHUNKS)
                           : KEY_CHUNKS + VALUE_CHUNKS,
        SCALE_OFFSET = CHUNKS * WARPS * 32 * 16,
        BYTES = SCALE_OFFSET + TOKENS * 8
    };
    static_assert(GROUPS == WARPS || 2 * GROUPS == WARPS, "warps are used");
};

/* Which part of a tile a thread copies and widens. */
struct tile_share {
    uint32_t token; /* of the tile */
    bool has_keys;
    bool has_values;
};

template <class Staged> __device__ inline tile_share find_share()
{
    const uint32_t warp = threadIdx.x / 32;

    return tile_share{ warp % Staged::GROUPS * 8 + threadIdx.x % 32 / 4,
                       !Staged::IS_SHARED || warp < Staged::GROUPS,
                       !Staged::IS_SHARED || warp >= Staged::GROUPS };
}

/* Begins to copy CHUNKS chunks of a row to the thread's places from `place` on. */
template <int CHUNKS, int THREADS>
__device__ inline void stage_row(uint32_t place, const unsigned char *source, bool is_there)
{
#pragma unroll
    for (uint32_t i = 0; i < CHUNKS; i++) {
        copy_16_bytes(place + i * THREADS * 16, source + i * 64, is_there);
    }
}

/* Begins to copy the thread's part of a tile, of whose token the row has been found. stage: address
 * of the stage. */
template <class Pair, class Staged, int THREADS>
__device__ inline void stage_share(const kvspan_attend_params &params, const token_source &source,
                                   const page_row &row, bool is_there, uint32_t stage)
{
    const tile_share share = find_share<Staged>();
    const uint32_t place = stage + threadIdx.x * 16;
    const uint32_t scale = stage + Staged::SCALE_OFFSET + share.token * 8;
    const uint32_t part = threadIdx.x % 4 * 16;

    if (share.has_keys) {
        stage_row<Staged::KEY_CHUNKS, THREADS>(place, row_address(params.keys, source.keys, row),
                                               is_there);
    }
    if (share.has_values) {
        const uint32_t behind = Staged::IS_SHARED ? 0 : Staged::KEY_CHUNKS * THREADS * 16;

        stage_row<Staged::VALUE_CHUNKS, THREADS>(
            place + behind, row_address(params.values, source.values, row), is_there);
    }
    if (part == 0 && share.has_keys && params.keys.scale_offset) {
        copy_4_bytes(scale, scale_address(params.keys, source.keys, row), is_there);
    }
    if (part == 0 && share.has_values && params.values.scale_offset) {
        copy_4_bytes(scale + 4, scale_address(params.values, source.values, row), is_there);
    }
}

__device__ inline void store_shared_quad(uint32_t address, const ordered_pairs &first,
                                         const ordered_pairs &second)
{
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(first.low),
                 "r"(first.high), "r"(second.low), "r"(second.high)
                 : "memory");
}

/* Widens the thread's CHUNKS chunks of a row into the row of a tile of f16 that begins at `row`,
 * exchanged by `exchange`. */
template <class Plane, bool ARE_KEYS, int CHUNKS, int THREADS>
__device__ inline void widen_row(uint32_t row, uint32_t exchange, const unsigned char *source)
{
    constexpr int ROW_BYTES = CHUNKS * 128;
    const uint32_t place = row + (threadIdx.x % 4 * 2 ^ exchange) * 16;

    uint4 quads[CHUNKS];

#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
        quads[i] = *(const uint4 *)(source + i * THREADS * 16);
    }
#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
        const uint32_t words[4] = { quads[i].x, quads[i].y, quads[i].z, quads[i].w };
        ordered_pairs pairs[4];

#pragma unroll
        for (int j = 0; j < 4; j++) {
            pairs[j] = ARE_KEYS ? Plane::order_keys(words[j]) : Plane::order_values(words[j]);
        }
        store_shared_quad(skip_chunks<ROW_BYTES>(place, 8 * i), pairs[0], pairs[1]);
        store_shared_quad(skip_chunks<ROW_BYTES>(place, 8 * i + 1), pairs[2], pairs[3]);
    }
}

/* Widens the thread's part of a stage into a tile: [keys][values][key scales][value scales]. */
template <class Plane, class Tile, class Staged, int TOKENS, int THREADS>
__device__ inline void widen_share(const kvspan_attend_params &params, unsigned char *tile,
                                   const unsigned char *stage)
{
    const tile_share share = find_share<Staged>();
    const unsigned char *const source = stage + threadIdx.x * 16;
    const float *const scales = (const float *)(stage + Staged::SCALE_OFFSET) + 2 * share.token;
    float *const target =
        (float *)(tile + TOKENS * (Tile::KEY_BYTES + Tile::VALUE_BYTES)) + share.token;
    const uint32_t keys = shared_address(tile) + share.token * Tile::KEY_BYTES;
    const uint32_t values =
        shared_address(tile) + TOKENS * Tile::KEY_BYTES + share.token * Tile::VALUE_BYTES;

    if (share.has_keys) {
        widen_row<Plane, true, Staged::KEY_CHUNKS, THREADS>(
            keys, chunk_exchange<Tile::KEY_BYTES>(share.token), source);
    }
    if (share.has_values) {
        const uint32_t behind = Staged::IS_SHARED ? 0 : Staged::KEY_CHUNKS * THREADS * 16;

        widen_row<Plane, false, Staged::VALUE_CHUNKS, THREADS>(
            values, chunk_exchange<Tile::VALUE_BYTES>(share.token), source + behind);
    }
    /* Each scale is read by the thread that has copied it, the only one that has waited for it. */
    if (threadIdx.x % 4 == 0 && share.has_keys) {
        target[0] = params.keys.scale_offset ? scales[0] : 1.0f;
    }
    if (threadIdx.x % 4 == 0 && share.has_values) {
        target[TOKENS] = params.values.scale_offset ? scales[1] : 1.0f;
    }
}

} // namespace kvspan

#endif
