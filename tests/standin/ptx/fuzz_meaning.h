/* What the words of random functions mean: to nvcc the instructions under test, to the host's
 * compiler plain arithmetic. Included by both, before the functions. */
#include <stdint.h>
#include <string.h>

typedef uint8_t U8;
typedef uint16_t U16;
typedef uint32_t U32;
typedef uint64_t U64;
typedef int8_t S8;
typedef int16_t S16;
typedef int32_t S32;
typedef int64_t S64;
typedef float F32;
typedef double F64;

struct INPUT {
    U32 A, B, C;
    S32 S, T;
    float F, G;
    U32 unused;
    U64 Q;
};

#ifdef __CUDACC__
#    define MEANING static __device__ __forceinline__
#else
#    include <math.h>
#    define MEANING static inline
#endif

MEANING U32 BITS(float x)
{
    U32 bits;

    memcpy(&bits, &x, 4);
    return x != x ? 0x7fffffffU : bits;
}

MEANING U64 WIDE_BITS(double x)
{
    U64 bits;

    memcpy(&bits, &x, 8);
    return x != x ? 0x7fffffffU : bits;
}

MEANING float NUMBER(U32 bits)
{
    float x;

    memcpy(&x, &bits, 4);
    return x;
}

#ifdef __CUDACC__

#    define ASM_1(NAME, RESULT, RC, SOURCE, SC, TEXT) \
        MEANING RESULT NAME(SOURCE x)                 \
        {                                             \
            RESULT r;                                 \
            asm(TEXT : RC(r) : SC(x));                \
            return r;                                 \
        }
#    define ASM_2(NAME, TYPE, C, TEXT)         \
        MEANING TYPE NAME(TYPE x, TYPE y)      \
        {                                      \
            TYPE r;                            \
            asm(TEXT : "=" C(r) : C(x), C(y)); \
            return r;                          \
        }
#    define ASM_3(NAME, TYPE, C, TEXT)               \
        MEANING TYPE NAME(TYPE x, TYPE y, TYPE z)    \
        {                                            \
            TYPE r;                                  \
            asm(TEXT : "=" C(r) : C(x), C(y), C(z)); \
            return r;                                \
        }

ASM_1(POP_COUNT, U32, "=r", U32, "r", "popc.b32 %0, %1;")
ASM_1(LEADING_ZEROS, U32, "=r", U32, "r", "clz.b32 %0, %1;")
ASM_1(REVERSED, U32, "=r", U32, "r", "brev.b32 %0, %1;")
ASM_1(TO_U32, U32, "=r", float, "f", "cvt.rzi.u32.f32 %0, %1;")
ASM_1(TO_S32, S32, "=r", float, "f", "cvt.rni.s32.f32 %0, %1;")
ASM_1(ROOT, float, "=f", float, "f", "sqrt.rn.f32 %0, %1;")
ASM_1(INTEGRAL, float, "=f", float, "f", "cvt.rmi.f32.f32 %0, %1;")
ASM_1(BF16, float, "=f", float, "f",
      "{.reg .b16 t; .reg .b32 w; cvt.rn.bf16.f32 t, %1; mov.b32 w, {0, t}; mov.b32 %0, w;}")
ASM_1(F16, float, "=f", float, "f", "{.reg .b16 t; cvt.rn.f16.f32 t, %1; cvt.f32.f16 %0, t;}")
ASM_2(LEAST, float, "f", "min.f32 %0, %1, %2;")
ASM_2(MOST, float, "f", "max.f32 %0, %1, %2;")
ASM_2(HIGH_PRODUCT, U64, "l", "mul.hi.u64 %0, %1, %2;")
ASM_3(PERMUTED, U32, "r", "prmt.b32 %0, %1, %2, %3;")
ASM_3(FUNNEL, U32, "r", "shf.r.clamp.b32 %0, %1, %2, %3;")
ASM_3(FIELD_U, U32, "r", "bfe.u32 %0, %1, %2, %3;")
ASM_3(FIELD_S, U32, "r", "bfe.s32 %0, %1, %2, %3;")
ASM_3(FUSED, float, "f", "fma.rn.f32 %0, %1, %2, %3;")

