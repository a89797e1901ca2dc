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
    KVSPAN_ORDER_ROWS = 0,       /**< [token][dim]: canonical */
    KVSPAN_ORDER_KEY_TILES = 1,  /**< [16 tokens]: [unit][token], a unit is neighbouring dims */
    KVSPAN_ORDER_VALUE_TILES = 2 /**< [16 tokens]: [unit][dim], a unit is neighbouring tokens */
} kvspan_element_order;

/** Tiled orders exist where page_tokens and dim are multiples of these, for 1 and 2 byte elements.
 */
enum {
    KVSPAN_TILE_TOKENS = 16, /**< tokens of a tile */
    KVSPAN_TILE_DIMS = 16    /**< dims side by side in a value tile's line */
};

/**
 * Tells where an element of a tile lies among the units of 4 bytes that hold it.
 *
 * A line of 64 bytes is one unit of each of 16 tokens or dims, side by side. A unit is 2 elements
 * of 2 bytes or 4 of 1 byte, whose places are neighbours.
 *
 * @param index  place along the axis that units are made of
 * @param side  place among the 16
 * @param line_step  lines from a unit to the next along that axis
 * @param element_bytes  1, 2 or 4
 * @return bytes from the first unit
 */
static inline uint64_t kvspan_unit_offset(uint64_t index, uint32_t side, uint64_t line_step,
                                          uint32_t element_bytes)
{
    const uint32_t unit = 4 / element_bytes;

    return index / unit * line_step * 64 + (uint64_t)side * 4 + index % unit * element_bytes;
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
    case KVSPAN_ORDER_KEY_TILES: return tile + kvspan_unit_offset(element, place, 1, element_bytes);
    case KVSPAN_ORDER_VALUE_TILES:
        /* Lines of 16 dims follow each other within what holds the same tokens. */
        return tile + (uint64_t)(element / KVSPAN_TILE_DIMS) * 64 +
               kvspan_unit_offset(place, element % KVSPAN_TILE_DIMS, dim / KVSPAN_TILE_DIMS,
                                  element_bytes);
    case KVSPAN_ORDER_ROWS: break;
    }
    return (token * dim + element) * element_bytes;
}

#ifdef __cplusplus
}
#endif

#endif
