/** @file
 * The softmax over tiles, as they come, in powers of two: a row keeps a maximum, Σ 2^(x − maximum −
 * WEIGHT_ROOM) and outputs weighed alike. Its maximum is raised to that of a tile that exceeds it
 * by more than weights have room for; outputs so far are scaled anew. Seldom: the loop over plain
 * tiles does not know how, and leaves such a tile to the other. What a row comes to depends on its
 * own scores alone.
 *
 * For planes of 16 bits x is a score, and `unit` turns scores into powers of two: differences are
 * exact before they are scaled, so a maximum weighs just 2^−WEIGHT_ROOM, which rounding to 16 bits
 * spares. With a scale to each token, x is in powers of two, and maxima include the value's scale:
 * weights · value scale are what products take, and f16 holds them whatever the scales are.
 */
#ifndef KVSPAN_KERNELS_CUDA_SOFTMAX_CUH
#define KVSPAN_KERNELS_CUDA_SOFTMAX_CUH

#include "kernels/cuda/seen_tokens.cuh"
#include "kernels/cuda/tile.cuh"

namespace kvspan
{

enum {
    WEIGHT_ROOM = 3 /* a new maximum weighs 2^−WEIGHT_ROOM; weights are below 2 */
};

/* Of rows quad (0) and quad + 8 (1). Sums are of the thread's own columns: of weights, and of what
 * products take, weights · value scale, where tokens have scales. The sums of these as they are
 * rounded are whole: outputs are corrected by them, so that what weighs most weighs right though it
 * is no maximum. */
struct row_state {
    float maximum[2];
    float sum[2];
    float scaled_sum[2]; /* where tokens have scales */
    float rounded_sum[2];
};

__device__ inline void clear_state(row_state &state)
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        state.maximum[half] = minus_infinity();
        state.sum[half] = 0.0f;
        state.scaled_sum[half] = 0.0f;
        state.rounded_sum[half] = 0.0f;
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

/* Raises maxima that the tile's `largest` exceed by more than there is room for. units: powers of
 * two per x. factors: what sums and outputs so far are multiplied by. */
__device__ inline void raise_maxima(row_state &state, const float (&largest)[2],
                                    const float (&units)[2], float (&factors)[2])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float old = state.maximum[half];

        factors[half] = 1.0f;
        if ((largest[half] - old) * units[half] > (float)(WEIGHT_ROOM + 1)) {
            state.maximum[half] = largest[half];
            factors[half] = exp2_of((old - largest[half]) * units[half]);
        }
        state.sum[half] *= factors[half];
        state.scaled_sum[half] *= factors[half];
        state.rounded_sum[half] *= factors[half];
    }
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

/* Hides what rows quad and quad + 8 do not see. */
template <int TILES>
__device__ inline void mask_scores(float (&scores)[TILES][4],
                                   const seen_tokens<8 * TILES> (&seen)[2])
{
    const uint32_t column = threadIdx.x % 4 * 2;

#pragma unroll
    for (int n = 0; n < TILES; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const uint32_t word = seen[i / 2].words[n / 4] >> column;

            if ((word >> (n % 4 * 8 + i % 2) & 1U) == 0) {
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

/* The largest score of each row. */
template <int TILES>
__device__ inline void find_largest(const float (&scores)[TILES][4], float (&largest)[2])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        largest[half] = scores[0][2 * half];
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            largest[half] =
                fmaxf(largest[half], fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
        }
        largest[half] = largest_of_quad(largest[half]);
    }
}

/* Whether weights of the warp are not below 2: of f16 and of bf16 alike, bit 14 tells. */
template <int COUNT> __device__ inline bool exceed_room(const uint32_t (&weights)[COUNT][4])
{
    uint32_t bits = 0;

#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        bits |= weights[i][0] | weights[i][1] | weights[i][2] | weights[i][3];
    }
    return __any_sync(0xffffffffU, (bits & 0x40004000U) != 0);
}

/* Makes scores weights, packed as operands; sums: of the rows' weights. MAY_BE_EMPTY: a row may
 * have seen nothing so far; else its weights are infinite. */
