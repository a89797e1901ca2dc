/** @file
 * Arguments of operations as a device sees them: every address of host memory in them becomes that
 * of its shadow.
 */
#ifndef KVSPAN_TESTS_MIRROR_ARGS_H
#define KVSPAN_TESTS_MIRROR_ARGS_H

#include "mirror.h"

/* The pages of a plane that a table of `cells` entries names; of these, ids below page_count. */
void mirror_plane(mirror *shadow, kvspan_plane_view *plane, const kvspan_step_arrays *rows,
                  uint32_t page_count, bool is_output);
void mirror_rows(mirror *shadow, kvspan_step_arrays *rows);
/* positions: the rows', in host memory. */
void mirror_trees(mirror *shadow, kvspan_tree_mask *trees, const int32_t *positions,
                  uint32_t token_count);
void mirror_tensor(mirror *shadow, kvspan_tensor *tensor, bool is_output);

/* Pages `first` to `last` with all their parts: the address that stands for `data`. */
typedef struct mirror_pages {
    unsigned char *data;
    uint64_t page_stride;
    uint64_t bytes; /* of a page at each part */
    uint32_t part_count;
    uint64_t part_stride;
    const uint32_t *pages; /* [page_count], not necessarily different */
    uint32_t page_count;
} mirror_pages;
unsigned char *mirror_add_pages(mirror *shadow, const mirror_pages *pages, bool is_output);

#endif
