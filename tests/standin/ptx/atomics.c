/* atom, red and fences. */
#include "standin/ptx/builders.h"
#include "standin/ptx/memory.h"
#include "standin/ptx/passings.h"
#include "standin/ptx/races.h"
#include "standin/ptx/small_float.h"

#include <math.h>

typedef enum operation {
    ADD,
    MIN,
    MAX,
    AND,
    OR,
    XOR,
    EXCH,
    CAS,
    INC,
    DEC
} operation;

static uint64_t half_sum(uint64_t x, uint64_t y, ptx_type type)
{
    return ptx_small_bits(ptx_small_value((uint32_t)x & 0xffff, type) +
                              ptx_small_value((uint32_t)y & 0xffff, type),
                          type, false, false);
}

static uint64_t half_extreme(uint64_t x, uint64_t y, ptx_type type, bool is_minimum)
{
    const double a = ptx_small_value((uint32_t)x & 0xffff, type);
    const double b = ptx_small_value((uint32_t)y & 0xffff, type);

    return ptx_small_bits(is_minimum ? fmin(a, b) : fmax(a, b), type, false, false);
}

static uint64_t float_result(operation o, ptx_type type, uint64_t old, uint64_t operand)
{
    const ptx_type half = type == PTX_F16X2 || type == PTX_F16 ? PTX_F16 : PTX_BF16;

    switch (type) {
    case PTX_F32: return ptx_bits_of_float(ptx_float_of(old) + ptx_float_of(operand));
    case PTX_F64: return ptx_bits_of_double(ptx_double_of(old) + ptx_double_of(operand));
    default: /* one or a pair: what lies above one is not stored */
        return o == ADD
                   ? half_sum(old, operand, half) | half_sum(old >> 16, operand >> 16, half) << 16
                   : half_extreme(old, operand, half, o == MIN) |
                         half_extreme(old >> 16, operand >> 16, half, o == MIN) << 16;
    }
}

static bool is_less(ptx_type type, uint64_t x, uint64_t y)
{
    return ptx_type_is_signed(type) ? (int64_t)x < (int64_t)y : x < y;
}

static uint64_t integer_result(operation o, ptx_type type, uint64_t old, uint64_t operand,
                               uint64_t second)
{
    switch (o) {
    case ADD: return old + operand;
    case MIN: return is_less(type, operand, old) ? operand : old;
    case MAX: return is_less(type, old, operand) ? operand : old;
    case AND: return old & operand;
    case OR: return old | operand;
    case XOR: return old ^ operand;
    case EXCH: return operand;
    case CAS: return old == operand ? second : old;
    case INC: return old >= operand ? 0 : old + 1;
    default: return old == 0 || old > operand ? operand : old - 1;
    }
}

static void execute_atomic(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const ptx_type type = (ptx_type)i->type;
    const uint32_t bytes = ptx_type_bytes(type);
    const operation o = (operation)i->variant;
    const uint64_t *operands = ptx_source(warp, i, 1);
    const uint64_t *seconds = ptx_source(warp, i, 2); /* the sink where there is none */
    uint64_t *d = i->destination_count ? ptx_destination(warp, i, 0) : NULL;
    uint8_t *places[PTX_LANES];

    if (i->flags & PTX_FLAG_RELEASES) {
        ptx_races_fence(warp, false);
    }
    ptx_memory_places(warp, i, lanes, (ptx_space)i->space, ptx_source(warp, i, 0), i->offset, bytes,
                      PTX_ACCESS_ATOMIC, places);
    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t operand = ptx_extended(operands[lane], type);
        const uint64_t second = seconds[lane];
        uint64_t old = 0;

        memcpy(&old, places[lane], bytes);
        old = ptx_extended(old, type);
        const uint64_t result = ptx_type_is_float(type) && o <= MAX
                                    ? float_result(o, type, old, operand)
                                    : integer_result(o, type, old, operand, second);

        memcpy(places[lane], &result, bytes);
        if (d) {
            d[lane] = old;
        }
    }
    if (i->flags & PTX_FLAG_ACQUIRES) {
        ptx_races_acquire(warp, false);
    }
    if (o == CAS || o == EXCH) {
        warp->yields = true; /* a lock may be held by another warp */
    }
}

