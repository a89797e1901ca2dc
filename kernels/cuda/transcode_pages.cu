#include "kernels/cuda/cuda_operations.h"

#include <string.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/words.cuh"

namespace kvspan
{

const uint32_t BATCH_PAGES = KVSPAN_CUDA_LIST_BYTES / sizeof(uint32_t);

/* Heads of a plane between pages and rows; both are in canonical order, so that bytes move as they
 * are. */
struct transcode_batch {
    unsigned char *data; /* of the plane */
    unsigned char *rows; /* of the batch's first page */
    uint64_t page_stride;
    uint64_t head_stride;
    uint64_t head_bytes; /* elements and scales */
    uint32_t heads;
    uint32_t chunk_count; /* of a head */
    bool to_rows;
    uint32_t pages[BATCH_PAGES];
};

/* Block: one chunk of one head of one page. */
template <typename Word>
__global__
__launch_bounds__(THREADS) void transcode_pages(const __grid_constant__ transcode_batch batch)
{
    const uint32_t chunk = blockIdx.x % batch.chunk_count;
    const uint32_t row = blockIdx.x / batch.chunk_count; /* page of the batch, head */
    const uint64_t page = batch.pages[row / batch.heads];
    unsigned char *const head =
        batch.data + page * batch.page_stride + row % batch.heads * batch.head_stride;
    unsigned char *const canonical = batch.rows + row * batch.head_stride;

    if (batch.to_rows) {
        copy_chunk<Word>(canonical, head, batch.head_bytes, chunk);
    } else {
        copy_chunk<Word>(head, canonical, batch.head_bytes, chunk);
    }
}

static const void *choose_kernel(uint32_t word_bytes)
{
    switch (word_bytes) {
    case 16: return (const void *)transcode_pages<uint4>;
    case 4: return (const void *)transcode_pages<uint32_t>;
    default: return (const void *)transcode_pages<unsigned char>;
    }
}

static uint64_t head_bytes_of(const kvspan_transcode_pages_args *args)
{
    const kvspan_plane_view *const plane = &args->plane;

    return plane->scale_offset
               ? plane->scale_offset + args->page_tokens * sizeof(float)
               : (uint64_t)args->page_tokens * plane->dim * kvspan_dtype_bytes(plane->dtype);
}

static kvspan_status transcode(kvspan_device *device, const kvspan_transcode_pages_args *args,
                               bool to_rows, kvspan_stream stream, kvspan_error *error)
{
    const kvspan_plane_view *const plane = &args->plane;
    transcode_batch batch;
    uint32_t count;

    if (plane->order != KVSPAN_ORDER_ROWS) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "device \"cuda\" knows pages of order %d only, not %d",
                           KVSPAN_ORDER_ROWS, plane->order);
    }
    batch.data = plane->data;
    batch.page_stride = plane->page_stride;
    batch.head_stride = plane->head_stride;
    batch.head_bytes = head_bytes_of(args);
    batch.heads = plane->heads;
    batch.to_rows = to_rows;
    const uint32_t word_bytes =
        kvspan_cuda_word_bytes((uintptr_t)plane->data | (uintptr_t)args->rows | plane->page_stride |
                               plane->head_stride | batch.head_bytes);

    batch.chunk_count = chunk_count(batch.head_bytes, word_bytes);
    for (uint32_t done = 0; done < args->page_count; done += count) {
        const uint32_t left = args->page_count - done;

        count = left < BATCH_PAGES ? left : BATCH_PAGES;
        memcpy(batch.pages, args->pages + done, count * sizeof(uint32_t));
        batch.rows = args->rows + (uint64_t)done * plane->heads * plane->head_stride;
        const kvspan_cuda_launch launch = { choose_kernel(word_bytes), "transcode_pages",
                                            (uint64_t)count * plane->heads * batch.chunk_count,
                                            THREADS, 0 };
        const kvspan_status status = kvspan_cuda_launch_run(device, &launch, &batch, stream, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_gather_pages(kvspan_device *device,
                                       const kvspan_transcode_pages_args *args,
                                       kvspan_stream stream, kvspan_error *error)
{
    return transcode(device, args, true, stream, error);
}

kvspan_status kvspan_cuda_scatter_pages(kvspan_device *device,
                                        const kvspan_transcode_pages_args *args,
                                        kvspan_stream stream, kvspan_error *error)
{
    return transcode(device, args, false, stream, error);
}
