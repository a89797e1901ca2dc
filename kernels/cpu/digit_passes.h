/** @file
 * Products with int8 planes in whole numbers: the codes are multiplied as they are stored, and
 * queries and weights become numbers of 8-bit digits, unit · (256 · high + low). Sums are exact, so
 * their order is free; each is rounded once, when it becomes a float.
 *
 *   queries  the unit is a power of two and the highest element has 15 bits. What a query has below
 *            its unit is kept as a rest, in 256ths of it: few of its elements have any. A bf16 is
 *            exact unless it is less than 2^−14 of the highest or than 2^−119.
 *   weights  times the values' scales, in 2^−15 of the highest of the chunk, which is exact.
 */
#ifndef KVSPAN_KERNELS_CPU_DIGIT_PASSES_H
#define KVSPAN_KERNELS_CPU_DIGIT_PASSES_H

#include "kernels/cpu/tile_kernels.h"

/* The tiles of one head that are read together. */
typedef struct kvspan_digit_tiles {
    const unsigned char *const *tiles; /* 64-byte aligned */
    const unsigned char *const *next;  /* as long, to be fetched meanwhile */
    const unsigned char *const *soon;  /* what is read shortly after, to be brought closer again */
    uint32_t count;
    uint32_t first;   /* of the chunk's tiles */
    uint32_t in_page; /* which of its page's tiles the first is */
} kvspan_digit_tiles;

typedef struct kvspan_digit_passes {
    /* Writes a query as the block's row. */
    void (*pack_query)(kvspan_tile_workspace *work, uint32_t row, const float *query, uint32_t dim);
    /* Products of rows [first_row, first_row + row_count) with as many tiles of keys as
     * the instruction set takes at once, into the rows' scores. */
    void (*score)(const kvspan_tile_block *block, uint32_t first_row, uint32_t row_count,
                  const kvspan_digit_tiles *keys);
    /* Writes the chunk's weights of a row, the highest of which is `highest`, from its scores. */
    void (*split_weights)(kvspan_tile_workspace *work, uint32_t row, uint32_t tokens,
                          float highest);
    /* Adds the rows' weights times tiles of values to their chunk_sums, which begin as zeros with
     * the chunk's first tile. */
    void (*fold)(const kvspan_tile_block *block, uint32_t first_row, uint32_t row_count,
                 const kvspan_digit_tiles *values);
    /* Adds a row's chunk_sums to its outputs. */
    void (*add_sums)(const kvspan_tile_block *block, uint32_t row);
} kvspan_digit_passes;

extern const kvspan_digit_passes kvspan_digit_passes_vnni; /* AVX-512 VNNI */
extern const kvspan_digit_passes kvspan_digit_passes_amx;  /* AMX-INT8 */

#endif
