/* ld and st. */
#include "standin/ptx/builders.h"
#include "standin/ptx/memory.h"
#include "standin/ptx/races.h"

static ptx_access access_of(const ptx_instruction *i, bool is_write)
{
    if (i->flags & PTX_FLAG_ATOMIC) {
        return is_write ? PTX_ACCESS_ATOMIC : PTX_ACCESS_ATOMIC_READ;
    }
    return is_write ? PTX_ACCESS_WRITE : PTX_ACCESS_READ;
}

static void element_load(uint64_t *d, uint32_t lanes, uint8_t *const *places, uint32_t offset,
                         ptx_type type)
{
    const uint32_t bytes = ptx_type_bytes(type);
    const bool is_signed = ptx_type_is_signed(type);

    PTX_EACH_LANE(lane, lanes)
    {
        uint64_t value = 0;

        switch (bytes) {
        case 1: value = places[lane][offset]; break;
        case 2: memcpy(&value, places[lane] + offset, 2); break;
        case 4: memcpy(&value, places[lane] + offset, 4); break;
        default: memcpy(&value, places[lane] + offset, 8); break;
        }
        d[lane] = is_signed ? ptx_sign_extended(value, bytes) : value;
    }
}

static void execute_load(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t bytes = ptx_type_bytes((ptx_type)i->type);
    uint8_t *places[PTX_LANES];

    ptx_memory_places(warp, i, lanes, (ptx_space)i->space, ptx_source(warp, i, 0), i->offset,
                      bytes * i->destination_count, access_of(i, false), places);
    for (uint32_t k = 0; k < i->destination_count; ++k) {
        element_load(ptx_destination(warp, i, k), lanes, places, k * bytes, (ptx_type)i->type);
    }
    if (i->flags & PTX_FLAG_ACQUIRES) {
        ptx_races_acquire(warp, false);
    }
    if (i->flags & PTX_FLAG_ATOMIC) {
        warp->yields = true; /* who reads what others change may be waiting for it */
    }
}

/* Parameters are the same for all lanes, their addresses need not be: arrays are indexed. */
static void execute_load_parameter(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t bytes = ptx_type_bytes((ptx_type)i->type);
    const ptx_run *run = warp->block->run;
    const uint64_t *addresses = ptx_source(warp, i, 0);
    uint8_t *places[PTX_LANES];

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t offset = (uint32_t)(addresses[lane] + (uint64_t)i->offset);

        if (offset + (uint64_t)bytes * i->destination_count >
            run->launch->kernel->parameter_bytes) {
            ptx_fault(warp, i, lane, "a parameter at %llu, beyond all of them",
                      (unsigned long long)offset);
            return;
        }
        places[lane] = run->parameters + offset;
    }
    for (uint32_t k = 0; k < i->destination_count; ++k) {
        element_load(ptx_destination(warp, i, k), lanes, places, k * bytes, (ptx_type)i->type);
    }
}

static void execute_store(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t bytes = ptx_type_bytes((ptx_type)i->type);
    const uint32_t count = i->source_count - 1u;
    uint8_t *places[PTX_LANES];

    if (i->flags & PTX_FLAG_RELEASES) {
        ptx_races_fence(warp, false);
    }
    ptx_memory_places(warp, i, lanes, (ptx_space)i->space, ptx_source(warp, i, 0), i->offset,
                      bytes * count, access_of(i, true), places);
    for (uint32_t k = 0; k < count; ++k) {
        const uint64_t *values = ptx_source(warp, i, k + 1);

        PTX_EACH_LANE(lane, lanes)
        {
            memcpy(places[lane] + (size_t)k * bytes, &values[lane], bytes);
        }
    }
}

/* .weak .volatile .relaxed .acquire .release with their scopes. */
static void order_take(ptx_statement *statement)
{
    static const char *const scopes[] = { "cta", "cluster", "gpu", "sys", NULL };
    ptx_instruction *i = &statement->instruction;
    const bool is_release = ptx_take(statement, "release");
    const bool is_acquire = ptx_take(statement, "acquire");

    ptx_take(statement, "weak");
    ptx_take(statement, "mmio");
    if (ptx_take(statement, "volatile") || ptx_take(statement, "relaxed") || is_acquire ||
        is_release) {
        i->flags |= PTX_FLAG_ATOMIC;
    }
    i->flags |= is_release ? PTX_FLAG_RELEASES : 0;
    i->flags |= is_acquire ? PTX_FLAG_ACQUIRES : 0;
    ptx_take_one_of(statement, scopes);
}

static uint32_t vector_take(ptx_statement *statement)
{
    return ptx_take(statement, "v2")   ? 2
           : ptx_take(statement, "v4") ? 4
           : ptx_take(statement, "v8") ? 8
                                       : 1;
}

/* What both have; false: refused. */
static bool access_take(ptx_statement *statement, uint32_t address, uint32_t *vector_out)
{
    ptx_instruction *i = &statement->instruction;

    order_take(statement);
    i->space = (uint8_t)ptx_take_space(statement);
    ptx_take_cache_hints(statement);
    *vector_out = vector_take(statement);
    i->type = (uint8_t)ptx_take_type(statement);
    if (address < statement->operand_count && statement->operands[address].space != PTX_GENERIC) {
        i->space = (uint8_t)statement->operands[address].space;
    }
    const uint32_t bytes = ptx_type_bytes((ptx_type)i->type);

    if (bytes == 0 || bytes > 8 || i->type == PTX_PRED || bytes * *vector_out > 32) {
        return ptx_refuse(statement, "not with this type");
    }
    return true;
}

bool ptx_build_load(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    uint32_t vector;

    if (!access_take(statement, 1, &vector) || !ptx_operand_destinations(statement, 0) ||
        !ptx_operand_address(statement, 1)) {
        return false;
    }
    i->execute = i->space == PTX_PARAMETER ? execute_load_parameter : execute_load;
    return i->destination_count == vector || ptx_refuse(statement, "the vector has another length");
}

bool ptx_build_store(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    uint32_t vector;

    if (!access_take(statement, 0, &vector) || !ptx_operand_address(statement, 0) ||
        !ptx_operand_sources(statement, 1)) {
        return false;
    }
    i->execute = execute_store;
    i->flags |= PTX_FLAG_STORE;
    return i->source_count == vector + 1u || ptx_refuse(statement, "the vector has another length");
}
