#include "kernels/cuda/cuda_operations.h"

#include <string.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/words.cuh"

namespace kvspan
{

enum {
    SCALE_LANES = 4, /* a scale is moved byte by byte: it need not be aligned */
    MOVES_AT_ONCE = 4,
    BATCH_MOVES =
        (KVSPAN_CUDA_LIST_BYTES - sizeof(uint32_t)) / (sizeof(kvspan_token_move) + sizeof(uint32_t))
};

/* Some rows' moves; a row may go on in the next batch. */
struct move_batch {
    unsigned char *data;
    uint64_t page_stride;
    uint64_t head_stride;
    uint64_t token_stride;
    uint64_t layer_stride;
    uint64_t scale_offset;
    uint32_t heads;
    uint32_t vector_words;
    uint32_t lanes;      /* threads of a vector and its scale */
    uint32_t lane_count; /* of all heads of all layers */
    uint32_t row_blocks; /* blocks of a row */
    uint32_t row_count;
    uint32_t row_starts[BATCH_MOVES + 1];
    kvspan_token_move moves[BATCH_MOVES];
};

/* A thread's part of what the moves of a row take along: the same bytes of each token. first: of
 * page 0's first token. No move reads what another writes, so some can be read before any is
 * written; and a thread goes through all in order, so that none is written before it was read. */
template <typename Word>
__device__ inline void move_words(const move_batch &batch, uint32_t begin, uint32_t end,
                                  unsigned char *first, uint64_t token_stride)
{
#pragma unroll 1
    for (uint32_t move = begin; move < end; move += MOVES_AT_ONCE) {
        Word words[MOVES_AT_ONCE];

#pragma unroll
        for (uint32_t i = 0; i < MOVES_AT_ONCE; i++) {
            if (move + i < end) {
                words[i] =
                    *(const Word *)(first + batch.moves[move + i].from_page * batch.page_stride +
                                    batch.moves[move + i].from_token * token_stride);
            }
        }
#pragma unroll
        for (uint32_t i = 0; i < MOVES_AT_ONCE; i++) {
            if (move + i < end) {
                *(Word *)(first + batch.moves[move + i].to_page * batch.page_stride +
                          batch.moves[move + i].to_token * token_stride) = words[i];
            }
        }
    }
}

/* Block: some lanes of one row. */
template <typename Word>
__global__ __launch_bounds__(THREADS) void move_tokens(const __grid_constant__ move_batch batch)
{
    const uint32_t row = blockIdx.x / batch.row_blocks;
    const uint32_t number = blockIdx.x % batch.row_blocks * THREADS + threadIdx.x;
    const uint32_t vector = number / batch.lanes;
    const uint32_t lane = number % batch.lanes;
    unsigned char *const first = batch.data + vector / batch.heads * batch.layer_stride +
                                 vector % batch.heads * batch.head_stride;
    const uint32_t begin = batch.row_starts[row];
    const uint32_t end = batch.row_starts[row + 1];

    if (number >= batch.lane_count) {
        return;
    }
    if (lane < batch.vector_words) {
        move_words<Word>(batch, begin, end, first + lane * sizeof(Word), batch.token_stride);
    } else {
        move_words<unsigned char>(batch, begin, end,
                                  first + batch.scale_offset + (lane - batch.vector_words),
                                  sizeof(float));
    }
}

static const void *choose_kernel(uint32_t word_bytes)
{
    switch (word_bytes) {
    case 16: return (const void *)move_tokens<uint4>;
    case 4: return (const void *)move_tokens<uint32_t>;
    default: return (const void *)move_tokens<unsigned char>;
    }
}

/* Takes moves from the done-th on, which is of `row`; leaves both where the next batch begins. */
static void fill_batch(move_batch *batch, const kvspan_move_tokens_args *args, uint32_t *row,
                       uint32_t *done)
{
    uint32_t count = 0;

    batch->row_count = 0;
    batch->row_starts[0] = 0;
    while (*row < args->row_count && count < BATCH_MOVES) {
        const uint32_t left = args->row_starts[*row + 1] - *done;
        const uint32_t taken = left < BATCH_MOVES - count ? left : BATCH_MOVES - count;

        memcpy(batch->moves + count, args->moves + *done, taken * sizeof(*args->moves));
        count += taken;
        *done += taken;
        *row += taken == left;
        if (taken > 0) {
            batch->row_starts[++batch->row_count] = count;
        }
    }
}

static move_batch make_batch(const kvspan_move_tokens_args *args, uint32_t word_bytes)
{
    const kvspan_plane_view *const plane = &args->plane;
    move_batch batch;

    batch.data = plane->data;
    batch.page_stride = plane->page_stride;
    batch.head_stride = plane->head_stride;
    batch.token_stride = plane->token_stride;
    batch.layer_stride = args->layer_stride;
    batch.scale_offset = plane->scale_offset;
    batch.heads = plane->heads;
    batch.vector_words = plane->dim * kvspan_dtype_bytes(plane->dtype) / word_bytes;
    batch.lanes = batch.vector_words + (plane->scale_offset ? SCALE_LANES : 0);
    batch.lane_count = args->layer_count * plane->heads * batch.lanes;
    batch.row_blocks = (batch.lane_count + THREADS - 1) / THREADS;
    return batch;
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_move_tokens(kvspan_device *device, const kvspan_move_tokens_args *args,
                                      kvspan_stream stream, kvspan_error *error)
{
    const kvspan_plane_view *const plane = &args->plane;
    const uint32_t word_bytes = kvspan_cuda_word_bytes(
        (uintptr_t)plane->data | plane->page_stride | plane->head_stride | plane->token_stride |
        (args->layer_count > 1 ? args->layer_stride : 0) |
        plane->dim * kvspan_dtype_bytes(plane->dtype));
    move_batch batch = make_batch(args, word_bytes);
    uint32_t row = 0;
    uint32_t done = args->row_count > 0 ? args->row_starts[0] : 0;

    if (plane->order != KVSPAN_ORDER_ROWS) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "device \"cuda\" knows pages of order %d only, not %d",
                           KVSPAN_ORDER_ROWS, plane->order);
    }
    while (row < args->row_count) {
        fill_batch(&batch, args, &row, &done);
        const kvspan_cuda_launch launch = { choose_kernel(word_bytes), "move_tokens",
                                            (uint64_t)batch.row_count * batch.row_blocks, THREADS,
                                            0 };
        const kvspan_status status = kvspan_cuda_launch_run(device, &launch, &batch, stream, error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}
