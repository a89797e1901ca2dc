/** @file
 * Fetches what AMX kernels read next, in the order in which they read it but from four pages of
 * memory in turn. A core has few lines under way at a time when it asks for them one by one; four
 * streams make the second cache fetch ahead by itself, in each.
 *
 * All that a chunk has of a head is read before the next head's: its weights and sums then stay in
 * the first cache.
 *
 * The places fetched are some kilobytes ahead of those read, so few that they stay in the first
 * cache. They gain on them while weights are made, when nothing is read, and lose that again:
 * memory is never idle.
 */
#ifndef KVSPAN_KERNELS_CPU_FETCH_STREAMS_H
#define KVSPAN_KERNELS_CPU_FETCH_STREAMS_H

#include <immintrin.h>
#include <stddef.h>

#include "kernels/cpu/tile_kernels.h"

enum {
    STREAM_BYTES = 4096, /* the least of a stream, where tiles are smaller: a page of memory */
    STREAM_LINE_BYTES = 64,
    STREAM_ROW_LINES = 2, /* fetched while a row's weights of a tile are made, … */
    STREAM_GAIN_PART = 4  /* … in all at most one so many of the values' */
};

enum stream_plane {
    STREAM_KEYS,
    STREAM_VALUES,
    STREAM_NEXT_KEYS,
    STREAM_END
};

static inline uint32_t stream_tile_bytes(const kvspan_tile_block *block, uint32_t plane)
{
    const int is_value = plane == STREAM_VALUES;
    const uint32_t dim = is_value ? block->value_dim : block->key_dim;
    const int is_byte = is_value ? block->value_digits || block->value_codes
                                 : block->key_digits || block->key_codes;

    return dim * KVSPAN_TILE_TOKENS * (is_byte ? 1 : 2);
}

/* Tiles of a window: four streams. */
static inline uint32_t stream_window_tiles(uint32_t tile_bytes)
{
    return tile_bytes < STREAM_BYTES ? KVSPAN_STREAMS * (STREAM_BYTES / tile_bytes)
                                     : KVSPAN_STREAMS;
}

static inline const unsigned char *stream_tile(const kvspan_fetch *fetch)
{
    const kvspan_tile_block *const block = fetch->block;
    const kvspan_tile_chunk *const chunk = fetch->chunk;

    if (fetch->plane == STREAM_VALUES) {
        return chunk->values[fetch->tile] + fetch->head * block->value_head_stride;
    }
    return (fetch->plane == STREAM_KEYS ? chunk->keys : chunk->next_keys)[fetch->tile] +
           fetch->head * block->key_head_stride;
}

/* To the tile that is read next. */
static inline void stream_step(kvspan_fetch *fetch)
{
    if (++fetch->tile < fetch->chunk->tile_count) {
        return;
    }
    fetch->tile = 0;
    if (++fetch->head < fetch->block->head_count) {
        return;
    }
    fetch->head = 0;
    fetch->plane++;
}

/* Nothing of the chunk has been fetched: what is read first need not be any more. */
static inline void stream_restart(kvspan_fetch *fetch, const kvspan_tile_block *block,
                                  const kvspan_tile_chunk *chunk)
{
    const uint32_t tile_bytes = stream_tile_bytes(block, STREAM_KEYS);
    const uint32_t window = stream_window_tiles(tile_bytes);

    *fetch = (kvspan_fetch){ .block = block,
                             .chunk = chunk,
                             .aim_lines = (int32_t)(window * tile_bytes / STREAM_LINE_BYTES) };
    fetch->ahead_lines = fetch->aim_lines;
    for (uint32_t i = 0; i < window && fetch->plane != STREAM_END; i++) {
        stream_step(fetch);
    }
}

/* Begins a chunk: the one that the last chunk announced as its next, or another. Planes that are
 * widened are fetched by who widens them. */
