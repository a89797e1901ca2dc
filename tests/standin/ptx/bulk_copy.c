/* cp.async.bulk: the async proxy copies between global and shared memory, early or late. */
#include "standin/ptx/bulk_copy.h"

#include "standin/ptx/array.h"
#include "standin/ptx/async_copy.h"
#include "standin/ptx/builders.h"
#include "standin/ptx/counts.h"
#include "standin/ptx/mbarriers.h"
#include "standin/ptx/memory.h"
#include "standin/ptx/races.h"

typedef struct bulk_copy {
    ptx_warp *warp;
    const ptx_instruction *instruction;
    uint32_t lane;
    uint32_t shared;
    uint64_t global;
    uint32_t bytes;
    bool is_store;      /* to global memory */
    bool is_moved;      /* the bytes are where they shall be */
    bool is_read;       /* and their lane knows that they were read */
    uint32_t mbarrier;  /* of a load: its number */
    uint32_t group;     /* of a store */
    uint32_t execution; /* of the source, and of the destination, for races */
    uint32_t execution_to;
} bulk_copy;

struct ptx_bulk_copies {
    bulk_copy *copies; /* in the order in which they began */
    uint32_t count;
    uint32_t committed[PTX_LANES * PTX_LANES]; /* groups, of each thread */
};

enum {
    GRAIN = 16, /* of addresses and sizes */
    SIZE = 2,   /* the sources */
    MBARRIER = 3
};

ptx_bulk_copies *ptx_bulk_copies_create(void)
{
    return ptx_allocate(1, sizeof(ptx_bulk_copies));
}

void ptx_bulk_copies_destroy(ptx_bulk_copies *copies)
{
    free(copies->copies);
    free(copies);
}

void ptx_bulk_copies_clear(ptx_bulk_copies *copies)
{
    copies->count = 0;
    memset(copies->committed, 0, sizeof copies->committed);
}

static ptx_proxy_range source_of(const bulk_copy *copy)
{
    return (ptx_proxy_range){ .address = copy->is_store ? copy->shared : copy->global,
                              .bytes = copy->bytes,
                              .is_shared = copy->is_store };
}

static ptx_proxy_range destination_of(const bulk_copy *copy)
{
    return (ptx_proxy_range){ .address = copy->is_store ? copy->global : copy->shared,
                              .bytes = copy->bytes,
                              .is_shared = !copy->is_store,
                              .is_write = true };
}

static bool is_met(const ptx_proxy_range *range, bool is_shared, uint64_t address, uint32_t bytes)
{
    return range->is_shared == is_shared && range->address < address + bytes &&
           address < range->address + range->bytes;
}

bool ptx_bulk_copies_meet(const ptx_block *block, bool is_shared, uint64_t address, uint32_t bytes,
                          bool is_write)
{
    for (uint32_t k = 0; k < block->bulk_copies->count; ++k) {
        const bulk_copy *copy = &block->bulk_copies->copies[k];
        const ptx_proxy_range source = source_of(copy);
        const ptx_proxy_range destination = destination_of(copy);

        if (is_met(&destination, is_shared, address, bytes) ||
            (is_write && !copy->is_read && is_met(&source, is_shared, address, bytes))) {
            return true;
        }
    }
    return false;
}

static void copy_move(bulk_copy *copy)
{
    uint8_t *shared = copy->warp->block->shared + copy->shared;
    void *global = (void *)(uintptr_t)copy->global; /* NOLINT(performance-no-int-to-ptr) */

    if (copy->is_moved) {
        return;
    }
    memcpy(copy->is_store ? global : shared, copy->is_store ? shared : global, copy->bytes);
    copy->is_moved = true;
}

static void copy_remove(ptx_bulk_copies *copies, uint32_t index)
{
    --copies->count;
    memmove(&copies->copies[index], &copies->copies[index + 1],
            (copies->count - index) * sizeof *copies->copies);
}

static void load_finish(ptx_block *block, uint32_t index)
{
    bulk_copy copy = block->bulk_copies->copies[index];
    ptx_mbarrier *mbarrier = &block->mbarriers->slots[copy.mbarrier];

    copy_move(&copy);
    copy_remove(block->bulk_copies, index);
    if (block->run->races) {
        const ptx_proxy_range source = source_of(&copy);
        const ptx_proxy_range destination = destination_of(&copy);

        ptx_races_proxy_done(block, &source, copy.execution, copy.mbarrier);
        ptx_races_proxy_done(block, &destination, copy.execution_to, copy.mbarrier);
    }
    ptx_mbarrier_complete(copy.warp, copy.instruction, copy.lane, mbarrier, copy.bytes);
}

