/** @file
 * What decode and prefill share: getting a tile of tokens into shared memory, and folding it into
 * the outputs of a warp's 16 rows.
 */
#ifndef KVSPAN_KERNELS_CUDA_TILE_FOLD_CUH
#define KVSPAN_KERNELS_CUDA_TILE_FOLD_CUH

#include "kernels/cuda/query_rows.cuh"
#include "kernels/cuda/softmax.cuh"

namespace kvspan
{

/* A pair of planes, and the bytes of a token in a tile: its key, its value, their scales. */
template <class PLANE, int KEYS, int VALUES> struct plane_pair {
    using Plane = PLANE;
    enum {
        KEY_DIM = KEYS,
        VALUE_DIM = VALUES,
        KEY_BYTES = KEYS * PLANE::BYTES, /* of a row */
        VALUE_BYTES = VALUES * PLANE::BYTES,
        HAS_SCALES = PLANE::HAS_SCALES,
        TOKEN_BYTES = KEY_BYTES + VALUE_BYTES + (HAS_SCALES ? 8 : 0)
    };
};

/* Where tokens of a unit come from: pages of the kv head, from this thread's part of the first row
 * on. */
struct token_source {
    const uint32_t *table;
    const unsigned char *keys;
    const unsigned char *values;
    token_range range; /* nothing else is read */
};

__device__ inline token_source find_source(const kvspan_attend_params &params,
                                           const kvspan_attend_unit &unit, uint32_t kv_head)
{
    const uint32_t part = threadIdx.x % 4 * 16;
    token_source source = { params.page_table + (uint64_t)unit.slot * params.page_table_stride,
                            params.keys.data + kv_head * params.keys.head_stride + part,
                            params.values.data + kv_head * params.values.head_stride + part,
                            { unit.index_begin, unit.index_end } };

    /* Else what is added to the planes' addresses is kept, and added to every row's. */
    asm("" : "+l"(source.keys), "+l"(source.values));
    return source;
}

__device__ inline bool is_within(const token_range &range, uint32_t token)
{
    return token - range.begin < range.end - range.begin;
}

/* The row of token first + lane % TOKENS. */
template <int TOKENS>
__device__ inline page_row find_lane_row(const kvspan_attend_params &params,
                                         const token_source &source, uint32_t first)
{
    const uint32_t token = first + threadIdx.x % 32 % TOKENS;

    return find_row(params, source.table, token, is_within(source.range, token));
}

/* Where a warp copies tokens to: addresses in shared memory of the first one's row. Value scales
 * lie scale_distance behind key scales. */
struct token_target {
    uint32_t keys;
    uint32_t values;
    uint32_t scales;
    uint32_t scale_distance;
};

template <int TOKENS>
__device__ inline void fetch_scales(const kvspan_attend_params &params, const token_source &source,
                                    const page_row &own, uint32_t first, const token_target &target)
{
    const uint32_t token = threadIdx.x % 32;
    const bool is_there = is_within(source.range, first + token);
    const uint32_t place = target.scales + 4 * token;
    const uint32_t part = threadIdx.x % 4 * 16;

    if (token < TOKENS && params.keys.scale_offset) {
        copy_4_bytes(place, scale_address(params.keys, source.keys - part, own), is_there);
    }
    if (token < TOKENS && params.values.scale_offset) {
        copy_4_bytes(place + target.scale_distance,
                     scale_address(params.values, source.values - part, own), is_there);
    }
}

/* A warp begins to copy TOKENS tokens from `first` on, whose rows its threads have found. */
template <class Pair, int TOKENS>
__device__ inline void fetch_tokens(const kvspan_attend_params &params, const token_source &source,
                                    const page_row &own, uint32_t first, const token_target &target)
{
    uint32_t lane = threadIdx.x % 32;

    /* Places of rows of 192 bytes are found anew: they take no registers meanwhile. */
    if constexpr (Pair::KEY_BYTES > 128 && Pair::KEY_BYTES % 128 != 0) {
        asm volatile("" : "+r"(lane));
    }
    const uint32_t keys = target.keys + copied_place<Pair::KEY_BYTES>(lane);
    const uint32_t values = target.values + copied_place<Pair::VALUE_BYTES>(lane);

#pragma unroll
    for (uint32_t i = 0; i < TOKENS / 8; i++) {
        const uint32_t token = copied_row(lane) + 8 * i;
        const bool is_there = is_within(source.range, first + token);
        const page_row row = { __shfl_sync(0xffffffffU, own.page, token),
                               __shfl_sync(0xffffffffU, own.token, token) };

        copy_row<Pair::KEY_BYTES>(keys, 8 * i, row_address(params.keys, source.keys, row),
                                  is_there);
        copy_row<Pair::VALUE_BYTES>(values, 8 * i, row_address(params.values, source.values, row),
                                    is_there);
    }
    if constexpr (Pair::HAS_SCALES) {
        fetch_scales<TOKENS>(params, source, own, first, target);
    }
}

/* What a warp's 16 rows have come to. */
template <class Pair, bool HAS_SHARED_QUERIES> struct warp_rows {
    query_operands<Pair::KEY_DIM / 16, HAS_SHARED_QUERIES> queries;
    float outputs[Pair::VALUE_DIM / 8][4];
    row_state state;
    float first[2]; /* score; if keys have a bias */
    score_rule rule;
    token_range seen[2]; /* by rows quad and quad + 8 */
};

/* Bytes that a warp's queries take in shared memory. */
template <class Pair> __host__ __device__ constexpr int shared_query_bytes()
{
    return Pair::KEY_DIM / 16 * 32 * 16;
}

/* first_row: of the warp, within the unit. query_memory: shared_query_bytes() of each warp, if
 * queries are there. */
template <class Pair, bool HAS_SHARED_QUERIES>
__device__ inline void begin_rows(warp_rows<Pair, HAS_SHARED_QUERIES> &rows,
                                  const kvspan_attend_params &params,
                                  const kvspan_attend_unit &unit, uint32_t kv_head,
                                  uint32_t first_row, unsigned char *query_memory)
{
    query_row queries[2];
    float units[2];

#pragma unroll
    for (int half = 0; half < 2; half++) {
        queries[half] =
            find_query(params, unit, kv_head, first_row + threadIdx.x % 32 / 4 + 8 * half);
        rows.seen[half] = queries[half].seen;
    }
    if constexpr (HAS_SHARED_QUERIES) {
        rows.queries.words =
            (uint4 *)(query_memory + threadIdx.x / 32 * shared_query_bytes<Pair>()) +
            threadIdx.x % 32;
    }
    load_queries<typename Pair::Plane>(rows.queries, params, queries, rows.first, units);
    rows.rule.unit[0] = params.scale * units[0] * log2e();
    rows.rule.unit[1] = params.scale * units[1] * log2e();
}

/* The maximum of a row that sees nothing: it is never raised, and nothing weighs. */
__device__ inline float out_of_reach()
{
    return 1e30f;
}

template <class Pair, bool HAS_SHARED_QUERIES>
__device__ inline void clear_rows(warp_rows<Pair, HAS_SHARED_QUERIES> &rows)
{
    clear_state(rows.state);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        if (rows.seen[half].begin == rows.seen[half].end) {
            rows.state.maximum[half] = out_of_reach();
        }
    }
#pragma unroll
    for (int n = 0; n < Pair::VALUE_DIM / 8; n++) {
        rows.outputs[n][0] = rows.outputs[n][1] = rows.outputs[n][2] = rows.outputs[n][3] = 0.0f;
    }
}

