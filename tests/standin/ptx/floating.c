/* Arithmetic of f32 and f64. */
#include "standin/ptx/builders.h"
#include "standin/ptx/elementwise.h"
#include "standin/ptx/extreme.h"
#include "standin/ptx/rounding.h"

#include <math.h>
#include <string.h>

typedef enum operation {
    ADD,
    SUB,
    MUL,
    FMA,
    DIV,
    MIN,
    MAX,
    ABS,
    NEG,
    RCP,
    SQRT,
    RSQRT,
    EX2,
    LG2,
    SIN,
    COS,
    TANH,
    OPERATIONS
} operation;

static const struct {
    const char *name;
    uint32_t source_count;
} operations[OPERATIONS] = {
    [ADD] = { "add", 2 },   [SUB] = { "sub", 2 }, [MUL] = { "mul", 2 },   [FMA] = { "fma", 3 },
    [DIV] = { "div", 2 },   [MIN] = { "min", 2 }, [MAX] = { "max", 2 },   [ABS] = { "abs", 1 },
    [NEG] = { "neg", 1 },   [RCP] = { "rcp", 1 }, [SQRT] = { "sqrt", 1 }, [RSQRT] = { "rsqrt", 1 },
    [EX2] = { "ex2", 1 },   [LG2] = { "lg2", 1 }, [SIN] = { "sin", 1 },   [COS] = { "cos", 1 },
    [TANH] = { "tanh", 1 },
};

/* What results in NaN has the bits that GPUs write. */
static uint64_t bits_f32(float value)
{
    return isnan(value) ? 0x7fffffff : ptx_bits_of_float(value);
}

#define X ptx_float_of(x)
#define Y ptx_float_of(y)
#define Z ptx_float_of(z)

/* The usual ones: rounded to nearest, subnormal numbers kept. */
PTX_BINARY(execute_add_f32, uint32_t, bits_f32(X + Y))
PTX_BINARY(execute_sub_f32, uint32_t, bits_f32(X - Y))
PTX_BINARY(execute_mul_f32, uint32_t, bits_f32(X *Y))
PTX_TERNARY(execute_fma_f32, uint32_t, bits_f32(fmaf(X, Y, Z)))
PTX_UNARY(execute_ex2_f32, uint32_t, bits_f32(exp2f(X)))

#undef X
#undef Y
#undef Z

static float flushed(float value, bool flushes)
{
    return flushes && fpclassify(value) == FP_SUBNORMAL ? copysignf(0.0f, value) : value;
}

/* Sources as ftz leaves them. */
static void floats_read(float values[3], const ptx_warp *warp, const ptx_instruction *i,
                        uint32_t lane)
{
    for (uint32_t k = 0; k < i->source_count; ++k) {
        values[k] = flushed(ptx_float_of(ptx_source(warp, i, k)[lane]), i->flags & PTX_FLAG_FLUSH);
    }
}

static double saturated(double value)
{
    return value > 0 ? (value < 1 ? value : 1) : 0; /* NaN becomes 0 too */
}

/* Functions that the GPU approximates: right to the last bit or nearly. */
static double approximated(operation o, double x)
{
    switch (o) {
    case RSQRT: return 1 / sqrt(x);
    case EX2: return exp2(x);
    case LG2: return log2(x);
    case SIN: return sin(x);
    case COS: return cos(x);
    default: return tanh(x);
    }
}

static float result_f32(const ptx_instruction *i, const float v[3])
{
    switch ((operation)i->variant) {
    case ADD: return ptx_add_f32(v[0], v[1], i->rounding);
    case SUB: return ptx_add_f32(v[0], -v[1], i->rounding);
    case MUL: return ptx_mul_f32(v[0], v[1], i->rounding);
    case FMA: return ptx_fma_f32(v[0], v[1], v[2], i->rounding);
    case DIV: return ptx_div_f32(v[0], v[1], i->rounding);
    case RCP: return ptx_div_f32(1.0f, v[0], i->rounding);
    case SQRT: return ptx_sqrt_f32(v[0], i->rounding);
    case MIN: return (float)ptx_extreme(v[0], v[1], true, i->flags);
    case MAX: return (float)ptx_extreme(v[0], v[1], false, i->flags);
    case ABS: return fabsf(v[0]);
    case NEG: return -v[0];
    default: return (float)approximated((operation)i->variant, v[0]);
    }
}

static void execute_f32(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        float v[3] = { 0 };

        floats_read(v, warp, i, lane);
        float value = flushed(result_f32(i, v), i->flags & PTX_FLAG_FLUSH);

        if (i->flags & PTX_FLAG_SATURATE) {
            value = (float)saturated(value);
        }
        d[lane] = bits_f32(value);
    }
}

static double result_f64(const ptx_instruction *i, const double v[3])
{
    switch ((operation)i->variant) {
    case ADD: return ptx_add_f64(v[0], v[1], i->rounding);
    case SUB: return ptx_add_f64(v[0], -v[1], i->rounding);
    case MUL: return ptx_mul_f64(v[0], v[1], i->rounding);
    case FMA: return ptx_fma_f64(v[0], v[1], v[2], i->rounding);
    case DIV: return ptx_div_f64(v[0], v[1], i->rounding);
    case RCP: return ptx_div_f64(1.0, v[0], i->rounding);
    case SQRT: return ptx_sqrt_f64(v[0], i->rounding);
    case MIN: return ptx_extreme(v[0], v[1], true, i->flags);
    case MAX: return ptx_extreme(v[0], v[1], false, i->flags);
    case ABS: return fabs(v[0]);
    case NEG: return -v[0];
    default: return approximated((operation)i->variant, v[0]);
    }
}

