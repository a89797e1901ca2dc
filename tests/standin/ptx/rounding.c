#include "standin/ptx/rounding.h"

#include <fenv.h>
#include <math.h>

static const int host_modes[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };

/* The compiler may not move or fold what is computed in another mode: volatile keeps it here. */
#define ROUNDED(TYPE, EXPRESSION)           \
    TYPE result;                            \
    if (mode == 0) {                        \
        return EXPRESSION;                  \
    }                                       \
    fesetround(host_modes[mode]);           \
    {                                       \
        volatile TYPE rounded = EXPRESSION; \
        result = rounded;                   \
    }                                       \
    fesetround(FE_TONEAREST);               \
    return result

float ptx_add_f32(float a, float b, uint32_t mode)
{
    const volatile float x = a, y = b;
    ROUNDED(float, x + y);
}

float ptx_mul_f32(float a, float b, uint32_t mode)
{
    const volatile float x = a, y = b;
    ROUNDED(float, x *y);
}

float ptx_fma_f32(float a, float b, float c, uint32_t mode)
{
    const volatile float x = a, y = b, z = c;
    ROUNDED(float, fmaf(x, y, z));
}

float ptx_div_f32(float a, float b, uint32_t mode)
{
    const volatile float x = a, y = b;
    ROUNDED(float, x / y);
}

float ptx_sqrt_f32(float a, uint32_t mode)
{
    const volatile float x = a;
    ROUNDED(float, sqrtf(x));
}

double ptx_add_f64(double a, double b, uint32_t mode)
{
    const volatile double x = a, y = b;
    ROUNDED(double, x + y);
}

double ptx_mul_f64(double a, double b, uint32_t mode)
{
    const volatile double x = a, y = b;
    ROUNDED(double, x *y);
}

double ptx_fma_f64(double a, double b, double c, uint32_t mode)
{
    const volatile double x = a, y = b, z = c;
    ROUNDED(double, fma(x, y, z));
}

double ptx_div_f64(double a, double b, uint32_t mode)
{
    const volatile double x = a, y = b;
    ROUNDED(double, x / y);
}

double ptx_sqrt_f64(double a, uint32_t mode)
{
    const volatile double x = a;
    ROUNDED(double, sqrt(x));
}

double ptx_integral(double x, uint32_t mode)
{
    switch (mode) {
    case 1: return trunc(x);
    case 2: return floor(x);
    case 3: return ceil(x);
    default: return nearbyint(x);
    }
}

float ptx_float_of_double(double a, uint32_t mode)
{
    const volatile double x = a;
    ROUNDED(float, (float)x);
}

float ptx_float_of_s64(int64_t a, uint32_t mode)
{
    const volatile int64_t x = a;
    ROUNDED(float, (float)x);
}

float ptx_float_of_u64(uint64_t a, uint32_t mode)
{
    const volatile uint64_t x = a;
    ROUNDED(float, (float)x);
}

double ptx_double_of_s64(int64_t a, uint32_t mode)
{
    const volatile int64_t x = a;
    ROUNDED(double, (double)x);
}

double ptx_double_of_u64(uint64_t a, uint32_t mode)
{
    const volatile uint64_t x = a;
    ROUNDED(double, (double)x);
}