/* How a tile is folded. Plain: no score is masked or capped, no maximum raised. */
enum tile_kind {
    PLAIN_TILE,
    MASKED_TILE,
    CHECKED_TILE /* masked, and with values that are infinite or NaN for those rows alone that see
                    them: 0 · NaN is NaN */
};

__device__ inline uint32_t load_shared_word(uint32_t address)
{
    uint32_t word;

    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(address) : "memory");
    return word;
}

/* Adds what is not finite of a pair of elements to outputs of two columns; factors: 1 for the rows
 * that see it, 0 for others. */
template <class Plane>
__device__ inline void add_strange_pair(float (&outputs)[4], uint32_t pair, float first,
                                        float second)
{
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const float value = Plane::IS_BF16
                                ? __uint_as_float(i == 0 ? pair << 16 : pair & 0xffff0000U)
                                : f16_value(pair >> 16 * i & 0xffffU);

        if (!(fabsf(value) < __int_as_float(0x7f800000))) {
            outputs[i] = first != 0.0f ? outputs[i] + value : outputs[i];
            outputs[2 + i] = second != 0.0f ? outputs[2 + i] + value : outputs[2 + i];
        }
    }
}

/* Adds a tile's values that are infinite or NaN to outputs of rows that see them. tile: address. */
template <class Plane, int DIM, int TOKENS>
__device__ inline void add_strange_values(float (&outputs)[DIM / 8][4],
                                          const seen_tokens<TOKENS> (&seen)[2], uint32_t tile)
{
    constexpr int ROW_BYTES = DIM * Plane::BYTES;

#pragma unroll 1
    for (uint32_t token = 0; token < TOKENS; token++) {
        const float first = sees_token(seen[0], token) ? 1.0f : 0.0f;
        const float second = sees_token(seen[1], token) ? 1.0f : 0.0f;
        const uint32_t row =
            tile + token * ROW_BYTES + chunk_exchange<ROW_BYTES>(token) * 16 + threadIdx.x % 4 * 4;

#pragma unroll
        for (int n = 0; n < DIM * Plane::BYTES / 16; n++) {
            const uint32_t word = load_shared_word(skip_chunks<ROW_BYTES>(row, n));

            if constexpr (Plane::BYTES == 2) {
                add_strange_pair<Plane>(outputs[n], word, first, second);
            } else {
                const int8_pairs pairs = Plane::widen_values(word);

                add_strange_pair<Plane>(outputs[2 * n], pairs.even, first, second);
                add_strange_pair<Plane>(outputs[2 * n + 1], pairs.odd, first, second);
            }
        }
    }
}

