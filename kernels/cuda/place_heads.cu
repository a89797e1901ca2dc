#include "kernels/cuda/cuda_operations.h"

#include <string.h>

#include "kernels/cuda/cuda_device.h"

namespace kvspan
{

const uint32_t THREADS = 256;
const uint32_t BATCH_BLOCKS = KVSPAN_CUDA_LIST_BYTES / sizeof(kvspan_head_block);

struct place_batch {
    const unsigned char *blocks; /* of the batch's first block */
    uint64_t block_stride;
    unsigned char *out;
    uint64_t token_bytes; /* from a token of out to the next */
    uint64_t head_bytes;  /* from a head of out to the next */
    uint32_t heads;       /* of out */
    uint32_t row_bytes;   /* of one head's vector */
    uint32_t lane_bits;   /* 2^lane_bits threads share a row */
    uint32_t block_count;
    kvspan_head_block places[BATCH_BLOCKS];
};

/* The row of the last block that covers (token, head) of out; NULL if none does. */
static __device__ const unsigned char *find_source(const place_batch &batch, uint64_t token,
                                                   uint32_t head)
{
    for (uint32_t block = batch.block_count; block-- > 0;) {
        const kvspan_head_block &place = batch.places[block];
        const uint64_t source_token = token - place.first_token;
        const uint32_t source_head = head - place.first_head;

        /* Below the first they wrap, and are beyond the count. */
        if (source_token < place.token_count && source_head < place.head_count) {
            const uint64_t row =
                source_token * place.source_heads + place.source_first + source_head;

            return batch.blocks + block * batch.block_stride + row * batch.row_bytes;
        }
    }
    return NULL;
}

/* Each row of out asks for its source, so that blocks which overlap need no order. Those behind the
 * last have none. */
template <typename Word>
__global__ __launch_bounds__(THREADS) void place_heads(const __grid_constant__ place_batch batch)
{
    const uint64_t thread = (uint64_t)blockIdx.x * THREADS + threadIdx.x;
    const uint64_t row = thread >> batch.lane_bits;
    const uint32_t lanes = 1u << batch.lane_bits;
    const uint64_t token = row / batch.heads;
    const uint32_t head = (uint32_t)(row % batch.heads);
    const Word *const source = (const Word *)find_source(batch, token, head);

    if (!source) {
        return;
    }
    Word *const target =
        (Word *)(batch.out + (int64_t)(token * batch.token_bytes + head * batch.head_bytes));

    for (uint32_t i = threadIdx.x % lanes; i < batch.row_bytes / sizeof(Word); i += lanes) {
        target[i] = source[i];
    }
}

static const void *choose_kernel(uint32_t word_bytes)
{
    switch (word_bytes) {
    case 16: return (const void *)place_heads<uint4>;
    case 4: return (const void *)place_heads<uint32_t>;
    default: return (const void *)place_heads<unsigned char>;
    }
}

static uint32_t choose_lane_bits(uint32_t words)
{
    uint32_t bits = 0;

    while (1u << bits < words && bits < 5) {
        bits++;
    }
    return bits;
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_place_heads(kvspan_device *device, const kvspan_place_heads_args *args,
                                      kvspan_stream stream, kvspan_error *error)
{
    const kvspan_tensor *const out = &args->out;
    const uint32_t item = kvspan_dtype_bytes(out->dtype);
    const uint64_t row_count = (uint64_t)out->tokens * out->heads;
    place_batch batch;

    batch.block_stride = args->block_stride;
    batch.out = (unsigned char *)out->data;
    batch.token_bytes = (uint64_t)(out->token_stride * item);
    batch.head_bytes = (uint64_t)(out->head_stride * item);
    batch.heads = out->heads;
    batch.row_bytes = out->dim * item;
    const uint32_t word_bytes =
        kvspan_cuda_word_bytes((uintptr_t)args->blocks | (uintptr_t)batch.out | batch.block_stride |
                               batch.token_bytes | batch.head_bytes | batch.row_bytes);

    batch.lane_bits = choose_lane_bits(batch.row_bytes / word_bytes);
    for (uint32_t done = 0; done < args->block_count; done += batch.block_count) {
        const uint32_t left = args->block_count - done;

        batch.block_count = left < BATCH_BLOCKS ? left : BATCH_BLOCKS;
        batch.blocks = args->blocks + done * args->block_stride;
        memcpy(batch.places, args->places + done, batch.block_count * sizeof(*batch.places));
        const kvspan_cuda_launch launch = { choose_kernel(word_bytes), "place_heads",
                                            ((row_count << batch.lane_bits) + THREADS - 1) /
                                                THREADS,
                                            THREADS, 0 };
        const kvspan_status status = kvspan_cuda_launch_run(device, &launch, &batch, stream, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}
