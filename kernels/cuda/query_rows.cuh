/** @file
 * The queries of a unit: which token and head a row is, what it sees, its numbers as operands of
 * products, and where its result goes.
 */
#ifndef KVSPAN_KERNELS_CUDA_QUERY_ROWS_CUH
#define KVSPAN_KERNELS_CUDA_QUERY_ROWS_CUH

#include "kernels/cuda/softmax.cuh"

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

/* Two elements of 16 bits as a word. */
__device__ inline void load_elements(uint32_t &word, const uint16_t *source, bool is_there,
                                     bool is_aligned)
{
    word = 0;
    if (is_there && is_aligned) {
        word = *(const uint32_t *)source;
    } else if (is_there) {
        word = source[0] | (uint32_t)source[1] << 16;
    }
}

/* Operand k of rows quad and quad + 8, as its elements lie: of 16 bits in order of the products, of
 * 8 bits { dims 4·pair …, + 1 } and { dims + 2, + 3 }. */
template <class Plane>
__device__ inline void load_operand(uint32_t (&operand)[4], int k,
                                    const kvspan_attend_params &params,
                                    const query_row (&queries)[2])
{
    constexpr int COUNT = Plane::BYTES == 2 ? 2 : 4;

#pragma unroll
    for (int half = 0; half < 2; half++) {
        const uint16_t *const source =
            query_address(params, queries[half]) + threadIdx.x % 4 * COUNT + 16 * k;
        const bool is_there = queries[half].is_there;

        if constexpr (Plane::BYTES == 2) {
            load_elements(operand[half], source, is_there, params.q.is_aligned);
            load_elements(operand[2 + half], source + 8, is_there, params.q.is_aligned);
        } else {
            load_elements(operand[half], source, is_there, params.q.is_aligned);
            load_elements(operand[2 + half], source + 2, is_there, params.q.is_aligned);
        }
    }
}

__device__ inline float element_value(uint32_t bits, bool is_bf16)
{
    return is_bf16 ? bf16_value(bits) : f16_value(bits);
}

/* The largest of a row's elements in an operand. */
__device__ inline float largest_element(const uint32_t (&operand)[4], int half, bool is_bf16)
{
    float largest = 0.0f;

#pragma unroll
    for (int part = half; part < 4; part += 2) {
        largest = fmaxf(largest, fabsf(element_value(operand[part] & 0xffffU, is_bf16)));
        largest = fmaxf(largest, fabsf(element_value(operand[part] >> 16, is_bf16)));
    }
    return largest;
}

/* For planes of 8 bits, products are of f16, whose range is less than bf16's: a row is scaled by a
 * power of two, so that its largest number is in [1, 2), and its elements are sorted as tile.cuh
 * says, unless tiles are widened. */
template <class Plane>
__device__ inline void sort_operand(uint32_t (&operand)[4], const float (&factors)[2], bool is_bf16)
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const uint32_t low = operand[half];
        const uint32_t high = operand[2 + half];
        const float factor = factors[half];

        const float numbers[4] = { factor * element_value(low & 0xffffU, is_bf16),
                                   factor * element_value(low >> 16, is_bf16),
                                   factor * element_value(high & 0xffffU, is_bf16),
                                   factor * element_value(high >> 16, is_bf16) };

        if (Plane::BYTES == 2) {
            operand[half] = pack_f16(numbers[0], numbers[1]);
            operand[2 + half] = pack_f16(numbers[2], numbers[3]);
        } else {
            operand[half] = pack_f16(numbers[0], numbers[2]);
            operand[2 + half] = pack_f16(numbers[1], numbers[3]);
        }
    }
}

/* The exponent bits of a row whose threads' largest elements are given. */
__device__ inline uint32_t row_exponent(float largest)
{
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffU, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffU, largest, 2));
    return min(max(__float_as_uint(largest) >> 23, 1U), 253U);
}

/* The sum of a row's elements in an operand of f16. */
__device__ inline float sum_elements(const uint32_t (&operand)[4], int half)
{
    return f16_value(operand[half] & 0xffffU) + f16_value(operand[half] >> 16) +
           (f16_value(operand[2 + half] & 0xffffU) + f16_value(operand[2 + half] >> 16));
}

/* Loads a warp's queries. first: what scores of rows quad and quad + 8 begin with, so that a bias
 * of keys is taken off; units: what they are to be multiplied by. */
template <class Plane, int STEPS, bool IS_SHARED>
__device__ inline void
load_queries(query_operands<STEPS, IS_SHARED> &operands, const kvspan_attend_params &params,
             const query_row (&queries)[2], float (&first)[2], float (&units)[2])
{
    constexpr int UNROLL = IS_SHARED ? 2 : STEPS;
    const bool is_bf16 = params.q.dtype == KVSPAN_BF16;
    float largest[2] = { 0.0f, 0.0f };
    float factors[2];

#pragma unroll UNROLL
    for (int k = 0; k < STEPS; k++) {
        uint32_t operand[4];

        load_operand<Plane>(operand, k, params, queries);
        operands.put(k, operand);
        if constexpr (Plane::HAS_SCALES) {
            largest[0] = fmaxf(largest[0], largest_element(operand, 0, is_bf16));
            largest[1] = fmaxf(largest[1], largest_element(operand, 1, is_bf16));
        }
    }
    first[0] = first[1] = 0.0f;
    units[0] = units[1] = 1.0f;
    if constexpr (Plane::HAS_SCALES) {
        float sums[2] = { 0.0f, 0.0f };

#pragma unroll
        for (int half = 0; half < 2; half++) {
            const uint32_t exponent = row_exponent(largest[half]);

            factors[half] = __uint_as_float((254 - exponent) << 23);
            units[half] = __uint_as_float(exponent << 23) * Plane::key_unit();
        }
#pragma unroll UNROLL
        for (int k = 0; k < STEPS; k++) {
            uint32_t operand[4];

            operands.take(k, operand);
            sort_operand<Plane>(operand, factors, is_bf16);
            operands.put(k, operand);
            sums[0] += sum_elements(operand, 0);
            sums[1] += sum_elements(operand, 1);
        }
        first[0] = -Plane::key_bias() * sum_of_quad(sums[0]);
        first[1] = -Plane::key_bias() * sum_of_quad(sums[1]);
    }
}

/* By one instruction, which the compiler would make four of. */
__device__ inline void store_quad(float *target, const float4 &values)
{
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(target), "f"(values.x),
                 "f"(values.y), "f"(values.z), "f"(values.w)
                 : "memory");
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
            store_quad(target, values);
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

/* maximum: in powers of two; sum: of weights, as softmax.cuh has them. */
__device__ inline void store_lse(const kvspan_attend_params &params, const query_row &query,
                                 float maximum, float sum)
{
    if (params.lse) {
        const float ln2 = 0.693147180559945f;

        params.lse[query.token * params.lse_stride + query.head] =
            sum == 0.0f ? minus_infinity() : maximum * ln2 + logf(sum * (float)(1 << WEIGHT_ROOM));
    }
}

} // namespace kvspan

#endif