static inline void stream_begin_chunk(const kvspan_tile_block *block,
                                      const kvspan_tile_chunk *chunk)
{
    kvspan_fetch *const fetch = &block->work->fetch;

    if (block->key_codes || block->value_codes) {
        *fetch = (kvspan_fetch){ .chunk = NULL };
        return;
    }
    if (fetch->announced_key == chunk->keys[0] && fetch->tile_count == chunk->tile_count &&
        fetch->head_count == block->head_count && fetch->plane >= STREAM_NEXT_KEYS) {
        fetch->block = block;
        fetch->chunk = chunk;
        fetch->ahead_lines = fetch->plane == STREAM_END ? fetch->aim_lines : fetch->ahead_lines;
        fetch->plane -= STREAM_NEXT_KEYS;
    } else {
        stream_restart(fetch, block, chunk);
    }
    fetch->announced_key = chunk->next_keys[0];
    fetch->tile_count = chunk->tile_count;
    fetch->head_count = block->head_count;
}

/* The next window; returns whether there is one. */
static __attribute__((noinline)) int stream_fill_window(kvspan_fetch *fetch)
{
    const uint32_t plane = fetch->plane;
    uint32_t most;
    uint32_t count = 0;

    if (plane == STREAM_END) {
        return 0;
    }
    fetch->tile_bytes = stream_tile_bytes(fetch->block, plane);
    most = stream_window_tiles(fetch->tile_bytes);
    while (count < most && fetch->plane == plane) {
        fetch->window[count++] = stream_tile(fetch);
        stream_step(fetch);
    }
    fetch->stream_count = count % KVSPAN_STREAMS == 0 ? KVSPAN_STREAMS : 1;
    fetch->stream_tiles = count / fetch->stream_count;
    fetch->stream_tile = 0;
    fetch->offset = 0;
    return 1;
}

/* Fetches about so many lines, of no chunk none; returns how many. */
static inline __attribute__((always_inline)) uint32_t stream_fetch_lines(kvspan_fetch *fetch,
                                                                         uint32_t lines)
{
    uint32_t done = 0;

    while (fetch->chunk && done < lines) {
        if (fetch->stream_tile == fetch->stream_tiles && !stream_fill_window(fetch)) {
            break;
        }
        const unsigned char *const *const tiles = fetch->window + fetch->stream_tile;

        _mm_prefetch((const char *)tiles[0] + fetch->offset, _MM_HINT_T0);
        if (fetch->stream_count == KVSPAN_STREAMS) {
#pragma GCC unroll 4
            for (uint32_t i = 1; i < KVSPAN_STREAMS; i++) {
                _mm_prefetch((const char *)tiles[(size_t)i * fetch->stream_tiles] + fetch->offset,
                             _MM_HINT_T0);
            }
        }
        done += fetch->stream_count;
        fetch->offset += STREAM_LINE_BYTES;
        if (fetch->offset == fetch->tile_bytes) {
            fetch->offset = 0;
            fetch->stream_tile++;
        }
    }
    return done;
}

/* While lines are read: as many, or fewer where weights have let the fetched ones gain. */
static inline __attribute__((always_inline)) void stream_read_lines(kvspan_fetch *fetch,
                                                                    uint32_t lines)
{
    const uint32_t wanted = fetch->ahead_lines > fetch->aim_lines ? lines - lines / 4 : lines;

    fetch->ahead_lines += (int32_t)stream_fetch_lines(fetch, wanted) - (int32_t)lines;
}

/* While one row's weights are made. */
static inline void stream_pass_row(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    kvspan_fetch *const fetch = &block->work->fetch;
    const uint32_t lines = chunk->tile_count * block->head_count *
                           stream_tile_bytes(block, STREAM_VALUES) / STREAM_LINE_BYTES;
    const uint32_t most = lines / STREAM_GAIN_PART / block->row_count;
    const uint32_t wanted = chunk->tile_count * STREAM_ROW_LINES;

    fetch->ahead_lines += (int32_t)stream_fetch_lines(fetch, wanted < most ? wanted : most);
}

#endif
