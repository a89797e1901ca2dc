/** @file
 * Conversions between element types, bit for bit the same on every machine.
 *
 * All round to the nearest, ties to even, and keep NaN. f16 and bf16 overflow to infinity; the
 * 8-bit floats saturate, infinity included: e4m3 (OCP 8-bit Floating Point Specification 1.0: 448
 * is the largest, no infinity, NaN 0x7f and 0xff) and e5m2 (57344 is the largest that comes out of
 * a conversion).
 */
#ifndef KVSPAN_KERNELS_NUMBER_FORMATS_H
#define KVSPAN_KERNELS_NUMBER_FORMATS_H

#include <stdint.h>
#include <string.h>

#include "kernels/device_code.h"

KVSPAN_DEVICE_CODE static inline float kvspan_f32_from_bits(uint32_t bits)
{
    float result;

    memcpy(&result, &bits, sizeof(result));
    return result;
}

KVSPAN_DEVICE_CODE static inline uint32_t kvspan_bits_from_f32(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Exact: bf16 is the upper half of an f32. */
KVSPAN_DEVICE_CODE static inline float kvspan_f32_from_bf16(uint16_t value)
{
    return kvspan_f32_from_bits((uint32_t)value << 16);
}

/* What is beyond the largest bf16 becomes infinity; a NaN is made quiet and keeps sign and upper
 * payload. */
KVSPAN_DEVICE_CODE static inline uint16_t kvspan_bf16_from_f32(float value)
{
    const uint32_t bits = kvspan_bits_from_f32(value);

    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(bits >> 16 | 0x0040u);
    }
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* The code of an f32's magnitude (no sign, no NaN) in a float of fewer bits, as if its exponent had
 * no upper end: a caller caps it. Rounding up carries from subnormal to normal and from one
 * exponent to the next by itself. */
KVSPAN_DEVICE_CODE static inline uint32_t
kvspan_narrow_magnitude(uint32_t magnitude, uint32_t mantissa_bits, uint32_t bias)
{
    const uint32_t exponent = magnitude >> 23;
    const uint32_t lowest = 128 - bias; /* the f32 exponent of the smallest normal number */
    const uint32_t significand = (magnitude & 0x7fffffu) | 0x800000u;
    uint32_t shift = 23 - mantissa_bits;
    uint32_t rounded;

    if (exponent < lowest) {
        shift += lowest - exponent;
    }
    if (shift > 24) {
        return 0; /* below half of the smallest; f32's subnormals are all here */
    }
    rounded = (significand + (1u << (shift - 1)) - 1 + (significand >> shift & 1u)) >> shift;
    return rounded + (exponent > lowest ? (exponent - lowest) << mantissa_bits : 0);
}

/* Exact; `code` without its sign, neither infinity nor NaN. */
KVSPAN_DEVICE_CODE static inline float kvspan_widen_magnitude(uint32_t code, uint32_t mantissa_bits,
                                                              uint32_t bias)
{
    const uint32_t exponent = code >> mantissa_bits;
    const uint32_t mantissa = code & ((1u << mantissa_bits) - 1);

    if (exponent == 0) {
        return (float)mantissa * kvspan_f32_from_bits((128 - bias - mantissa_bits) << 23);
    }
    return kvspan_f32_from_bits((exponent + 127 - bias) << 23 | mantissa << (23 - mantissa_bits));
}

KVSPAN_DEVICE_CODE static inline float kvspan_f32_from_f16(uint16_t value)
{
    const uint32_t magnitude = value & 0x7fffu;
    const uint32_t bits = magnitude >= 0x7c00u
                              ? 0x7f800000u | (magnitude & 0x3ffu) << 13
                              : kvspan_bits_from_f32(kvspan_widen_magnitude(magnitude, 10, 15));

    return kvspan_f32_from_bits(bits | (value & 0x8000u) << 16);
}

KVSPAN_DEVICE_CODE static inline uint16_t kvspan_f16_from_f32(float value)
{
    const uint32_t bits = kvspan_bits_from_f32(value);
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t code;

    if (magnitude > 0x7f800000u) {
        code = 0x7e00u | (magnitude >> 13 & 0x3ffu);
    } else {
        code = kvspan_narrow_magnitude(magnitude, 10, 15);
        code = code > 0x7c00u ? 0x7c00u : code;
    }
    return (uint16_t)(code | (bits >> 16 & 0x8000u));
}

KVSPAN_DEVICE_CODE static inline float kvspan_f32_from_e4m3(uint8_t value)
{
    const uint32_t magnitude = value & 0x7fu;
    const uint32_t bits = magnitude == 0x7fu
                              ? 0x7fc00000u
                              : kvspan_bits_from_f32(kvspan_widen_magnitude(magnitude, 3, 7));

    return kvspan_f32_from_bits(bits | (value & 0x80u) << 24);
}

KVSPAN_DEVICE_CODE static inline uint8_t kvspan_e4m3_from_f32(float value)
{
    const uint32_t bits = kvspan_bits_from_f32(value);
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t code = 0x7fu;

    if (magnitude <= 0x7f800000u) {
        code = kvspan_narrow_magnitude(magnitude, 3, 7);
        code = code > 0x7eu ? 0x7eu : code;
    }
    return (uint8_t)(code | (bits >> 24 & 0x80u));
}

KVSPAN_DEVICE_CODE static inline float kvspan_f32_from_e5m2(uint8_t value)
{
    /* e5m2 is the upper half of an f16. */
    return kvspan_f32_from_f16((uint16_t)(value << 8));
}

KVSPAN_DEVICE_CODE static inline uint8_t kvspan_e5m2_from_f32(float value)
{
    const uint32_t bits = kvspan_bits_from_f32(value);
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t code = 0x7eu;

    if (magnitude <= 0x7f800000u) {
        code = kvspan_narrow_magnitude(magnitude, 2, 15);
        code = code > 0x7bu ? 0x7bu : code;
    }
    return (uint8_t)(code | (bits >> 24 & 0x80u));
}

/* Saturates to ±127: −128 is never made, so that a vector and its negative quantise alike. NaN
 * gives 0. Not for devices, where a volatile lies in memory and one instruction rounds. */
static inline int8_t kvspan_i8_from_f32(float value)
{
    const float whole = 12582912.0f; /* 1.5 · 2^23: to add it rounds to a whole number */
    volatile float rounded;

    if (!(value > -127.0f)) {
        return value != value ? 0 : -127;
    }
    if (value >= 127.0f) {
        return 127;
    }
    rounded = value + whole;
    return (int8_t)(rounded - whole);
}

#endif
