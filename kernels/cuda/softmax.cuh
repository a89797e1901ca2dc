/** @file
 * The softmax over tiles, as they come, in powers of two: a row keeps a maximum, Σ 2^(x − maximum)
 * and outputs weighed alike. The largest weight so far is just 1, which rounding to 16 bits spares.
 * Outputs are scaled anew only if a row of the warp has a new maximum; the others' factor is 1.
 *
 * For planes of 16 bits x is a score, and `unit` turns scores into powers of two: differences are
 * exact before they are scaled, so the largest weighs just 1. With a scale to each token, x is in
 * powers of two and includes the value's scale: weights · value scale are what products take, and
 * f16 holds them whatever the scales are.
 */
#ifndef KVSPAN_KERNELS_CUDA_SOFTMAX_CUH
#define KVSPAN_KERNELS_CUDA_SOFTMAX_CUH

#include "kernels/cuda/tile.cuh"

namespace kvspan
{

/* Of rows quad (0) and quad + 8 (1). Sums are of the thread's own columns. */
struct row_state {
    float maximum[2];
    float sum[2];
};

__device__ inline void clear_state(row_state &state)
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        state.maximum[half] = minus_infinity();
        state.sum[half] = 0.0f;
    }
}

/* The largest of a row, whose columns four threads hold. */
__device__ inline float largest_of_quad(float value)
{
    value = fmaxf(value, __shfl_xor_sync(0xffffffffU, value, 1));
    return fmaxf(value, __shfl_xor_sync(0xffffffffU, value, 2));
}

__device__ inline float sum_of_quad(float value)
{
    value += __shfl_xor_sync(0xffffffffU, value, 1);
    return value + __shfl_xor_sync(0xffffffffU, value, 2);
}

/* c · tanh(x / c) = c − 2c / (1 + e^(2x / c)); scale: 2·log2(e) / c of scores as they come. */
__device__ inline float cap_score(float score, float scale, float cap)
{
    return cap - 2.0f * cap * reciprocal_of(1.0f + exp2_of(score * scale));
}

/* Of a row: `largest` is the tile's. unit: powers of two per x. Returns what sums and outputs so
 * far are multiplied by. */
__device__ inline float raise_maximum(float &maximum, float largest, float unit)
{
    const float old = maximum;

    maximum = fmaxf(old, largest);
    return maximum == old ? 1.0f : exp2_of((old - maximum) * unit);
}

/* Nothing but −∞ so far must weigh 0, not 2^(−∞ + ∞). */
__device__ inline float shift_of(float maximum)
{
    return maximum == minus_infinity() ? 0.0f : maximum;
}

template <int COLUMNS>
__device__ inline void scale_outputs(float (&outputs)[COLUMNS][4], float first, float second)
{
    if (__any_sync(0xffffffffU, first != 1.0f || second != 1.0f)) {
#pragma unroll
        for (int n = 0; n < COLUMNS; n++) {
            outputs[n][0] *= first;
            outputs[n][1] *= first;
            outputs[n][2] *= second;
            outputs[n][3] *= second;
        }
    }
}

/* Hides what a row does not see: tokens outside [begin, end), counted from the tile's first. */
template <int TILES>
__device__ inline void mask_scores(float (&scores)[TILES][4], const token_range (&seen)[2],
                                   uint32_t first_token)
{
    const uint32_t column = first_token + threadIdx.x % 4 * 2;

#pragma unroll
    for (int n = 0; n < TILES; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const token_range range = seen[i / 2];

            if (column + 8 * n + i % 2 - range.begin >= range.end - range.begin) {
                scores[n][i] = minus_infinity();
            }
        }
    }
}

/* How scores of rows quad and quad + 8 become powers of two: per score as it comes, before a cap.
 */
struct score_rule {
    float unit[2];
};

/* Per capped score. */
__device__ inline float log2e()
{
    return 1.44269504088896f;
}

/* Powers of two per score as weights take it. */
template <bool CAN_BE_CAPPED>
__device__ inline float weight_unit(const score_rule &rule, float soft_cap, int half)
{
    return CAN_BE_CAPPED && soft_cap != 0.0f ? log2e() : rule.unit[half];
}

template <int TILES>
__device__ inline void cap_scores(float (&scores)[TILES][4], const score_rule &rule, float cap)
{
    const float scales[2] = { 2.0f * rule.unit[0] / cap, 2.0f * rule.unit[1] / cap };

#pragma unroll
    for (int n = 0; n < TILES; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            scores[n][i] = cap_score(scores[n][i], scales[i / 2], cap);
        }
    }
}

