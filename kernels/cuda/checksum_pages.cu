#include "kernels/cuda/cuda_operations.h"

#include <string.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/page_checksum.h"

namespace kvspan
{

enum {
    THREADS = 256,
    WARPS = THREADS / 32,
    PIECE_WORDS = 2048, /* of 8 bytes; a part is cut into such pieces */
    MAX_PAGE_BLOCKS = 64,
    BATCH_PAGES = KVSPAN_CUDA_LIST_BYTES / sizeof(uint32_t)
};

struct checksum_batch {
    const unsigned char *data;
    uint64_t page_stride;
    uint64_t part_stride;
    uint64_t part_words;
    uint64_t *sums; /* [page of the batch][block of the page] */
    uint32_t part_count;
    uint32_t part_pieces;
    uint32_t page_blocks; /* blocks of a page */
    uint32_t page_count;
    uint32_t pages[BATCH_PAGES];
};

static __device__ uint64_t word_of(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

/* Sums words [first, last) of a part, `place` of which comes first in the page. */
static __device__ uint64_t sum_words(const uint4 *part, uint64_t first, uint64_t last,
                                     uint64_t place)
{
    uint64_t sum = 0;

#pragma unroll 4
    for (uint64_t word = first + 2 * threadIdx.x; word < last; word += 2 * THREADS) {
        const uint4 pair = part[word / 2];

        sum += kvspan_checksum_term(word_of(pair.x, pair.y), place + word);
        sum += kvspan_checksum_term(word_of(pair.z, pair.w), place + word + 1);
    }
    return sum;
}

/* For pages that are not aligned to 16 bytes, or are no multiple of them. */
static __device__ uint64_t sum_words(const unsigned char *part, uint64_t first, uint64_t last,
                                     uint64_t place)
{
    uint64_t sum = 0;

    for (uint64_t word = first + threadIdx.x; word < last; word += THREADS) {
        uint64_t value = 0;

        for (uint32_t i = 0; i < 8; i++) {
            value |= (uint64_t)part[word * 8 + i] << (8 * i);
        }
        sum += kvspan_checksum_term(value, place + word);
    }
    return sum;
}

/* The sum over all threads of the block, in thread 0. */
static __device__ uint64_t sum_block(uint64_t sum)
{
    __shared__ uint64_t warp_sums[WARPS];

    for (uint32_t lanes = 16; lanes > 0; lanes /= 2) {
        sum += __shfl_down_sync(0xffffffffu, sum, lanes);
    }
    if (threadIdx.x % 32 == 0) {
        warp_sums[threadIdx.x / 32] = sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (uint32_t warp = 1; warp < WARPS; warp++) {
            sum += warp_sums[warp];
        }
    }
    return sum;
}

/* Block: every page_blocks-th piece of a page. */
template <typename Word>
__global__
__launch_bounds__(THREADS) void checksum_pages(const __grid_constant__ checksum_batch batch)
{
    const uint32_t page_block = blockIdx.x % batch.page_blocks;
    const uint64_t page = batch.pages[blockIdx.x / batch.page_blocks];
    const uint32_t piece_count = batch.part_count * batch.part_pieces;
    uint64_t sum = 0;

    for (uint32_t piece = page_block; piece < piece_count; piece += batch.page_blocks) {
        const uint32_t part = piece / batch.part_pieces;
        const uint64_t first = (uint64_t)(piece % batch.part_pieces) * PIECE_WORDS;
        const uint64_t last = min(first + PIECE_WORDS, batch.part_words);
        const Word *const words =
            (const Word *)(batch.data + part * batch.part_stride + page * batch.page_stride);

        sum += sum_words(words, first, last, part * batch.part_words);
    }
    sum = sum_block(sum);
    if (threadIdx.x == 0) {
        batch.sums[blockIdx.x] = sum;
    }
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Adds the sums of a page's blocks up. */
static uint64_t finish_page(const uint64_t *sums, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        sum += sums[i];
    }
    return kvspan_checksum_finish(sum);
}

static kvspan_status run_batch(kvspan_device *device, const checksum_batch *batch,
                               uint64_t *checksums, kvspan_stream stream, kvspan_error *error)
{
    const bool has_pairs =
        kvspan_cuda_word_bytes((uintptr_t)batch->data | batch->page_stride | batch->part_words * 8 |
                               (batch->part_count > 1 ? batch->part_stride : 0)) == 16;
    const kvspan_cuda_launch launch = { has_pairs ? (const void *)checksum_pages<uint4>
                                                  : (const void *)checksum_pages<unsigned char>,
                                        "checksum_pages",
                                        (uint64_t)batch->page_count * batch->page_blocks, THREADS,
                                        0 };
    kvspan_status status = kvspan_cuda_launch_run(device, &launch, batch, stream, error);

    if (status == KVSPAN_OK) {
        status = kvspan_cuda_wait(device, stream, error);
    }
    for (uint32_t i = 0; i < batch->page_count && status == KVSPAN_OK; i++) {
        checksums[i] =
            finish_page(batch->sums + (uint64_t)i * batch->page_blocks, batch->page_blocks);
    }
    return status;
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_checksum_pages(kvspan_device *device,
                                         const kvspan_checksum_pages_args *args,
                                         kvspan_stream stream, kvspan_error *error)
{
    checksum_batch batch;

    batch.data = args->data;
    batch.page_stride = args->page_stride;
    batch.part_stride = args->part_stride;
    batch.part_words = args->part_bytes / 8;
    batch.sums = kvspan_cuda_device_of(device)->checksum_parts;
    batch.part_count = args->part_count;
    batch.part_pieces = (uint32_t)((batch.part_words + PIECE_WORDS - 1) / PIECE_WORDS);
    batch.page_blocks = smaller(batch.part_count * batch.part_pieces, MAX_PAGE_BLOCKS);
    const uint32_t most = smaller(BATCH_PAGES, KVSPAN_CUDA_CHECKSUM_PARTS /
                                                   (batch.page_blocks ? batch.page_blocks : 1));

    for (uint32_t done = 0; done < args->page_count; done += batch.page_count) {
        batch.page_count = smaller(args->page_count - done, most);
        memcpy(batch.pages, args->pages + done, batch.page_count * sizeof(uint32_t));
        const kvspan_status status =
            run_batch(device, &batch, args->checksums + done, stream, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}
