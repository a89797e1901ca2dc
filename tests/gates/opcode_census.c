#include "gates/opcode_census.h"

static uint32_t width_index(uint32_t bytes)
{
    uint32_t index = 0;

    while (1u << index < bytes && index + 1 < CENSUS_WIDTHS) {
        index++;
    }
    return index;
}

bool census_has_width(opcode_kind kind)
{
    return kind == OPCODE_LDGSTS || (kind >= OPCODE_LD && kind <= OPCODE_STL);
}

void census_add(opcode_census *census, sass_word word, uint32_t arch)
{
    const opcode_kind kind = opcode_of(word);

    census->kinds[kind]++;
    if (kind == OPCODE_NOP) {
        return;
    }
    census->instructions++;
    if (census_has_width(kind)) {
        census->accesses[kind][width_index(opcode_access_bytes(word, arch))]++;
    } else if (kind == OPCODE_DEPBAR) {
        const uint32_t pending = opcode_pending_groups(word);
        if (pending > census->most_pending_groups) {
            census->most_pending_groups = pending;
        }
    }
}

void census_add_range(opcode_census *census, const kernel_code *kernel, uint32_t first,
                      uint32_t count)
{
    for (uint32_t index = first; index < first + count; index++) {
        census_add(census, kernel->words[index], kernel->arch);
    }
}

void census_add_block(opcode_census *census, const kernel_code *kernel, const flow_block *block)
{
    census_add_range(census, kernel, block->first, block->count);
    if (block->is_jump_by_call) {
        census->kinds[OPCODE_CALL]--;
        census->kinds[OPCODE_BRA]++;
    }
}

uint32_t census_narrow(const opcode_census *census, opcode_kind kind)
{
    uint32_t count = 0;

    for (uint32_t width = 0; width < CENSUS_NARROW_WIDTHS; width++) {
        count += census->accesses[kind][width];
    }
    return count;
}

uint32_t census_wide(const opcode_census *census, opcode_kind kind)
{
    return census->accesses[kind][4] + 2 * census->accesses[kind][5];
}

uint32_t census_bytes(const opcode_census *census, opcode_kind kind)
{
    uint32_t bytes = 0;

    for (uint32_t width = 0; width < CENSUS_WIDTHS; width++) {
        bytes += census->accesses[kind][width] << width;
    }
    return bytes;
}

uint32_t census_wide_loads(const opcode_census *census)
{
    return census_wide(census, OPCODE_LDGSTS) + census_wide(census, OPCODE_LDG) +
           census_wide(census, OPCODE_LD);
}

uint32_t census_narrow_loads(const opcode_census *census)
{
    return census_narrow(census, OPCODE_LDG) + census_narrow(census, OPCODE_LD);
}

uint32_t census_wide_stores(const opcode_census *census)
{
    return census_wide(census, OPCODE_STG) + census_wide(census, OPCODE_ST);
}

uint32_t census_narrow_stores(const opcode_census *census)
{
    return census_narrow(census, OPCODE_STG) + census_narrow(census, OPCODE_ST);
}

uint32_t census_mma(const opcode_census *census)
{
    return census->kinds[OPCODE_HMMA] + census->kinds[OPCODE_IMMA] + census->kinds[OPCODE_QMMA];
}
