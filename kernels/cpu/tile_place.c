#include "kernels/cpu/tile_place.h"

#include <assert.h>
#include <string.h>

enum {
    LINE_BYTES = 64,
    UNIT_BYTES = 4
};

/* Units stay together: they are moved as one. */
static void place_key(uint32_t row_bytes, uint32_t place, const unsigned char *vector,
                      unsigned char *tile)
{
    for (size_t byte = 0; byte < row_bytes; byte += UNIT_BYTES) {
        memcpy(tile + kvspan_unit_offset(byte, place, 1, 1), vector + byte, UNIT_BYTES);
    }
}

static void place_value(uint32_t element_bytes, uint32_t dim, uint32_t place,
                        const unsigned char *vector, unsigned char *tile)
{
    const size_t line_step = dim / KVSPAN_TILE_DIMS;

    for (size_t line = 0; line < line_step; line++) {
        for (uint32_t side = 0; side < KVSPAN_TILE_DIMS; side++) {
            memcpy(tile + line * LINE_BYTES +
                       kvspan_unit_offset(place, side, line_step, element_bytes),
                   vector + (line * KVSPAN_TILE_DIMS + side) * element_bytes, element_bytes);
        }
    }
}

void kvspan_tile_place(const kvspan_tile_shape *shape, uint32_t place, const unsigned char *vector,
                       unsigned char *tile)
{
    assert(place < KVSPAN_TILE_TOKENS);
    if (shape->order == KVSPAN_ORDER_KEY_TILES) {
        place_key(shape->dim * shape->element_bytes, place, vector, tile);
    } else if (shape->element_bytes == 2) {
        place_value(2, shape->dim, place, vector, tile);
    } else {
        place_value(1, shape->dim, place, vector, tile);
    }
}

static void move_key(uint32_t row_bytes, uint32_t from_place, const unsigned char *from_tile,
                     uint32_t to_place, unsigned char *to_tile)
{
    for (size_t byte = 0; byte < row_bytes; byte += UNIT_BYTES) {
        memcpy(to_tile + kvspan_unit_offset(byte, to_place, 1, 1),
               from_tile + kvspan_unit_offset(byte, from_place, 1, 1), UNIT_BYTES);
    }
}

static void move_value(uint32_t element_bytes, uint32_t dim, uint32_t from_place,
                       const unsigned char *from_tile, uint32_t to_place, unsigned char *to_tile)
{
    const size_t line_step = dim / KVSPAN_TILE_DIMS;

    from_tile += kvspan_unit_offset(from_place, 0, line_step, element_bytes);
    to_tile += kvspan_unit_offset(to_place, 0, line_step, element_bytes);
    for (size_t unit = 0; unit < dim; unit++) {
        memcpy(to_tile + unit * UNIT_BYTES, from_tile + unit * UNIT_BYTES, element_bytes);
    }
}

void kvspan_tile_move(const kvspan_tile_shape *shape, uint32_t from_place,
                      const unsigned char *from_tile, uint32_t to_place, unsigned char *to_tile)
{
    assert(from_place < KVSPAN_TILE_TOKENS && to_place < KVSPAN_TILE_TOKENS);
    assert(from_tile != to_tile || from_place != to_place);
    if (shape->order == KVSPAN_ORDER_KEY_TILES) {
        move_key(shape->dim * shape->element_bytes, from_place, from_tile, to_place, to_tile);
    } else if (shape->element_bytes == 2) {
        move_value(2, shape->dim, from_place, from_tile, to_place, to_tile);
    } else {
        move_value(1, shape->dim, from_place, from_tile, to_place, to_tile);
    }
}
