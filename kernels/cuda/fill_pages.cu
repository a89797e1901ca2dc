#include "kernels/cuda/cuda_operations.h"

#include <string.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/words.cuh"

namespace kvspan
{

const uint32_t BATCH_PAGES = KVSPAN_CUDA_LIST_BYTES / sizeof(uint32_t);

struct fill_batch {
    unsigned char *data;
    uint64_t page_stride;
    uint64_t part_stride;
    uint64_t fill_bytes;
    uint32_t part_count;
    uint32_t chunk_count; /* of a part of a page */
    uint32_t value;       /* the byte, four times */
    uint32_t pages[BATCH_PAGES];
};

static __device__ void repeat(uint32_t value, uint4 *word)
{
    *word = make_uint4(value, value, value, value);
}

static __device__ void repeat(uint32_t value, uint32_t *word)
{
    *word = value;
}

static __device__ void repeat(uint32_t value, unsigned char *word)
{
    *word = (unsigned char)value;
}

/* Block: one chunk of one part of one page. */
template <typename Word>
__global__ __launch_bounds__(THREADS) void fill_pages(const __grid_constant__ fill_batch batch)
{
    const uint64_t first = (uint64_t)(blockIdx.x % batch.chunk_count) * CHUNK_WORDS;
    const uint32_t part = blockIdx.x / batch.chunk_count % batch.part_count;
    const uint64_t page = batch.pages[blockIdx.x / batch.chunk_count / batch.part_count];
    Word *const words = (Word *)(batch.data + part * batch.part_stride + page * batch.page_stride);
    Word word;

    repeat(batch.value, &word);
#pragma unroll
    for (uint32_t i = 0; i < WORDS_PER_THREAD; i++) {
        const uint64_t index = first + i * THREADS + threadIdx.x;

        if (index < batch.fill_bytes / sizeof(Word)) {
            words[index] = word;
        }
    }
}

static const void *choose_kernel(uint32_t word_bytes)
{
    switch (word_bytes) {
    case 16: return (const void *)fill_pages<uint4>;
    case 4: return (const void *)fill_pages<uint32_t>;
    default: return (const void *)fill_pages<unsigned char>;
    }
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_fill_pages(kvspan_device *device, const kvspan_fill_pages_args *args,
                                     kvspan_stream stream, kvspan_error *error)
{
    const uint32_t word_bytes =
        kvspan_cuda_word_bytes((uintptr_t)args->data | args->page_stride | args->fill_bytes |
                               (args->part_count > 1 ? args->part_stride : 0));
    fill_batch batch;
    uint32_t count;

    batch.data = args->data;
    batch.page_stride = args->page_stride;
    batch.part_stride = args->part_stride;
    batch.fill_bytes = args->fill_bytes;
    batch.part_count = args->part_count;
    batch.chunk_count = chunk_count(args->fill_bytes, word_bytes);
    batch.value = args->value * 0x01010101u;
    for (uint32_t done = 0; done < args->page_count; done += count) {
        const uint32_t left = args->page_count - done;

        count = left < BATCH_PAGES ? left : BATCH_PAGES;
        memcpy(batch.pages, args->pages + done, count * sizeof(uint32_t));
        const kvspan_cuda_launch launch = { choose_kernel(word_bytes), "fill_pages",
                                            (uint64_t)count * batch.part_count * batch.chunk_count,
                                            THREADS, 0 };
        const kvspan_status status = kvspan_cuda_launch_run(device, &launch, &batch, stream, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}
