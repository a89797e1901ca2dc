/** @file
 * Pieces of vectors: 16 neighbouring elements of any type as f32, in registers.
 */
#ifndef KVSPAN_KERNELS_CUDA_ELEMENT_PIECES_CUH
#define KVSPAN_KERNELS_CUDA_ELEMENT_PIECES_CUH

#include <kvspan/types.h>

#include "kernels/number_formats.h"

namespace kvspan
{

enum {
    PIECE_ELEMENTS = 16
};

template <kvspan_dtype DTYPE> struct element_of {
    typedef unsigned char type;
};
template <> struct element_of<KVSPAN_BF16> {
    typedef uint16_t type;
};
template <> struct element_of<KVSPAN_F16> {
    typedef uint16_t type;
};
template <> struct element_of<KVSPAN_F32> {
    typedef uint32_t type;
};

/* An element's bits. */
template <kvspan_dtype DTYPE> using element = typename element_of<DTYPE>::type;

/* For types known when a kernel runs. */
__device__ inline uint32_t dtype_bytes(kvspan_dtype dtype)
{
    if (dtype == KVSPAN_F32) {
        return 4;
    }
    return dtype == KVSPAN_BF16 || dtype == KVSPAN_F16 ? 2 : 1;
}

/* The largest number of a type that has scales. */
__device__ inline float largest_number(kvspan_dtype dtype)
{
    switch (dtype) {
    case KVSPAN_F8E4M3: return 448.0f;
    case KVSPAN_F8E5M2: return 57344.0f;
    default: return 127.0f;
    }
}

/* Of the types that tensors have. */
template <kvspan_dtype DTYPE> __device__ inline float widen(uint32_t bits)
{
    switch (DTYPE) {
    case KVSPAN_BF16: return kvspan_f32_from_bf16((uint16_t)bits);
    case KVSPAN_F16: return kvspan_f32_from_f16((uint16_t)bits);
    default: return __uint_as_float(bits);
    }
}

/* As kvspan_i8_from_f32(): ties go to even, NaN to 0. */
__device__ inline uint32_t i8_from_f32(float value)
{
    return (uint32_t)max(-127, min(127, __float2int_rn(value))) & 0xffu;
}

template <kvspan_dtype DTYPE> __device__ inline uint32_t narrow(float value)
{
    switch (DTYPE) {
    case KVSPAN_BF16: return kvspan_bf16_from_f32(value);
    case KVSPAN_F16: return kvspan_f16_from_f32(value);
    case KVSPAN_F8E4M3: return kvspan_e4m3_from_f32(value);
    case KVSPAN_F8E5M2: return kvspan_e5m2_from_f32(value);
    case KVSPAN_I8: return i8_from_f32(value);
    default: return __float_as_uint(value);
    }
}

/* Reads elements [16 · piece, 16 · piece + 16) of a vector that is aligned to 16 bytes. */
template <kvspan_dtype DTYPE>
__device__ inline void load_piece(const unsigned char *vector, uint32_t piece, float *values)
{
    const uint4 *const source = (const uint4 *)vector + piece * (uint32_t)sizeof(element<DTYPE>);
    const uint32_t item_bits = 8 * sizeof(element<DTYPE>);
    uint32_t words[PIECE_ELEMENTS * sizeof(element<DTYPE>) / 4];

#pragma unroll
    for (uint32_t i = 0; i < sizeof(element<DTYPE>); i++) {
        const uint4 quad = source[i];

        words[4 * i] = quad.x;
        words[4 * i + 1] = quad.y;
        words[4 * i + 2] = quad.z;
        words[4 * i + 3] = quad.w;
    }
#pragma unroll
    for (uint32_t i = 0; i < PIECE_ELEMENTS; i++) {
        const uint32_t bit = i * item_bits;

        values[i] = widen<DTYPE>(words[bit / 32] >> bit % 32);
    }
}

/* Writes what load_piece() reads. */
template <kvspan_dtype DTYPE>
__device__ inline void store_piece(unsigned char *vector, uint32_t piece, const float *values)
{
    uint4 *const target = (uint4 *)vector + piece * (uint32_t)sizeof(element<DTYPE>);
    const uint32_t item_bits = 8 * sizeof(element<DTYPE>);
    uint32_t words[PIECE_ELEMENTS * sizeof(element<DTYPE>) / 4] = { 0 };

#pragma unroll
    for (uint32_t i = 0; i < PIECE_ELEMENTS; i++) {
        const uint32_t bit = i * item_bits;

        words[bit / 32] |= narrow<DTYPE>(values[i]) << bit % 32;
    }
#pragma unroll
    for (uint32_t i = 0; i < sizeof(element<DTYPE>); i++) {
        target[i] = make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
    }
}

/* Elements one by one, for types known when a kernel runs. Sources are aligned to their type;
 * targets need not be. */
__device__ inline float load_element(kvspan_dtype dtype, const unsigned char *vector,
                                     uint32_t index)
{
    switch (dtype) {
    case KVSPAN_BF16: return widen<KVSPAN_BF16>(((const uint16_t *)vector)[index]);
    case KVSPAN_F16: return widen<KVSPAN_F16>(((const uint16_t *)vector)[index]);
    default: return widen<KVSPAN_F32>(((const uint32_t *)vector)[index]);
    }
}

__device__ inline uint32_t narrow_to(kvspan_dtype dtype, float value)
{
    switch (dtype) {
    case KVSPAN_BF16: return narrow<KVSPAN_BF16>(value);
    case KVSPAN_F16: return narrow<KVSPAN_F16>(value);
    case KVSPAN_F8E4M3: return narrow<KVSPAN_F8E4M3>(value);
    case KVSPAN_F8E5M2: return narrow<KVSPAN_F8E5M2>(value);
    case KVSPAN_I8: return narrow<KVSPAN_I8>(value);
    default: return narrow<KVSPAN_F32>(value);
    }
}

__device__ inline void store_element(kvspan_dtype dtype, unsigned char *vector, uint32_t index,
                                     float value)
{
    const uint32_t bytes = dtype_bytes(dtype);
    const uint32_t code = narrow_to(dtype, value);

    for (uint32_t i = 0; i < bytes; i++) {
        vector[index * bytes + i] = (unsigned char)(code >> (8 * i));
    }
}

} // namespace kvspan

#endif
