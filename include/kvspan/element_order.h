/** @file
 * How the elements of one kv head's plane lie inside a page: rows of tokens, or the tiles that CPU
 * vector instructions read without shuffling. Every order is a permutation of the same bytes.
 */
#ifndef KVSPAN_ELEMENT_ORDER_H
#define KVSPAN_ELEMENT_ORDER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Order of the elements of one head in one page. */
typedef enum kvspan_element_order {
    KVSPAN_ORDER_ROWS = 0,      /**< [token][dim]: canonical */
    KVSPAN_ORDER_KEY_TILES = 1, /**< tiles of 16 tokens; a pair is two neighbouring dims */
    KVSPAN_ORDER_VALUE_TILES =
        2 /**< tiles of 16 tokens; a pair is two neighbouring tokens of one dim */
} kvspan_element_order;

/** Tiled orders exist where page_tokens and dim are multiples of these, for 1 and 2 byte elements.
 */
enum {
    KVSPAN_TILE_TOKENS = 16, /**< tokens of a tile */
    KVSPAN_TILE_DIMS = 16    /**< dims side by side in a value tile's line */
};

/**
 * Tells where half of a pair lies among the pairs of one tile's tokens or dims, 16 side by side.
 *
 * Pairs of 2-byte elements lie [pair][16]: 64 bytes are one pair of each of the 16. 1-byte elements
 * lie [two pairs][4][pair of the two][4]: 64 bytes are two pairs of each of the 16, in quarters of
 * four, so that they unpack in place.
 *
 * @param pair  which pair
 * @param side  place among the 16
 * @param half  0 or 1
 * @param element_bytes  1 or 2
 * @return bytes from the first pair
 */
static inline uint64_t kvspan_pair_offset(uint64_t pair, uint32_t side, uint32_t half,
                                          uint32_t element_bytes)
{
    if (element_bytes == 2) {
        return pair * 64 + (uint64_t)side * 4 + (uint64_t)half * 2;
    }
    return pair / 2 * 64 + (uint64_t)side / 4 * 16 + pair % 2 * 8 + (uint64_t)side % 4 * 2 + half;
}

/**
 * Tells where an element lies.
 *
 * @param order  of the plane
 * @param element_bytes  1, 2 or 4; 1 or 2 in tiles
 * @param dim  elements of a head's vector
 * @param token  within the page
 * @param element  within the vector, below @p dim
 * @return bytes from the start of the head in the page
 */
static inline uint64_t kvspan_element_offset(kvspan_element_order order, uint32_t element_bytes,
                                             uint32_t dim, uint64_t token, uint32_t element)
{
    const uint64_t tile = token / KVSPAN_TILE_TOKENS * KVSPAN_TILE_TOKENS * dim * element_bytes;
    const uint32_t place = (uint32_t)(token % KVSPAN_TILE_TOKENS);

    switch (order) {
    case KVSPAN_ORDER_KEY_TILES:
        return tile + kvspan_pair_offset(element / 2, place, element % 2, element_bytes);
    case KVSPAN_ORDER_VALUE_TILES: {
        /* Lines of 16 dims follow each other within what holds the same tokens. */
        const uint32_t line_tokens = element_bytes == 2 ? 2 : 4;
        const uint64_t line =
            place / line_tokens * (dim / KVSPAN_TILE_DIMS) + element / KVSPAN_TILE_DIMS;

        return tile + line * 64 +
               kvspan_pair_offset(place % line_tokens / 2, element % KVSPAN_TILE_DIMS, place % 2,
                                  element_bytes);
    }
    case KVSPAN_ORDER_ROWS: break;
    }
    return (token * dim + element) * element_bytes;
}

#ifdef __cplusplus
}
#endif

#endif
