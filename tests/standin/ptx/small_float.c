#include "standin/ptx/small_float.h"

#include <math.h>

typedef struct small_format {
    int mantissa_bits; /* stored ones */
    int bias;
    uint32_t highest;  /* bits of the largest finite number */
    uint32_t infinity; /* bits; of e4m3: its NaN */
    uint32_t nan;
    uint32_t sign_shift;
} small_format;

static const small_format *format_of(ptx_type type)
{
    static const small_format f16 = { 10, 15, 0x7bff, 0x7c00, 0x7fff, 15 };
    static const small_format bf16 = { 7, 127, 0x7f7f, 0x7f80, 0x7fff, 15 };
    static const small_format tf32 = { 10, 127, 0x3fbff, 0x3fc00, 0x3ffff, 18 };
    static const small_format e4m3 = { 3, 7, 0x7e, 0x7f, 0x7f, 7 };
    static const small_format e5m2 = { 2, 15, 0x7b, 0x7c, 0x7f, 7 };

    switch (type) {
    case PTX_F16: return &f16;
    case PTX_BF16: return &bf16;
    case PTX_E4M3: return &e4m3;
    case PTX_E5M2: return &e5m2;
    default: return &tf32;
    }
}

double ptx_small_value(uint32_t bits, ptx_type type)
{
    const small_format *f = format_of(type);

    const uint32_t magnitude = bits & ((1u << f->sign_shift) - 1);
    const int exponent = (int)(magnitude >> f->mantissa_bits);
    const uint32_t mantissa = magnitude & ((1u << f->mantissa_bits) - 1);
    double value;

    if (magnitude > f->highest) {
        value = magnitude == f->infinity && type != PTX_E4M3 ? (double)INFINITY : (double)NAN;
    } else if (exponent == 0) {
        value = ldexp(mantissa, 1 - f->bias - f->mantissa_bits);
    } else {
        value = ldexp((double)(mantissa + (1u << f->mantissa_bits)),
                      exponent - f->bias - f->mantissa_bits);
    }
    return bits >> f->sign_shift & 1 ? -value : value;
}

uint32_t ptx_small_bits(double value, ptx_type type, bool rounds_to_zero, bool is_finite)
{
    const small_format *f = format_of(type);
    const uint32_t shift = type == PTX_TF32 ? 13 : 0;
    const uint32_t sign = signbit(value) ? 1u << f->sign_shift : 0;
    const double magnitude = fabs(value);
    int exponent;

    if (isnan(value)) {
        return f->nan << shift;
    }
    if (isinf(value)) {
        return (sign | (is_finite ? f->highest : f->infinity)) << shift;
    }
    frexp(magnitude, &exponent); /* magnitude is in [0.5, 1) · 2^exponent */
    if (magnitude == 0 || exponent < 2 - f->bias) {
        exponent = 2 - f->bias; /* subnormal: the step of the smallest normal numbers */
    }
    /* In steps of the last place, the number is an integer below 2^(mantissa bits + 1). */
    const double steps = ldexp(magnitude, f->mantissa_bits + 1 - exponent);
    const uint64_t rounded = (uint64_t)(rounds_to_zero ? trunc(steps) : nearbyint(steps));
    /* Carries into the exponent by themselves. */
    const uint64_t bits = ((uint64_t)(exponent - 2 + f->bias) << f->mantissa_bits) + rounded;

    if (bits > f->highest) {
        const bool is_clamped = is_finite || rounds_to_zero;

        return (sign | (is_clamped ? f->highest : f->infinity)) << shift;
    }
    return (sign | (uint32_t)bits) << shift;
}

double ptx_fma_to_odd(double x, double y, double z)
{
    const double product = x * y; /* exact: sources have at most 24 bits together */
    const double sum = product + z;
    const double back = sum - product;
    const double error = (product - (sum - back)) + (z - back);
    uint64_t bits = ptx_bits_of_double(sum);

    if (error != 0 && isfinite(sum) && !(bits & 1)) {
        /* Towards the lost part: its neighbour on that side is odd. */
        bits += (error > 0) == (sum > 0) ? 1 : -1ull;
        return ptx_double_of(bits);
    }
    return sum;
}

float ptx_f16_value(uint32_t bits)
{
    const uint32_t sign = (bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 31;
    const uint32_t mantissa = bits & 0x3ff;

    if (exponent == 0) {
        const float value = (float)mantissa * 0x1p-24f;

        return sign ? -value : value;
    }
    if (exponent == 31) {
        return ptx_float_of(sign | 0x7f800000 | mantissa << 13);
    }
    return ptx_float_of(sign | (exponent + 112) << 23 | mantissa << 13);
}
