/* Logic, shifts and fields of bits. */
#include "standin/ptx/builders.h"
#include "standin/ptx/elementwise.h"

PTX_BINARY(execute_and, uint64_t, x &y)
PTX_BINARY(execute_or, uint64_t, x | y)
PTX_BINARY(execute_xor, uint64_t, x ^ y)
PTX_UNARY(execute_not, uint64_t, ~x)
PTX_UNARY(execute_not_predicate, uint64_t, !(x & 1))
PTX_UNARY(execute_cnot, uint64_t,
          ptx_zero_extended(x, ptx_type_bytes((ptx_type)i->type)) == 0 ? 1 : 0)

bool ptx_build_logic(ptx_statement *statement)
{
    const char *name = statement->words[0];
    const ptx_type type = ptx_take_type(statement);

    statement->instruction.type = (uint8_t)type;
    if (type != PTX_PRED && type != PTX_B16 && type != PTX_B32 && type != PTX_B64) {
        return ptx_refuse(statement, "not with this type");
    }
    if (strcmp(name, "not") == 0) {
        statement->instruction.execute = type == PTX_PRED ? execute_not_predicate : execute_not;
        return ptx_operands_simple(statement, 1);
    }
    if (strcmp(name, "cnot") == 0) {
        statement->instruction.execute = execute_cnot;
        return ptx_operands_simple(statement, 1);
    }
    statement->instruction.execute = name[0] == 'a'   ? execute_and
                                     : name[0] == 'o' ? execute_or
                                                      : execute_xor;
    return ptx_operands_simple(statement, 2);
}

/* Counts of 32 bits, those above the width clamp to it. */
PTX_BINARY(execute_shl_16, uint64_t, (uint32_t)y > 15 ? 0 : x << (y & 15))
PTX_BINARY(execute_shl_32, uint64_t, (uint32_t)y > 31 ? 0 : x << (y & 31))
PTX_BINARY(execute_shl_64, uint64_t, (uint32_t)y > 63 ? 0 : x << (y & 63))
PTX_BINARY(execute_shr_u16, uint64_t, (uint32_t)y > 15 ? 0 : (uint16_t)x >> (y & 15))
PTX_BINARY(execute_shr_u32, uint64_t, (uint32_t)y > 31 ? 0 : (uint32_t)x >> (y & 31))
PTX_BINARY(execute_shr_u64, uint64_t, (uint32_t)y > 63 ? 0 : x >> (y & 63))
PTX_BINARY(execute_shr_s16, uint64_t, (int16_t)x >> ((uint32_t)y > 15 ? 15 : (uint32_t)y))
PTX_BINARY(execute_shr_s32, uint64_t, (int32_t)x >> ((uint32_t)y > 31 ? 31 : (uint32_t)y))
PTX_BINARY(execute_shr_s64, uint64_t, (int64_t)x >> ((uint32_t)y > 63 ? 63 : (uint32_t)y))

bool ptx_build_shift(ptx_statement *statement)
{
    static const ptx_execute left[PTX_TYPES] = {
        [PTX_B16] = execute_shl_16,
        [PTX_B32] = execute_shl_32,
        [PTX_B64] = execute_shl_64,
    };
    static const ptx_execute right[PTX_TYPES] = {
        [PTX_B16] = execute_shr_u16, [PTX_U16] = execute_shr_u16, [PTX_S16] = execute_shr_s16,
        [PTX_B32] = execute_shr_u32, [PTX_U32] = execute_shr_u32, [PTX_S32] = execute_shr_s32,
        [PTX_B64] = execute_shr_u64, [PTX_U64] = execute_shr_u64, [PTX_S64] = execute_shr_s64,
    };
    const ptx_type type = ptx_take_type(statement);

    statement->instruction.execute =
        strcmp(statement->words[0], "shl") == 0 ? left[type] : right[type];
    return statement->instruction.execute ? ptx_operands_simple(statement, 2)
                                          : ptx_refuse(statement, "not with this type");
}

