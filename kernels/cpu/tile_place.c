#include "kernels/cpu/tile_place.h"

#include <assert.h>
#include <string.h>

enum {
    LINE_BYTES = 64
};

/* Pairs of dims stay together: they are moved as one. */
static void place_key(uint32_t pair_bytes, uint32_t dim, uint32_t place,
                      const unsigned char *vector, unsigned char *tile)
{
    for (size_t pair = 0; pair < dim / 2; pair++) {
        memcpy(tile + kvspan_pair_offset(pair, place, 0, pair_bytes / 2),
               vector + pair * pair_bytes, pair_bytes);
    }
}

/* `line` is the first of those that hold the token. */
static void place_value(uint32_t element_bytes, uint32_t dim, uint32_t place,
                        const unsigned char *vector, unsigned char *line)
{
    const uint32_t pair = element_bytes == 2 ? 0 : place % 4 / 2; /* of the line */

    for (size_t first = 0; first < dim; first += KVSPAN_TILE_DIMS) {
        for (uint32_t side = 0; side < KVSPAN_TILE_DIMS; side++) {
            memcpy(line + kvspan_pair_offset(pair, side, place % 2, element_bytes),
                   vector + (first + side) * element_bytes, element_bytes);
        }
        line += LINE_BYTES;
    }
}

void kvspan_tile_place(const kvspan_tile_shape *shape, uint32_t place, const unsigned char *vector,
                       unsigned char *tile)
{
    assert(place < KVSPAN_TILE_TOKENS);
    if (shape->order == KVSPAN_ORDER_KEY_TILES && shape->element_bytes == 2) {
        place_key(4, shape->dim, place, vector, tile);
    } else if (shape->order == KVSPAN_ORDER_KEY_TILES) {
        place_key(2, shape->dim, place, vector, tile);
    } else if (shape->element_bytes == 2) {
        place_value(2, shape->dim, place, vector,
                    tile + place / 2 * (size_t)(shape->dim / KVSPAN_TILE_DIMS) * LINE_BYTES);
    } else {
        place_value(1, shape->dim, place, vector,
                    tile + place / 4 * (size_t)(shape->dim / KVSPAN_TILE_DIMS) * LINE_BYTES);
    }
}
