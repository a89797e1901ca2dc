#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/cuda_operations.h"
#include "kernels/cuda/numbers.cuh"

/* A warp merges one row, [token][head]: its threads share the elements, and each goes over the
 * parts in ascending order. */

namespace kvspan
{

enum {
    MERGE_WARPS = 4
};

struct merge_row {
    uint64_t token;
    uint32_t head;
    const unsigned char *outputs; /* of part 0 */
    const unsigned char *lse;
};

/* An f32 that need not be aligned. */
__device__ inline float load_float(const unsigned char *source)
{
    if ((uintptr_t)source % 4 == 0) {
        return *(const float *)source;
    }
    return __uint_as_float(source[0] | (uint32_t)source[1] << 8 | (uint32_t)source[2] << 16 |
                           (uint32_t)source[3] << 24);
}

__device__ inline merge_row find_merged(const kvspan_merge_partials_args &args, uint64_t number)
{
    const uint64_t token = number / args.heads;
    const uint32_t head = (uint32_t)(number % args.heads);
    const uint64_t stride =
        args.token_stride ? args.token_stride : (uint64_t)args.heads * args.dim * 4;
    const uint64_t lse_stride = args.lse_token_stride ? args.lse_token_stride : args.heads * 4ULL;

    return merge_row{ token, head, args.parts + token * stride + (uint64_t)head * args.dim * 4,
                      args.parts + args.lse_offset + token * lse_stride + head * 4ULL };
}

__device__ inline void store_merged(const kvspan_tensor &out, const merge_row &row,
                                    uint32_t element, float value)
{
    const int64_t place =
        (int64_t)row.token * out.token_stride + row.head * out.head_stride + element;

    if (out.dtype == KVSPAN_F32) {
        ((float *)out.data)[place] = value;
    } else {
        ((uint16_t *)out.data)[place] =
            (uint16_t)(out.dtype == KVSPAN_BF16 ? pack_bf16(value, 0.0f) : pack_f16(value, 0.0f));
    }
}

/* The largest of LSEs and sink; is_empty: no part has anything. NaN is something, though no
 * maximum. */
__device__ inline float find_maximum(const kvspan_merge_partials_args &args, const merge_row &row,
                                     bool &is_empty)
{
    float maximum = minus_infinity();

    is_empty = true;
    for (uint32_t part = 0; part < args.part_count; part++) {
        const float lse = load_float(row.lse + part * args.part_stride);

        is_empty = is_empty && lse == minus_infinity();
        maximum = fmaxf(maximum, lse);
    }
    return args.sinks ? fmaxf(maximum, args.sinks[row.head]) : maximum;
}

/* Of a row that is not empty: parts that are weigh 0. */
__device__ inline float sum_weights(const kvspan_merge_partials_args &args, const merge_row &row,
                                    float maximum)
{
    float sum = 0.0f;

    for (uint32_t part = 0; part < args.part_count; part++) {
        sum += expf(load_float(row.lse + part * args.part_stride) - maximum);
    }
    return args.sinks ? sum + expf(args.sinks[row.head] - maximum) : sum;
}

/* Outputs of an empty part are not looked at: of nothing but such the sum is 0. */
__device__ inline float merge_element(const kvspan_merge_partials_args &args, const merge_row &row,
                                      uint32_t element, float maximum)
{
    float sum = 0.0f;

    for (uint32_t part = 0; part < args.part_count; part++) {
        const float lse = load_float(row.lse + part * args.part_stride);

        if (lse != minus_infinity()) {
            sum += expf(lse - maximum) *
                   load_float(row.outputs + part * args.part_stride + element * 4ULL);
        }
    }
    return sum;
}

__global__ void __launch_bounds__(32 * MERGE_WARPS)
    merge_partials_kernel(const __grid_constant__ kvspan_merge_partials_args args)
{
    const uint64_t number = (uint64_t)blockIdx.x * MERGE_WARPS + threadIdx.x / 32;
    const uint32_t lane = threadIdx.x % 32;
    bool is_empty;

    if (number >= (uint64_t)args.tokens * args.heads) {
        return;
    }
    const merge_row row = find_merged(args, number);
    const float maximum = find_maximum(args, row, is_empty);
    const float sum = is_empty ? 1.0f : sum_weights(args, row, maximum);

    for (uint32_t element = lane; element < args.dim; element += 32) {
        store_merged(args.out, row, element, merge_element(args, row, element, maximum) / sum);
    }
    if (args.lse && lane == 0) {
        args.lse[row.token * args.lse_stride + row.head] =
            is_empty ? minus_infinity() : maximum + logf(sum);
    }
}

} // namespace kvspan

kvspan_status kvspan_cuda_merge_partials(kvspan_device *device,
                                         const kvspan_merge_partials_args *args,
                                         kvspan_stream stream, kvspan_error *error)
{
    const uint64_t rows = (uint64_t)args->tokens * args->heads;
    kvspan_cuda_launch launch = {};

    launch.kernel = (const void *)kvspan::merge_partials_kernel;
    launch.name = "merge_partials";
    launch.block_count = (rows + kvspan::MERGE_WARPS - 1) / kvspan::MERGE_WARPS;
    launch.thread_count = 32 * kvspan::MERGE_WARPS;
    return kvspan_cuda_launch_run(device, &launch, args, stream, error);
}
