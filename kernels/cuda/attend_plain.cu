#include "kernels/cuda/query_rows.cuh"

/* Attention of planes of any type and dims: a warp takes one query at a time
 * and folds the tokens it sees in ascending order, in f32; nothing else is touched. Its threads
 * share the dims. Of a unit's splits the first does all. */

namespace kvspan
{

enum {
    PLAIN_WARPS = 4,
    LANE_ELEMENTS = KVSPAN_MAX_DIM / 32
};

/* Numbers behind a plane of bytes may lie at any address. */
__device__ inline uint32_t load_half(const unsigned char *row, uint32_t i)
{
    const unsigned char *const at = row + 2ULL * i;

    return (uint64_t)at % 2 == 0 ? *(const uint16_t *)at : at[0] | (uint32_t)at[1] << 8;
}

__device__ inline float load_whole(const unsigned char *row, uint32_t i)
{
    const unsigned char *const at = row + 4ULL * i;

    return (uint64_t)at % 4 == 0 ? *(const float *)at
                                 : __uint_as_float(load_half(at, 0) | load_half(at, 1) << 16);
}

/* An element of any type, at any address. */
__device__ inline float load_element(const unsigned char *row, uint32_t dtype, uint32_t i)
{
    switch (dtype) {
    case KVSPAN_BF16: return bf16_value(load_half(row, i));
    case KVSPAN_F16: return f16_value(load_half(row, i));
    case KVSPAN_F32: return load_whole(row, i);
    case KVSPAN_I8: return (float)(int8_t)row[i];
    /* e5m2 is the upper byte of f16. */
    case KVSPAN_F8E5M2: return f16_value((uint32_t)row[i] << 8);
    default: break;
    }
    /* e4m3 as in widen_e4m3(); 0x7f is NaN. */
    if ((row[i] & 0x7fU) == 0x7fU) {
        return __uint_as_float(0x7fc00000U);
    }
    return 256.0f * f16_value((row[i] & 0x80U) << 8 | (row[i] & 0x7fU) << 7);
}

/* Whatever the stride. */
__device__ inline const unsigned char *plain_address(const kvspan_attend_plane &plane,
                                                     const unsigned char *head, const page_row &row)
{
    return head + row.page * plane.page_stride + (uint64_t)row.token * plane.token_stride;
}

__device__ inline float load_scale(const kvspan_attend_plane &plane, const unsigned char *head,
                                   const page_row &row)
{
    const unsigned char *const source =
        head + row.page * plane.page_stride + plane.scale_offset + (uint64_t)row.token * 4;

    if (plane.scale_offset == 0) {
        return 1.0f;
    }
    return __uint_as_float(source[0] | (uint32_t)source[1] << 8 | (uint32_t)source[2] << 16 |
                           (uint32_t)source[3] << 24);
}

/* Elements lane, lane + 32 … of a row; zeros behind its end. */
__device__ inline void load_row(float (&elements)[LANE_ELEMENTS], const unsigned char *row,
                                uint32_t dtype, uint32_t dim)
{
#pragma unroll
    for (uint32_t i = 0; i < LANE_ELEMENTS; i++) {
        const uint32_t element = threadIdx.x % 32 + 32 * i;

        elements[i] = element < dim ? load_element(row, dtype, element) : 0.0f;
    }
}

__device__ inline float sum_of_warp(float value)
{
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffffU, value, distance);
    }
    return value;
}

/* A query's softmax so far. */
struct plain_row {
    float query[LANE_ELEMENTS];
    float output[LANE_ELEMENTS];
    float maximum;
    float sum;
};

__device__ inline float score_key(const plain_row &row, const kvspan_attend_params &params,
                                  const unsigned char *key, float key_scale)
{
    float sum = 0.0f;
    float score;

#pragma unroll
    for (uint32_t i = 0; i < LANE_ELEMENTS; i++) {
        const uint32_t element = threadIdx.x % 32 + 32 * i;

        if (element < params.keys.dim) {
            sum += row.query[i] * (key_scale * load_element(key, params.keys.dtype, element));
        }
    }
    score = params.scale * sum_of_warp(sum);
    return params.soft_cap == 0.0f ? score : params.soft_cap * tanhf(score / params.soft_cap);
}

__device__ inline void fold_value(plain_row &row, const kvspan_attend_params &params, float score,
                                  const unsigned char *value, float value_scale)
{
    const float maximum = fmaxf(row.maximum, score);
    const float shift = maximum == minus_infinity() ? 0.0f : maximum;
    const float factor = expf(row.maximum - shift);
    const float weight = expf(score - shift);

#pragma unroll
    for (uint32_t i = 0; i < LANE_ELEMENTS; i++) {
        const uint32_t element = threadIdx.x % 32 + 32 * i;

        if (element < params.values.dim) {
            row.output[i] =
                row.output[i] * factor +
                weight * (value_scale * load_element(value, params.values.dtype, element));
        }
    }
    row.sum = row.sum * factor + weight;
    row.maximum = maximum;
}