/* The first load under way that is to complete at that mbarrier; their count: none. */
static uint32_t load_find(const ptx_bulk_copies *copies, uint32_t mbarrier)
{
    uint32_t k = 0;

    while (k < copies->count &&
           (copies->copies[k].is_store || copies->copies[k].mbarrier != mbarrier)) {
        ++k;
    }
    return k;
}

bool ptx_bulk_copies_await(const ptx_block *block, uint32_t mbarrier)
{
    return load_find(block->bulk_copies, mbarrier) < block->bulk_copies->count;
}

bool ptx_bulk_copies_finish_one(ptx_block *block, uint32_t mbarrier)
{
    const uint32_t found = load_find(block->bulk_copies, mbarrier);

    if (found == block->bulk_copies->count) {
        return false;
    }
    load_finish(block, found);
    return true;
}

/* The lane has waited for the store, or for no more than its reads. */
static void store_wait(bulk_copy *copy)
{
    const ptx_proxy_range source = source_of(copy);

    copy_move(copy);
    if (copy->warp->block->run->races && !copy->is_read) {
        ptx_races_proxy_access(copy->warp, copy->instruction, copy->lane, &source);
    }
    copy->is_read = true;
}

void ptx_bulk_copies_end(ptx_block *block)
{
    for (uint32_t k = 0; k < block->bulk_copies->count; ++k) {
        bulk_copy *copy = &block->bulk_copies->copies[k];

        if (!copy->is_read) {
            ptx_fault(copy->warp, copy->instruction, copy->lane,
                      "the block ends while its bulk copy %s shared memory is under way",
                      copy->is_store ? "from" : "to");
        }
    }
}

static bool place_check(const bulk_copy *copy)
{
    ptx_warp *warp = copy->warp;
    const ptx_instruction *i = copy->instruction;
    uint64_t addresses[PTX_LANES];

    if ((copy->global | copy->shared | copy->bytes) % GRAIN) {
        ptx_fault(warp, i, copy->lane,
                  "misaligned bulk copy of %u bytes between global 0x%llx and shared %u",
                  copy->bytes, (unsigned long long)copy->global, copy->shared);
        return false;
    }
    addresses[copy->lane] = copy->global;
    return ptx_shared_check(warp, i, copy->lane, copy->shared, copy->bytes) &&
           ptx_shared_is_free(warp, i, copy->lane, copy->shared, copy->bytes,
                              copy->is_store ? PTX_ACCESS_READ : PTX_ACCESS_WRITE) &&
           ptx_global_check(warp, i, 1u << copy->lane, addresses, copy->bytes, copy->is_store) &&
           ptx_global_is_free(warp, i, 1u << copy->lane, addresses, copy->bytes,
                              copy->is_store ? PTX_ACCESS_WRITE : PTX_ACCESS_READ);
}

static void copy_begin(bulk_copy *copy)
{
    ptx_block *block = copy->warp->block;
    ptx_run *run = block->run;

    ptx_count_bulk(run, copy->global, copy->bytes, copy->is_store);
    if (run->races) {
        const ptx_proxy_range source = source_of(copy);
        const ptx_proxy_range destination = destination_of(copy);

        copy->execution =
            ptx_races_proxy_access(copy->warp, copy->instruction, copy->lane, &source);
        copy->execution_to =
            ptx_races_proxy_access(copy->warp, copy->instruction, copy->lane, &destination);
    }
    block->has_async = true;
    if (ptx_copies_are_early(run)) {
        copy_move(copy);
    }
    *PTX_APPEND(block->bulk_copies->copies, block->bulk_copies->count) = *copy;
}

static bulk_copy copy_of(ptx_warp *warp, const ptx_instruction *i, uint32_t lane)
{
    const bool is_store = i->variant;
    const uint64_t to = ptx_source(warp, i, 0)[lane] + (uint64_t)i->offset;
    const uint64_t from = ptx_source(warp, i, 1)[lane] + (uint64_t)i->second_offset;

    return (bulk_copy){
        .warp = warp,
        .instruction = i,
        .lane = lane,
        .shared = (uint32_t)(is_store ? from : to),
        .global = is_store ? to : from,
        .bytes = (uint32_t)ptx_source(warp, i, SIZE)[lane],
        .is_store = is_store,
    };
}

