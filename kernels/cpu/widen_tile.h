/** @file
 * 8-bit codes to bf16.
 */
#ifndef KVSPAN_KERNELS_CPU_WIDEN_TILE_H
#define KVSPAN_KERNELS_CPU_WIDEN_TILE_H

#include "kernels/cpu/tile_kernels.h"

/* Fills the table of an 8-bit type. */
void kvspan_code_table_fill(kvspan_code_table *table, kvspan_dtype dtype);

/* Writes a tile of 8-bit codes as bf16, and brings `next` closer. `lines` is how many lines of 64
 * bytes hold the same pairs: 1 for keys, dim / 16 for values; `quads` how many times that there
 * are. */
void kvspan_widen_tile_avx2(const kvspan_code_table *codes, const unsigned char *tile,
                            const unsigned char *next, uint32_t quads, uint32_t lines,
                            uint16_t *bf16_out);

/* Zeroes the tokens of a bf16 value tile outside [first, last). */
void kvspan_clear_tokens(uint16_t *tile, uint32_t dim, int32_t first, int32_t last);

#endif
