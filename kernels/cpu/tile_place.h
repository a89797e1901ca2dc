/** @file
 * One vector of a tile, where there are not enough neighbours to make the whole tile at once.
 */
#ifndef KVSPAN_KERNELS_CPU_TILE_PLACE_H
#define KVSPAN_KERNELS_CPU_TILE_PLACE_H

#include "kernels/cpu/page_kernels.h"

/* Writes the vector of the place-th token and no other byte. */
void kvspan_tile_place(const kvspan_tile_shape *shape, uint32_t place, const unsigned char *vector,
                       unsigned char *tile);

/* Copies the vector of one token from its tile to another's, which may be the same tile. The tokens
 * differ. */
void kvspan_tile_move(const kvspan_tile_shape *shape, uint32_t from_place,
                      const unsigned char *from_tile, uint32_t to_place, unsigned char *to_tile);

#endif