static uint64_t pair_of(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

static uint32_t clamped(uint32_t count)
{
    return count > 32 ? 32 : count;
}

PTX_TERNARY(execute_shf_left_wrap, uint32_t, (pair_of(x, y) << (z & 31)) >> 32)
PTX_TERNARY(execute_shf_left_clamp, uint32_t, (pair_of(x, y) << clamped(z)) >> 32)
PTX_TERNARY(execute_shf_right_wrap, uint32_t, pair_of(x, y) >> (z & 31))
PTX_TERNARY(execute_shf_right_clamp, uint32_t, pair_of(x, y) >> clamped(z))

bool ptx_build_funnel_shift(ptx_statement *statement)
{
    const bool is_left = ptx_take(statement, "l");
    const bool is_right = ptx_take(statement, "r");
    const bool is_wrapping = ptx_take(statement, "wrap");
    const bool is_clamping = ptx_take(statement, "clamp");

    if (is_left == is_right || is_wrapping == is_clamping || ptx_take_type(statement) != PTX_B32) {
        return ptx_refuse(statement, "needs .l or .r, .wrap or .clamp, and .b32");
    }
    statement->instruction.execute =
        is_left ? (is_wrapping ? execute_shf_left_wrap : execute_shf_left_clamp)
                : (is_wrapping ? execute_shf_right_wrap : execute_shf_right_clamp);
    return ptx_operands_simple(statement, 3);
}

/* The table has a bit for each combination: a counts 4, b 2, c 1. */
static uint32_t looked_up(uint32_t a, uint32_t b, uint32_t c, uint32_t table)
{
    uint32_t result = 0;

    for (uint32_t k = 0; k < 8; ++k) {
        if (table >> k & 1) {
            result |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
        }
    }
    return result;
}

PTX_TERNARY(execute_lop3, uint32_t, looked_up(x, y, z, i->variant))

bool ptx_build_lop3(ptx_statement *statement)
{
    uint64_t table;

    if (ptx_take_type(statement) != PTX_B32 || !ptx_operand_literal(statement, 4, &table) ||
        table > 255) {
        return ptx_refuse(statement, "needs .b32 and a table below 256");
    }
    statement->instruction.variant = (uint8_t)table;
    statement->instruction.execute = execute_lop3;
    statement->operand_count = 4;
    return ptx_operands_simple(statement, 3);
}

/* Byte number `selector & 7` of the eight, or its sign spread over a byte. */
static uint32_t byte_selected(uint64_t bytes, uint32_t selector)
{
    const uint32_t byte = bytes >> (8 * (selector & 7)) & 255;

    return selector & 8 ? (byte & 0x80 ? 255 : 0) : byte;
}

enum {
    PERMUTE_GENERAL,
    PERMUTE_F4E,
    PERMUTE_B4E,
    PERMUTE_RC8,
    PERMUTE_ECL,
    PERMUTE_ECR,
    PERMUTE_RC16
};

static uint32_t byte_index(uint32_t mode, uint32_t selector, uint32_t k)
{
    const uint32_t s = selector & 3;

    switch (mode) {
    case PERMUTE_F4E: return s + k;
    case PERMUTE_B4E: return (s - k) & 7;
    case PERMUTE_RC8: return s;
    case PERMUTE_ECL: return k > s ? k : s;
    case PERMUTE_ECR: return k < s ? k : s;
    case PERMUTE_RC16: return (s & 1) * 2 + (k & 1);
    default: return selector >> (4 * k) & 15;
    }
}

static uint32_t permuted(uint64_t bytes, uint32_t mode, uint32_t selector)
{
    uint32_t result = 0;

    for (uint32_t k = 0; k < 4; ++k) {
        result |= byte_selected(bytes, byte_index(mode, selector, k)) << (8 * k);
    }
    return result;
}

PTX_TERNARY(execute_prmt, uint32_t, permuted(pair_of(x, y), i->variant, z))

bool ptx_build_prmt(ptx_statement *statement)
{
    static const char *const modes[] = { "f4e", "b4e", "rc8", "ecl", "ecr", "rc16", NULL };

    if (ptx_take_type(statement) != PTX_B32) {
        return ptx_refuse(statement, "needs .b32");
    }
    statement->instruction.variant = (uint8_t)(ptx_take_one_of(statement, modes) + 1);
    statement->instruction.execute = execute_prmt;
    return ptx_operands_simple(statement, 3);
}

static uint64_t ones(uint32_t count)
{
    return count >= 64 ? ~0ull : (1ull << count) - 1;
}

static uint32_t least(uint32_t x, uint32_t y)
{
    return x < y ? x : y;
}

static uint64_t field_extracted(uint64_t value, uint32_t position, uint32_t length, ptx_type type)
{
    const uint32_t bits = 8 * ptx_type_bytes(type);
    const uint32_t kept = least(length, bits - least(position, bits));
    uint64_t field = kept ? value >> position & ones(kept) : 0;

    if (ptx_type_is_signed(type) && length && value >> least(position + length - 1, bits - 1) & 1) {
        field |= ~ones(kept);
    }
    return field;
}

static void execute_bfe(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *position = ptx_source(warp, i, 1);
    const uint64_t *length = ptx_source(warp, i, 2);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] =
            field_extracted(a[lane], position[lane] & 255, length[lane] & 255, (ptx_type)i->type);
    }
}

