#include "kernels/cuda/cuda_operations.h"

#include <string.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/words.cuh"

namespace kvspan
{

struct page_pair {
    uint32_t source;
    uint32_t target;
};

enum {
    BATCH_PAIRS = KVSPAN_CUDA_LIST_BYTES / sizeof(page_pair)
};

/* Pairs that may be copied in any order. */
struct copy_batch {
    unsigned char *data;
    uint64_t page_stride;
    uint64_t part_stride;
    uint64_t copy_bytes;
    uint32_t part_count;
    uint32_t chunk_count; /* of a part of a page */
    uint32_t pair_count;
    page_pair pairs[BATCH_PAIRS];
};

/* Block: one chunk of one part of one pair. */
template <typename Word>
__global__ __launch_bounds__(THREADS) void copy_pages(const __grid_constant__ copy_batch batch)
{
    const uint32_t chunk = blockIdx.x % batch.chunk_count;
    const uint32_t part = blockIdx.x / batch.chunk_count % batch.part_count;
    const page_pair pair = batch.pairs[blockIdx.x / batch.chunk_count / batch.part_count];
    unsigned char *const data = batch.data + part * batch.part_stride;

    copy_chunk<Word>(data + pair.target * batch.page_stride, data + pair.source * batch.page_stride,
                     batch.copy_bytes, chunk);
}

/* The pages of a batch: a table of hashes, each page once. */
struct page_set {
    enum {
        CELLS = 4 * BATCH_PAIRS, /* at most half of them are taken */
        IS_SOURCE = 1,
        IS_TARGET = 2
    };
    uint32_t pages[CELLS];
    unsigned char roles[CELLS]; /* 0: a free cell */
};

static unsigned char *find_roles(page_set *set, uint32_t page)
{
    uint32_t cell = page * 2654435761u % page_set::CELLS;

    while (set->roles[cell] && set->pages[cell] != page) {
        cell = (cell + 1) % page_set::CELLS;
    }
    set->pages[cell] = page;
    return &set->roles[cell];
}

/* Whether a pair may be copied together with those before it. */
static bool add_pair(page_set *set, page_pair pair)
{
    unsigned char *const source = find_roles(set, pair.source);

    if (*source & page_set::IS_TARGET) {
        return false;
    }
    *source |= page_set::IS_SOURCE;
    unsigned char *const target = find_roles(set, pair.target);

    if (*target) {
        return false;
    }
    *target = page_set::IS_TARGET;
    return true;
}

/* Takes as many of the pairs as may be copied in any order. */
static void fill_batch(copy_batch *batch, const uint32_t *pairs, uint32_t pair_count)
{
    page_set set;

    memset(set.roles, 0, sizeof(set.roles));
    batch->pair_count = 0;
    while (batch->pair_count < pair_count && batch->pair_count < BATCH_PAIRS) {
        const page_pair pair = { pairs[2 * batch->pair_count], pairs[2 * batch->pair_count + 1] };

        if (!add_pair(&set, pair)) {
            return;
        }
        batch->pairs[batch->pair_count++] = pair;
    }
}

static const void *choose_kernel(uint32_t word_bytes)
{
    switch (word_bytes) {
    case 16: return (const void *)copy_pages<uint4>;
    case 4: return (const void *)copy_pages<uint32_t>;
    default: return (const void *)copy_pages<unsigned char>;
    }
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_copy_pages(kvspan_device *device, const kvspan_copy_pages_args *args,
                                     kvspan_stream stream, kvspan_error *error)
{
    const uint32_t word_bytes =
        kvspan_cuda_word_bytes((uintptr_t)args->data | args->page_stride | args->copy_bytes |
                               (args->part_count > 1 ? args->part_stride : 0));
    copy_batch batch;

    batch.data = args->data;
    batch.page_stride = args->page_stride;
    batch.part_stride = args->part_stride;
    batch.copy_bytes = args->copy_bytes;
    batch.part_count = args->part_count;
    batch.chunk_count = chunk_count(args->copy_bytes, word_bytes);
    for (uint32_t done = 0; done < args->pair_count; done += batch.pair_count) {
        fill_batch(&batch, args->pairs + 2 * (uint64_t)done, args->pair_count - done);
        const kvspan_cuda_launch launch = { choose_kernel(word_bytes), "copy_pages",
                                            (uint64_t)batch.pair_count * batch.part_count *
                                                batch.chunk_count,
                                            THREADS, 0 };
        const kvspan_status status = kvspan_cuda_launch_run(device, &launch, &batch, stream, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}
