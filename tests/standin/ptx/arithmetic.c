/* Integer arithmetic. Sums and products depend on no bit above their own, so that one function
 * serves every width: what is above is arbitrary in registers. */
#include "standin/ptx/builders.h"
#include "standin/ptx/elementwise.h"

__extension__ typedef unsigned __int128 wide_unsigned;
__extension__ typedef __int128 wide_signed;

PTX_BINARY(execute_add, uint64_t, x + y)
PTX_BINARY(execute_sub, uint64_t, x - y)
PTX_BINARY(execute_mul, uint64_t, x *y)
PTX_TERNARY(execute_mad, uint64_t, x *y + z)
PTX_UNARY(execute_neg, uint64_t, 0 - x)

static uint64_t saturated_s32(int64_t value)
{
    return (uint64_t)(value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value);
}

PTX_BINARY(execute_add_saturated, int32_t, saturated_s32((int64_t)x + y))
PTX_BINARY(execute_sub_saturated, int32_t, saturated_s32((int64_t)x - y))

PTX_FOR_INTEGERS(PTX_BINARY, execute_min, x < y ? x : y)
PTX_FOR_INTEGERS(PTX_BINARY, execute_max, x > y ? x : y)
PTX_UNARY(execute_abs_s16, int16_t, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
PTX_UNARY(execute_abs_s32, int32_t, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
PTX_UNARY(execute_abs_s64, int64_t, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)

/* What a division by zero gives is not specified; the smallest value over -1 must not trap. */
static uint64_t quotient(ptx_type type, uint64_t x, uint64_t y)
{
    if (y == 0) {
        return ~0ull;
    }
    if (!ptx_type_is_signed(type)) {
        return x / y;
    }
    return y == ~0ull ? 0 - x : (uint64_t)((int64_t)x / (int64_t)y);
}

static uint64_t remainder_of(ptx_type type, uint64_t x, uint64_t y)
{
    return y == 0 ? x : x - quotient(type, x, y) * y;
}

PTX_FOR_INTEGERS(PTX_BINARY, execute_div, quotient((ptx_type)i->type, (uint64_t)x, (uint64_t)y))
PTX_FOR_INTEGERS(PTX_BINARY, execute_rem, remainder_of((ptx_type)i->type, (uint64_t)x, (uint64_t)y))

PTX_BINARY(execute_mul_high_u16, uint16_t, ((uint32_t)x * y) >> 16)
PTX_BINARY(execute_mul_high_s16, int16_t, ((int32_t)x * y) >> 16)
PTX_BINARY(execute_mul_high_u32, uint32_t, ((uint64_t)x * y) >> 32)
PTX_BINARY(execute_mul_high_s32, int32_t, ((int64_t)x * y) >> 32)
PTX_BINARY(execute_mul_high_u64, uint64_t, ((wide_unsigned)x * y) >> 64)
PTX_BINARY(execute_mul_high_s64, int64_t, ((wide_signed)x * y) >> 64)

PTX_BINARY(execute_mul_wide_u16, uint16_t, (uint32_t)x *y)
PTX_BINARY(execute_mul_wide_s16, int16_t, (int32_t)x *y)
PTX_BINARY(execute_mul_wide_u32, uint32_t, (uint64_t)x *y)
PTX_BINARY(execute_mul_wide_s32, int32_t, (int64_t)x *y)

static const ptx_execute mul_high[PTX_TYPES] = {
    [PTX_U16] = execute_mul_high_u16, [PTX_S16] = execute_mul_high_s16,
    [PTX_U32] = execute_mul_high_u32, [PTX_S32] = execute_mul_high_s32,
    [PTX_U64] = execute_mul_high_u64, [PTX_S64] = execute_mul_high_s64,
};

static const ptx_execute mul_wide[PTX_TYPES] = {
    [PTX_U16] = execute_mul_wide_u16,
    [PTX_S16] = execute_mul_wide_s16,
    [PTX_U32] = execute_mul_wide_u32,
    [PTX_S32] = execute_mul_wide_s32,
};

/* The product as another function leaves it, plus the third source. */
static void execute_add_third(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                              ptx_execute product)
{
    const uint64_t *c = ptx_source(warp, i, 2);
    uint64_t *d = ptx_destination(warp, i, 0);
    uint64_t addend[PTX_LANES];

    memcpy(addend, c, sizeof addend);
    product(warp, i, lanes);
    PTX_LOOP(lanes, { d[lane] += addend[lane]; })
}

static void execute_mad_high(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    execute_add_third(warp, i, lanes, mul_high[i->type]);
}

static void execute_mad_wide(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    execute_add_third(warp, i, lanes, mul_wide[i->type]);
}

static int32_t signed_24(uint32_t x)
{
    return (int32_t)(x << 8) >> 8;
}

/* Of the 48 bits of the product, the lower 32 or the upper 32. */
static uint64_t product_24_unsigned(uint32_t x, uint32_t y)
{
    return (uint64_t)(x & 0xffffff) * (y & 0xffffff);
}

static uint64_t product_24_signed(uint32_t x, uint32_t y)
{
    return (uint64_t)((int64_t)signed_24(x) * signed_24(y));
}

PTX_BINARY(execute_mul24_low_u32, uint32_t, product_24_unsigned(x, y))
PTX_BINARY(execute_mul24_low_s32, uint32_t, product_24_signed(x, y))
PTX_BINARY(execute_mul24_high_u32, uint32_t, product_24_unsigned(x, y) >> 16)
PTX_BINARY(execute_mul24_high_s32, uint32_t, product_24_signed(x, y) >> 16)
PTX_TERNARY(execute_mad24_low_u32, uint32_t, product_24_unsigned(x, y) + z)
PTX_TERNARY(execute_mad24_low_s32, uint32_t, product_24_signed(x, y) + z)
PTX_TERNARY(execute_mad24_high_u32, uint32_t, (product_24_unsigned(x, y) >> 16) + z)
PTX_TERNARY(execute_mad24_high_s32, uint32_t, (product_24_signed(x, y) >> 16) + z)

static bool integer_pick(ptx_statement *statement, ptx_execute execute, uint32_t source_count)
{
    statement->instruction.execute = execute;
    if (!execute) {
        return ptx_refuse(statement, "not with this type");
    }
    return ptx_operands_simple(statement, source_count);
}

static bool is_integer(ptx_type type)
{
    return mul_high[type] != NULL;
}

bool ptx_build_arithmetic(ptx_statement *statement)
{
    const char *name = statement->words[0];
    ptx_instruction *i = &statement->instruction;

    if (ptx_take(statement, "cc")) {
        i->flags |= PTX_FLAG_CARRY_OUT;
        return ptx_build_carry(statement);
    }
    const ptx_type type = ptx_take_type(statement);
    const ptx_type narrow = ptx_type_bytes(type) == 2   ? PTX_S16
                            : ptx_type_bytes(type) == 4 ? PTX_S32
                                                        : PTX_S64;

    i->type = (uint8_t)type;
    if (type == PTX_F32 || type == PTX_F64) {
        return ptx_build_floating(statement, type);
    }
    if (ptx_type_is_float(type)) {
        return ptx_build_half(statement, type);
    }
    if (!is_integer(type)) {
        return ptx_refuse(statement, "not with this type");
    }
    const bool is_saturated = type == PTX_S32 && ptx_take(statement, "sat");

    if (strcmp(name, "add") == 0) {
        return integer_pick(statement, is_saturated ? execute_add_saturated : execute_add, 2);
    }
    if (strcmp(name, "sub") == 0) {
        return integer_pick(statement, is_saturated ? execute_sub_saturated : execute_sub, 2);
    }
    if (strcmp(name, "min") == 0) {
        return integer_pick(statement, execute_min[type], 2);
    }
    if (strcmp(name, "max") == 0) {
        return integer_pick(statement, execute_max[type], 2);
    }
    if (strcmp(name, "div") == 0) {
        return integer_pick(statement, execute_div[type], 2);
    }
    if (strcmp(name, "neg") == 0) {
        return integer_pick(statement, execute_neg, 1);
    }
    if (strcmp(name, "abs") == 0) {
        return integer_pick(statement,
                            narrow == PTX_S16   ? execute_abs_s16
                            : narrow == PTX_S32 ? execute_abs_s32
                                                : execute_abs_s64,
                            1);
    }
    return ptx_refuse(statement, "not with this type");
}

bool ptx_build_remainder(ptx_statement *statement)
{
    const ptx_type type = ptx_take_type(statement);

    statement->instruction.type = (uint8_t)type;
    return integer_pick(statement, execute_rem[type], 2);
}

static bool build_24(ptx_statement *statement, ptx_type type, bool adds)
{
    static const ptx_execute executes[2][2][2] = {
        { { execute_mul24_low_u32, execute_mul24_low_s32 },
          { execute_mul24_high_u32, execute_mul24_high_s32 } },
        { { execute_mad24_low_u32, execute_mad24_low_s32 },
          { execute_mad24_high_u32, execute_mad24_high_s32 } },
    };
    const bool is_high = ptx_take(statement, "hi");
    const bool is_good =
        (is_high || ptx_take(statement, "lo")) && (type == PTX_U32 || type == PTX_S32);

    return integer_pick(statement, is_good ? executes[adds][is_high][type == PTX_S32] : NULL,
                        adds ? 3 : 2);
}

bool ptx_build_multiply(ptx_statement *statement)
{
    const ptx_type type = ptx_take_type(statement);
    const bool is_24 = strcmp(statement->words[0], "mul24") == 0;

    if (type == PTX_F32 || type == PTX_F64) {
        return ptx_build_floating(statement, type);
    }
    if (ptx_type_is_float(type)) {
        return ptx_build_half(statement, type);
    }
    if (is_24) {
        return build_24(statement, type, false);
    }
    return integer_pick(statement,
                        ptx_take(statement, "wide") ? mul_wide[type]
                        : ptx_take(statement, "hi") ? mul_high[type]
                        : ptx_take(statement, "lo") ? execute_mul
                                                    : NULL,
                        2);
}

bool ptx_build_multiply_add(ptx_statement *statement)
{
    if (ptx_take(statement, "cc")) {
        statement->instruction.flags |= PTX_FLAG_CARRY_OUT;
        return ptx_build_carry(statement);
    }
    const ptx_type type = ptx_take_type(statement);
    const bool is_24 = strcmp(statement->words[0], "mad24") == 0;

    statement->instruction.type = (uint8_t)type;
    if (type == PTX_F32 || type == PTX_F64) {
        return ptx_build_floating(statement, type);
    }
    if (is_24) {
        return build_24(statement, type, true);
    }
    if (ptx_take(statement, "wide")) {
        return integer_pick(statement, mul_wide[type] ? execute_mad_wide : NULL, 3);
    }
    if (ptx_take(statement, "hi")) {
        return integer_pick(statement, mul_high[type] ? execute_mad_high : NULL, 3);
    }
    return integer_pick(statement, ptx_take(statement, "lo") ? execute_mad : NULL, 3);
}

/* The condition code register: one bit for each lane. */
static uint64_t *carries(const ptx_warp *warp)
{
    return warp->banks[PTX_BANK_REGISTERS] + (size_t)PTX_CARRY * PTX_LANES;
}

enum {
    CARRY_ADD,
    CARRY_SUB,
    CARRY_MAD_LOW,
    CARRY_MAD_HIGH
};

static void execute_carry(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t bytes = ptx_type_bytes((ptx_type)i->type);
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2); /* the sink where there is none */
    uint64_t *carry = carries(warp);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t in = i->flags & PTX_FLAG_CARRY_IN ? carry[lane] & 1 : 0;
        const wide_signed signed_x = (int64_t)ptx_extended(a[lane], (ptx_type)i->type);
        const wide_signed signed_y = (int64_t)ptx_extended(b[lane], (ptx_type)i->type);
        uint64_t x = ptx_zero_extended(a[lane], bytes);
        uint64_t y = ptx_zero_extended(b[lane], bytes);

        if (i->variant >= CARRY_MAD_LOW) {
            const wide_unsigned product = ptx_type_is_signed((ptx_type)i->type)
                                              ? (wide_unsigned)(signed_x * signed_y)
                                              : (wide_unsigned)x * y;

            x = ptx_zero_extended(
                (uint64_t)(i->variant == CARRY_MAD_HIGH ? product >> (8 * bytes) : product), bytes);
            y = ptx_zero_extended(c[lane], bytes);
        }
        /* A subtraction's carry is its borrow. */
        const wide_unsigned sum =
            i->variant == CARRY_SUB ? (wide_unsigned)x - y - in : (wide_unsigned)x + y + in;

        d[lane] = (uint64_t)sum;
        if (i->flags & PTX_FLAG_CARRY_OUT) {
            carry[lane] = (uint64_t)(sum >> (8 * bytes)) & 1;
        }
    }
}

