/* cvt, among all integers and floating-point numbers. */
#include "standin/ptx/builders.h"
#include "standin/ptx/elementwise.h"
#include "standin/ptx/rounding.h"
#include "standin/ptx/small_float.h"

#include <math.h>

/* The usual ones. */
PTX_UNARY(execute_u32_from_u32, uint32_t, x)
PTX_UNARY(execute_s64_from_s32, int32_t, x)
PTX_UNARY(execute_f32_from_s32, int32_t, ptx_bits_of_float((float)x))
PTX_UNARY(execute_f32_from_u32, uint32_t, ptx_bits_of_float((float)x))
PTX_UNARY(execute_f32_from_bf16, uint16_t, (uint64_t)x << 16)
PTX_UNARY(execute_f32_from_f16, uint16_t, ptx_bits_of_float(ptx_f16_value(x)))

static double float_source(const ptx_instruction *i, uint64_t bits)
{
    const ptx_type type = (ptx_type)i->from_type;
    double value;

    switch (type) {
    case PTX_F64: return ptx_double_of(bits);
    case PTX_F32: value = ptx_float_of(bits); break;
    default: return ptx_small_value((uint32_t)bits & 0xffff, type);
    }
    return i->flags & PTX_FLAG_FLUSH && fabs(value) < 0x1p-126 ? copysign(0, value) : value;
}

/* What does not fit becomes the nearest that does, NaN becomes 0 (but PTX ISA, cvt: in the wider
 * types the host's limits are not representable, so the comparison is with the power of two). */
static uint64_t integer_of_float(double value, ptx_type type, uint32_t mode)
{
    const uint32_t bytes = ptx_type_bytes(type);
    const int bits = (int)(8 * bytes);
    const double integral = ptx_integral(value, mode);

    if (isnan(value)) {
        return bytes == 8 ? 1ull << 63 : 0;
    }
    if (ptx_type_is_signed(type)) {
        const double limit = ldexp(1, bits - 1);

        return integral >= limit    ? (1ull << (bits - 1)) - 1
               : integral <= -limit ? 0 - (1ull << (bits - 1))
                                    : (uint64_t)(int64_t)integral;
    }
    return integral >= ldexp(1, bits) ? ptx_zero_extended(~0ull, bytes)
           : integral <= 0            ? 0
                                      : (uint64_t)integral;
}

static uint64_t integer_saturated(uint64_t value, ptx_type from, ptx_type to)
{
    const uint32_t bytes = ptx_type_bytes(to);
    const bool is_negative = ptx_type_is_signed(from) && (int64_t)value < 0;

    if (ptx_type_is_signed(to)) {
        const uint64_t most = (1ull << (8 * bytes - 1)) - 1;

        if (is_negative) {
            return (int64_t)value < -(int64_t)most - 1 ? ~most : value;
        }
        return value > most ? most : value;
    }
    const uint64_t most = ptx_zero_extended(~0ull, bytes);

    return is_negative ? 0 : value > most ? most : value;
}

/* A double on its way to a narrower number. */
static uint64_t narrowed(const ptx_instruction *i, double value, ptx_type to)
{
    if (i->flags & PTX_FLAG_SATURATE) {
        value = value > 0 ? (value < 1 ? value : 1) : 0;
    }
    if (i->flags & PTX_FLAG_RELU && value < 0) {
        value = 0;
    }
    if (to == PTX_F64) {
        return ptx_bits_of_double(value);
    }
    if (to == PTX_F32) {
        const float single = ptx_float_of_double(value, i->rounding);

        return isnan(single) ? 0x7fffffff
               : i->flags & PTX_FLAG_FLUSH && fpclassify(single) == FP_SUBNORMAL
                   ? ptx_bits_of_float(copysignf(0, single))
                   : ptx_bits_of_float(single);
    }
    if (i->rounding == 4 && isfinite(value)) { /* ties away from zero */
        value = ptx_float_of((ptx_bits_of_float((float)value) + 0x1000) & ~0x1fffull);
    }
    return ptx_small_bits(value, to, i->rounding == 1, i->flags & PTX_FLAG_FINITE);
}

static uint64_t float_of_integer(const ptx_instruction *i, uint64_t value, ptx_type to)
{
    const bool is_signed = ptx_type_is_signed((ptx_type)i->from_type);

    if (to == PTX_F64) {
        return ptx_bits_of_double(is_signed ? ptx_double_of_s64((int64_t)value, i->rounding)
                                            : ptx_double_of_u64(value, i->rounding));
    }
    /* To zero in double first, with what was lost in the last bit: rounding twice is harmless. */
    const double low =
        is_signed ? ptx_double_of_s64((int64_t)value, 1) : ptx_double_of_u64(value, 1);
    const bool is_exact = is_signed ? (int64_t)low == (int64_t)value : (uint64_t)low == value;

    return narrowed(i, ptx_double_of(ptx_bits_of_double(low) | !is_exact), to);
}