static void execute_bfi(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *positions = ptx_source(warp, i, 2);
    const uint64_t *lengths = ptx_source(warp, i, 3);
    const uint32_t bits = 8 * ptx_type_bytes((ptx_type)i->type);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t position = positions[lane] & 255;
        const uint64_t mask =
            position >= bits ? 0 : ones((uint32_t)lengths[lane] & 255) << position;

        d[lane] = (b[lane] & ~mask) | (position >= bits ? 0 : a[lane] << position & mask);
    }
}

static void execute_bmsk(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t first = i->variant ? (uint32_t)a[lane] & 31 : (uint32_t)a[lane];
        const uint32_t count = i->variant ? (uint32_t)b[lane] & 31 : (uint32_t)b[lane];

        d[lane] = first >= 32 ? 0 : ones(count) << first;
    }
}

bool ptx_build_bit_field(ptx_statement *statement)
{
    const char *name = statement->words[0];
    const bool is_wrapping = ptx_take(statement, "wrap");
    const ptx_type type = ptx_take_type(statement);

    statement->instruction.type = (uint8_t)type;
    if (ptx_type_bytes(type) < 4 || ptx_type_is_float(type)) {
        return ptx_refuse(statement, "not with this type");
    }
    if (strcmp(name, "bmsk") == 0) {
        statement->instruction.variant = is_wrapping;
        statement->instruction.execute = execute_bmsk;
        return (is_wrapping || ptx_take(statement, "clamp")) && ptx_operands_simple(statement, 2);
    }
    statement->instruction.execute = strcmp(name, "bfi") == 0 ? execute_bfi : execute_bfe;
    return ptx_operands_simple(statement, strcmp(name, "bfi") == 0 ? 4 : 3);
}

static uint64_t reversed(uint64_t value, uint32_t bits)
{
    uint64_t result = 0;

    for (uint32_t k = 0; k < bits; ++k) {
        result |= (value >> k & 1) << (bits - 1 - k);
    }
    return result;
}

static uint64_t leading_zeros(uint64_t value)
{
    return value ? (uint64_t)__builtin_clzll(value) : 64;
}

/* Position of the highest bit that is not the sign; ~0: none. `is_shift`: how far it is from the
 * top. */
static uint64_t highest_found(uint64_t value, ptx_type type, bool is_shift)
{
    const uint32_t bits = 8 * ptx_type_bytes(type);
    uint64_t found = ptx_extended(value, type);

    if (ptx_type_is_signed(type) && (int64_t)found < 0) {
        found = ~found;
    }
    if (!found) {
        return ~0ull;
    }
    const uint64_t position = 63 - leading_zeros(found);

    return is_shift ? bits - 1 - position : position;
}

PTX_UNARY(execute_popc_32, uint32_t, __builtin_popcount(x))
PTX_UNARY(execute_popc_64, uint64_t, __builtin_popcountll(x))
PTX_UNARY(execute_clz_32, uint32_t, leading_zeros(x) - 32)
PTX_UNARY(execute_clz_64, uint64_t, leading_zeros(x))
PTX_UNARY(execute_brev_32, uint32_t, reversed(x, 32))
PTX_UNARY(execute_brev_64, uint64_t, reversed(x, 64))
PTX_UNARY(execute_bfind, uint64_t, highest_found(x, (ptx_type)i->type, i->variant))

bool ptx_build_bit_count(ptx_statement *statement)
{
    const char *name = statement->words[0];
    ptx_instruction *i = &statement->instruction;

    i->variant = strcmp(name, "bfind") == 0 && ptx_take(statement, "shiftamt");
    const ptx_type type = ptx_take_type(statement);
    const bool is_wide = ptx_type_bytes(type) == 8;

    i->type = (uint8_t)type;
    if (ptx_type_bytes(type) < 4 || ptx_type_is_float(type)) {
        return ptx_refuse(statement, "not with this type");
    }
    i->execute = strcmp(name, "popc") == 0   ? (is_wide ? execute_popc_64 : execute_popc_32)
                 : strcmp(name, "clz") == 0  ? (is_wide ? execute_clz_64 : execute_clz_32)
                 : strcmp(name, "brev") == 0 ? (is_wide ? execute_brev_64 : execute_brev_32)
                                             : execute_bfind;
    return ptx_operands_simple(statement, 1);
}
