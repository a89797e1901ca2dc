/** @file
 * The mbarriers of a block, and what happens to them (PTX ISA, mbarrier). Internal.
 *
 * A phase is done when no arrival is pending and the tx-count is 0; then the next one begins. What
 * is asynchronous arrives, or completes its bytes, when the schedule says: at once, or as late as
 * the wait that sees the phase done.
 *
 * What an mbarrier holds is kept here; its eight bytes of shared memory are not to be touched.
 */
#ifndef KVSPAN_STANDIN_PTX_MBARRIERS_H
#define KVSPAN_STANDIN_PTX_MBARRIERS_H

#include "standin/ptx/knowledge.h"
#include "standin/ptx/warp.h"

enum {
    PTX_MBARRIER_BYTES = 8,
    PTX_MBARRIER_MOST = (1 << 20) - 1 /* arrivals, and bytes of the tx-count either way */
};

typedef struct ptx_mbarrier {
    uint32_t offset; /* in shared memory */
    bool is_live;
    uint32_t phase;
    uint32_t expected;
    uint32_t pending; /* arrivals */
    int32_t tx_count;
} ptx_mbarrier;

struct ptx_mbarriers {
    ptx_mbarrier slots[PTX_MBARRIERS];
    uint32_t count;   /* of slots that have been used */
    uint64_t changes; /* arrivals and completions at any of them, and their ends */
};

ptx_mbarriers *ptx_mbarriers_create(void);
void ptx_mbarriers_destroy(ptx_mbarriers *mbarriers);
void ptx_mbarriers_clear(ptx_mbarriers *mbarriers);

/* Whether one has any of these bytes. */
bool ptx_mbarriers_meet(const ptx_block *block, uint64_t offset, uint32_t bytes);
/* NULL: a fault. */
ptx_mbarrier *ptx_mbarriers_find(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                                 uint32_t offset);
/* The one that the lane's instruction names by its address; NULL: a fault. */
ptx_mbarrier *ptx_mbarriers_use(ptx_warp *warp, const ptx_instruction *i, uint32_t lane);
static inline uint32_t ptx_mbarrier_number(const ptx_block *block, const ptx_mbarrier *mbarrier)
{
    return (uint32_t)(mbarrier - block->mbarriers->slots);
}

/* Each of these may be a fault of the lane, which has asked for it. */
void ptx_mbarrier_init(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint32_t offset,
                       uint32_t count);
void ptx_mbarrier_inval(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                        ptx_mbarrier *mbarrier);
/* Adds to the arrivals that are pending. */
void ptx_mbarrier_await(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                        ptx_mbarrier *mbarrier);
void ptx_mbarrier_arrive(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                         ptx_mbarrier *mbarrier, uint32_t count);
/* Adds to the tx-count, or takes from it. */
void ptx_mbarrier_expect(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                         ptx_mbarrier *mbarrier, uint32_t bytes);
void ptx_mbarrier_complete(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                           ptx_mbarrier *mbarrier, uint32_t bytes);

/* Lets what is asynchronous go on if nothing else is missing. Returns whether that ends the phase.
 */
bool ptx_mbarrier_go_on(ptx_block *block, const ptx_mbarrier *mbarrier);
/* The lane, as the first of its group, has waited in vain: others have a turn. */
void ptx_mbarrier_wait_on(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                          const ptx_mbarrier *mbarrier);
/* Whether the warp has waited in vain so often, and no mbarrier changed, that it always will. */
bool ptx_mbarrier_is_stuck(const ptx_warp *warp);
/* Appends where the warp waits. Returns how long that is. */
size_t ptx_mbarrier_describe(const ptx_warp *warp, char *text, size_t text_bytes);

#endif
