/** @file
 * What ahead_body.h is to vectors, for kernels that fetch in streams: they do while they multiply,
 * so that no tile has another to be fetched with it.
 *
 * A part of the file of one instruction set (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_STREAM_BODY_H
#define KVSPAN_KERNELS_CPU_STREAM_BODY_H

#include "kernels/cpu/fetch_streams.h"

static int fetches_chunks(const kvspan_tile_block *block)
{
    (void)block;
    return 0;
}

static const unsigned char *after_key(const kvspan_tile_block *block,
                                      const kvspan_tile_chunk *chunk, uint32_t head, uint32_t tile)
{
    return chunk->keys[tile] + head * block->key_head_stride;
}

static const unsigned char *soon_key(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                                     uint32_t head, uint32_t tile)
{
    return after_key(block, chunk, head, tile);
}

static const unsigned char *after_value(const kvspan_tile_block *block,
                                        const kvspan_tile_chunk *chunk, uint32_t head,
                                        uint32_t tile)
{
    return chunk->values[tile] + head * block->value_head_stride;
}

static void begin_chunk(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    stream_begin_chunk(block, chunk);
}

static void pass_row(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    stream_pass_row(block, chunk);
}

#endif
