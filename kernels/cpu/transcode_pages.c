#include "kernels/cpu/cpu.h"

#include <string.h>

#include "kernels/cpu/cpu_device.h"

struct transcode {
    const kvspan_transcode_pages_args *args;
    const kvspan_cpu_device *cpu;
    int to_rows;
};

static void transcode_tiles(const struct transcode *transcode, unsigned char *tiles,
                            unsigned char *rows)
{
    const kvspan_plane_view *const plane = &transcode->args->plane;
    const kvspan_tile_shape shape = { .order = plane->order,
                                      .element_bytes = kvspan_dtype_bytes(plane->dtype),
                                      .dim = plane->dim };
    const size_t tile_bytes = (size_t)KVSPAN_TILE_TOKENS * plane->dim * shape.element_bytes;

    for (uint32_t token = 0; token < transcode->args->page_tokens; token += KVSPAN_TILE_TOKENS) {
        unsigned char *vectors[KVSPAN_TILE_TOKENS];
        const unsigned char *sources[KVSPAN_TILE_TOKENS];

        for (uint32_t i = 0; i < KVSPAN_TILE_TOKENS; i++) {
            vectors[i] = rows + (token + i) * plane->token_stride;
            sources[i] = vectors[i];
        }
        if (transcode->to_rows) {
            transcode->cpu->pages->unpack_tile(&shape, tiles, vectors);
        } else {
            transcode->cpu->pages->pack_tile(&shape, sources, 0, tiles);
        }
        tiles += tile_bytes;
    }
}

/* The elements and scales of one head of one page; `tiles` is the page's, in any order. */
static void transcode_head(const struct transcode *transcode, unsigned char *tiles,
                           unsigned char *rows)
{
    const kvspan_plane_view *const plane = &transcode->args->plane;
    const size_t element_bytes = (size_t)transcode->args->page_tokens * plane->token_stride;
    const size_t scale_bytes = (size_t)transcode->args->page_tokens * sizeof(float);

    if (plane->order != KVSPAN_ORDER_ROWS) {
        transcode_tiles(transcode, tiles, rows);
    } else {
        memcpy(transcode->to_rows ? rows : tiles, transcode->to_rows ? tiles : rows, element_bytes);
    }
    if (plane->scale_offset) {
        tiles += plane->scale_offset;
        rows += plane->scale_offset;
        memcpy(transcode->to_rows ? rows : tiles, transcode->to_rows ? tiles : rows, scale_bytes);
    }
}

static void transcode_share(void *context, uint32_t thread)
{
    const struct transcode *const transcode = context;
    const kvspan_transcode_pages_args *const args = transcode->args;
    const kvspan_plane_view *const plane = &args->plane;
    const uint32_t thread_count = kvspan_pool_thread_count(transcode->cpu->pool);
    const uint64_t heads = (uint64_t)args->page_count * plane->heads;
    const uint64_t end = kvspan_pool_share(heads, thread + 1, thread_count);

    for (uint64_t i = kvspan_pool_share(heads, thread, thread_count); i < end; i++) {
        const uint64_t page = args->pages[i / plane->heads];

        transcode_head(transcode,
                       plane->data + page * plane->page_stride +
                           i % plane->heads * plane->head_stride,
                       args->rows + i * plane->head_stride);
    }
}

kvspan_status kvspan_cpu_gather_pages(kvspan_device *device,
                                      const kvspan_transcode_pages_args *args, kvspan_stream stream,
                                      kvspan_error *error)
{
    const kvspan_cpu_device *const cpu = kvspan_cpu_device_of(device);
    struct transcode transcode = { .args = args, .cpu = cpu, .to_rows = 1 };

    (void)stream;
    (void)error;
    kvspan_pool_run(cpu->pool, transcode_share, &transcode);
    return KVSPAN_OK;
}

kvspan_status kvspan_cpu_scatter_pages(kvspan_device *device,
                                       const kvspan_transcode_pages_args *args,
                                       kvspan_stream stream, kvspan_error *error)
{
    const kvspan_cpu_device *const cpu = kvspan_cpu_device_of(device);
    struct transcode transcode = { .args = args, .cpu = cpu, .to_rows = 0 };

    (void)stream;
    (void)error;
    kvspan_pool_run(cpu->pool, transcode_share, &transcode);
    return KVSPAN_OK;
}