/* Makes scores weights, packed as operands; returns in factors what outputs are multiplied by. */
template <class Plane, int TILES>
__device__ inline void weigh_scores(const float (&scores)[TILES][4], const float (&units)[2],
                                    row_state &state, uint32_t (&weights)[TILES / 2][4],
                                    float (&factors)[2])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float unit = units[half];
        float largest = scores[0][2 * half];
        float sum = 0.0f;
        float shift;

#pragma unroll
        for (int n = 0; n < TILES; n++) {
            largest = fmaxf(largest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
        }
        factors[half] = raise_maximum(state.maximum[half], largest_of_quad(largest), unit);
        shift = shift_of(state.maximum[half]);
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            const float first = exp2_of((scores[n][2 * half] - shift) * unit);
            const float second = exp2_of((scores[n][2 * half + 1] - shift) * unit);

            sum += first + second;
            weights[n / 2][n % 2 * 2 + half] = pack<Plane>(first, second);
        }
        state.sum[half] = state.sum[half] * factors[half] + sum;
    }
}

/* The logarithm of a value scale, as the largest weight is found by. A scale of 0 counts as 2^−60.
 */
__device__ inline float scale_log(float scale)
{
    return log2_of(fmaxf(scale, 8.67361737988e-19f));
}

/* Key scales into scores. A tile's scales: [key][value][scale_log() of value][TOKENS] floats. */
template <int TILES>
__device__ inline void scale_scores(float (&scores)[TILES][4], const float *key_scales)
{
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        const float2 scale = *(const float2 *)(key_scales + 8 * n + threadIdx.x % 4 * 2);

        scores[n][0] *= scale.x;
        scores[n][1] *= scale.y;
        scores[n][2] *= scale.x;
        scores[n][3] *= scale.y;
    }
}

/* The same where each token's value has a scale. CAN_BE_HIDDEN: a token that a row does not see
 * weighs 0 whatever its scale is. */
template <class Plane, int TILES, bool CAN_BE_HIDDEN>
__device__ inline void weigh_scaled(float (&scores)[TILES][4], const float *value_scales,
                                    const float (&units)[2], row_state &state,
                                    uint32_t (&weights)[TILES / 2][4], float (&factors)[2])
{
    const uint32_t column = threadIdx.x % 4 * 2;
    float largest[2] = { minus_infinity(), minus_infinity() };
    float sums[2] = { 0.0f, 0.0f };
    float shifts[2];

#pragma unroll
    for (int n = 0; n < TILES; n++) {
        const float2 logs = *(const float2 *)(value_scales + 8 * TILES + 8 * n + column);

#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float first = fmaf(scores[n][2 * half], units[half], logs.x);
            const float second = fmaf(scores[n][2 * half + 1], units[half], logs.y);

            largest[half] = fmaxf(largest[half], fmaxf(first, second));
        }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        factors[half] = raise_maximum(state.maximum[half], largest_of_quad(largest[half]), 1.0f);
        shifts[half] = shift_of(state.maximum[half]);
    }
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        const float2 scales = *(const float2 *)(value_scales + 8 * n + column);

#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float *const pair = &scores[n][2 * half];
            const float first = exp2_of(fmaf(pair[0], units[half], -shifts[half]));
            const float second = exp2_of(fmaf(pair[1], units[half], -shifts[half]));
            const bool hides_first = CAN_BE_HIDDEN && pair[0] == minus_infinity();
            const bool hides_second = CAN_BE_HIDDEN && pair[1] == minus_infinity();

            sums[half] += first + second;
            weights[n / 2][n % 2 * 2 + half] = pack<Plane>(hides_first ? 0.0f : first * scales.x,
                                                           hides_second ? 0.0f : second * scales.y);
        }
    }
    state.sum[0] = state.sum[0] * factors[0] + sums[0];
    state.sum[1] = state.sum[1] * factors[1] + sums[1];
}

/* A row's maximum in powers of two. */
template <class Plane>
__device__ inline float maximum_of(const row_state &state, const score_rule &rule, float soft_cap,
                                   int half)
{
    return Plane::HAS_SCALES ? state.maximum[half]
                             : state.maximum[half] * weight_unit<true>(rule, soft_cap, half);
}

} // namespace kvspan

#endif
