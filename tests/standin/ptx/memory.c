#include "standin/ptx/memory.h"

#include "standin/ptx/bulk_copy.h"
#include "standin/ptx/counts.h"
#include "standin/ptx/mbarriers.h"
#include "standin/ptx/races.h"

static const char *access_name(ptx_access access)
{
    static const char *const names[] = { "read", "write", "atomic access", "read", "mbarrier" };

    return names[access];
}

static bool may_access(const ptx_run *run, uint64_t address, uint32_t bytes, bool is_write,
                       char *text)
{
    const ptx_memory *memory = &run->launch->memory;

    return !memory->may_access ||
           memory->may_access(memory->context, address, bytes, is_write, text);
}

/* Lanes side by side in ascending order are asked for at once. */
static bool are_adjacent(uint32_t lanes, const uint64_t *addresses, uint32_t bytes)
{
    uint64_t next = addresses[ptx_lowest_lane(lanes)];

    PTX_EACH_LANE(lane, lanes)
    {
        if (addresses[lane] != next) {
            return false;
        }
        next += bytes;
    }
    return true;
}

bool ptx_global_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                      const uint64_t *addresses, uint32_t bytes, bool is_write)
{
    const ptx_run *run = warp->block->run;
    const uint32_t count = (uint32_t)__builtin_popcount(lanes);
    char text[PTX_TEXT_BYTES] = "";

    if (are_adjacent(lanes, addresses, bytes) &&
        may_access(run, addresses[ptx_lowest_lane(lanes)], bytes * count, is_write, text)) {
        return true;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        if (!may_access(run, addresses[lane], bytes, is_write, text)) {
            ptx_fault(warp, i, lane, "global %s of %u bytes at 0x%llx: %.200s",
                      is_write ? "write" : "read", bytes, (unsigned long long)addresses[lane],
                      text);
            return false;
        }
    }
    return true;
}

bool ptx_shared_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint64_t offset,
                      uint32_t bytes)
{
    if (offset + bytes > warp->block->shared_bytes) {
        ptx_fault(warp, i, lane, "%u bytes at %llu of shared memory, which has %u", bytes,
                  (unsigned long long)offset, warp->block->shared_bytes);
        return false;
    }
    return true;
}

bool ptx_shared_is_pending(const ptx_block *block, uint64_t offset, uint32_t bytes)
{
    for (uint64_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word) {
        if (block->pending[word]) {
            return true;
        }
    }
    return false;
}

void ptx_shared_pending_add(ptx_block *block, uint64_t offset, uint32_t bytes, int by)
{
    for (uint64_t word = offset / 4; word <= (offset + bytes - 1) / 4; ++word) {
        block->pending[word] = (uint8_t)(block->pending[word] + by);
    }
    block->pending_count += (uint32_t)by;
}

bool ptx_shared_is_free(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint64_t offset,
                        uint32_t bytes, ptx_access access)
{
    const ptx_block *block = warp->block;
    const bool is_copied_to = block->pending_count && ptx_shared_is_pending(block, offset, bytes);

    if (is_copied_to ||
        ptx_bulk_copies_meet(block, true, offset, bytes, ptx_access_writes(access))) {
        ptx_fault(warp, i, lane,
                  "%s of shared memory at %llu, where an asynchronous copy is under way",
                  access_name(access), (unsigned long long)offset);
        return false;
    }
    if (ptx_mbarriers_meet(block, offset, bytes)) {
        ptx_fault(warp, i, lane, "%s of shared memory at %llu, where an mbarrier is",
                  access_name(access), (unsigned long long)offset);
        return false;
    }
    return true;
}

bool ptx_global_is_free(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                        const uint64_t *addresses, uint32_t bytes, ptx_access access)
{
    PTX_EACH_LANE(lane, lanes)
    {
        if (ptx_bulk_copies_meet(warp->block, false, addresses[lane], bytes,
                                 ptx_access_writes(access))) {
            ptx_fault(warp, i, lane,
                      "%s of global memory at 0x%llx, where an asynchronous copy is under way",
                      access_name(access), (unsigned long long)addresses[lane]);
            return false;
        }
    }
    return true;
}

static void shared_places(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                          const uint64_t *offsets, uint32_t bytes, ptx_access access,
                          uint8_t *places[PTX_LANES])
{
    const ptx_block *block = warp->block;

    PTX_EACH_LANE(lane, lanes)
    {
        if (!ptx_shared_check(warp, i, lane, offsets[lane], bytes)) {
            return;
        }
        if ((block->pending_count || block->has_async) &&
            !ptx_shared_is_free(warp, i, lane, offsets[lane], bytes, access)) {
            return;
        }
        places[lane] = block->shared + offsets[lane];
    }
    ptx_count_shared(&block->run->report->counts, lanes, offsets, bytes);
    if (block->run->races) {
        ptx_races_access(warp, i, lanes, true, offsets, bytes, access);
    }
}

