#include "kernels/page_format.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>

enum {
    FORMAT_VERSION = 1
};

/* Refuses products beyond 63 bits, so that sums of two of them still fit 64. */
static bool multiply(uint64_t a, uint64_t b, uint64_t *product_out)
{
    if (a != 0 && b > (uint64_t)INT64_MAX / a) {
        return false;
    }
    *product_out = a * b;
    return true;
}

static bool add(uint64_t a, uint64_t b, uint64_t *sum_out)
{
    if (b > (uint64_t)INT64_MAX - a) {
        return false;
    }
    *sum_out = a + b;
    return true;
}

static bool round_up(uint64_t bytes, uint64_t *rounded_out)
{
    uint64_t padded;

    if (!add(bytes, KVSPAN_PAGE_ALIGNMENT - 1, &padded)) {
        return false;
    }
    *rounded_out = padded / KVSPAN_PAGE_ALIGNMENT * KVSPAN_PAGE_ALIGNMENT;
    return true;
}

/* Bytes of one head of one plane in one page: [token][dim], then its scales. */
static bool head_bytes(const kvspan_plane *plane, uint32_t page_tokens, uint64_t *bytes_out)
{
    const uint64_t token_bytes = (uint64_t)plane->dim * kvspan_dtype_bytes(plane->dtype);
    uint64_t data_bytes;
    uint64_t scales = 0;

    if (plane->scale_tokens != 0) {
        scales = page_tokens / plane->scale_tokens + (page_tokens % plane->scale_tokens != 0);
    }
    return multiply(page_tokens, token_bytes, &data_bytes) &&
           add(data_bytes, scales * KVSPAN_SCALE_BYTES, bytes_out);
}

/* Fills the planes and run_bytes. */
static bool lay_out_run(const kvspan_layer_group *group, const uint32_t *local_heads,
                        uint32_t page_tokens, kvspan_page_format *format)
{
    uint64_t run_bytes = 0;

    for (uint32_t i = 0; i < group->plane_count; i++) {
        const kvspan_plane *plane = &group->planes[i];
        uint64_t head_stride;
        uint64_t plane_bytes;

        if (!head_bytes(plane, page_tokens, &head_stride) ||
            !multiply(local_heads[i], head_stride, &plane_bytes)) {
            return false;
        }
        format->planes[i].role = plane->role;
        format->planes[i].dtype = plane->dtype;
        format->planes[i].heads = local_heads[i];
        format->planes[i].dim = plane->dim;
        format->planes[i].offset = run_bytes;
        format->planes[i].head_stride = head_stride;
        format->planes[i].token_stride = (uint64_t)plane->dim * kvspan_dtype_bytes(plane->dtype);
        format->planes[i].scale_offset =
            plane->scale_tokens ? page_tokens * format->planes[i].token_stride : 0;
        if (!add(run_bytes, plane_bytes, &run_bytes)) {
            return false;
        }
    }
    format->run_bytes = run_bytes;
    return true;
}

static kvspan_status fail_overflow(const kvspan_layer_group *group, uint32_t page_tokens,
                                   uint32_t page_count, kvspan_error *error)
{
    return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                       "%u layers, %u tokens per page and %u pages need more than %" PRId64
                       " bytes",
                       group->layer_count, page_tokens, page_count, INT64_MAX);
}

