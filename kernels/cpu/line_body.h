/** @file
 * Lines of tiles, and the tiles that a step of the loops reads.
 *
 * A part of the file of one instruction set, which has chosen the vectors before (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_LINE_BODY_H
#define KVSPAN_KERNELS_CPU_LINE_BODY_H

#include "kernels/cpu/tile_kernels.h"

enum {
    LINE_BYTES = 64,
    LINE_VECTORS = KVSPAN_TILE_DIMS / VECTOR_FLOATS, /* vectors of floats that a line makes */
    TILE_PAIRS = KVSPAN_TILE_TOKENS / 2
};

/* Loops over rows, tiles and vectors have constant bounds once inlined, so that the sums live in
 * registers. */
#define INLINED static inline __attribute__((always_inline))

/* Tiles in the form that passes read: bf16, and finite where nobody looks. What is copied needs no
 * fetching ahead any more: its next tile is itself. */
struct ready_tiles {
    const unsigned char *tiles[KVSPAN_CHUNK_TILES];
    const unsigned char *next[KVSPAN_CHUNK_TILES];   /* what is fetched from memory meanwhile */
    const unsigned char *behind[KVSPAN_CHUNK_TILES]; /* what is read in the tile's place after it */
};

#endif
