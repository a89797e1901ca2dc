/** @file
 * The inner loops of work on pages that is not attention, once per instruction set: tiles are made
 * and taken apart, vectors quantised, words summed.
 */
#ifndef KVSPAN_KERNELS_CPU_PAGE_KERNELS_H
#define KVSPAN_KERNELS_CPU_PAGE_KERNELS_H

#include <kvspan/device.h>
#include <kvspan/element_order.h>
#include <kvspan/types.h>

/* A tile: KVSPAN_TILE_TOKENS vectors of `dim` elements of 1 or 2 bytes. */
typedef struct kvspan_tile_shape {
    kvspan_element_order order; /* one of the tiles */
    uint32_t element_bytes;
    uint32_t dim; /* a multiple of KVSPAN_TILE_DIMS */
} kvspan_tile_shape;

typedef struct kvspan_page_kernels {
    /* Makes a tile of rows[token]; neither need be aligned. `streams`: it is written past the
     * caches, aligned to 64 bytes, and a fence has to follow. */
    void (*pack_tile)(const kvspan_tile_shape *shape, const unsigned char *const *rows, int streams,
                      unsigned char *tile);
    /* The inverse. */
    void (*unpack_tile)(const kvspan_tile_shape *shape, const unsigned char *tile,
                        unsigned char *const *rows);
    /* kvspan_row_load() and kvspan_quantise() in one, bit for bit: a vector of a multiple of 16
     * bf16, f16 or f32 becomes codes of an 8-bit type. `scale` NULL: the plane, of 8-bit floats
     * then, has none. */
    void (*quantise)(kvspan_dtype source_dtype, const void *source, uint32_t dim,
                     kvspan_dtype code_dtype, unsigned char *codes, float *scale);
    /* Σ kvspan_checksum_term() of `words` words, the first of which has this index. */
    uint64_t (*sum_words)(const unsigned char *bytes, uint64_t words, uint64_t index);
} kvspan_page_kernels;

/* Those of an instruction set that the machine runs. */
const kvspan_page_kernels *kvspan_page_kernels_of(kvspan_isa isa);

void kvspan_pack_tile_avx2(const kvspan_tile_shape *shape, const unsigned char *const *rows,
                           int streams, unsigned char *tile);
void kvspan_unpack_tile_avx2(const kvspan_tile_shape *shape, const unsigned char *tile,
                             unsigned char *const *rows);
void kvspan_quantise_avx2(kvspan_dtype source_dtype, const void *source, uint32_t dim,
                          kvspan_dtype code_dtype, unsigned char *codes, float *scale);
uint64_t kvspan_sum_words_avx2(const unsigned char *bytes, uint64_t words, uint64_t index);

#endif