/* Whether a row's outputs may be those of tokens that it does not see. */
template <class Pair, bool HAS_SHARED_QUERIES>
__device__ inline bool has_strange_outputs(const warp_rows<Pair, HAS_SHARED_QUERIES> &rows)
{
    float sum = 0.0f;

#pragma unroll
    for (int n = 0; n < Pair::VALUE_DIM / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            sum = fmaf(rows.outputs[n][i], 0.0f, sum);
        }
    }
    return sum != 0.0f;
}

/* Raises maxima to a tile's, and scales what there is so far. */
template <class Pair, int TOKENS, bool HAS_SHARED_QUERIES>
__device__ inline void raise_rows(warp_rows<Pair, HAS_SHARED_QUERIES> &rows,
                                  const float (&scores)[TOKENS / 8][4], const float (&units)[2],
                                  const float *value_scales)
{
    const float ones[2] = { 1.0f, 1.0f };
    float largest[2];
    float factors[2];

    if constexpr (Pair::HAS_SCALES) {
        find_largest_scaled<TOKENS / 8>(scores, value_scales, units, largest);
        raise_maxima(rows.state, largest, ones, factors);
    } else {
        find_largest<TOKENS / 8>(scores, largest);
        raise_maxima(rows.state, largest, units, factors);
    }
    scale_outputs<Pair::VALUE_DIM / 8>(rows.outputs, factors[0], factors[1]);
}

/* Where a warp's rows are: from first_row of the unit on. */
struct warp_place {
    const kvspan_attend_unit &unit;
    uint32_t first_row;
};

/* Folds a tile. keys, values: addresses with key_place() and value_place(); scales: of the keys,
 * then of the values. Returns true; or false, and nothing has changed, if a plain tile is to be
 * folded as a masked one. */
