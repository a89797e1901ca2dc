/* cp.async: each lane's copies belong to groups, numbered as the lane commits them. When a copy
 * moves its bytes, between its beginning and the wait for it, is the schedule's choice. */
#include "standin/ptx/async_copy.h"

#include "standin/ptx/array.h"
#include "standin/ptx/builders.h"
#include "standin/ptx/counts.h"
#include "standin/ptx/mbarriers.h"
#include "standin/ptx/memory.h"
#include "standin/ptx/races.h"

typedef struct async_copy {
    uint64_t source;
    uint32_t shared_offset;
    uint32_t group;
    uint32_t number;    /* as they began */
    uint32_t execution; /* for races */
    uint8_t lane;
    uint8_t bytes;
    uint8_t source_bytes; /* the rest is zero */
    bool is_done;
} async_copy;

/* Of a lane at an mbarrier, once its copies are done. */
typedef struct async_arrival {
    const ptx_instruction *instruction;
    uint32_t mbarrier;
    uint32_t copies; /* that had begun */
    uint8_t lane;
} async_arrival;

struct ptx_copies {
    async_copy *copies; /* not yet waited for, in the order in which they began */
    uint32_t count;
    uint32_t begun;
    async_arrival *arrivals;
    uint32_t arrival_count;
    uint32_t committed[PTX_LANES]; /* groups */
};

enum {
    SOURCES = 2 /* addresses; the third source is the size or the predicate */
};

ptx_copies *ptx_copies_create(void)
{
    return ptx_allocate(1, sizeof(ptx_copies));
}

void ptx_copies_destroy(ptx_copies *copies)
{
    free(copies->arrivals);
    free(copies->copies);
    free(copies);
}

void ptx_copies_clear(ptx_copies *copies)
{
    copies->count = 0;
    copies->arrival_count = 0;
    memset(copies->committed, 0, sizeof copies->committed);
}

static void copy_move(const ptx_block *block, async_copy *copy)
{
    uint8_t *to = block->shared + copy->shared_offset;

    memcpy(to, (const void *)(uintptr_t)copy->source, copy->source_bytes);
    memset(to + copy->source_bytes, 0, (size_t)copy->bytes - copy->source_bytes);
    copy->is_done = true;
}

bool ptx_copies_are_early(ptx_run *run)
{
    switch (run->launch->schedule.copies) {
    case PTX_COPY_LATE: return false;
    case PTX_COPY_EARLY: return true;
    default: return ptx_random(run) & 1;
    }
}

bool ptx_copies_hesitate(ptx_run *run)
{
    return run->launch->schedule.copies == PTX_COPY_RANDOM && ptx_random(run) & 1;
}

static bool destinations_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                               const uint64_t *offsets, const uint64_t *sources, uint32_t bytes)
{
    const ptx_block *block = warp->block;

    PTX_EACH_LANE(lane, lanes)
    {
        if ((offsets[lane] | sources[lane]) & (bytes - 1)) {
            ptx_fault(warp, i, lane, "misaligned copy of %u bytes from 0x%llx to %llu", bytes,
                      (unsigned long long)sources[lane], (unsigned long long)offsets[lane]);
            return false;
        }
        if (!ptx_shared_check(warp, i, lane, offsets[lane], bytes)) {
            return false;
        }
        if (block->pending_count && ptx_shared_is_pending(block, offsets[lane], bytes)) {
            ptx_fault(warp, i, lane, "copy to shared memory at %llu, where another is under way",
                      (unsigned long long)offsets[lane]);
            return false;
        }
        if (block->has_async &&
            !ptx_shared_is_free(warp, i, lane, offsets[lane], bytes, PTX_ACCESS_WRITE)) {
            return false;
        }
    }
    return true;
}

/* Lanes that read equally much are looked at together. */
static bool sources_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                          const uint64_t *sources, const uint8_t *sizes)
{
    while (lanes) {
        const uint8_t size = sizes[ptx_lowest_lane(lanes)];
        uint32_t alike = 0;

        PTX_EACH_LANE(lane, lanes)
        {
            alike |= sizes[lane] == size ? 1u << lane : 0;
        }
        if (!ptx_global_check(warp, i, alike, sources, size, false) ||
            (warp->block->has_async &&
             !ptx_global_is_free(warp, i, alike, sources, size, PTX_ACCESS_READ))) {
            return false;
        }
        if (warp->block->run->races) {
            ptx_races_access(warp, i, alike, false, sources, size, PTX_ACCESS_READ);
        }
        lanes &= ~alike;
    }
    return true;
}

