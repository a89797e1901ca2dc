#include "kernels/cpu/cpu.h"

#include "kernels/cpu/tile_kernels.h"
#include "kernels/page_format.h"
#include "kernels/reference/reference.h"

/* f16 planes are left to the reference column: no instruction multiplies them in pairs. */
static int is_tiled_plane(const kvspan_plane *plane)
{
    return plane->dim <= KVSPAN_TILE_MAX_DIM &&
           (plane->dtype == KVSPAN_BF16 || plane->dtype == KVSPAN_I8 ||
            plane->dtype == KVSPAN_F8E4M3 || plane->dtype == KVSPAN_F8E5M2);
}

static uint32_t choose_format(const kvspan_layer_group *group, uint32_t page_tokens)
{
    for (uint32_t i = 0; i < group->plane_count; i++) {
        if (!is_tiled_plane(&group->planes[i])) {
            return KVSPAN_FORMAT_CANONICAL;
        }
    }
    return kvspan_page_format_can_tile(group, page_tokens) ? KVSPAN_FORMAT_TILES
                                                           : KVSPAN_FORMAT_CANONICAL;
}

static int has_dtype(kvspan_dtype tensor, kvspan_dtype plane)
{
    return kvspan_kernels_reference.has_dtype(tensor, plane);
}

const kvspan_kernels kvspan_kernels_cpu = {
    .name = "cpu",
    .append_tokens = kvspan_cpu_append_tokens,
    .attend_pages = kvspan_cpu_attend_pages,
    .merge_partials = kvspan_cpu_merge_partials,
    .copy_pages = kvspan_cpu_copy_pages,
    .move_tokens = kvspan_cpu_move_tokens,
    .fill_pages = kvspan_reference_fill_pages,
    .patch_table = kvspan_reference_patch_table,
    .place_heads = kvspan_reference_place_heads,
    .gather_pages = kvspan_cpu_gather_pages,
    .scatter_pages = kvspan_cpu_scatter_pages,
    .checksum_pages = kvspan_cpu_checksum_pages,
    .has_dtype = has_dtype,
    .choose_format = choose_format,
    .attended_format = KVSPAN_FORMAT_TILES,
};
