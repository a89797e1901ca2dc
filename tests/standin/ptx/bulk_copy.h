/** @file
 * Bulk copies that lanes have begun with cp.async.bulk, and that are under way. Internal.
 *
 * A copy to shared memory is under way until it has completed its bytes at its mbarrier, one to
 * global memory until its lane has waited for it.
 */
#ifndef KVSPAN_STANDIN_PTX_BULK_COPY_H
#define KVSPAN_STANDIN_PTX_BULK_COPY_H

#include "standin/ptx/warp.h"

ptx_bulk_copies *ptx_bulk_copies_create(void);
void ptx_bulk_copies_destroy(ptx_bulk_copies *copies);
void ptx_bulk_copies_clear(ptx_bulk_copies *copies);

/* Whether a copy under way writes any of these bytes, or, of what is going to be written, reads. */
bool ptx_bulk_copies_meet(const ptx_block *block, bool is_shared, uint64_t address, uint32_t bytes,
                          bool is_write);
/* Whether a copy under way is to complete at the mbarrier of this number. */
bool ptx_bulk_copies_await(const ptx_block *block, uint32_t mbarrier);
/* Completes the first of those; false: there is none. */
bool ptx_bulk_copies_finish_one(ptx_block *block, uint32_t mbarrier);
/* The block's threads are done, so its copies have to be. */
void ptx_bulk_copies_end(ptx_block *block);

#endif