MEANING U32 INSERTED(U32 x, U32 y, U32 position, U32 length)
{
    U32 r;

    asm("bfi.b32 %0, %1, %2, %3, %4;" : "=r"(r) : "r"(x), "r"(y), "r"(position), "r"(length));
    return r;
}

#    define LOOKED_UP(x, y, z, table) looked_up<table>(x, y, z)
template <int table> MEANING U32 looked_up(U32 x, U32 y, U32 z)
{
    U32 r;

    asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(r) : "r"(x), "r"(y), "r"(z), "n"(table));
    return r;
}

/* There and back through 8 bits, where the target has them. */
#    define E4M3(x) eight_bits_e4m3(x)
#    define E5M2(x) eight_bits_e5m2(x)
ASM_1(eight_bits_e4m3, float, "=f", float, "f",
      "{.reg .b16 t, h; .reg .b32 w; cvt.rn.satfinite.e4m3x2.f32 t, %1, %1;"
      "cvt.rn.f16x2.e4m3x2 w, t; mov.b32 {h, _}, w; cvt.f32.f16 %0, h;}")
ASM_1(eight_bits_e5m2, float, "=f", float, "f",
      "{.reg .b16 t, h; .reg .b32 w; cvt.rn.satfinite.e5m2x2.f32 t, %1, %1;"
      "cvt.rn.f16x2.e5m2x2 w, t; mov.b32 {h, _}, w; cvt.f32.f16 %0, h;}")

#    define ENTRY(i)                                                                \
        extern "C" __global__ void kernel_##i(const INPUT *in, U64 *out, U32 count) \
        {                                                                           \
            const U32 k = blockIdx.x * blockDim.x + threadIdx.x;                    \
            if (k < count) {                                                        \
                out[k] = expression_##i(in[k]);                                     \
            }                                                                       \
        }

#else

MEANING U32 POP_COUNT(U32 x)
{
    U32 count = 0;

    for (; x; x &= x - 1) {
        ++count;
    }
    return count;
}

MEANING U32 LEADING_ZEROS(U32 x)
{
    U32 count = 0;

    while (count < 32 && !(x << count & 0x80000000U)) {
        ++count;
    }
    return count;
}

MEANING U32 REVERSED(U32 x)
{
    U32 r = 0;

    for (U32 k = 0; k < 32; ++k, x >>= 1) {
        r = r << 1 | (x & 1);
    }
    return r;
}

MEANING U32 TO_U32(float x)
{
    return x != x || x <= 0 ? 0 : x >= 4294967296.0f ? 0xffffffffU : (U32)x;
}

MEANING S32 TO_S32(float x)
{
    return x != x                ? 0
           : x >= 2147483648.0f  ? 2147483647
           : x <= -2147483648.0f ? (S32)0x80000000U
                                 : (S32)rintf(x);
}

MEANING float ROOT(float x)
{
    return sqrtf(x);
}

MEANING float INTEGRAL(float x)
{
    return floorf(x);
}

MEANING float FUSED(float x, float y, float z)
{
    return fmaf(x, y, z);
}

MEANING float BF16(float x)
{
    const U32 bits = BITS(x);

    return x != x ? x : NUMBER((bits + 0x7fffU + (bits >> 16 & 1)) & 0xffff0000U);
}

/* Rounds to a format of so many mantissa bits: by its grid of multiples of a power of two. */
MEANING float ON_GRID(float x, int mantissa, int lowest, double most, int is_clamped)
{
    int exponent;
    const double size = x < 0 ? -(double)x : (double)x;

    if (x != x || x == 0) {
        return x;
    }
    if (is_clamped && size > most) {
        return copysignf((float)most, x);
    }
    frexp(size, &exponent);
    const int step = exponent - 1 - mantissa < lowest ? lowest : exponent - 1 - mantissa;
    const double rounded = ldexp(rint(ldexp(size, -step)), step);

    return copysignf(rounded > most ? (is_clamped ? (float)most : INFINITY) : (float)rounded, x);
}

