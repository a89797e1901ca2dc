#include "standin/ptx/mbarriers.h"

#include "standin/ptx/array.h"
#include "standin/ptx/async_copy.h"
#include "standin/ptx/bulk_copy.h"
#include "standin/ptx/races.h"

enum {
    STUCK_AFTER = 256 /* waits in vain */
};

ptx_mbarriers *ptx_mbarriers_create(void)
{
    return ptx_allocate(1, sizeof(ptx_mbarriers));
}

void ptx_mbarriers_destroy(ptx_mbarriers *mbarriers)
{
    free(mbarriers);
}

void ptx_mbarriers_clear(ptx_mbarriers *mbarriers)
{
    memset(mbarriers, 0, sizeof *mbarriers);
}

static ptx_mbarrier *mbarrier_at(const ptx_block *block, uint64_t offset, uint32_t bytes)
{
    for (uint32_t k = 0; k < block->mbarriers->count; ++k) {
        ptx_mbarrier *mbarrier = &block->mbarriers->slots[k];

        if (mbarrier->is_live && mbarrier->offset < offset + bytes &&
            offset < mbarrier->offset + PTX_MBARRIER_BYTES) {
            return mbarrier;
        }
    }
    return NULL;
}

bool ptx_mbarriers_meet(const ptx_block *block, uint64_t offset, uint32_t bytes)
{
    return mbarrier_at(block, offset, bytes) != NULL;
}

ptx_mbarrier *ptx_mbarriers_find(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                                 uint32_t offset)
{
    ptx_mbarrier *mbarrier = mbarrier_at(warp->block, offset, PTX_MBARRIER_BYTES);

    if (!mbarrier) {
        ptx_fault(warp, i, lane, "there is no mbarrier at %u of shared memory", offset);
    }
    return mbarrier;
}

void ptx_mbarrier_init(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint32_t offset,
                       uint32_t count)
{
    ptx_mbarriers *mbarriers = warp->block->mbarriers;
    uint32_t free_slot = 0;

    while (free_slot < mbarriers->count && mbarriers->slots[free_slot].is_live) {
        ++free_slot;
    }
    if (count == 0 || count > PTX_MBARRIER_MOST) {
        ptx_fault(warp, i, lane, "mbarrier of %u arrivals, not of 1 to %d", count,
                  PTX_MBARRIER_MOST);
    } else if (free_slot == PTX_MBARRIERS) {
        ptx_fault(warp, i, lane, "more than %d mbarriers in a block", PTX_MBARRIERS);
    } else {
        mbarriers->slots[free_slot] = (ptx_mbarrier){
            .offset = offset, .is_live = true, .expected = count, .pending = count
        };
        mbarriers->count += free_slot == mbarriers->count;
        warp->block->has_async = true;
    }
}

static uint32_t async_arrivals(const ptx_block *block, uint32_t number)
{
    uint32_t arrivals = 0;

    for (uint32_t k = 0; k < block->warp_count; ++k) {
        arrivals += ptx_copies_arrivals(block->warps[k].copies, number);
    }
    return arrivals;
}

void ptx_mbarrier_inval(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                        ptx_mbarrier *mbarrier)
{
    const ptx_block *block = warp->block;
    const uint32_t number = ptx_mbarrier_number(block, mbarrier);

    if (async_arrivals(block, number) || ptx_bulk_copies_await(block, number)) {
        ptx_fault(warp, i, lane, "the mbarrier at %u is awaited by an asynchronous copy",
                  mbarrier->offset);
        return;
    }
    mbarrier->is_live = false;
    ++block->mbarriers->changes; /* who awaits it shall look again */
}

static void phase_end(ptx_block *block, ptx_mbarrier *mbarrier)
{
    ++block->mbarriers->changes;
    if (mbarrier->pending == 0 && mbarrier->tx_count == 0) {
        ++mbarrier->phase;
        mbarrier->pending = mbarrier->expected;
        ptx_races_mbarrier_complete(block, ptx_mbarrier_number(block, mbarrier));
    }
}