static uint64_t converted(const ptx_instruction *i, uint64_t bits)
{
    const ptx_type from = (ptx_type)i->from_type;
    const ptx_type to = (ptx_type)i->type;

    if (!ptx_type_is_float(from)) {
        const uint64_t value = ptx_extended(bits, from);

        if (ptx_type_is_float(to)) {
            return float_of_integer(i, value, to);
        }
        return i->flags & PTX_FLAG_SATURATE ? integer_saturated(value, from, to)
                                            : ptx_extended(value, to);
    }
    double value = float_source(i, bits);

    if (!ptx_type_is_float(to)) {
        return integer_of_float(value, to, i->rounding);
    }
    if (i->variant) { /* rounds to an integral value */
        value = ptx_integral(value, i->rounding);
    }
    return narrowed(i, value, to);
}

static void execute_cvt(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] = converted(i, a[lane]);
    }
}

/* Two numbers into a pair: the first source becomes the upper half. */
static void execute_cvt_pair(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    uint64_t *d = ptx_destination(warp, i, 0);
    const ptx_type part = i->type == PTX_F16X2    ? PTX_F16
                          : i->type == PTX_BF16X2 ? PTX_BF16
                          : i->type == PTX_E4M3X2 ? PTX_E4M3
                                                  : PTX_E5M2;
    const uint32_t shift = ptx_type_bytes((ptx_type)i->type) * 4;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t high = narrowed(i, float_source(i, a[lane]), part);
        const uint64_t low = narrowed(i, float_source(i, b[lane]), part);

        d[lane] = high << shift | low;
    }
}

/* A pair of 8-bit numbers to or from a pair of f16. */
static void execute_cvt_pair_to_pair(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    uint64_t *d = ptx_destination(warp, i, 0);
    const bool is_widening = i->type == PTX_F16X2;
    const ptx_type narrow =
        (is_widening ? i->from_type : i->type) == PTX_E4M3X2 ? PTX_E4M3 : PTX_E5M2;
    const ptx_type from = is_widening ? narrow : PTX_F16;
    const ptx_type to = is_widening ? PTX_F16 : narrow;
    const uint32_t from_bits = is_widening ? 8 : 16;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t low = narrowed(i, ptx_small_value((uint32_t)a[lane], from), to);
        const uint64_t high =
            narrowed(i, ptx_small_value((uint32_t)(a[lane] >> from_bits), from), to);

        d[lane] = high << (24 - from_bits) | low;
    }
}

static ptx_execute quick_cvt(const ptx_instruction *i)
{
    const ptx_type from = (ptx_type)i->from_type;
    const ptx_type to = (ptx_type)i->type;
    const bool is_to_integer = !ptx_type_is_float(to) && ptx_type_bytes(to) >= 4;

    if (i->flags || i->rounding || i->variant) {
        return NULL;
    }
    if (from == PTX_U32 || (from == PTX_S32 && ptx_type_bytes(to) == 4)) {
        return is_to_integer     ? execute_u32_from_u32
               : to != PTX_F32   ? NULL
               : from == PTX_U32 ? execute_f32_from_u32
                                 : execute_f32_from_s32;
    }
    if (from == PTX_S32 && is_to_integer) {
        return execute_s64_from_s32;
    }
    if (to == PTX_F32 && (from == PTX_BF16 || from == PTX_F16)) {
        return from == PTX_BF16 ? execute_f32_from_bf16 : execute_f32_from_f16;
    }
    return NULL;
}

static void rounding_take(ptx_statement *statement)
{
    static const char *const integral[] = { "rni", "rzi", "rmi", "rpi", NULL };
    const int to_integral = ptx_take_one_of(statement, integral);

    ptx_take_rounding(statement);
    if (ptx_take(statement, "rna")) {
        statement->instruction.rounding = 4;
    }
    if (to_integral >= 0) {
        statement->instruction.rounding = (uint8_t)to_integral;
        statement->instruction.variant = 1;
    }
}

static bool is_convertible(ptx_type type)
{
    return type > PTX_PRED && type < PTX_B128;
}

bool ptx_build_cvt(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;

    rounding_take(statement);
    ptx_take_float_flags(statement);
    i->flags |= ptx_take(statement, "relu") ? PTX_FLAG_RELU : 0;
    i->flags |= ptx_take(statement, "satfinite") ? PTX_FLAG_FINITE : 0;
    const ptx_type to = ptx_take_type(statement);
    const ptx_type from = ptx_take_type(statement);
    const bool is_pair =
        to == PTX_F16X2 || to == PTX_BF16X2 || to == PTX_E4M3X2 || to == PTX_E5M2X2;
    const bool is_from_pair = from == PTX_F16X2 || from == PTX_E4M3X2 || from == PTX_E5M2X2;

    i->type = (uint8_t)to;
    i->from_type = (uint8_t)from;
    if (!is_convertible(from) || !is_convertible(to) || from == PTX_TF32 ||
        (i->rounding == 4 && to != PTX_TF32)) {
        return ptx_refuse(statement, "not with these types");
    }
    if (is_pair && from == PTX_F32) {
        i->execute = execute_cvt_pair;
        return ptx_operands_simple(statement, 2);
    }
    if (is_pair && is_from_pair && (to == PTX_F16X2) != (from == PTX_F16X2)) {
        i->execute = execute_cvt_pair_to_pair;
        return ptx_operands_simple(statement, 1);
    }
    if (is_pair || is_from_pair || from == PTX_BF16X2) {
        return ptx_refuse(statement, "not with these types");
    }
    i->execute = quick_cvt(i) ? quick_cvt(i) : execute_cvt;
    return ptx_operands_simple(statement, 1);
}