template <class Pair, int TOKENS, tile_kind KIND, bool HAS_SHARED_QUERIES>
__device__ inline bool fold_tile(warp_rows<Pair, HAS_SHARED_QUERIES> &rows,
                                 const kvspan_attend_params &params, const warp_place &place,
                                 uint32_t first_token, uint32_t keys, uint32_t values,
                                 const float *scales)
{
    using Plane = typename Pair::Plane;
    constexpr bool IS_MASKED = KIND != PLAIN_TILE;
    const float units[2] = { weight_unit<IS_MASKED>(rows.rule, params.soft_cap, 0),
                             weight_unit<IS_MASKED>(rows.rule, params.soft_cap, 1) };
    seen_tokens<TOKENS> seen[2];
    float scores[TOKENS / 8][4];
    uint32_t weights[TOKENS / 16][4];
    float sums[2];
    float scaled_sums[2] = { 0.0f, 0.0f };

    score_tile<Plane, Pair::KEY_DIM, TOKENS>(scores, rows.queries, rows.first, keys);
    if constexpr (Pair::HAS_SCALES) {
        scale_scores<TOKENS / 8>(scores, scales);
    }
    if constexpr (IS_MASKED) {
        seen[0] = find_seen<TOKENS>(rows.seen[0], first_token);
        seen[1] = find_seen<TOKENS>(rows.seen[1], first_token);
        if (params.trees.words) {
            hide_by_trees<TOKENS>(seen, params, place.unit, place.first_row, first_token);
        }
        if (params.soft_cap != 0.0f) {
            cap_scores<TOKENS / 8>(scores, rows.rule, params.soft_cap);
        }
        mask_scores<TOKENS / 8>(scores, seen);
        raise_rows<Pair, TOKENS>(rows, scores, units, scales + TOKENS);
    }
    if constexpr (Pair::HAS_SCALES) {
        weigh_scaled<Plane, TOKENS / 8, IS_MASKED>(scores, scales + TOKENS, units, rows.state,
                                                   weights, sums, scaled_sums);
    } else {
        weigh_scores<Plane, TOKENS / 8, IS_MASKED>(scores, units, rows.state, weights, sums);
    }
    if (!IS_MASKED && exceed_room<TOKENS / 16>(weights)) {
        return false;
    }
    rows.state.sum[0] += sums[0];
    rows.state.sum[1] += sums[1];
    rows.state.scaled_sum[0] += scaled_sums[0];
    rows.state.scaled_sum[1] += scaled_sums[1];
    add_rounded<Plane, TOKENS / 16>(rows.state, weights);
    if constexpr (KIND == CHECKED_TILE) {
        add_strange_values<Plane, Pair::VALUE_DIM, TOKENS>(
            rows.outputs, seen, values - value_place<Pair::VALUE_BYTES>(threadIdx.x % 32));
    }
    weigh_tile<Plane, Pair::VALUE_DIM, TOKENS, KIND == CHECKED_TILE>(rows.outputs, weights, values);
    return true;
}

/* A row of outputs in shared memory: padded, so that eight rows' parts lie in different banks. */
template <class Pair> __device__ inline uint32_t output_pitch()
{
    return Pair::VALUE_DIM + 8;
}

template <class Plane> __device__ inline float value_unit()
{
    if constexpr (Plane::HAS_SCALES) {
        return Plane::value_unit();
    } else {
        return 1.0f;
    }
}

/* What a row's outputs are multiplied by, for weights that were not rounded. sum: of its weights.
 * Where the two sums are not alike, nothing weighs, or scales are below 0. */
template <class Pair, bool HAS_SHARED_QUERIES>
__device__ inline float output_factor(const warp_rows<Pair, HAS_SHARED_QUERIES> &rows, float sum,
                                      int half)
{
    const float exact = Pair::HAS_SCALES ? sum_of_quad(rows.state.scaled_sum[half]) : sum;
    const float ratio = exact / rows.state.rounded_sum[half];

    return value_unit<typename Pair::Plane>() * (fabsf(ratio - 1.0f) < 0.015625f ? ratio : 1.0f);
}

/* Writes the outputs of 16 rows as [row][output_pitch()] floats. sums: of the rows' weights. */
template <class Pair, bool HAS_SHARED_QUERIES>
__device__ inline void spill_outputs(const warp_rows<Pair, HAS_SHARED_QUERIES> &rows,
                                     const float (&sums)[2], float *target)
{
    const uint32_t lane = threadIdx.x % 32;

#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float unit = output_factor(rows, sums[half], half);
        float *const row = target + (lane / 4 + 8 * half) * output_pitch<Pair>();

#pragma unroll
        for (int n = 0; n < Pair::VALUE_DIM / 16; n++) {
            const float *const first = &rows.outputs[2 * n][2 * half];
            const float *const second = &rows.outputs[2 * n + 1][2 * half];

            if constexpr (Pair::Plane::BYTES == 1) {
                *(float4 *)(row + 16 * n + lane % 4 * 4) = make_float4(
                    unit * first[0], unit * second[0], unit * first[1], unit * second[1]);
            } else {
                *(float2 *)(row + 16 * n + lane % 4 * 2) =
                    make_float2(unit * first[0], unit * first[1]);
                *(float2 *)(row + 16 * n + 8 + lane % 4 * 2) =
                    make_float2(unit * second[0], unit * second[1]);
            }
        }
    }
}

} // namespace kvspan

#endif
