#include "kernels/reference/reference.h"

#include "kernels/page_format.h"

static int is_wide(kvspan_dtype dtype)
{
    return dtype == KVSPAN_BF16 || dtype == KVSPAN_F16 || dtype == KVSPAN_F32;
}

static int has_dtype(kvspan_dtype tensor, kvspan_dtype plane)
{
    return is_wide(tensor) && kvspan_dtype_bytes(plane) != 0;
}

static uint32_t choose_format(const kvspan_layer_group *group, uint32_t page_tokens)
{
    (void)group;
    (void)page_tokens;
    return KVSPAN_FORMAT_CANONICAL;
}

const kvspan_kernels kvspan_kernels_reference = {
    .name = "reference",
    .append_tokens = kvspan_reference_append_tokens,
    .attend_pages = kvspan_reference_attend_pages,
    .merge_partials = kvspan_reference_merge_partials,
    .copy_pages = kvspan_reference_copy_pages,
    .move_tokens = kvspan_reference_move_tokens,
    .fill_pages = kvspan_reference_fill_pages,
    .patch_table = kvspan_reference_patch_table,
    .place_heads = kvspan_reference_place_heads,
    .gather_pages = kvspan_reference_gather_pages,
    .scatter_pages = kvspan_reference_scatter_pages,
    .checksum_pages = kvspan_reference_checksum_pages,
    .has_dtype = has_dtype,
    .choose_format = choose_format,
};
