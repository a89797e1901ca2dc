/** @file
 * Types of values, and how they lie in registers.
 *
 * A register is 64 bits wide for each lane. What lies above a type's own bits is arbitrary: who
 * reads a value takes as many bits as its instruction's type has.
 */
#ifndef KVSPAN_STANDIN_PTX_VALUE_H
#define KVSPAN_STANDIN_PTX_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    PTX_LANES = 32
};
#define PTX_ALL_LANES 0xffffffffu

typedef enum ptx_type {
    PTX_NO_TYPE,
    PTX_PRED,
    PTX_B8,
    PTX_U8,
    PTX_S8,
    PTX_B16,
    PTX_U16,
    PTX_S16,
    PTX_F16,
    PTX_BF16,
    PTX_E4M3X2,
    PTX_E5M2X2,
    PTX_B32,
    PTX_U32,
    PTX_S32,
    PTX_F32,
    PTX_TF32,
    PTX_F16X2,
    PTX_BF16X2,
    PTX_B64,
    PTX_U64,
    PTX_S64,
    PTX_F64,
    PTX_B128,
    PTX_E4M3, /* only within mma */
    PTX_E5M2,
    PTX_TYPES
} ptx_type;

/* By its name without the dot; PTX_NO_TYPE: no such type. */
ptx_type ptx_type_named(const char *name);
uint32_t ptx_type_bytes(ptx_type type);
bool ptx_type_is_signed(ptx_type type);
bool ptx_type_is_float(ptx_type type);

static inline float ptx_float_of(uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    float value;

    memcpy(&value, &low, sizeof value);
    return value;
}

static inline uint64_t ptx_bits_of_float(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double ptx_double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t ptx_bits_of_double(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The value widened to 64 bits as its type says. */
static inline uint64_t ptx_zero_extended(uint64_t value, uint32_t bytes)
{
    return bytes >= 8 ? value : value & ((1ull << (8 * bytes)) - 1);
}

static inline uint64_t ptx_sign_extended(uint64_t value, uint32_t bytes)
{
    const uint32_t shift = 64 - 8 * bytes;

    return bytes >= 8 ? value : (uint64_t)((int64_t)(value << shift) >> shift);
}

static inline uint64_t ptx_extended(uint64_t value, ptx_type type)
{
    return ptx_type_is_signed(type) ? ptx_sign_extended(value, ptx_type_bytes(type))
                                    : ptx_zero_extended(value, ptx_type_bytes(type));
}

#endif