static uint32_t bytes_read(const ptx_instruction *i, uint64_t size, uint32_t bytes)
{
    if (i->source_count == SOURCES) {
        return bytes;
    }
    if (i->variant) { /* ignore-src */
        return ((size & 1) != 0) != ((i->flags & PTX_FLAG_NEGATED) != 0) ? 0 : bytes;
    }
    return (uint32_t)size;
}

static void execute_copy(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_block *block = warp->block;
    ptx_run *run = block->run;
    const uint32_t bytes = i->type;
    const uint64_t *to = ptx_source(warp, i, 0);
    const uint64_t *from = ptx_source(warp, i, 1);
    const uint64_t *sizes = ptx_source(warp, i, 2); /* the sink where there is none */
    uint64_t offsets[PTX_LANES] = { 0 };
    uint64_t sources[PTX_LANES] = { 0 };
    uint8_t read_bytes[PTX_LANES] = { 0 };
    uint32_t reading = 0;

    PTX_EACH_LANE(lane, lanes)
    {
        offsets[lane] = (uint32_t)(to[lane] + (uint64_t)i->offset);
        sources[lane] = from[lane] + (uint64_t)i->second_offset;
        const uint32_t size = bytes_read(i, sizes[lane], bytes);

        if (size > bytes) {
            ptx_fault(warp, i, lane, "copy of %u of %u bytes", size, bytes);
            return;
        }
        read_bytes[lane] = (uint8_t)size;
        reading |= size ? 1u << lane : 0;
    }
    if (!destinations_check(warp, i, lanes, offsets, sources, bytes) ||
        !sources_check(warp, i, reading, sources, read_bytes)) {
        return;
    }
    if (reading) {
        ptx_count_global(run, reading, sources, read_bytes, false);
    }
    ptx_count_shared(&run->report->counts, lanes, offsets, bytes);
    if (run->races) {
        ptx_races_access(warp, i, lanes, true, offsets, bytes, PTX_ACCESS_WRITE);
    }
    PTX_EACH_LANE(copying, lanes)
    {
        async_copy *copy = PTX_APPEND(warp->copies->copies, warp->copies->count);

        *copy = (async_copy){
            .source = sources[copying],
            .shared_offset = (uint32_t)offsets[copying],
            .group = warp->copies->committed[copying],
            .number = warp->copies->begun,
            .execution = run->races ? ptx_races_execution(run->races) : 0,
            .lane = (uint8_t)copying,
            .bytes = (uint8_t)bytes,
            .source_bytes = read_bytes[copying],
        };
        ptx_shared_pending_add(block, copy->shared_offset, bytes, 1);
        if (ptx_copies_are_early(run)) {
            copy_move(block, copy);
        }
    }
    ++warp->copies->begun;
}

static void execute_commit(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    (void)i;
    PTX_EACH_LANE(lane, lanes)
    {
        ++warp->copies->committed[lane];
    }
}

static void copy_finish(ptx_warp *warp, const ptx_instruction *i, async_copy *copy)
{
    ptx_block *block = warp->block;
    const uint32_t lane = copy->lane;

    ptx_shared_pending_add(block, copy->shared_offset, copy->bytes, -1);
    if (!copy->is_done) {
        copy_move(block, copy);
    }
    if (block->run->races) { /* it may have been written until now */
        uint64_t offsets[PTX_LANES];

        offsets[lane] = copy->shared_offset;
        ptx_races_access(warp, i, 1u << lane, true, offsets, copy->bytes, PTX_ACCESS_WRITE);
    }
}

static void execute_wait(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_copies *copies = warp->copies;
    uint32_t kept = 0;

    for (uint32_t k = 0; k < copies->count; ++k) {
        async_copy *copy = &copies->copies[k];
        const uint32_t committed = copies->committed[copy->lane];
        const bool is_waited_for =
            (lanes >> copy->lane & 1) &&
            (i->variant || (uint64_t)copy->group + (uint64_t)i->offset < committed);

        if (is_waited_for) {
            copy_finish(warp, i, copy);
        } else {
            copies->copies[kept++] = *copy;
        }
    }
    copies->count = kept;
}

uint32_t ptx_copies_arrivals(const ptx_copies *copies, uint32_t mbarrier)
{
    uint32_t arrivals = 0;

    for (uint32_t k = 0; k < copies->arrival_count; ++k) {
        arrivals += copies->arrivals[k].mbarrier == mbarrier;
    }
    return arrivals;
}

