/** @file
 * Conversions between element types, bit for bit the same on every machine.
 */
#ifndef KVSPAN_KERNELS_NUMBER_FORMATS_H
#define KVSPAN_KERNELS_NUMBER_FORMATS_H

#include <stdint.h>
#include <string.h>

/* Exact: bf16 is the upper half of an f32. */
static inline float kvspan_f32_from_bf16(uint16_t value)
{
    const uint32_t bits = (uint32_t)value << 16;
    float result;

    memcpy(&result, &bits, sizeof(result));
    return result;
}

/* Round to nearest, ties to even; what is beyond the largest bf16 becomes infinity, NaN stays NaN
 * (quiet, sign and upper payload kept). */
static inline uint16_t kvspan_bf16_from_f32(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(bits >> 16 | 0x0040u);
    }
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