static void execute_load(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_block *block = warp->block;

    PTX_EACH_LANE(lane, lanes)
    {
        bulk_copy copy = copy_of(warp, i, lane);
        const uint64_t *places = ptx_source(warp, i, MBARRIER);
        const uint32_t offset = (uint32_t)(places[lane] + (uint64_t)i->third_offset);
        const ptx_mbarrier *mbarrier = ptx_mbarriers_find(warp, i, lane, offset);

        if (mbarrier && !copy.bytes) {
            continue;
        }
        if (!mbarrier || !place_check(&copy)) {
            return;
        }
        copy.mbarrier = ptx_mbarrier_number(block, mbarrier);
        if (block->run->races) {
            ptx_races_proxy_signal(warp, i, lane, offset);
        }
        copy_begin(&copy);
        if (block->bulk_copies->copies[block->bulk_copies->count - 1].is_moved &&
            !ptx_copies_hesitate(block->run)) {
            load_finish(block, block->bulk_copies->count - 1);
        }
    }
}

static void execute_store(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    PTX_EACH_LANE(lane, lanes)
    {
        bulk_copy copy = copy_of(warp, i, lane);

        if (!copy.bytes) {
            continue;
        }
        if (!place_check(&copy)) {
            return;
        }
        copy.group = warp->block->bulk_copies->committed[warp->index * PTX_LANES + lane];
        copy_begin(&copy);
    }
}

static void execute_commit(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    (void)i;
    PTX_EACH_LANE(lane, lanes)
    {
        ++warp->block->bulk_copies->committed[warp->index * PTX_LANES + lane];
    }
}

/* variant: for reads only; offset: so many groups may be under way. */
static void execute_wait(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_bulk_copies *copies = warp->block->bulk_copies;

    for (uint32_t k = 0; k < copies->count;) {
        bulk_copy *copy = &copies->copies[k];
        const uint32_t committed = copies->committed[warp->index * PTX_LANES + copy->lane];
        const bool is_waited_for = copy->is_store && copy->warp == warp &&
                                   (lanes >> copy->lane & 1) &&
                                   (uint64_t)copy->group + (uint64_t)i->offset < committed;

        if (is_waited_for) {
            store_wait(copy);
        }
        if (is_waited_for && !i->variant) {
            const ptx_proxy_range destination = destination_of(copy);

            if (warp->block->run->races) {
                ptx_races_proxy_access(warp, copy->instruction, copy->lane, &destination);
            }
            copy_remove(copies, k);
        } else {
            ++k;
        }
    }
}

static bool wait_build(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    uint64_t groups;

    i->variant = ptx_take(statement, "read");
    i->execute = execute_wait;
    if (!ptx_operand_literal(statement, 0, &groups)) {
        return false;
    }
    i->offset = (int64_t)groups;
    return true;
}

/* .to.from behind cp.async.bulk */
static bool spaces_take(ptx_statement *statement, const char *to, const char *from)
{
    enum {
        TO = 3,
        FROM
    };

    return strcmp(statement->words[TO], to) == 0 && strcmp(statement->words[FROM], from) == 0 &&
           ptx_take(statement, to) && ptx_take(statement, from);
}

static bool copy_build(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool is_load = ptx_take(statement, "mbarrier::complete_tx::bytes");
    const uint32_t operands = (is_load ? 4u : 3u) + ptx_take(statement, "L2::cache_hint");

    i->variant = !is_load;
    i->execute = is_load ? execute_load : execute_store;
    if (is_load ? !spaces_take(statement, "shared::cluster", "global") &&
                      !spaces_take(statement, "shared::cta", "global")
                : !spaces_take(statement, "global", "shared::cta") ||
                      !ptx_take(statement, "bulk_group")) {
        return ptx_refuse(statement,
                          "needs .shared::cluster or ::cta, .global and "
                          ".mbarrier::complete_tx::bytes, or .global.shared::cta.bulk_group");
    }
    if (statement->operand_count != operands) {
        return ptx_refuse(statement, "the number of operands is wrong");
    }
    return ptx_operand_address(statement, 0) && ptx_operand_address(statement, 1) &&
           ptx_operand_sources(statement, SIZE) &&
           (!is_load || ptx_operand_address(statement, MBARRIER));
}

bool ptx_build_bulk_copy(ptx_statement *statement)
{
    if (ptx_take(statement, "tensor")) {
        return ptx_refuse(statement, "tensor maps are not supported");
    }
    if (ptx_take(statement, "multicast::cluster")) {
        return ptx_refuse(statement, "clusters of more than one block are not supported");
    }
    if (ptx_take(statement, "commit_group")) {
        statement->instruction.execute = execute_commit;
        return true;
    }
    return ptx_take(statement, "wait_group") ? wait_build(statement) : copy_build(statement);
}