template <class Plane, int TILES, bool MAY_BE_EMPTY>
__device__ inline void weigh_scores(const float (&scores)[TILES][4], const float (&units)[2],
                                    const row_state &state, uint32_t (&weights)[TILES / 2][4],
                                    float (&sums)[2])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float shift = MAY_BE_EMPTY ? shift_of(state.maximum[half]) : state.maximum[half];

        sums[half] = 0.0f;
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            const float first =
                exp2_of(fmaf(scores[n][2 * half] - shift, units[half], (float)-WEIGHT_ROOM));
            const float second =
                exp2_of(fmaf(scores[n][2 * half + 1] - shift, units[half], (float)-WEIGHT_ROOM));

            sums[half] += first + second;
            weights[n / 2][n % 2 * 2 + half] = pack<Plane>(first, second);
        }
    }
}

/* Adds the weights of a tile, as they are packed, to their sums: by products with ones. */
template <class Plane, int STEPS>
__device__ inline void add_rounded(row_state &state, const uint32_t (&weights)[STEPS][4])
{
    const uint32_t ones = Plane::IS_BF16 ? 0x3f803f80U : 0x3c003c00U;
    float sums[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

#pragma unroll
    for (int step = 0; step < STEPS; step++) {
        multiply<Plane>(sums, weights[step], ones, ones);
    }
    state.rounded_sum[0] += sums[0];
    state.rounded_sum[1] += sums[2];
}

/* The logarithm of a value scale, as the largest weight is found by. A scale of 0 counts as 2^−60.
 */
__device__ inline float scale_log(float scale)
{
    return log2_of(fmaxf(scale, 8.67361737988e-19f));
}

/* Key scales into scores. A tile's scales: [key][value][TOKENS] floats. */
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

/* The largest of each row, in powers of two, where each token's value has a scale. */
template <int TILES>
__device__ inline void find_largest_scaled(const float (&scores)[TILES][4],
                                           const float *value_scales, const float (&units)[2],
                                           float (&largest)[2])
{
    largest[0] = largest[1] = minus_infinity();
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        const float2 scales = *(const float2 *)(value_scales + 8 * n + threadIdx.x % 4 * 2);
        const float2 logs = make_float2(scale_log(scales.x), scale_log(scales.y));

#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float first = fmaf(scores[n][2 * half], units[half], logs.x);
            const float second = fmaf(scores[n][2 * half + 1], units[half], logs.y);

            largest[half] = fmaxf(largest[half], fmaxf(first, second));
        }
    }
    largest[0] = largest_of_quad(largest[0]);
    largest[1] = largest_of_quad(largest[1]);
}

/* As weigh_scores() where each token's value has a scale. MAY_BE_HIDDEN: a token that a row does
 * not see weighs 0 whatever its scale is, and a row may have seen nothing so far. */
template <class Plane, int TILES, bool MAY_BE_HIDDEN>
__device__ inline void weigh_scaled(const float (&scores)[TILES][4], const float *value_scales,
                                    const float (&units)[2], const row_state &state,
                                    uint32_t (&weights)[TILES / 2][4], float (&sums)[2],
                                    float (&scaled_sums)[2])
{
    float shifts[2];

#pragma unroll
    for (int half = 0; half < 2; half++) {
        shifts[half] =
            WEIGHT_ROOM + (MAY_BE_HIDDEN ? shift_of(state.maximum[half]) : state.maximum[half]);
        sums[half] = scaled_sums[half] = 0.0f;
    }
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        const float2 scales = *(const float2 *)(value_scales + 8 * n + threadIdx.x % 4 * 2);

#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float *const pair = &scores[n][2 * half];
            const float first = exp2_of(fmaf(pair[0], units[half], -shifts[half]));
            const float second = exp2_of(fmaf(pair[1], units[half], -shifts[half]));
            const bool hides_first = MAY_BE_HIDDEN && pair[0] == minus_infinity();
            const bool hides_second = MAY_BE_HIDDEN && pair[1] == minus_infinity();
            const float scaled[2] = { hides_first ? 0.0f : first * scales.x,
                                      hides_second ? 0.0f : second * scales.y };

            sums[half] += first + second;
            scaled_sums[half] += scaled[0] + scaled[1];
            weights[n / 2][n % 2 * 2 + half] = pack<Plane>(scaled[0], scaled[1]);
        }
    }
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
