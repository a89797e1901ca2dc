/** @file
 * What is fetched while the tiles of a chunk are read: the same some steps later in the order of
 * page_order.h, first the keys, then the values, then the next chunk's keys.
 *
 * A part of the file of one instruction set, which has chosen before (see tile_body.h) whether what
 * is multiplied as it is stored is fetched in streams instead.
 */
#ifndef KVSPAN_KERNELS_CPU_AHEAD_BODY_H
#define KVSPAN_KERNELS_CPU_AHEAD_BODY_H

#include "kernels/cpu/fetch_streams.h"
#include "kernels/cpu/line_body.h"
#include "kernels/cpu/page_order.h"
#include "kernels/cpu/tile_kernels.h"

enum {
    AHEAD_HEADS = 2, /* how far ahead memory is fetched, in heads of a step, … */
    AHEAD_TILES = 4  /* … or in tiles if there is one head */
};

/* Whether a whole chunk is fetched ahead, which is faster for avx512_bf16 on EPYC and slower for
 * avx512_vnni on Xeon. Planes of codes that are multiplied as they are stored are so small that a
 * chunk of both stays in the second cache. Values are then fetched while keys are read, and the
 * next chunk's keys while weights are made and values read, in the order in which they lie; they
 * may be read in any. */
static int fetches_chunks(const kvspan_tile_block *block)
{
    return FETCHES_CHUNKS && block->key_digits && block->value_digits;
}

/* Whether heads take turns chunk by chunk, and not after some pages. */
static int is_by_head(const kvspan_tile_block *block)
{
    return FETCHES_IN_STREAMS ? !block->key_codes && !block->value_codes : fetches_chunks(block);
}

/* A head's tile; tiles behind the chunk's last are what is read after the plane. */
struct place {
    uint32_t head;
    uint32_t tile;
};

/* Tiles of a head that are read before the next head's: whole pages. */
static uint32_t step_tiles(const kvspan_tile_block *block)
{
    uint32_t tiles = block->page_tiles;

    while (tiles < STEP_TILES) {
        tiles += block->page_tiles;
    }
    return tiles;
}

/* The same place some steps of so many tiles later. */
static struct place step_ahead(const kvspan_tile_block *block, uint32_t head, uint32_t tile,
                               uint32_t tiles)
{
    struct place place = { .head = head, .tile = tile };

    if (block->head_count == 1) {
        place.tile += AHEAD_TILES;
        return place;
    }
    place.head += AHEAD_HEADS;
    while (place.head >= block->head_count) {
        place.head -= block->head_count;
        place.tile += tiles;
    }
    return place;
}

/* What is read behind tiles [tile, end) of a head's in the step [first, last). */
static struct place place_behind(const kvspan_tile_block *block, uint32_t head, uint32_t first,
                                 uint32_t end, uint32_t last)
{
    if (end < last) {
        return (struct place){ .head = head, .tile = end };
    }
    return head + 1 < block->head_count ? (struct place){ .head = head + 1, .tile = first }
                                        : (struct place){ .head = 0, .tile = last };
}

static uint32_t bounded_tile(const kvspan_tile_chunk *chunk, uint32_t tile)
{
    return tile < chunk->tile_count ? tile : chunk->tile_count - 1;
}

/* Values come after the last keys. */
static const unsigned char *key_at(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                                   struct place place)
{
    if (place.tile < chunk->tile_count) {
        return chunk->keys[place.tile] + place.head * block->key_head_stride;
    }
    return chunk->values[bounded_tile(chunk, place.tile - chunk->tile_count)] +
           place.head * block->value_head_stride;
}

/* … and the next chunk's keys after the last values. */
static const unsigned char *value_at(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                                     struct place place)
{
    if (place.tile < chunk->tile_count) {
        return chunk->values[place.tile] + place.head * block->value_head_stride;
    }
    return chunk->next_keys[bounded_tile(chunk, place.tile - chunk->tile_count)] +
           place.head * block->key_head_stride;
}

/* What is read some steps after a tile of keys. */
static const unsigned char *after_key(const kvspan_tile_block *block,
                                      const kvspan_tile_chunk *chunk, uint32_t head, uint32_t tile)
{
    if (fetches_chunks(block)) {
        return chunk->values[tile] + head * block->value_head_stride;
    }
    return key_at(block, chunk, step_ahead(block, head, tile, step_tiles(block)));
}

/* The place-th of the next chunk's keys as they lie in memory. */
static const unsigned char *next_key(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                                     uint32_t place)
{
    const uint32_t page_tiles = block->head_count * block->page_tiles;
    const uint32_t in_page = place % page_tiles;
    const uint32_t tile = place / page_tiles * block->page_tiles + in_page % block->page_tiles;

    return chunk->next_keys[bounded_tile(chunk, tile)] +
           in_page / block->page_tiles * block->key_head_stride;
}

/* How many of the next chunk's keys are fetched while weights are made: a tile for each row. */
static uint32_t keys_beside_weights(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    const uint32_t most = chunk->tile_count * block->head_count / 2;

    return block->row_count < most ? block->row_count : most;
}

/* Values are read in steps of VALUE_STEP_TILES of each head; as many keys have been fetched, and
 * those beside weights. */
static const unsigned char *next_key_in_order(const kvspan_tile_block *block,
                                              const kvspan_tile_chunk *chunk, uint32_t head,
                                              uint32_t tile)
{
    const uint32_t first = tile / VALUE_STEP_TILES * VALUE_STEP_TILES;
    const uint32_t left = chunk->tile_count - first;
    const uint32_t count = left < VALUE_STEP_TILES ? left : VALUE_STEP_TILES;
    const uint32_t read = first * block->head_count + head * count + tile - first;
    const uint32_t all = chunk->tile_count * block->head_count;
    const uint32_t before = keys_beside_weights(block, chunk);

    return next_key(block, chunk, before + read * (all - before) / all);
}

/* What is read some steps after a tile of values. */
static const unsigned char *after_value(const kvspan_tile_block *block,
                                        const kvspan_tile_chunk *chunk, uint32_t head,
                                        uint32_t tile)
{
    if (fetches_chunks(block)) {
        return next_key_in_order(block, chunk, head, tile);
    }
    return value_at(
        block, chunk,
        step_ahead(block, head, tile, VALUE_STREAMS == 1 ? step_tiles(block) : VALUE_STREAMS));
}

static void begin_chunk(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    if (FETCHES_IN_STREAMS) {
        stream_begin_chunk(block, chunk);
    }
}

/* While a row's weights are made. */
static void pass_row(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk, uint32_t row)
{
    if (FETCHES_IN_STREAMS) {
        stream_pass_row(block, chunk);
    } else if (fetches_chunks(block) && row < keys_beside_weights(block, chunk)) {
        const uint32_t bytes = block->key_dim * KVSPAN_TILE_TOKENS;
        const unsigned char *const key = next_key(block, chunk, row);

        for (uint32_t i = 0; i < bytes; i += LINE_BYTES) {
            _mm_prefetch((const char *)key + i, FETCH_HINT);
        }
    }
}

#endif
