#include "kernels/reference/reference.h"

#include <string.h>

/* Moves the elements and scales of one head of one page, from tiles to rows or back. */
static void transcode_head(const kvspan_plane_view *plane, uint32_t page_tokens,
                           unsigned char *tiles, unsigned char *rows, int to_rows)
{
    const uint32_t item = kvspan_dtype_bytes(plane->dtype);

    for (uint32_t token = 0; token < page_tokens; token++) {
        for (uint32_t i = 0; i < plane->dim; i++) {
            unsigned char *const tiled =
                tiles + kvspan_element_offset(plane->order, item, plane->dim, token, i);
            unsigned char *const row = rows + token * plane->token_stride + (uint64_t)i * item;

            memcpy(to_rows ? row : tiled, to_rows ? tiled : row, item);
        }
    }
    if (plane->scale_offset) {
        const size_t scale_bytes = (size_t)page_tokens * sizeof(float);

        tiles += plane->scale_offset;
        rows += plane->scale_offset;
        memcpy(to_rows ? rows : tiles, to_rows ? tiles : rows, scale_bytes);
    }
}

static void transcode(const kvspan_transcode_pages_args *args, int to_rows)
{
    const kvspan_plane_view *const plane = &args->plane;

    for (uint64_t i = 0; i < args->page_count; i++) {
        for (uint32_t head = 0; head < plane->heads; head++) {
            transcode_head(plane, args->page_tokens,
                           plane->data + args->pages[i] * plane->page_stride +
                               head * plane->head_stride,
                           args->rows + (i * plane->heads + head) * plane->head_stride, to_rows);
        }
    }
}

kvspan_status kvspan_reference_gather_pages(kvspan_device *device,
                                            const kvspan_transcode_pages_args *args,
                                            kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    transcode(args, 1);
    return KVSPAN_OK;
}

kvspan_status kvspan_reference_scatter_pages(kvspan_device *device,
                                             const kvspan_transcode_pages_args *args,
                                             kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    transcode(args, 0);
    return KVSPAN_OK;
}
