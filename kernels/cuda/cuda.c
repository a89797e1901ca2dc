#include "kernels/cuda/cuda_operations.h"

#include "kernels/page_format.h"

static int is_wide(kvspan_dtype dtype)
{
    return dtype == KVSPAN_BF16 || dtype == KVSPAN_F16 || dtype == KVSPAN_F32;
}

static int has_dtype(kvspan_dtype tensor, kvspan_dtype plane)
{
    return is_wide(tensor) && kvspan_dtype_bytes(plane) != 0;
}

/* Rows of tokens are what tensor cores and copies of 16 bytes want. */
static uint32_t choose_format(const kvspan_layer_group *group, uint32_t page_tokens)
{
    (void)group;
    (void)page_tokens;
    return KVSPAN_FORMAT_CANONICAL;
}

const kvspan_kernels kvspan_kernels_cuda = {
    .name = "cuda",
    .append_tokens = kvspan_cuda_append_tokens,
    .attend_pages = kvspan_cuda_attend_pages,
    .merge_partials = kvspan_cuda_merge_partials,
    .copy_pages = kvspan_cuda_copy_pages,
    .move_tokens = kvspan_cuda_move_tokens,
    .fill_pages = kvspan_cuda_fill_pages,
    .patch_table = kvspan_cuda_patch_table,
    .place_heads = kvspan_cuda_place_heads,
    .gather_pages = kvspan_cuda_gather_pages,
    .scatter_pages = kvspan_cuda_scatter_pages,
    .checksum_pages = kvspan_cuda_checksum_pages,
    .packed_plan_bytes = kvspan_cuda_packed_plan_bytes,
    .pack_plan = kvspan_cuda_pack_plan,
    .attend_scratch_bytes = kvspan_cuda_attend_scratch_bytes,
    .has_dtype = has_dtype,
    .choose_format = choose_format,
    .attended_format = KVSPAN_FORMAT_CANONICAL,
};