static void execute_f64(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        double v[3] = { 0 };

        for (uint32_t k = 0; k < i->source_count; ++k) {
            v[k] = ptx_double_of(ptx_source(warp, i, k)[lane]);
        }
        d[lane] = ptx_bits_of_double(result_f64(i, v));
    }
}

/* Signs are bits, also of NaN. */
PTX_UNARY(execute_abs_f32, uint32_t, x & 0x7fffffff)
PTX_UNARY(execute_neg_f32, uint32_t, x ^ 0x80000000)

static float quick_max(float x, float y)
{
    return x > y || isnan(y) ? x : y;
}

/* Zeros of both signs are rare: only they and NaN need care. */
PTX_BINARY(execute_max_f32, uint32_t,
           ptx_float_of(x) == ptx_float_of(y) || isnan(ptx_float_of(x))
               ? bits_f32((float)ptx_extreme(ptx_float_of(x), ptx_float_of(y), false, 0))
               : ptx_bits_of_float(quick_max(ptx_float_of(x), ptx_float_of(y))))

static ptx_execute quick_f32(const ptx_instruction *i)
{
    static const ptx_execute quick[OPERATIONS] = {
        [ADD] = execute_add_f32, [SUB] = execute_sub_f32, [MUL] = execute_mul_f32,
        [FMA] = execute_fma_f32, [MAX] = execute_max_f32, [ABS] = execute_abs_f32,
        [NEG] = execute_neg_f32, [EX2] = execute_ex2_f32,
    };

    return i->flags || i->rounding ? NULL : quick[i->variant];
}

static bool operation_find(const char *name, operation *operation_out)
{
    for (uint32_t k = 0; k < OPERATIONS; ++k) {
        if (strcmp(operations[k].name, name) == 0) {
            *operation_out = (operation)k;
            return true;
        }
    }
    if (strcmp(name, "mad") == 0) {
        *operation_out = FMA;
        return true;
    }
    return false;
}

bool ptx_build_floating(ptx_statement *statement, ptx_type type)
{
    ptx_instruction *i = &statement->instruction;
    operation o;

    if (!operation_find(statement->words[0], &o)) {
        return ptx_refuse(statement, "not with this type");
    }
    i->variant = (uint8_t)o;
    ptx_take_rounding(statement);
    ptx_take_float_flags(statement);
    if ((o == MIN || o == MAX) && !ptx_take_extreme_flags(statement)) {
        return false;
    }
    if (o == DIV) {
        (void)(ptx_take(statement, "approx") || ptx_take(statement, "full"));
    } else if (o >= RCP) {
        ptx_take(statement, "approx");
    }
    if (type == PTX_F64 && i->flags & PTX_FLAG_SATURATE) {
        return ptx_refuse(statement, ".sat is not for f64");
    }
    i->execute = type == PTX_F64 ? execute_f64 : execute_f32;
    if (type == PTX_F32 && quick_f32(i)) {
        i->execute = quick_f32(i);
    }
    return ptx_operands_simple(statement, operations[o].source_count);
}

bool ptx_build_function(ptx_statement *statement)
{
    const ptx_type type = ptx_take_type(statement);

    if (type == PTX_F32 || type == PTX_F64) {
        return ptx_build_floating(statement, type);
    }
    return ptx_build_half(statement, type);
}

PTX_BINARY(execute_copysign_f32, uint32_t, (y & 0x7fffffff) | (x & 0x80000000))
PTX_BINARY(execute_copysign_f64, uint64_t, (y & ~(1ull << 63)) | (x & 1ull << 63))

/* The sign of the first source with the value of the second. */
bool ptx_build_copysign(ptx_statement *statement)
{
    const ptx_type type = ptx_take_type(statement);

    statement->instruction.execute = type == PTX_F32   ? execute_copysign_f32
                                     : type == PTX_F64 ? execute_copysign_f64
                                                       : NULL;
    return statement->instruction.execute ? ptx_operands_simple(statement, 2)
                                          : ptx_refuse(statement, "not with this type");
}

static const char *const properties[] = { "finite", "infinite",  "number", "notanumber",
                                          "normal", "subnormal", NULL };

static bool has_property(double value, int class, int property)
{
    switch (property) {
    case 0: return isfinite(value);
    case 1: return isinf(value);
    case 2: return !isnan(value);
    case 3: return isnan(value);
    case 4: return class == FP_NORMAL;
    default: return class == FP_SUBNORMAL;
    }
}

static void execute_testp(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        const float single = ptx_float_of(a[lane]);
        const double value = i->type == PTX_F32 ? single : ptx_double_of(a[lane]);
        const int class = i->type == PTX_F32 ? fpclassify(single) : fpclassify(value);

        d[lane] = has_property(value, class, i->variant);
    }
}

bool ptx_build_testp(ptx_statement *statement)
{
    const int property = ptx_take_one_of(statement, properties);
    const ptx_type type = ptx_take_type(statement);

    if (property < 0 || (type != PTX_F32 && type != PTX_F64)) {
        return ptx_refuse(statement, "not with this property or type");
    }
    statement->instruction.variant = (uint8_t)property;
    statement->instruction.type = (uint8_t)type;
    statement->instruction.execute = execute_testp;
    return ptx_operands_simple(statement, 1);
}
