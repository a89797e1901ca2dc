/** @file
 * The order in which the tiles of a chunk are read where heads take turns page by page, or a few
 * pages at a time, so that memory is read as it lies.
 */
#ifndef KVSPAN_KERNELS_CPU_PAGE_ORDER_H
#define KVSPAN_KERNELS_CPU_PAGE_ORDER_H

#include "kernels/cpu/tile_kernels.h"

/* The tile behind those of `tile_count` from `tile` on that lie in one page; the first of all has
 * the local token `index`. */
static inline uint32_t kvspan_page_end(const kvspan_tile_block *block, uint64_t index,
                                       uint32_t tile_count, uint32_t tile)
{
    const uint64_t tile_index = index / KVSPAN_TILE_TOKENS + tile;
    const uint32_t in_page = block->page_tiles - (uint32_t)(tile_index % block->page_tiles);
    const uint32_t left = tile_count - tile;

    return tile + (in_page < left ? in_page : left);
}

#endif
