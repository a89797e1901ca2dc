/* Values moved between registers, and addresses between spaces. */
#include "standin/ptx/builders.h"
#include "standin/ptx/elementwise.h"

PTX_UNARY(execute_move, uint64_t, x)

static void execute_clock(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] = ~warp->block->run->budget; /* goes up as instructions are executed */
    }
    warp->yields = true; /* who looks at the clock often waits for something */
}

static uint32_t part_bytes(const ptx_instruction *i, uint32_t parts)
{
    return ptx_type_bytes((ptx_type)i->type) / parts;
}

static void execute_pack(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t bytes = part_bytes(i, i->source_count);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        uint64_t value = 0;

        for (uint32_t k = 0; k < i->source_count; ++k) {
            value |= ptx_zero_extended(ptx_source(warp, i, k)[lane], bytes) << (8 * bytes * k);
        }
        d[lane] = value;
    }
}

static void execute_unpack(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t bytes = part_bytes(i, i->destination_count);
    const uint64_t *a = ptx_source(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t value = a[lane];

        for (uint32_t k = 0; k < i->destination_count; ++k) {
            ptx_destination(warp, i, k)[lane] = value >> (8 * bytes * k);
        }
    }
}

static bool is_clock(ptx_value value)
{
    return value == ptx_value_in(PTX_BANK_SPECIALS, PTX_CLOCK);
}

bool ptx_build_mov(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const ptx_type type = ptx_take_type(statement);

    i->type = (uint8_t)type;
    if (type == PTX_NO_TYPE || type == PTX_B128) {
        return ptx_refuse(statement, "not with this type");
    }
    if (!ptx_operands_simple(statement, 1)) {
        return false;
    }
    i->execute = i->destination_count > 1  ? execute_unpack
                 : i->source_count > 1     ? execute_pack
                 : is_clock(i->sources[0]) ? execute_clock
                                           : execute_move;
    if (i->destination_count > 1 && i->source_count > 1) {
        return ptx_refuse(statement, "one side has to be a single register");
    }
    return part_bytes(i, i->destination_count * i->source_count) > 0 ||
           ptx_refuse(statement, "parts are too narrow");
}

static uint64_t window_of(ptx_space space)
{
    return space == PTX_SHARED      ? PTX_SHARED_BASE
           : space == PTX_LOCAL     ? PTX_LOCAL_BASE
           : space == PTX_PARAMETER ? PTX_PARAMETER_BASE
                                    : 0;
}

static void execute_to_space(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t window = window_of((ptx_space)i->space);
    const uint64_t *a = ptx_source(warp, i, 0);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        if ((a[lane] & PTX_WINDOW_MASK) != window && a[lane]) {
            ptx_fault(warp, i, lane, "generic address 0x%llx is not in the space named",
                      (unsigned long long)a[lane]);
            return;
        }
        d[lane] = a[lane] - (a[lane] ? window : 0);
    }
}

static void execute_from_space(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t window = window_of((ptx_space)i->space);
    const uint64_t *a = ptx_source(warp, i, 0);
    uint64_t *d = ptx_destination(warp, i, 0);

    /* Offsets within a window may come from 32-bit registers. */
    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] = window ? window + (uint32_t)a[lane] : a[lane];
    }
}

bool ptx_build_cvta(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool is_to = ptx_take(statement, "to");

    i->space = (uint8_t)ptx_take_space(statement);
    const uint32_t bytes = ptx_type_bytes(ptx_take_type(statement));

    if (i->space == PTX_GENERIC || bytes != 8) {
        return ptx_refuse(statement, "needs a space and .u64");
    }
    i->execute = is_to ? execute_to_space : execute_from_space;
    return ptx_operands_simple(statement, 1);
}

static void execute_isspacep(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t window = window_of((ptx_space)i->space);
    const uint64_t *a = ptx_source(warp, i, 0);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] = (a[lane] & PTX_WINDOW_MASK) == window;
    }
}

bool ptx_build_isspacep(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;

    i->space = (uint8_t)ptx_take_space(statement);
    if (i->space == PTX_GENERIC || i->space == PTX_CONSTANT) {
        return ptx_refuse(statement, "not with this space");
    }
    i->execute = execute_isspacep;
    return ptx_operands_simple(statement, 1);
}

/* In a cluster of one block, every shared address is one's own. */
bool ptx_build_mapa(ptx_statement *statement)
{
    ptx_take_space(statement);
    if (ptx_take_type(statement) == PTX_NO_TYPE) {
        return ptx_refuse(statement, "needs a type");
    }
    statement->instruction.execute = execute_move;
    return ptx_operands_simple(statement, 2);
}
