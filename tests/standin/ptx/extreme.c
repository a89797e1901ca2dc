#include "standin/ptx/extreme.h"

#include <math.h>

bool ptx_take_extreme_flags(ptx_statement *statement)
{
    const bool has_nan = ptx_take(statement, "NaN");
    const bool has_sign = ptx_take(statement, "xorsign");

    statement->instruction.flags |=
        (has_nan ? PTX_FLAG_NAN : 0u) | (has_sign ? PTX_FLAG_XOR_SIGN : 0u);
    return ptx_take(statement, "abs") == has_sign || ptx_refuse(statement, "needs .xorsign.abs");
}

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