/* Finishes the copies that the arrival awaits: they are known to those who see its phase done. */
static void arrival_finish(ptx_warp *warp, const async_arrival *arrival)
{
    ptx_copies *copies = warp->copies;
    ptx_block *block = warp->block;
    uint32_t kept = 0;

    for (uint32_t k = 0; k < copies->count; ++k) {
        async_copy *copy = &copies->copies[k];

        if (copy->lane != arrival->lane || copy->number >= arrival->copies) {
            copies->copies[kept++] = *copy;
            continue;
        }
        ptx_shared_pending_add(block, copy->shared_offset, copy->bytes, -1);
        if (!copy->is_done) {
            copy_move(block, copy);
        }
        if (block->run->races) {
            const ptx_proxy_range range = { .address = copy->shared_offset,
                                            .bytes = copy->bytes,
                                            .is_shared = true };

            ptx_races_proxy_done(block, &range, copy->execution, arrival->mbarrier);
        }
    }
    copies->count = kept;
    ptx_mbarrier_arrive(warp, arrival->instruction, arrival->lane,
                        &block->mbarriers->slots[arrival->mbarrier], 1);
}

void ptx_copies_arrive(ptx_warp *warp, uint32_t mbarrier)
{
    ptx_copies *copies = warp->copies;
    uint32_t kept = 0;

    for (uint32_t k = 0; k < copies->arrival_count; ++k) {
        const async_arrival arrival = copies->arrivals[k];

        if (arrival.mbarrier == mbarrier && !warp->block->run->has_failed) {
            arrival_finish(warp, &arrival);
        } else {
            copies->arrivals[kept++] = arrival;
        }
    }
    copies->arrival_count = kept;
}

/* cp.async.mbarrier.arrive */
static void execute_arrival(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_copies *copies = warp->copies;

    PTX_EACH_LANE(lane, lanes)
    {
        ptx_mbarrier *mbarrier = ptx_mbarriers_use(warp, i, lane);

        if (!mbarrier) {
            return;
        }
        const async_arrival arrival = { .instruction = i,
                                        .mbarrier = ptx_mbarrier_number(warp->block, mbarrier),
                                        .copies = copies->begun,
                                        .lane = (uint8_t)lane };

        if (!i->variant) {
            ptx_mbarrier_await(warp, i, lane, mbarrier);
        }
        if (ptx_copies_are_early(warp->block->run)) {
            arrival_finish(warp, &arrival);
        } else {
            *PTX_APPEND(copies->arrivals, copies->arrival_count) = arrival;
        }
    }
}

static bool arrival_build(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;

    i->execute = execute_arrival;
    i->variant = ptx_take(statement, "noinc");
    if (!ptx_take(statement, "arrive") || statement->operand_count != 1) {
        return ptx_refuse(statement, "needs .arrive and an address");
    }
    return ptx_operand_mbarrier(statement, 0);
}

static bool wait_build(ptx_statement *statement, bool is_all)
{
    uint64_t groups = 0;

    statement->instruction.execute = execute_wait;
    statement->instruction.variant = is_all;
    if (!is_all && !ptx_operand_literal(statement, 0, &groups)) {
        return false;
    }
    statement->instruction.offset = (int64_t)groups;
    return true;
}

static bool copy_build(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool is_all_levels = ptx_take(statement, "ca");
    const bool is_global_level = ptx_take(statement, "cg");
    const bool has_hint = ptx_take(statement, "L2::cache_hint");
    uint64_t bytes;

    if ((!is_all_levels && !is_global_level) || !ptx_take(statement, "global") ||
        ptx_take_space(statement) != PTX_SHARED) {
        return ptx_refuse(statement, "needs .ca or .cg, .shared and .global");
    }
    ptx_take_cache_hints(statement);
    if (!ptx_operand_address(statement, 0) || !ptx_operand_address(statement, 1) ||
        !ptx_operand_literal(statement, 2, &bytes)) {
        return false;
    }
    if (bytes != 16 && (is_global_level || (bytes != 4 && bytes != 8))) {
        return ptx_refuse(statement, "copies 16 bytes, with .ca also 4 or 8");
    }
    i->type = (uint8_t)bytes;
    i->execute = execute_copy;
    if (statement->operand_count - has_hint > 3 && !ptx_operand_sources(statement, 3)) {
        return false;
    }
    i->variant = statement->operand_count - has_hint > 3 && statement->operands[3].is_predicate;
    return true;
}

bool ptx_build_copy(ptx_statement *statement)
{
    if (!ptx_take(statement, "async")) {
        return ptx_refuse(statement, "unknown instruction");
    }
    if (ptx_take(statement, "bulk")) {
        return ptx_build_bulk_copy(statement);
    }
    if (ptx_take(statement, "commit_group")) {
        statement->instruction.execute = execute_commit;
        return true;
    }
    if (ptx_take(statement, "wait_group")) {
        return wait_build(statement, false);
    }
    if (ptx_take(statement, "wait_all")) {
        return wait_build(statement, true);
    }
    if (ptx_take(statement, "mbarrier")) {
        return arrival_build(statement);
    }
    return copy_build(statement);
}
