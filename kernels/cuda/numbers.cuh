/** @file
 * Numbers of the types that attention reads and writes, as PTX converts them.
 */
#ifndef KVSPAN_KERNELS_CUDA_NUMBERS_CUH
#define KVSPAN_KERNELS_CUDA_NUMBERS_CUH

#include <stdint.h>

namespace kvspan
{

__device__ inline float minus_infinity()
{
    return __int_as_float((int)0xff800000U);
}

/* 2^x; 0 for −∞. */
__device__ inline float exp2_of(float x)
{
    float y;

    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ inline float log2_of(float x)
{
    float y;

    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ inline float reciprocal_of(float x)
{
    float y;

    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* Two numbers in a word, the first one low. */
__device__ inline uint32_t pack_bf16(float first, float second)
{
    uint32_t word;

    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
    return word;
}

__device__ inline uint32_t pack_f16(float first, float second)
{
    uint32_t word;

    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
    return word;
}

__device__ inline float bf16_value(uint32_t bits)
{
    return __uint_as_float(bits << 16);
}

__device__ inline float f16_value(uint32_t bits)
{
    float value;

    asm("{.reg .b16 h; cvt.u16.u32 h, %1; cvt.f32.f16 %0, h;}" : "=f"(value) : "r"(bits));
    return value;
}

/* Four bytes to two pairs of f16: `even` holds bytes 0 and 2, `odd` bytes 1 and 3. */
struct int8_pairs {
    uint32_t even;
    uint32_t odd;
};

/* (word & mask) ^ flip, as one instruction even if both are constants. */
__device__ inline uint32_t mask_and_flip(uint32_t word, uint32_t mask, uint32_t flip)
{
    uint32_t result;

    asm("lop3.b32 %0, %1, %2, %3, 0x6a;" : "=r"(result) : "r"(word), "r"(mask), "r"(flip));
    return result;
}

/* f16 has 10 bits of fraction: 0x6400 | b is 1024 + b. With the sign turned, b is value + 128. */
__device__ inline int8_pairs widen_int8(uint32_t word)
{
    const uint32_t even = mask_and_flip(word, 0x00ff00ffU, 0x64806480U);
    const uint32_t odd = mask_and_flip(word >> 8, 0x00ff00ffU, 0x64806480U);
    const uint32_t bias = 0xe480e480U; /* −1152 */
    int8_pairs pairs;

    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(pairs.even) : "r"(even), "r"(bias));
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(pairs.odd) : "r"(odd), "r"(bias));
    return pairs;
}

/* The same of (byte + 128) · 2^−24, in one instruction less for a pair: a subnormal f16's fraction
 * is an integer. */
__device__ inline int8_pairs widen_int8_biased(uint32_t word)
{
    return int8_pairs{ mask_and_flip(word, 0x00ff00ffU, 0x00800080U),
                       mask_and_flip(word >> 8, 0x00ff00ffU, 0x00800080U) };
}

/* Four bytes to two pairs of f16 in their order: `low` holds bytes 0 and 1. */
struct ordered_pairs {
    uint32_t low;
    uint32_t high;
};

__device__ inline ordered_pairs order_int8(uint32_t word)
{
    const uint32_t turned = word ^ 0x80808080U;
    const uint32_t low = __byte_perm(turned, 0x64646464U, 0x4140);
    const uint32_t high = __byte_perm(turned, 0x64646464U, 0x4342);
    const uint32_t bias = 0xe480e480U; /* −1152 */
    ordered_pairs pairs;

    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(pairs.low) : "r"(low), "r"(bias));
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(pairs.high) : "r"(high), "r"(bias));
    return pairs;
}

__device__ inline ordered_pairs order_int8_biased(uint32_t word)
{
    const uint32_t turned = word ^ 0x80808080U;

    return ordered_pairs{ __byte_perm(turned, 0, 0x4140), __byte_perm(turned, 0, 0x4342) };
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
#    define KVSPAN_HAS_E4M3_CONVERSION 1
#else
#    define KVSPAN_HAS_E4M3_CONVERSION 0
#endif

/* What widen_e4m3() gives times this is the number. */
__device__ inline float e4m3_unit()
{
    return KVSPAN_HAS_E4M3_CONVERSION ? 1.0f : 256.0f;
}

/* Two of e4m3, in the upper bytes of their halves, without an instruction: exponent and fraction,
 * shifted to f16's place, are the number · 2^(7 − 15), subnormals included. NaN, the largest of
 * them, carries into the exponent's last bit, and so gets an exponent of ones. */
__device__ inline uint32_t shift_e4m3(uint32_t upper)
{
    const uint32_t shifted = (upper & 0x80008000U) | ((upper >> 1) & 0x3f803f80U);

    return shifted | ((shifted + 0x00800080U) & 0x40004000U);
}

__device__ inline int8_pairs widen_e4m3(uint32_t word)
{
    int8_pairs pairs;

#if KVSPAN_HAS_E4M3_CONVERSION
    const uint32_t sorted = __byte_perm(word, 0, 0x3120);

    asm("{.reg .b16 low, high; mov.b32 {low, high}, %2;"
        " cvt.rn.f16x2.e4m3x2 %0, low; cvt.rn.f16x2.e4m3x2 %1, high;}"
        : "=r"(pairs.even), "=r"(pairs.odd)
        : "r"(sorted));
#else
    pairs.even = shift_e4m3(word << 8);
    pairs.odd = shift_e4m3(word);
#endif
    return pairs;
}

__device__ inline ordered_pairs order_e4m3(uint32_t word)
{
    ordered_pairs pairs;

#if KVSPAN_HAS_E4M3_CONVERSION
    asm("{.reg .b16 low, high; mov.b32 {low, high}, %2;"
        " cvt.rn.f16x2.e4m3x2 %0, low; cvt.rn.f16x2.e4m3x2 %1, high;}"
        : "=r"(pairs.low), "=r"(pairs.high)
        : "r"(word));
#else
    pairs.low = shift_e4m3(__byte_perm(word, 0, 0x1404));
    pairs.high = shift_e4m3(__byte_perm(word, 0, 0x3424));
#endif
    return pairs;
}

} // namespace kvspan

#endif
