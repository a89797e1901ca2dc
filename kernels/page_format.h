/** @file
 * The page format: bytes, strides and alignment of a page of one layer group on one rank.
 *
 * A page holds [layer of the group][plane][local kv head]{ [token][dim], scales }. A run is the
 * bytes of one layer in one page.
 */
#ifndef KVSPAN_KERNELS_PAGE_FORMAT_H
#define KVSPAN_KERNELS_PAGE_FORMAT_H

#include <kvspan/cache.h>

#include "kernels/kernels.h"

enum {
    KVSPAN_PAGE_ALIGNMENT = 4096,
    KVSPAN_SCALE_BYTES = 4,      /* a scale is an f32; scales follow their head's [token][dim] */
    KVSPAN_FORMAT_CANONICAL = 1, /* rows: what reference, checkpoints and peers use */
    KVSPAN_FORMAT_TILES = 2      /* key tiles and value tiles: what vector instructions want */
};

typedef struct kvspan_page_format {
    uint32_t id;      /* order of elements within a run; KVSPAN_FORMAT_… */
    uint32_t version; /* of that layout */
    uint32_t layout;  /* kvspan_layout */
    uint32_t layer_count;
    uint32_t plane_count;
    uint32_t page_tokens;
    uint32_t page_count;
    uint64_t page_bytes;   /* of a page, all layers, rounded up to KVSPAN_PAGE_ALIGNMENT */
    uint64_t run_bytes;    /* of one layer in one page, unrounded */
    uint64_t page_stride;  /* bytes from a page to the next, within one layer */
    uint64_t layer_stride; /* bytes from a layer to the next, within one page */
    uint64_t arena_bytes;  /* page_bytes · page_count */
    struct {
        kvspan_role role;
        kvspan_dtype dtype;
        uint32_t heads; /* local */
        uint32_t dim;
        uint64_t offset; /* bytes from the start of a run */
        uint64_t head_stride;
        uint64_t token_stride;
        uint64_t scale_offset; /* bytes from the start of a head to its scales; 0 = no scales */
        kvspan_element_order order;
    } planes[KVSPAN_MAX_PLANES];
} kvspan_page_format;

/* Bytes of a page for `group` with local_heads[plane] heads on this rank; 0 if there are none.
 * ARGUMENT where a product overflows 63 bits. */
kvspan_status kvspan_page_format_bytes(const kvspan_layer_group *group, const uint32_t *local_heads,
                                       uint32_t page_tokens, uint64_t *page_bytes_out,
                                       kvspan_error *error);

/* Lays pages out. page_count may be 0 (sizing only). Layer-first: runs of one layer are contiguous,
 * and the padding to page_bytes lies behind the last layer. */
kvspan_status kvspan_page_format_make(const kvspan_layer_group *group, const uint32_t *local_heads,
                                      uint32_t page_tokens, uint32_t page_count,
                                      kvspan_layout layout, kvspan_page_format *format_out,
                                      kvspan_error *error);

/* Gives a format the pages of a larger one, so that groups can share an arena. Layer-first pages
 * can only be shared by groups whose runs are as long as those of `first`: UNSUPPORTED names both.
 */
kvspan_status kvspan_page_format_widen(kvspan_page_format *format, uint64_t page_bytes,
                                       const kvspan_page_format *first, kvspan_error *error);

/* Whether pages of the group can be laid out in tiles. */
int kvspan_page_format_can_tile(const kvspan_layer_group *group, uint32_t page_tokens);

/* Gives a canonical format another order of elements; bytes and strides stay. A group that cannot
 * be tiled must stay canonical. */
void kvspan_page_format_reorder(kvspan_page_format *format, uint32_t id);

/* The view of one plane of the group's layer_index-th layer in an arena. */
kvspan_plane_view kvspan_page_format_view(const kvspan_page_format *format, unsigned char *arena,
                                          uint32_t layer_index, uint32_t plane);

#endif