MEANING float F16(float x)
{
    return ON_GRID(x, 10, -24, 65504, 0);
}

MEANING float E4M3(float x)
{
    return ON_GRID(x, 3, -9, 448, 1);
}

MEANING float E5M2(float x)
{
    return ON_GRID(x, 2, -16, 57344, 1);
}

MEANING float LEAST(float x, float y)
{
    return x != x ? y : y != y ? x : x < y || (x == y && signbit(x)) ? x : y;
}

MEANING float MOST(float x, float y)
{
    return x != x ? y : y != y ? x : x > y || (x == y && !signbit(x)) ? x : y;
}

MEANING U64 HIGH_PRODUCT(U64 x, U64 y)
{
    const U64 low = (x & 0xffffffffU) * (y & 0xffffffffU);
    const U64 middle = (x >> 32) * (y & 0xffffffffU) + (low >> 32);
    const U64 other = (x & 0xffffffffU) * (y >> 32) + (middle & 0xffffffffU);

    return (x >> 32) * (y >> 32) + (middle >> 32) + (other >> 32);
}

MEANING U32 PERMUTED(U32 x, U32 y, U32 selector)
{
    U8 bytes[8];
    U32 r = 0;

    for (U32 k = 0; k < 4; ++k) {
        bytes[k] = (U8)(x >> (8 * k));
        bytes[4 + k] = (U8)(y >> (8 * k));
    }
    for (U32 k = 0; k < 4; ++k) {
        const U32 s = selector >> (4 * k);
        const U32 byte = bytes[s & 7];

        r |= (s & 8 ? (byte >= 128 ? 255U : 0U) : byte) << (8 * k);
    }
    return r;
}

MEANING U32 FUNNEL(U32 x, U32 y, U32 count)
{
    return count >= 32 ? y : count == 0 ? x : x >> count | y << (32 - count);
}

/* Bit by bit, as the ISA's pseudo-code goes. */
MEANING U32 FIELD(U32 x, U32 position, U32 length, U32 is_signed)
{
    U32 r = 0;
    const U32 p = position & 255;
    const U32 n = length & 255;
    const U32 top = p + n - 1 < 31 ? p + n - 1 : 31;
    const U32 sign = is_signed && n ? x >> top & 1 : 0;

    for (U32 k = 0; k < 32; ++k) {
        r |= (k < n && p + k < 32 ? x >> (p + k) & 1 : sign) << k;
    }
    return r;
}

MEANING U32 FIELD_U(U32 x, U32 position, U32 length)
{
    return FIELD(x, position, length, 0);
}

MEANING U32 FIELD_S(U32 x, U32 position, U32 length)
{
    return FIELD(x, position, length, 1);
}

MEANING U32 INSERTED(U32 x, U32 y, U32 position, U32 length)
{
    for (U32 k = 0; k < (length & 255) && (position & 255) + k < 32; ++k) {
        const U32 bit = 1U << ((position & 255) + k);

        y = (x >> k & 1) ? y | bit : y & ~bit;
    }
    return y;
}

MEANING U32 LOOKED_UP(U32 x, U32 y, U32 z, U32 table)
{
    U32 r = 0;

    for (U32 k = 0; k < 32; ++k) {
        r |= (table >> ((x >> k & 1) * 4 + (y >> k & 1) * 2 + (z >> k & 1)) & 1) << k;
    }
    return r;
}

#    define ENTRY(i)                              \
        extern "C" U64 host_##i(const INPUT *in); \
        extern "C" U64 host_##i(const INPUT *in)  \
        {                                         \
            return expression_##i(*in);           \
        }

#endif
