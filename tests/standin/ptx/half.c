/* Arithmetic of f16 and bf16, alone or in pairs. Results are computed in double, which holds sums
 * and products of such numbers well enough that rounding twice gives the same; fma rounds to odd in
 * between. */
#include "standin/ptx/builders.h"
#include "standin/ptx/elementwise.h"
#include "standin/ptx/extreme.h"
#include "standin/ptx/small_float.h"

#include <math.h>

typedef enum operation {
    ADD,
    SUB,
    MUL,
    FMA,
    MIN,
    MAX,
    ABS,
    NEG,
    EX2,
    TANH,
    OPERATIONS
} operation;

static const struct {
    const char *name;
    uint32_t source_count;
} operations[OPERATIONS] = {
    [ADD] = { "add", 2 }, [SUB] = { "sub", 2 },   [MUL] = { "mul", 2 }, [FMA] = { "fma", 3 },
    [MIN] = { "min", 2 }, [MAX] = { "max", 2 },   [ABS] = { "abs", 1 }, [NEG] = { "neg", 1 },
    [EX2] = { "ex2", 1 }, [TANH] = { "tanh", 1 },
};

static double result_of(const ptx_instruction *i, const double v[3])
{
    switch ((operation)i->variant) {
    case ADD: return v[0] + v[1];
    case SUB: return v[0] - v[1];
    case MUL: return v[0] * v[1];
    case FMA: return ptx_fma_to_odd(v[0], v[1], v[2]);
    case MIN: return ptx_extreme(v[0], v[1], true, i->flags);
    case MAX: return ptx_extreme(v[0], v[1], false, i->flags);
    case EX2: return exp2(v[0]);
    default: return tanh(v[0]);
    }
}

/* f16 subnormals: below 2^-14. */
static double flushed(double value, const ptx_instruction *i)
{
    const double smallest = i->from_type == PTX_F16 ? 0x1p-14 : 0x1p-126;

    return i->flags & PTX_FLAG_FLUSH && fabs(value) < smallest ? copysign(0, value) : value;
}

static uint32_t half_result(const ptx_instruction *i, const uint32_t bits[3])
{
    const ptx_type type = (ptx_type)i->from_type;
    double v[3] = { 0 };

    if (i->variant == NEG) {
        return bits[0] ^ 0x8000;
    }
    if (i->variant == ABS) {
        return bits[0] & 0x7fff;
    }
    for (uint32_t k = 0; k < i->source_count; ++k) {
        v[k] = flushed(ptx_small_value(bits[k], type), i);
    }
    double value = result_of(i, v);

    if (i->flags & PTX_FLAG_SATURATE) {
        value = value > 0 ? (value < 1 ? value : 1) : 0;
    }
    if (i->flags & PTX_FLAG_RELU && value < 0) {
        value = 0;
    }
    return ptx_small_bits(flushed(value, i), type, false, false);
}

static void execute_half(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t count = ptx_type_bytes((ptx_type)i->type) / 2;
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        uint64_t result = 0;

        for (uint32_t part = 0; part < count; ++part) {
            uint32_t bits[3] = { 0 };

            for (uint32_t k = 0; k < i->source_count; ++k) {
                bits[k] = (uint32_t)(ptx_source(warp, i, k)[lane] >> (16 * part)) & 0xffff;
            }
            result |= (uint64_t)half_result(i, bits) << (16 * part);
        }
        d[lane] = result;
    }
}

bool ptx_build_half(ptx_statement *statement, ptx_type type)
{
    ptx_instruction *i = &statement->instruction;
    uint32_t o = 0;

    while (o < OPERATIONS && strcmp(operations[o].name, statement->words[0]) != 0) {
        ++o;
    }
    if (o == OPERATIONS ||
        (type != PTX_F16 && type != PTX_F16X2 && type != PTX_BF16 && type != PTX_BF16X2)) {
        return ptx_refuse(statement, "not with this type");
    }
    i->type = (uint8_t)type;
    i->from_type = type == PTX_F16 || type == PTX_F16X2 ? PTX_F16 : PTX_BF16;
    i->variant = (uint8_t)o;
    ptx_take(statement, o >= EX2 ? "approx" : "rn");
    ptx_take_float_flags(statement);
    if (o == FMA) {
        i->flags |= ptx_take(statement, "relu") ? PTX_FLAG_RELU : 0;
    }
    if ((o == MIN || o == MAX) && !ptx_take_extreme_flags(statement)) {
        return false;
    }
    i->execute = execute_half;
    return ptx_operands_simple(statement, operations[o].source_count);
}