kvspan_status kvspan_page_format_make(const kvspan_layer_group *group, const uint32_t *local_heads,
                                      uint32_t page_tokens, uint32_t page_count,
                                      kvspan_layout layout, kvspan_page_format *format_out,
                                      kvspan_error *error)
{
    kvspan_page_format format = { .id = KVSPAN_FORMAT_CANONICAL,
                                  .version = FORMAT_VERSION,
                                  .layout = layout,
                                  .layer_count = group->layer_count,
                                  .plane_count = group->plane_count,
                                  .page_tokens = page_tokens,
                                  .page_count = page_count };
    uint64_t page_bytes;

    assert(group->plane_count <= KVSPAN_MAX_PLANES);
    if (!lay_out_run(group, local_heads, page_tokens, &format) ||
        !multiply(group->layer_count, format.run_bytes, &page_bytes) ||
        !round_up(page_bytes, &format.page_bytes) ||
        !multiply(format.page_bytes, page_count, &format.arena_bytes)) {
        return fail_overflow(group, page_tokens, page_count, error);
    }
    if (layout == KVSPAN_LAYER_FIRST) {
        format.page_stride = format.run_bytes;
        format.layer_stride = format.run_bytes * page_count;
    } else {
        format.page_stride = format.page_bytes;
        format.layer_stride = format.run_bytes;
    }
    *format_out = format;
    return KVSPAN_OK;
}

kvspan_status kvspan_page_format_bytes(const kvspan_layer_group *group, const uint32_t *local_heads,
                                       uint32_t page_tokens, uint64_t *page_bytes_out,
                                       kvspan_error *error)
{
    kvspan_page_format format = { 0 };
    const kvspan_status status = kvspan_page_format_make(group, local_heads, page_tokens, 0,
                                                         KVSPAN_PAGE_FIRST, &format, error);

    if (status == KVSPAN_OK) {
        *page_bytes_out = format.page_bytes;
    }
    return status;
}

kvspan_status kvspan_page_format_widen(kvspan_page_format *format, uint64_t page_bytes,
                                       const kvspan_page_format *first, kvspan_error *error)
{
    assert(page_bytes >= format->page_bytes);
    if (format->layout == KVSPAN_LAYER_FIRST && format->run_bytes != first->run_bytes) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "layer-first pages of %" PRIu64 " and of %" PRIu64
                           " bytes a layer cannot share an arena",
                           first->run_bytes, format->run_bytes);
    }
    if (format->layout == KVSPAN_PAGE_FIRST) {
        format->page_stride = page_bytes;
    }
    format->page_bytes = page_bytes;
    format->arena_bytes = page_bytes * format->page_count;
    return KVSPAN_OK;
}

int kvspan_page_format_can_tile(const kvspan_layer_group *group, uint32_t page_tokens)
{
    for (uint32_t i = 0; i < group->plane_count; i++) {
        const kvspan_plane *const plane = &group->planes[i];

        if ((plane->role != KVSPAN_KEY && plane->role != KVSPAN_VALUE) ||
            plane->dim % KVSPAN_TILE_DIMS != 0 || kvspan_dtype_bytes(plane->dtype) > 2) {
            return 0;
        }
    }
    return page_tokens % KVSPAN_TILE_TOKENS == 0;
}

void kvspan_page_format_reorder(kvspan_page_format *format, uint32_t id)
{
    format->id = id;
    for (uint32_t i = 0; i < format->plane_count; i++) {
        const kvspan_element_order tiles = format->planes[i].role == KVSPAN_KEY
                                               ? KVSPAN_ORDER_KEY_TILES
                                               : KVSPAN_ORDER_VALUE_TILES;

        format->planes[i].order = id == KVSPAN_FORMAT_TILES ? tiles : KVSPAN_ORDER_ROWS;
    }
}

kvspan_plane_view kvspan_page_format_view(const kvspan_page_format *format, unsigned char *arena,
                                          uint32_t layer_index, uint32_t plane)
{
    assert(layer_index < format->layer_count);
    assert(plane < format->plane_count);
    return (kvspan_plane_view){
        .data = arena + layer_index * format->layer_stride + format->planes[plane].offset,
        .page_stride = format->page_stride,
        .head_stride = format->planes[plane].head_stride,
        .token_stride = format->planes[plane].token_stride,
        .dtype = format->planes[plane].dtype,
        .heads = format->planes[plane].heads,
        .dim = format->planes[plane].dim,
        .scale_offset = format->planes[plane].scale_offset,
        .order = format->planes[plane].order,
    };
}
