#include "standin/ptx/extreme.h"

#include <math.h>

static double minimum(double x, double y, uint32_t flags)
{
    if (isnan(x) || isnan(y)) {
        return flags & PTX_FLAG_NAN || (isnan(x) && isnan(y)) ? (double)NAN : isnan(x) ? y : x;
    }
    return x < y || (x == y && signbit(x)) ? x : y;
}

double ptx_extreme(double x, double y, bool is_minimum, uint32_t flags)
{
    const bool is_negative = signbit(x) != signbit(y);

    if (flags & PTX_FLAG_XOR_SIGN) {
        x = fabs(x);
        y = fabs(y);
    }
    const double result = is_minimum ? minimum(x, y, flags) : -minimum(-x, -y, flags);

    return flags & PTX_FLAG_XOR_SIGN && is_negative ? -result : result;
}
