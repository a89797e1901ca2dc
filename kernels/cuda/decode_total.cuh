/** @file
 * What becomes of a split's results in decode: merged over the warps of a block, folded over the
 * splits of a unit in ascending order, stored.
 *
 * THREADS / 16 threads have a row of the total between them: its maximum and sum in registers of
 * each, its outputs in shared memory, of which each thread touches its own alone.
 */
#ifndef KVSPAN_KERNELS_CUDA_DECODE_TOTAL_CUH
#define KVSPAN_KERNELS_CUDA_DECODE_TOTAL_CUH

#include "kernels/cuda/tile_fold.cuh"

namespace kvspan
{

template <class PAIR> struct decode_shape {
    using Pair = PAIR;
    enum {
        IS_WIDE = PAIR::KEY_BYTES + PAIR::VALUE_BYTES > 768 / (PAIR::HAS_SCALES ? 2 : 1),
        WARPS = IS_WIDE ? 2 : 4,
        THREADS = 32 * WARPS,
        STAGES = 3,
        TILE_TOKENS = PAIR::KEY_BYTES + PAIR::VALUE_BYTES > 320 ? 16 : 32,
        VALUE_OFFSET = TILE_TOKENS * PAIR::KEY_BYTES,
        SCALE_OFFSET = TILE_TOKENS * (PAIR::KEY_BYTES + PAIR::VALUE_BYTES),
        STAGE_BYTES = (TILE_TOKENS * PAIR::TOKEN_BYTES + 127) / 128 * 128,
        RING_BYTES = WARPS * STAGES * STAGE_BYTES,
        OUTPUT_BYTES = WARPS * 16 * (PAIR::VALUE_DIM + 8) * 4, /* of all warps, in the ring */
        TOTAL_OFFSET =
            RING_BYTES > OUTPUT_BYTES + 128 * WARPS ? RING_BYTES : OUTPUT_BYTES + 128 * WARPS,
        QUERY_OFFSET = TOTAL_OFFSET + 16 * PAIR::VALUE_DIM * 4,
        HAS_SHARED_QUERIES = PAIR::KEY_DIM > 192,
        SHARED_BYTES = QUERY_OFFSET + (HAS_SHARED_QUERIES ? WARPS * shared_query_bytes<PAIR>() : 0),
        ROW_THREADS = THREADS / 16
    };
    using Rows = warp_rows<PAIR, HAS_SHARED_QUERIES>;
};

struct row_total {
    float maximum; /* in powers of two */
    float sum;
};

template <class Shape> __device__ inline uint32_t total_row()
{
    return threadIdx.x / Shape::ROW_THREADS;
}

/* The first of the thread's elements of a row. */
template <class Shape> __device__ inline uint32_t total_element()
{
    return threadIdx.x % Shape::ROW_THREADS * 4;
}

/* The thread's outputs: four elements, and so on every 4 · ROW_THREADS. */
template <class Shape> __device__ inline float *total_outputs(unsigned char *shared)
{
    return (float *)(shared + Shape::TOTAL_OFFSET) + total_row<Shape>() * Shape::Pair::VALUE_DIM +
           total_element<Shape>();
}

template <class Shape> __device__ inline void begin_total(row_total &total, unsigned char *shared)
{
    using Pair = typename Shape::Pair;

    total.maximum = minus_infinity();
    total.sum = 0.0f;
#pragma unroll
    for (int i = 0; i < Pair::VALUE_DIM; i += 4 * Shape::ROW_THREADS) {
        *(float4 *)(total_outputs<Shape>(shared) + i) = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
}

__device__ inline float4 fold_outputs(float4 total, float factor, float4 part, float weight)
{
    return make_float4(__fmaf_rn(total.x, factor, __fmul_rn(part.x, weight)),
                       __fmaf_rn(total.y, factor, __fmul_rn(part.y, weight)),
                       __fmaf_rn(total.z, factor, __fmul_rn(part.z, weight)),
                       __fmaf_rn(total.w, factor, __fmul_rn(part.w, weight)));
}

/* How a part is folded into a total, whose maximum and sum become those of both. */
struct part_weights {
    float total;
    float part;
};

__device__ inline part_weights fold_sums(row_total &total, float maximum, float sum)
{
    const float larger = fmaxf(total.maximum, maximum);
    const float shift = shift_of(larger);
    const part_weights weights = { exp2_of(total.maximum - shift), exp2_of(maximum - shift) };

    total.maximum = larger;
    total.sum = __fmaf_rn(total.sum, weights.total, __fmul_rn(sum, weights.part));
    return weights;
}

/* The maxima and sums of all warps' rows, behind their outputs. */
template <class Shape> __device__ inline float2 *warp_sums(unsigned char *shared)
{
    return (float2 *)(shared + Shape::OUTPUT_BYTES);
}

/* Merges the warps' results of a split and folds them into the total; returns true. But false, and
 * the total is as before, if outputs are not finite and tiles were not checked. The ring is
 * overwritten, and may be filled again when this returns. */
template <class Shape>
__device__ inline bool merge_warps(row_total &total, const typename Shape::Rows &rows,
                                   float soft_cap, unsigned char *shared, bool is_checked)
{
    using Pair = typename Shape::Pair;
    constexpr int STEP = 4 * Shape::ROW_THREADS;
    const uint32_t warp = threadIdx.x / 32;
    const uint32_t lane = threadIdx.x % 32;
    const uint32_t pitch = output_pitch<Pair>();
    float *const outputs = (float *)shared;
    float2 *const sums = warp_sums<Shape>(shared);
    float weights[Shape::WARPS];
    float maximum = minus_infinity();
    float sum = 0.0f;
    float4 merged[Pair::VALUE_DIM / STEP];
    float strange = 0.0f; /* NaN if an output is not finite */
    part_weights fold;

    const float row_sums[2] = { sum_of_quad(rows.state.sum[0]), sum_of_quad(rows.state.sum[1]) };

    __syncthreads();
    spill_outputs(rows, row_sums, outputs + warp * 16 * pitch);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        if (lane % 4 == 0) {
            sums[warp * 16 + lane / 4 + 8 * half] =
                make_float2(maximum_of<typename Pair::Plane>(rows.state, rows.rule, soft_cap, half),
                            row_sums[half]);
        }
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < Shape::WARPS; i++) {
        maximum = fmaxf(maximum, sums[i * 16 + total_row<Shape>()].x);
    }
#pragma unroll
    for (int i = 0; i < Shape::WARPS; i++) {
        const float2 part = sums[i * 16 + total_row<Shape>()];

        weights[i] = exp2_of(part.x - shift_of(maximum));
        sum = __fmaf_rn(part.y, weights[i], sum);
    }
#pragma unroll
    for (int i = 0; i < Pair::VALUE_DIM / STEP; i++) {
        const float *const row =
            outputs + total_row<Shape>() * pitch + total_element<Shape>() + STEP * i;

        merged[i] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll
        for (int j = 0; j < Shape::WARPS; j++) {
            merged[i] =
                fold_outputs(merged[i], 1.0f, *(const float4 *)(row + j * 16 * pitch), weights[j]);
        }
        strange +=
            0.0f * merged[i].x + 0.0f * merged[i].y + 0.0f * merged[i].z + 0.0f * merged[i].w;
    }
    if (Pair::Plane::IS_ALWAYS_FINITE) {
        __syncthreads();
    } else if (__syncthreads_or(strange != 0.0f) && !is_checked) {
        return false;
    }
    fold = fold_sums(total, maximum, sum);
#pragma unroll
    for (int i = 0; i < Pair::VALUE_DIM / STEP; i++) {
        float4 *const target = (float4 *)(total_outputs<Shape>(shared) + STEP * i);

        *target = fold_outputs(*target, fold.total, merged[i], fold.part);
    }
    return true;
}

/* Keeps the total of one split as a partial result of its unit; the block that finds all others
 * kept folds them, in ascending order, into its total. Returns whether it is that block. */
template <class Shape>
__device__ inline bool fold_parts(row_total &total, const kvspan_attend_params &params,
                                  const kvspan_attend_unit &unit, uint32_t kv_head,
                                  unsigned char *shared)
{
    using Pair = typename Shape::Pair;
    volatile uint32_t *const is_last = (volatile uint32_t *)shared;
    const bool has_row = total_row<Shape>() < unit.row_count;
    const uint64_t first_row =
        (uint64_t)kv_head * params.plan->partial_row_count + unit.partial_row + total_row<Shape>();
    uint64_t row = first_row + (uint64_t)unit.split * unit.row_count;
    float2 *const sums = (float2 *)params.partial_sums;

    if (has_row) {
        float *const target =
            params.partial_outputs + row * Pair::VALUE_DIM + total_element<Shape>();

        for (int i = 0; i < Pair::VALUE_DIM; i += 4 * Shape::ROW_THREADS) {
            __stcg((float4 *)(target + i), *(const float4 *)(total_outputs<Shape>(shared) + i));
        }
        if (total_element<Shape>() == 0) {
            __stcg(&sums[row], make_float2(total.maximum, total.sum));
        }
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        uint32_t *const counter =
            params.counters + kv_head * params.plan->counter_count + unit.counter;

        /* What the block has kept is seen by who counts it; the counter wraps to 0 for the next
         * launch. */
        __threadfence();
        *is_last = atomicInc(counter, unit.split_count - 1) == unit.split_count - 1;
        __threadfence();
    }
    __syncthreads();
    if (!*is_last) {
        return false;
    }
    total.maximum = minus_infinity();
    total.sum = 0.0f;
    row = first_row;
    for (uint32_t split = 0; has_row && split < unit.split_count; split++) {
        const float2 part = __ldcg(&sums[row]);
        const part_weights fold = fold_sums(total, part.x, part.y);
        const float *const source =
            params.partial_outputs + row * Pair::VALUE_DIM + total_element<Shape>();

#pragma unroll
        for (int i = 0; i < Pair::VALUE_DIM; i += 4 * Shape::ROW_THREADS) {
            float4 *const target = (float4 *)(total_outputs<Shape>(shared) + i);
            const float4 before = split == 0 ? make_float4(0.0f, 0.0f, 0.0f, 0.0f) : *target;

            *target =
                fold_outputs(before, fold.total, __ldcg((const float4 *)(source + i)), fold.part);
        }
        row += unit.row_count;
    }
    return true;
}

template <class Shape>
__device__ inline void store_total(const row_total &total, const kvspan_attend_params &params,
                                   const kvspan_attend_unit &unit, uint32_t kv_head,
                                   unsigned char *shared)
{
    const query_row query = find_query(params, unit, kv_head, total_row<Shape>());
    const float factor = total.sum == 0.0f ? 0.0f : 1.0f / total.sum;

    if (!query.is_there) {
        return;
    }
#pragma unroll
    for (int i = 0; i < Shape::Pair::VALUE_DIM; i += 4 * Shape::ROW_THREADS) {
        const float4 value = *(const float4 *)(total_outputs<Shape>(shared) + i);

        store_elements(
            params, query, total_element<Shape>() + i,
            make_float4(value.x * factor, value.y * factor, value.z * factor, value.w * factor));
    }
    if (total_element<Shape>() == 0) {
        store_lse(params, query, total.maximum, total.sum);
    }
}

} // namespace kvspan

#endif