static void global_places(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                          const uint64_t *addresses, uint32_t bytes, ptx_access access,
                          uint8_t *places[PTX_LANES])
{
    ptx_run *run = warp->block->run;
    uint8_t sizes[PTX_LANES];

    if (!ptx_global_check(warp, i, lanes, addresses, bytes, ptx_access_writes(access)) ||
        (warp->block->has_async && !ptx_global_is_free(warp, i, lanes, addresses, bytes, access))) {
        return;
    }
    memset(sizes, (int)bytes, sizeof sizes);
    PTX_EACH_LANE(lane, lanes)
    {
        places[lane] = (uint8_t *)(uintptr_t)addresses[lane];
    }
    ptx_count_global(run, lanes, addresses, sizes, ptx_access_writes(access));
    if (run->races) {
        ptx_races_access(warp, i, lanes, false, addresses, bytes, access);
    }
}

static void local_place(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint64_t offset,
                        uint32_t bytes, uint8_t *places[PTX_LANES])
{
    const ptx_block *block = warp->block;

    if (offset + bytes > block->local_bytes) {
        ptx_fault(warp, i, lane, "%u bytes at %llu of local memory, which has %u", bytes,
                  (unsigned long long)offset, block->local_bytes);
        return;
    }
    places[lane] =
        block->local + (size_t)(warp->index * PTX_LANES + lane) * block->local_bytes + offset;
}

static void parameter_place(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                            uint64_t offset, uint32_t bytes, ptx_access access,
                            uint8_t *places[PTX_LANES])
{
    const ptx_run *run = warp->block->run;

    if (offset + bytes > run->launch->kernel->parameter_bytes || ptx_access_writes(access)) {
        ptx_fault(warp, i, lane, "%s of %u bytes at %llu of the parameters, which have %u",
                  access_name(access), bytes, (unsigned long long)offset,
                  run->launch->kernel->parameter_bytes);
        return;
    }
    places[lane] = run->parameters + offset;
}

static ptx_space space_of(uint64_t address)
{
    switch (address & PTX_WINDOW_MASK) {
    case PTX_SHARED_BASE: return PTX_SHARED;
    case PTX_LOCAL_BASE: return PTX_LOCAL;
    case PTX_PARAMETER_BASE: return PTX_PARAMETER;
    default: return PTX_GLOBAL;
    }
}

/* Sorts the lanes by space and makes addresses relative to it; an address of a narrow space may
 * stand in a 32-bit register. */
static void lanes_sort(uint32_t lanes, ptx_space space, const uint64_t *base, int64_t offset,
                       uint64_t *addresses, uint32_t *lanes_of)
{
    if (space == PTX_GLOBAL || space == PTX_CONSTANT) {
        lanes_of[PTX_GLOBAL] = lanes;
        PTX_EACH_LANE(lane, lanes)
        {
            addresses[lane] = base[lane] + (uint64_t)offset;
        }
    } else if (space != PTX_GENERIC) {
        lanes_of[space] = lanes;
        PTX_EACH_LANE(lane, lanes)
        {
            addresses[lane] = (uint32_t)(base[lane] + (uint64_t)offset);
        }
    } else {
        PTX_EACH_LANE(lane, lanes)
        {
            const uint64_t address = base[lane] + (uint64_t)offset;
            const ptx_space own = space_of(base[lane]);

            lanes_of[own] |= 1u << lane;
            addresses[lane] = own == PTX_GLOBAL ? address : (uint32_t)address;
        }
    }
}

/* Loops over lanes are macros that nest. NOLINTNEXTLINE(readability-function-size) */
void ptx_memory_places(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes, ptx_space space,
                       const uint64_t *base, int64_t offset, uint32_t bytes, ptx_access access,
                       uint8_t *places[PTX_LANES])
{
    uint64_t addresses[PTX_LANES];
    uint32_t lanes_of[PTX_CONSTANT] = { 0 }; /* constants lie in global memory */

    lanes_sort(lanes, space, base, offset, addresses, lanes_of);
    PTX_EACH_LANE(lane, lanes)
    {
        places[lane] = warp->scratch;
        if (addresses[lane] & (bytes - 1)) {
            ptx_fault(warp, i, lane, "misaligned %s of %u bytes at 0x%llx", access_name(access),
                      bytes, (unsigned long long)addresses[lane]);
        }
    }
    if (warp->block->run->has_failed) {
        return;
    }
    if (lanes_of[PTX_GLOBAL]) {
        global_places(warp, i, lanes_of[PTX_GLOBAL], addresses, bytes, access, places);
    }
    if (lanes_of[PTX_SHARED]) {
        shared_places(warp, i, lanes_of[PTX_SHARED], addresses, bytes, access, places);
    }
    PTX_EACH_LANE(local, lanes_of[PTX_LOCAL])
    {
        local_place(warp, i, local, addresses[local], bytes, places);
    }
    PTX_EACH_LANE(parameter, lanes_of[PTX_PARAMETER])
    {
        parameter_place(warp, i, parameter, addresses[parameter], bytes, access, places);
    }
}
