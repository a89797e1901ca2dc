/** @file
 * The column of kernels under test and what is particular to it, so that one body tests them all.
 *
 * Tests lay pages out in the canonical format and are asked for a view in the column's own.
 */
#ifndef KVSPAN_TESTS_COLUMN_H
#define KVSPAN_TESTS_COLUMN_H

#include <stdbool.h>

#include "kernels/device.h"

typedef struct kernel_column {
    const char *name;
    const char *device; /* as kvspan_device_open() knows it */
    kvspan_isa isa;     /* of device "cpu" */
    /* Neither chunks nor the tokens of a page change a bit. Page ids, slots, neighbours, layout and
     * local heads may in no column. */
    bool chunks_change_no_bit;
    uint32_t
        fast_dim;     /* a dim of keys and values with kernels of its own; 0 = none in particular */
    bool nan_spreads; /* of fast_dim: NaN of a token reaches rows that share its tile unseen, too */
    /* Weights of int8 planes are multiples of 2^−15 of a chunk's largest: where nearly all weight
     * is one token's, that is less exact than floats, though far below what bf16 tells apart. */
    bool has_whole_weights;
    /* A row is good if its error ≤ naive_factor · the naive evaluation's + ulp_factor · ulp. */
    double naive_factor;
    double ulp_factor;
    /* And its LSE within lse_absolute + lse_relative · |LSE|. */
    double lse_absolute;
    double lse_relative;
} kernel_column;

/* The one that the environment variable KVSPAN_TEST_COLUMN names; without it the reference. Fails
 * the test if there is none of that name. */
const kernel_column *column_under_test(void);

/* Of many alike cases, whether to try this one: all, but for KVSPAN_TEST_PART=I/N, which asks for
 * the I-th of each N (where kernels are interpreted, and schedules share the cases). */
bool column_tries(uint32_t number);

/* Its device, closed with kvspan_device_close(). */
kvspan_device *column_device_open(void);

/* Runs an operation of the column and expects success. Arguments name host memory, which a device
 * with memory of its own gets a copy of; the call returns when all is done. */
#define COLUMN_RUN(operation, args) column_##operation(args)
void column_checksum_pages(const kvspan_checksum_pages_args *args);
void column_copy_pages(const kvspan_copy_pages_args *args);
void column_fill_pages(const kvspan_fill_pages_args *args);
void column_gather_pages(const kvspan_transcode_pages_args *args);
void column_merge_partials(const kvspan_merge_partials_args *args);
void column_patch_table(const kvspan_patch_table_args *args);
void column_place_heads(const kvspan_place_heads_args *args);
void column_scatter_pages(const kvspan_transcode_pages_args *args);

/* All pages of a canonical plane, the bytes of no token included, in a column's page format. */
typedef struct column_plane {
    kvspan_plane_view view;
    unsigned char *pages; /* of view; NULL: the canonical pages themselves */
    kvspan_plane_view canonical;
    uint32_t page_tokens;
    uint32_t page_count;
} column_plane;

/* A group of such planes, of which one may be NULL: for which the column chooses a format. */
kvspan_layer_group column_group(const kvspan_plane_view *keys, const kvspan_plane_view *values);

/* canonical: of `role`, one of the group's; its heads lie side by side in a page. */
column_plane column_plane_begin(kvspan_device *device, const kvspan_layer_group *group,
                                kvspan_role role, const kvspan_plane_view *canonical,
                                uint32_t page_tokens, uint32_t page_count);
void column_plane_write_back(kvspan_device *device, const column_plane *plane);
void column_plane_end(column_plane *plane);

/* append_tokens as seen from outside: planes are canonical, before and after. role: of the first
 * plane; there may be another, of values, in memory of its own. */
void column_append_tokens(const kvspan_append_tokens_args *args, kvspan_role role,
                          uint32_t page_count);

/* move_tokens in the same way. Layers lie side by side in a page, as if they were heads, or each
 * has all its pages behind those of the layer before. */
void column_move_tokens(const kvspan_move_tokens_args *args, kvspan_role role, uint32_t page_tokens,
                        uint32_t page_count);

/* attend_pages in the same way, on pages in the column's own order; packs the plan if the column
 * wants it packed. page_count: ids from there on are no pages. */
void column_attend_pages(kvspan_device *device, const kvspan_attend_pages_args *args,
                         uint32_t page_count);

/* Opens device "cuda"; UNSUPPORTED in programs that are built without it. */
kvspan_status column_open_cuda(kvspan_device **device_out, kvspan_error *error);

#endif
