/** @file
 * The queries of a unit: which token and head a row is, what it sees, its numbers as operands of
 * products, and where its result goes.
 */
#ifndef KVSPAN_KERNELS_CUDA_QUERY_ROWS_CUH
#define KVSPAN_KERNELS_CUDA_QUERY_ROWS_CUH

#include "kernels/cuda/tile.cuh"

namespace kvspan
{

/* One row of a unit; a row that is none of the call's sees nothing. */
struct query_row {
    uint32_t token; /* of the step */
    uint32_t head;  /* of q */
    bool is_there;
    token_range seen;
};

/* kv_head: the number among the call's. */
__device__ inline query_row find_query(const kvspan_attend_params &params,
                                       const kvspan_attend_unit &unit, uint32_t kv_head,
                                       uint32_t unit_row)
{
    const uint32_t row = unit.first_row + unit_row;
    const uint32_t item_token = row / params.group_size;
    const uint32_t head = kv_head * params.group_size + row % params.group_size - params.head_shift;
    query_row query = { unit.first_token + item_token,
                        head,
                        unit_row < unit.row_count && head < params.q_heads,
                        { 0, 0 } };

    if (query.is_there) {
        query.seen = visible_tokens(params, unit.position + item_token);
    }
    return query;
}

__device__ inline const uint16_t *query_address(const kvspan_attend_params &params,
                                                const query_row &query)
{
    return (const uint16_t *)params.q.data + query.token * params.q.token_stride +
           query.head * params.q.head_stride;
}

/* COUNT elements of 16 bits (2 or 4) as words. */
template <int COUNT>
__device__ inline void load_elements(uint32_t (&words)[COUNT / 2], const uint16_t *source,
                                     bool is_there, bool is_aligned)
{
#pragma unroll
    for (int i = 0; i < COUNT / 2; i++) {
        words[i] = 0;
        if (is_there && is_aligned) {
            words[i] = ((const uint32_t *)source)[i];
        } else if (is_there) {
            words[i] = source[2 * i] | (uint32_t)source[2 * i + 1] << 16;
        }
    }
}

/* Rows `row` and `row` + 8 of A. 16 bits: as they are. */
template <class Plane, int DIM>
__device__ inline void load_queries(uint32_t (&queries)[DIM / 16][4],
                                    const kvspan_attend_params &params, const query_row &query,
                                    int half)
{
    constexpr int COUNT = Plane::BYTES == 2 ? 2 : 4;
    const uint16_t *const source = query_address(params, query) + threadIdx.x % 4 * COUNT;

#pragma unroll
    for (int k = 0; k < DIM / 16; k++) {
        if constexpr (Plane::BYTES == 2) {
#pragma unroll
            for (int part = 0; part < 2; part++) {
                uint32_t word[1];

                load_elements<2>(word, source + 16 * k + 8 * part, query.is_there,
                                 params.q.is_aligned);
                queries[k][2 * part + half] = word[0];
            }
        } else {
            uint32_t words[2];

            load_elements<4>(words, source + 16 * k, query.is_there, params.q.is_aligned);
            queries[k][half] = words[0];
            queries[k][2 + half] = words[1];
        }
    }
}

__device__ inline float element_value(uint32_t bits, bool is_bf16)
{
    return is_bf16 ? bf16_value(bits) : f16_value(bits);
}

/* For planes of 8 bits, products are of f16, whose range is less than bf16's: a row is scaled by a
 * power of two so that its largest number is in [1, 2), and sorted as tile.cuh says. Returns what
 * scores of the row are to be multiplied by. */
template <int DIM>
__device__ inline float normalise_queries(uint32_t (&queries)[DIM / 16][4], int half, bool is_bf16)
{
    float largest = 0.0f;
    uint32_t exponent;
    float factor;

#pragma unroll
    for (int k = 0; k < DIM / 16; k++) {
#pragma unroll
        for (int part = 0; part < 2; part++) {
            const uint32_t word = queries[k][2 * part + half];

            largest = fmaxf(largest, fabsf(element_value(word & 0xffffU, is_bf16)));
            largest = fmaxf(largest, fabsf(element_value(word >> 16, is_bf16)));
        }
    }
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffU, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffU, largest, 2));
    exponent = min(max(__float_as_uint(largest) >> 23, 1U), 253U);
    factor = __uint_as_float((254 - exponent) << 23);
#pragma unroll
    for (int k = 0; k < DIM / 16; k++) {
        const uint32_t low = queries[k][half];
        const uint32_t high = queries[k][2 + half];

        queries[k][half] = pack_f16(factor * element_value(low & 0xffffU, is_bf16),
                                    factor * element_value(high & 0xffffU, is_bf16));
        queries[k][2 + half] = pack_f16(factor * element_value(low >> 16, is_bf16),
                                        factor * element_value(high >> 16, is_bf16));
    }
    return __uint_as_float(exponent << 23);
}

/* Writes four neighbouring elements of a row of out. */
__device__ inline void store_elements(const kvspan_attend_params &params, const query_row &query,
                                      uint32_t first, float4 values)
{
    const int64_t element =
        query.token * params.out.token_stride + query.head * params.out.head_stride + first;

    if (params.out.dtype == KVSPAN_F32) {
        float *const target = (float *)params.out.data + element;

        if (params.out.is_aligned) {
            *(float4 *)target = values;
        } else {
            target[0] = values.x;
            target[1] = values.y;
            target[2] = values.z;
            target[3] = values.w;
        }
    } else {
        const bool is_bf16 = params.out.dtype == KVSPAN_BF16;
        const uint2 words =
            is_bf16 ? make_uint2(pack_bf16(values.x, values.y), pack_bf16(values.z, values.w))
                    : make_uint2(pack_f16(values.x, values.y), pack_f16(values.z, values.w));
        uint16_t *const target = (uint16_t *)params.out.data + element;

        if (params.out.is_aligned) {
            *(uint2 *)target = words;
        } else {
            target[0] = (uint16_t)words.x;
            target[1] = (uint16_t)(words.x >> 16);
            target[2] = (uint16_t)words.y;
            target[3] = (uint16_t)(words.y >> 16);
        }
    }
}

/* maximum: in powers of two. */
__device__ inline void store_lse(const kvspan_attend_params &params, const query_row &query,
                                 float maximum, float sum)
{
    if (params.lse) {
        const float ln2 = 0.693147180559945f;

        params.lse[query.token * params.lse_stride + query.head] =
            sum == 0.0f ? minus_infinity() : maximum * ln2 + logf(sum);
    }
}

} // namespace kvspan

#endif
