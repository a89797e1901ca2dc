/** @file
 * Floating-point numbers narrower than f32, as the PTX ISA describes them (section "Alternate
 * Floating-Point Data Formats"). Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_SMALL_FLOAT_H
#define KVSPAN_STANDIN_PTX_SMALL_FLOAT_H

#include "standin/ptx/value.h"

/* Type: F16, BF16, E4M3 or E5M2. Exact. */
double ptx_small_value(uint32_t bits, ptx_type type);

/* Of TF32 too, which stands in the upper bits of an f32. To nearest even, or to zero. `is_finite`:
 * what is too large becomes the largest finite number; else infinity, and NaN in e4m3, which has
 * none. */
uint32_t ptx_small_bits(double value, ptx_type type, bool rounds_to_zero, bool is_finite);

/* Of a sum that a double does not hold exactly: `value` has been rounded to odd before. */
double ptx_fma_to_odd(double x, double y, double z);

static inline float ptx_bf16_value(uint32_t bits)
{
    return ptx_float_of(bits << 16);
}

float ptx_f16_value(uint32_t bits);

#endif