void ptx_mbarrier_await(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                        ptx_mbarrier *mbarrier)
{
    if (mbarrier->pending == PTX_MBARRIER_MOST) {
        ptx_fault(warp, i, lane, "more than %d arrivals at the mbarrier at %u", PTX_MBARRIER_MOST,
                  mbarrier->offset);
        return;
    }
    ++mbarrier->pending;
}

void ptx_mbarrier_arrive(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                         ptx_mbarrier *mbarrier, uint32_t count)
{
    if (count == 0 || count > mbarrier->pending) {
        ptx_fault(warp, i, lane, "%u arrivals at the mbarrier at %u, of %u that are pending", count,
                  mbarrier->offset, mbarrier->pending);
        return;
    }
    mbarrier->pending -= count;
    phase_end(warp->block, mbarrier);
}

static void tx_count_change(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                            ptx_mbarrier *mbarrier, int64_t by)
{
    const int64_t sum = mbarrier->tx_count + by;

    if (sum > PTX_MBARRIER_MOST || sum < -PTX_MBARRIER_MOST) {
        ptx_fault(warp, i, lane, "tx-count %lld of the mbarrier at %u, beyond %d either way",
                  (long long)sum, mbarrier->offset, PTX_MBARRIER_MOST);
        return;
    }
    mbarrier->tx_count = (int32_t)sum;
}

void ptx_mbarrier_expect(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                         ptx_mbarrier *mbarrier, uint32_t bytes)
{
    tx_count_change(warp, i, lane, mbarrier, bytes);
}

void ptx_mbarrier_complete(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                           ptx_mbarrier *mbarrier, uint32_t bytes)
{
    tx_count_change(warp, i, lane, mbarrier, -(int64_t)bytes);
    phase_end(warp->block, mbarrier);
}

bool ptx_mbarrier_go_on(ptx_block *block, const ptx_mbarrier *mbarrier)
{
    const uint32_t number = ptx_mbarrier_number(block, mbarrier);
    const uint32_t phase = mbarrier->phase;
    const uint32_t arrivals = async_arrivals(block, number);

    if (mbarrier->pending > arrivals || ptx_copies_hesitate(block->run)) {
        return false;
    }
    for (uint32_t k = 0; k < block->warp_count; ++k) {
        ptx_copies_arrive(&block->warps[k], number);
    }
    while (mbarrier->phase == phase && !block->run->has_failed &&
           ptx_bulk_copies_finish_one(block, number)) {
    }
    return mbarrier->phase != phase;
}

void ptx_mbarrier_wait_on(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                          const ptx_mbarrier *mbarrier)
{
    const uint64_t changes = warp->block->mbarriers->changes;

    warp->yields = true;
    ptx_warp_group(warp)->rests = true;
    warp->awaiting = i;
    warp->awaiting_lane = lane;
    warp->awaited = mbarrier->offset;
    if (warp->awaited_change != changes) {
        warp->awaited_change = changes;
        warp->fruitless_waits = 0;
    }
    ++warp->fruitless_waits;
}

bool ptx_mbarrier_is_stuck(const ptx_warp *warp)
{
    return warp->awaiting && warp->awaited_change == warp->block->mbarriers->changes &&
           warp->fruitless_waits >= STUCK_AFTER;
}

size_t ptx_mbarrier_describe(const ptx_warp *warp, char *text, size_t text_bytes)
{
    const ptx_mbarrier *mbarrier = mbarrier_at(warp->block, warp->awaited, PTX_MBARRIER_BYTES);

    return (size_t)snprintf(text, text_bytes,
                            "warp %u waits at the mbarrier at %u (phase %u, %u of %u arrivals "
                            "pending, tx-count %d)",
                            warp->index, warp->awaited, mbarrier->phase, mbarrier->pending,
                            mbarrier->expected, mbarrier->tx_count);
}
