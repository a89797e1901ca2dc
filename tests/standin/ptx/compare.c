/* Comparisons and what is chosen by them. */
#include "standin/ptx/builders.h"
#include "standin/ptx/elementwise.h"
#include "standin/ptx/small_float.h"

#include <math.h>

typedef enum comparison {
    EQ,
    NE,
    LT,
    LE,
    GT,
    GE,
    LO,
    LS,
    HI,
    HS,
    EQU,
    NEU,
    LTU,
    LEU,
    GTU,
    GEU,
    NUM,
    NOT_A_NUMBER
} comparison;

static const char *const comparison_names[] = { "eq",  "ne",  "lt",  "le",  "gt",  "ge",  "lo",
                                                "ls",  "hi",  "hs",  "equ", "neu", "ltu", "leu",
                                                "gtu", "geu", "num", "nan", NULL };

typedef enum combination {
    ALONE,
    AND,
    OR,
    XOR
} combination;

/* The usual comparisons, each with a loop of its own. */
#define QUICK(NAME, TYPE, OPERATOR) PTX_BINARY(execute_##NAME, TYPE, x OPERATOR y)
QUICK(eq_32, uint32_t, ==)
QUICK(ne_32, uint32_t, !=)
QUICK(lt_u32, uint32_t, <)
QUICK(le_u32, uint32_t, <=)
QUICK(gt_u32, uint32_t, >)
QUICK(ge_u32, uint32_t, >=)
QUICK(lt_s32, int32_t, <)
QUICK(le_s32, int32_t, <=)
QUICK(gt_s32, int32_t, >)
QUICK(ge_s32, int32_t, >=)

static ptx_execute quick_comparison(ptx_type type, comparison c)
{
    static const ptx_execute of_signed[] = {
        [EQ] = execute_eq_32,  [NE] = execute_ne_32,  [LT] = execute_lt_s32,
        [LE] = execute_le_s32, [GT] = execute_gt_s32, [GE] = execute_ge_s32,
    };
    static const ptx_execute of_unsigned[] = {
        [EQ] = execute_eq_32,  [NE] = execute_ne_32,  [LT] = execute_lt_u32, [LE] = execute_le_u32,
        [GT] = execute_gt_u32, [GE] = execute_ge_u32, [LO] = execute_lt_u32, [LS] = execute_le_u32,
        [HI] = execute_gt_u32, [HS] = execute_ge_u32,
    };

    return type == PTX_S32                      ? of_signed[c]
           : type == PTX_U32 || type == PTX_B32 ? of_unsigned[c]
                                                : NULL;
}

static bool float_compared(double x, double y, comparison c)
{
    const bool is_unordered = isnan(x) || isnan(y);

    switch (c) {
    case EQ: return x == y;
    case NE: return !is_unordered && x != y;
    case LT: return x < y;
    case LE: return x <= y;
    case GT: return x > y;
    case GE: return x >= y;
    case EQU: return is_unordered || x == y;
    case NEU: return is_unordered || x != y;
    case LTU: return is_unordered || x < y;
    case LEU: return is_unordered || x <= y;
    case GTU: return is_unordered || x > y;
    case GEU: return is_unordered || x >= y;
    case NUM: return !is_unordered;
    default: return is_unordered;
    }
}

static bool integer_compared(uint64_t x, uint64_t y, bool is_signed, comparison c)
{
    const uint64_t flip = is_signed ? 1ull << 63 : 0;

    x ^= flip;
    y ^= flip;
    switch (c) {
    case EQ: return x == y;
    case NE: return x != y;
    case LT:
    case LO: return x < y;
    case LE:
    case LS: return x <= y;
    case GT:
    case HI: return x > y;
    default: return x >= y;
    }
}

static double float_value(uint64_t bits, ptx_type type, bool flushes)
{
    double value;

    switch (type) {
    case PTX_F64: return ptx_double_of(bits);
    case PTX_F32: value = ptx_float_of(bits); break;
    default: value = ptx_small_value((uint32_t)bits, type); break;
    }
    const double smallest = type == PTX_F16 ? 0x1p-14 : 0x1p-126;

    return flushes && fabs(value) < smallest ? copysign(0, value) : value;
}

static bool compared(const ptx_instruction *i, uint64_t x, uint64_t y, ptx_type type)
{
    const bool flushes = i->flags & PTX_FLAG_FLUSH;

    if (ptx_type_is_float(type)) {
        return float_compared(float_value(x, type, flushes), float_value(y, type, flushes),
                              (comparison)i->variant);
    }
    return integer_compared(ptx_extended(x, type), ptx_extended(y, type), ptx_type_is_signed(type),
                            (comparison)i->variant);
}

/* The third source, where there is one, joins in; how is kept in `rounding`. */
static bool combined(const ptx_instruction *i, bool result, uint64_t third)
{
    const bool other = ((third & 1) != 0) != ((i->flags & PTX_FLAG_NEGATED) != 0);

    switch ((combination)i->rounding) {
    case AND: return result && other;
    case OR: return result || other;
    case XOR: return result != other;
    default: return result;
    }
}

static void execute_setp(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2); /* the sink where there is none */
    uint64_t *d = ptx_destination(warp, i, 0);
    uint64_t *second = ptx_destination(warp, i, 1); /* and here */
    const ptx_type type = (ptx_type)i->type;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t third = c[lane];
        const bool result = compared(i, a[lane], b[lane], type);

        d[lane] = combined(i, result, third);
        second[lane] = combined(i, !result, third);
    }
}

