/** @file
 * Products with bf16 tiles by AMX: what score_body.h and value_body.h are to vectors.
 *
 * A part of the file of one instruction set (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_MATRIX_BODY_H
#define KVSPAN_KERNELS_CPU_MATRIX_BODY_H

#include <string.h>

#include "kernels/cpu/line_body.h"
#include "kernels/cpu/matrix_amx.h"

static uint32_t choose_tiles(const kvspan_tile_block *block, uint32_t left)
{
    (void)block;
    return left < MATRIX_TILES ? left : MATRIX_TILES;
}

/* At most MATRIX_TILES tiles for the rows of one head. */
static void score_tile_rows(const kvspan_tile_block *block, uint32_t head, uint32_t first_tile,
                            const struct ready_tiles *ready, uint32_t tiles)
{
    kvspan_tile_workspace *const work = block->work;
    const size_t first_row = (size_t)head * block->head_rows;
    const uint32_t units = block->key_dim / 2;
    const matrix_keys keys = {
        .rows = (const unsigned char *)work->queries + first_row * block->key_dim * sizeof(number),
        .row_bytes = block->key_dim * sizeof(number),
        .row_count = block->head_rows,
        .tiles = ready->tiles,
        .tile_lines = units,
        .unit_lines = matrix_unit_lines(units),
        .fetch = &work->fetch,
        .sums = (unsigned char *)(work->scores + first_row * KVSPAN_CHUNK_TOKENS +
                                  (size_t)first_tile * KVSPAN_TILE_TOKENS),
        .sum_bytes = KVSPAN_CHUNK_TOKENS * sizeof(float)
    };

    matrix_multiply_keys(work, &keys, tiles, MATRIX_BF16);
}

/* Tiles whose tokens are multiplied in one step. */
static uint32_t value_unit_tiles(const kvspan_tile_block *block)
{
    return block->page_tiles % 2 == 0 ? 2 : 1;
}

/* The chunk's tile is the first of a step, or how far behind it. */
static uint32_t place_in_unit(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                              uint32_t tile)
{
    return (uint32_t)((chunk->index / KVSPAN_TILE_TOKENS + tile) % value_unit_tiles(block));
}

/* Whether all tokens of the tile, and of the others of its step, are read. */
static int is_whole_value(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                          uint32_t tile)
{
    const uint32_t place = place_in_unit(block, chunk, tile);
    const uint32_t first = place < tile ? tile - place : 0;
    const uint32_t end = tile - place + value_unit_tiles(block);
    const uint32_t last = end < chunk->tile_count ? end : chunk->tile_count;

    return chunk->first <= first * KVSPAN_TILE_TOKENS && chunk->last >= last * KVSPAN_TILE_TOKENS;
}

/* A part of a step's tiles: the others count as zeros, as they do where others' queries see them.
 */
static const unsigned char *fill_unit(const kvspan_tile_block *block, const unsigned char *tiles,
                                      uint32_t count, unsigned char *unit)
{
    const size_t tile_bytes = (size_t)KVSPAN_TILE_TOKENS * block->value_dim * sizeof(number);

    memcpy(unit, tiles, count * tile_bytes);
    memset(unit + count * tile_bytes, 0, (value_unit_tiles(block) - count) * tile_bytes);
    return unit;
}

/* Makes the weights of tiles that are not there zero: anything else may be no number. */
static void clear_weights(const kvspan_tile_block *block, size_t first_row, uint32_t tile,
                          number *weights)
{
    for (size_t row = first_row; row < first_row + block->head_rows; row++) {
        memset(weights + row * KVSPAN_CHUNK_TOKENS + (size_t)tile * KVSPAN_TILE_TOKENS, 0,
               KVSPAN_TILE_TOKENS * sizeof(*weights));
    }
}

/* Some tiles for all rows of one head and all dims. */
static void fold_value_tiles(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                             uint32_t head, uint32_t first_tile, const struct ready_tiles *ready,
                             uint32_t tile_count, float *weights, float *outputs)
{
    const size_t first_row = (size_t)head * block->head_rows;
    const uint32_t most = value_unit_tiles(block);
    number *const numbers = (number *)(void *)weights;
    matrix_values values = { .rows =
                                 (const unsigned char *)(numbers + first_row * KVSPAN_CHUNK_TOKENS),
                             .row_bytes = KVSPAN_CHUNK_TOKENS * sizeof(number),
                             .row_count = block->head_rows,
                             .unit_lines = most * TILE_PAIRS,
                             .line_count = block->value_dim / KVSPAN_TILE_DIMS,
                             .fetch = &block->work->fetch,
                             .sums = (unsigned char *)(outputs + first_row * block->value_dim),
                             .sum_bytes = block->value_dim * sizeof(float) };
    uint32_t count;

    for (uint32_t i = 0; i < tile_count; i += count) {
        const uint32_t wanted = most - place_in_unit(block, chunk, first_tile + i);
        const unsigned char *unit = ready->tiles[i];

        count = wanted < tile_count - i ? wanted : tile_count - i;
        if (count < most) {
            /* The first step of a chunk may be one of these, and the last. */
            unit = fill_unit(block, unit, count, block->work->unit_copies[values.unit_count > 0]);
            if (first_tile + i + count == chunk->tile_count &&
                chunk->tile_count < KVSPAN_CHUNK_TILES) {
                clear_weights(block, first_row, chunk->tile_count, numbers);
            }
        }
        values.units[values.unit_count] = unit;
        values.offsets[values.unit_count++] =
            (first_tile + i) * KVSPAN_TILE_TOKENS * (uint32_t)sizeof(number);
    }
    matrix_multiply_values(block->work, &values, MATRIX_BF16);
}

#endif
