#include "launch/number_types.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct number_type {
    int precision_bits;  /* of the significand, the implicit one included */
    int lowest_exponent; /* e of the smallest normal number 2^(e - 1); int8 has this one only */
    double largest;
} number_type;

static number_type type_of(kvspan_dtype dtype)
{
    switch (dtype) {
    case KVSPAN_BF16: return (number_type){ 8, -125, 0x1.fep127 };
    case KVSPAN_F16: return (number_type){ 11, -13, 65504.0 };
    case KVSPAN_F32: return (number_type){ 24, -125, 0x1.fffffep127 };
    case KVSPAN_F8E4M3: return (number_type){ 4, -5, 448.0 };
    case KVSPAN_F8E5M2: return (number_type){ 3, -13, 57344.0 };
    case KVSPAN_I8: return (number_type){ 7, 7, 127.0 };
    }
    assert(!"an element type");
    return (number_type){ 24, -125, 0x1.fffffep127 };
}

double kvspan_number_largest(kvspan_dtype dtype)
{
    return type_of(dtype).largest;
}

double kvspan_number_ulp(kvspan_dtype dtype, double magnitude)
{
    const number_type type = type_of(dtype);
    int exponent = type.lowest_exponent;

    if (magnitude > 0.0) {
        int own;

        (void)frexp(magnitude, &own);
        exponent = own > exponent ? own : exponent;
    }
    return ldexp(1.0, exponent - type.precision_bits);
}

double kvspan_number_round(kvspan_dtype dtype, double value)
{
    const double largest = kvspan_number_largest(dtype);
    double step;
    double rounded;

    if (isnan(value)) {
        return value;
    }
    if (isinf(value)) {
        return kvspan_dtype_bytes(dtype) == 1 ? copysign(largest, value) : value;
    }
    step = kvspan_number_ulp(dtype, fabs(value));
    /* nearbyint() rounds ties to even unless told otherwise; the other two are exact. */
    rounded = nearbyint(value / step) * step;
    if (fabs(rounded) <= largest) {
        return rounded;
    }
    return copysign(kvspan_dtype_bytes(dtype) == 1 ? largest : INFINITY, value);
}

static double load_f16(uint16_t bits)
{
    const int exponent = bits >> 10 & 0x1f;
    const int fraction = bits & 0x3ff;
    double magnitude;

    if (exponent == 0x1f) {
        magnitude = fraction == 0 ? INFINITY : NAN;
    } else if (exponent == 0) {
        magnitude = ldexp(fraction, -24);
    } else {
        magnitude = ldexp(1024 + fraction, exponent - 25);
    }
    return bits & 0x8000 ? -magnitude : magnitude;
}

double kvspan_number_load(kvspan_dtype dtype, const void *row, uint32_t index)
{
    const unsigned char *const bytes =
        (const unsigned char *)row + (size_t)index * kvspan_dtype_bytes(dtype);
    uint16_t half = 0;
    uint32_t word = 0;
    float value;

    assert(dtype == KVSPAN_BF16 || dtype == KVSPAN_F16 || dtype == KVSPAN_F32);
    if (dtype == KVSPAN_F32) {
        memcpy(&word, bytes, sizeof(word));
    } else {
        memcpy(&half, bytes, sizeof(half));
        word = (uint32_t)half << 16;
    }
    if (dtype == KVSPAN_F16) {
        return load_f16(half);
    }
    memcpy(&value, &word, sizeof(value));
    return value;
}