/* Of pairs, the two results go to the two destinations. */
static void execute_setp_pair(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2); /* the sink where there is none */
    uint64_t *low = ptx_destination(warp, i, 0);
    uint64_t *high = ptx_destination(warp, i, 1);
    const ptx_type type = i->type == PTX_F16X2 ? PTX_F16 : PTX_BF16;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t third = c[lane];

        low[lane] = combined(i, compared(i, a[lane], b[lane], type), third);
        high[lane] = combined(i, compared(i, a[lane] >> 16, b[lane] >> 16, type), third);
    }
}

static bool comparison_take(ptx_statement *statement)
{
    static const char *const combinations[] = { "and", "or", "xor", NULL };
    ptx_instruction *i = &statement->instruction;
    const int c = ptx_take_one_of(statement, comparison_names);

    i->variant = (uint8_t)c;
    i->rounding = (uint8_t)(ptx_take_one_of(statement, combinations) + 1);
    i->flags |= ptx_take(statement, "ftz") ? PTX_FLAG_FLUSH : 0;
    return c >= 0;
}

static bool comparison_fits(const ptx_instruction *i, ptx_type type)
{
    switch (type) {
    case PTX_B16:
    case PTX_B32:
    case PTX_B64: return i->variant <= NE;
    case PTX_S16:
    case PTX_S32:
    case PTX_S64: return i->variant <= GE;
    case PTX_U16:
    case PTX_U32:
    case PTX_U64: return i->variant <= HS;
    case PTX_F16:
    case PTX_BF16:
    case PTX_F16X2:
    case PTX_BF16X2:
    case PTX_F32:
    case PTX_F64: return i->variant <= GE || i->variant >= EQU;
    default: return false;
    }
}

bool ptx_build_setp(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool has_comparison = comparison_take(statement);
    const ptx_type type = ptx_take_type(statement);
    const bool is_pair = type == PTX_F16X2 || type == PTX_BF16X2;

    i->type = (uint8_t)type;
    if (!has_comparison || !comparison_fits(i, type)) {
        return ptx_refuse(statement, "not with this comparison and type");
    }
    i->execute = is_pair ? execute_setp_pair : execute_setp;
    const bool is_good =
        ptx_operands_simple(statement, i->rounding == ALONE ? 2 : 3) &&
        (!is_pair || i->destination_count == 2 || ptx_refuse(statement, "pairs need two results"));

    if (i->destination_count == 1 && i->rounding == ALONE &&
        quick_comparison(type, (comparison)i->variant)) {
        i->execute = quick_comparison(type, (comparison)i->variant);
    }
    return is_good;
}

static uint64_t truth(bool is_true, ptx_type type)
{
    switch (type) {
    case PTX_F32: return is_true ? 0x3f800000 : 0;
    case PTX_F16: return is_true ? 0x3c00 : 0;
    case PTX_BF16: return is_true ? 0x3f80 : 0;
    default: return is_true ? ~0ull : 0;
    }
}

static void execute_set(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2); /* the sink where there is none */
    uint64_t *d = ptx_destination(warp, i, 0);
    const ptx_type from = (ptx_type)i->from_type;
    const bool is_pair = from == PTX_F16X2 || from == PTX_BF16X2;
    const ptx_type part = from == PTX_F16X2 ? PTX_F16 : from == PTX_BF16X2 ? PTX_BF16 : from;
    const ptx_type result_part = i->type == PTX_F16X2    ? PTX_F16
                                 : i->type == PTX_BF16X2 ? PTX_BF16
                                                         : (ptx_type)i->type;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t third = c[lane];
        const uint64_t x = a[lane];
        const uint64_t y = b[lane];

        d[lane] = truth(combined(i, compared(i, x, y, part), third), result_part);
        if (is_pair) {
            d[lane] = (d[lane] & 0xffff) |
                      (truth(combined(i, compared(i, x >> 16, y >> 16, part), third), result_part) &
                       0xffff)
                          << 16;
        }
    }
}

bool ptx_build_set(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool has_comparison = comparison_take(statement);

    i->type = (uint8_t)ptx_take_type(statement);
    i->from_type = (uint8_t)ptx_take_type(statement);
    if (!has_comparison || !comparison_fits(i, (ptx_type)i->from_type)) {
        return ptx_refuse(statement, "not with this comparison and type");
    }
    i->execute = execute_set;
    return ptx_operands_simple(statement, i->rounding == ALONE ? 2 : 3);
}

static void execute_selp(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_LOOP(lanes, { d[lane] = c[lane] & 1 ? a[lane] : b[lane]; })
}

bool ptx_build_selp(ptx_statement *statement)
{
    if (ptx_type_bytes(ptx_take_type(statement)) < 2) {
        return ptx_refuse(statement, "not with this type");
    }
    statement->instruction.execute = execute_selp;
    return ptx_operands_simple(statement, 3) &&
           (!(statement->instruction.flags & PTX_FLAG_NEGATED) ||
            ptx_refuse(statement, "no operand can be negated"));
}

static void execute_slct(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        const bool is_first = i->from_type == PTX_F32
                                  ? float_value(c[lane], PTX_F32, i->flags & PTX_FLAG_FLUSH) >= 0
                                  : (int32_t)c[lane] >= 0;

        d[lane] = is_first ? a[lane] : b[lane];
    }
}

bool ptx_build_slct(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;

    i->flags |= ptx_take(statement, "ftz") ? PTX_FLAG_FLUSH : 0;
    i->type = (uint8_t)ptx_take_type(statement);
    i->from_type = (uint8_t)ptx_take_type(statement);
    if (i->from_type != PTX_F32 && i->from_type != PTX_S32) {
        return ptx_refuse(statement, "chooses by f32 or s32");
    }
    i->execute = execute_slct;
    return ptx_operands_simple(statement, 3);
}