static bool type_fits(operation o, ptx_type type)
{
    if (ptx_type_is_float(type)) {
        return o == ADD || ((o == MIN || o == MAX) && type != PTX_F32 && type != PTX_F64);
    }
    return ptx_type_bytes(type) >= 4 || (o == CAS && type == PTX_B16);
}

bool ptx_build_atomic(ptx_statement *statement)
{
    static const char *const names[] = { "add",  "min", "max", "and", "or", "xor",
                                         "exch", "cas", "inc", "dec", NULL };
    static const char *const orders[] = { "acquire", "release", "acq_rel", "relaxed", NULL };
    static const uint32_t order_flags[] = { PTX_FLAG_ACQUIRES, PTX_FLAG_RELEASES,
                                            PTX_FLAG_ACQUIRES | PTX_FLAG_RELEASES, 0 };
    static const char *const scopes[] = { "cta", "cluster", "gpu", "sys", NULL };
    ptx_instruction *i = &statement->instruction;
    const bool has_result = strcmp(statement->words[0], "atom") == 0;
    const int order = ptx_take_one_of(statement, orders);

    ptx_take_one_of(statement, scopes);
    i->space = (uint8_t)ptx_take_space(statement);
    const int o = ptx_take_one_of(statement, names);

    ptx_take(statement, "noftz");
    const bool has_hint = ptx_take(statement, "L2::cache_hint");

    i->type = (uint8_t)ptx_take_type(statement);
    i->variant = (uint8_t)o;
    if (order >= 0) {
        i->flags = order_flags[order];
    }
    if (o < 0 || ptx_type_bytes((ptx_type)i->type) > 8 ||
        !type_fits((operation)o, (ptx_type)i->type)) {
        return ptx_refuse(statement, "not with this operation and type");
    }
    const uint32_t first = has_result ? 1 : 0;
    const uint32_t wanted = first + (o == CAS ? 3 : 2) + has_hint;

    if (statement->operand_count != wanted) {
        return ptx_refuse(statement, "the number of operands is wrong");
    }
    i->execute = execute_atomic;
    return (!has_result || ptx_operand_destinations(statement, 0)) &&
           ptx_operand_address(statement, first) && ptx_operand_sources(statement, first + 1) &&
           (o != CAS || ptx_operand_sources(statement, first + 2));
}

static void execute_fence(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    (void)lanes;
    ptx_races_fence(warp, i->variant);
}

static void execute_proxy_fence(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_races_proxy_fence(warp, lanes, i->variant);
}

/* fence.proxy of one space or of all, fence.mbarrier_init: they order nothing between threads. */
static bool proxy_fence_build(ptx_statement *statement, bool is_init)
{
    enum {
        GLOBAL = 1 << PTX_FENCED_GLOBAL,
        SHARED = 1 << PTX_FENCED_SHARED | 1 << PTX_FENCED_MBARRIERS
    };
    ptx_instruction *i = &statement->instruction;

    i->execute = execute_proxy_fence;
    if (is_init) {
        i->variant = 1 << PTX_FENCED_MBARRIERS;
        return (ptx_take(statement, "release") && ptx_take(statement, "cluster")) ||
               ptx_refuse(statement, "needs .release.cluster");
    }
    if (ptx_take(statement, "alias")) {
        return true;
    }
    if (!ptx_take(statement, "async")) {
        return ptx_refuse(statement, "needs .alias or .async");
    }
    const ptx_space space = ptx_take_space(statement);

    i->variant = space == PTX_GLOBAL ? GLOBAL : space == PTX_SHARED ? SHARED : GLOBAL | SHARED;
    return true;
}

/* A fence of the block orders nothing between blocks. */
bool ptx_build_fence(ptx_statement *statement)
{
    static const char *const known[] = { "sc",  "acq_rel", "acquire", "release", "cluster",
                                         "gpu", "gl",      "sys",     NULL };
    const bool is_init = ptx_take(statement, "mbarrier_init");

    if (is_init || ptx_take(statement, "proxy")) {
        return proxy_fence_build(statement, is_init);
    }
    statement->instruction.variant = ptx_take(statement, "cta");
    while (ptx_take_one_of(statement, known) >= 0) {
    }
    statement->instruction.execute = execute_fence;
    return true;
}