__device__ inline void store_row(const plain_row &row, const kvspan_attend_params &params,
                                 const query_row &query)
{
    const int64_t first =
        query.token * params.out.token_stride + query.head * params.out.head_stride;

#pragma unroll
    for (uint32_t i = 0; i < LANE_ELEMENTS; i++) {
        const uint32_t element = threadIdx.x % 32 + 32 * i;
        const float value = row.sum == 0.0f ? 0.0f : row.output[i] / row.sum;

        if (element >= params.values.dim) {
            continue;
        }
        if (params.out.dtype == KVSPAN_F32) {
            ((float *)params.out.data)[first + element] = value;
        } else {
            ((uint16_t *)params.out.data)[first + element] =
                (uint16_t)(params.out.dtype == KVSPAN_BF16 ? pack_bf16(value, 0.0f)
                                                           : pack_f16(value, 0.0f));
        }
    }
    if (params.lse && threadIdx.x % 32 == 0) {
        params.lse[query.token * params.lse_stride + query.head] =
            row.sum == 0.0f ? minus_infinity() : row.maximum + logf(row.sum);
    }
}

__device__ inline void attend_row(const kvspan_attend_params &params,
                                  const kvspan_attend_unit &unit, uint32_t kv_head,
                                  const query_row &query)
{
    const uint32_t *const table =
        params.page_table + (uint64_t)unit.slot * params.page_table_stride;
    const unsigned char *const keys = params.keys.data + kv_head * params.keys.head_stride;
    const unsigned char *const values = params.values.data + kv_head * params.values.head_stride;
    const int64_t first = query.token * params.q.token_stride + query.head * params.q.head_stride;
    const uint32_t q_bytes = params.q.dtype == KVSPAN_F32 ? 4 : 2;
    const uint32_t position = unit.position + query.token - unit.first_token;
    kvspan_tree_token tree = { KVSPAN_NO_TREE, 0 };
    plain_row row = {};

    load_row(row.query, params.q.data + first * q_bytes, params.q.dtype, params.keys.dim);
    row.maximum = minus_infinity();
    if (params.trees.words) {
        tree = params.trees.tokens[query.token];
    }
#pragma unroll 1
    for (uint32_t index = query.seen.begin; index < query.seen.end; index++) {
        if (is_hidden(params, tree, position, index)) {
            continue;
        }
        const page_row place = find_row(params, table, index, true);
        const float score = score_key(row, params, plain_address(params.keys, keys, place),
                                      load_scale(params.keys, keys, place));

        fold_value(row, params, score, plain_address(params.values, values, place),
                   load_scale(params.values, values, place));
    }
    store_row(row, params, query);
}

__device__ inline void attend_unit(const kvspan_attend_params &params,
                                   const kvspan_attend_unit &unit, uint32_t kv_head)
{
    if (unit.split != 0) {
        return;
    }
#pragma unroll 1
    for (uint32_t i = threadIdx.x / 32; i < unit.row_count; i += PLAIN_WARPS) {
        const query_row query = find_query(params, unit, kv_head, i);

        if (query.is_there) {
            attend_row(params, unit, kv_head, query);
        }
    }
}

__global__ void __launch_bounds__(32 * PLAIN_WARPS, 4)
    plain_kernel(const __grid_constant__ kvspan_attend_params params)
{
    const bool decodes = blockIdx.x >= params.prefill_blocks;
    const uint32_t block = blockIdx.x - (decodes ? params.prefill_blocks : 0);
    const uint32_t number = divide(block, params.kv_heads);
    const kvspan_attend_plan *const plan = params.plan;
    const kvspan_attend_unit *const units =
        (const kvspan_attend_unit *)(plan + 1) + (decodes ? 0 : plan->decode_count);

    if (number < (decodes ? plan->decode_count : plan->prefill_count)) {
        attend_unit(params, units[number], block - number * params.kv_heads.value);
    }
}

} // namespace kvspan

extern "C" const kvspan_attend_instance kvspan_attend_plain = {
    0,
    0,
    { (const void *)kvspan::plain_kernel, "attend_pages (plain)", 32 * kvspan::PLAIN_WARPS, 0, 0 },
    { (const void *)kvspan::plain_kernel, "attend_pages (plain)", 32 * kvspan::PLAIN_WARPS, 0, 0 },
    1
};