bool ptx_build_carry(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const char *name = statement->words[0];
    const bool is_mad = name[0] == 'm';

    i->flags |= ptx_take(statement, "cc") ? PTX_FLAG_CARRY_OUT : 0;
    i->flags |= name[strlen(name) - 1] == 'c' ? PTX_FLAG_CARRY_IN : 0;
    i->type = (uint8_t)ptx_take_type(statement);
    i->variant = !is_mad                     ? (name[0] == 's' ? CARRY_SUB : CARRY_ADD)
                 : ptx_take(statement, "hi") ? CARRY_MAD_HIGH
                 : ptx_take(statement, "lo") ? CARRY_MAD_LOW
                                             : 255;
    const bool is_good = ptx_type_bytes((ptx_type)i->type) >= 4 && is_integer((ptx_type)i->type);

    return integer_pick(statement, is_good && i->variant != 255 ? execute_carry : NULL,
                        is_mad ? 3 : 2);
}

enum {
    FIRST_IS_SIGNED = 1,
    SECOND_IS_SIGNED = 2,
    HIGH_HALF = 4,
    PAIRS = 8
};

static int64_t part_of(uint64_t value, uint32_t index, uint32_t bytes, bool is_signed)
{
    const uint64_t part = value >> (8 * bytes * index);

    return (int64_t)(is_signed ? ptx_sign_extended(part, bytes) : ptx_zero_extended(part, bytes));
}

static void execute_dot_product(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2);
    uint64_t *d = ptx_destination(warp, i, 0);
    const uint32_t count = i->variant & PAIRS ? 2 : 4;
    const uint32_t bytes = i->variant & PAIRS ? 2 : 1;
    const uint32_t second_begin = i->variant & HIGH_HALF ? 2 : 0;

    PTX_EACH_LANE(lane, lanes)
    {
        int64_t sum = (int64_t)c[lane];

        for (uint32_t k = 0; k < count; ++k) {
            sum = (int64_t)((uint64_t)sum +
                            (uint64_t)(part_of(a[lane], k, bytes, i->variant & FIRST_IS_SIGNED) *
                                       part_of(b[lane], second_begin + k, 1,
                                               i->variant & SECOND_IS_SIGNED)));
        }
        d[lane] = (uint64_t)sum;
    }
}

bool ptx_build_dot_product(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool is_pairs = statement->words[0][2] == '2';
    const ptx_type first = ptx_take_type(statement);
    const ptx_type second = ptx_take_type(statement);
    const bool is_high = is_pairs && ptx_take(statement, "hi");
    const bool is_good = (first == PTX_U32 || first == PTX_S32) &&
                         (second == PTX_U32 || second == PTX_S32) &&
                         (!is_pairs || is_high || ptx_take(statement, "lo"));

    i->variant = (uint8_t)((first == PTX_S32 ? FIRST_IS_SIGNED : 0) |
                           (second == PTX_S32 ? SECOND_IS_SIGNED : 0) | (is_high ? HIGH_HALF : 0) |
                           (is_pairs ? PAIRS : 0));
    return integer_pick(statement, is_good ? execute_dot_product : NULL, 3);
}

static uint64_t distance(uint64_t x, uint64_t y)
{
    return x > y ? x - y : y - x;
}

static void execute_sad(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2);
    uint64_t *d = ptx_destination(warp, i, 0);
    /* Signed numbers compare like unsigned ones once the sign bit is flipped. */
    const uint64_t flip = ptx_type_is_signed((ptx_type)i->type) ? 1ull << 63 : 0;

    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] = c[lane] + distance(ptx_extended(a[lane], (ptx_type)i->type) ^ flip,
                                     ptx_extended(b[lane], (ptx_type)i->type) ^ flip);
    }
}

bool ptx_build_sad(ptx_statement *statement)
{
    const ptx_type type = ptx_take_type(statement);

    statement->instruction.type = (uint8_t)type;
    return integer_pick(statement, is_integer(type) ? execute_sad : NULL, 3);
}
