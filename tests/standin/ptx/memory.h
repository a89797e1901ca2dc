/** @file
 * Accesses to memory by a whole warp: every address is checked, counted and looked at for races.
 * Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_MEMORY_H
#define KVSPAN_STANDIN_PTX_MEMORY_H

#include "standin/ptx/warp.h"

typedef enum ptx_access {
    PTX_ACCESS_READ,
    PTX_ACCESS_WRITE,
    PTX_ACCESS_ATOMIC,
    PTX_ACCESS_ATOMIC_READ, /* of a load: the memory may be read-only */
    PTX_ACCESS_MBARRIER     /* of an mbarrier, which orders by itself */
} ptx_access;

static inline bool ptx_access_writes(ptx_access access)
{
    return access == PTX_ACCESS_WRITE || access == PTX_ACCESS_ATOMIC;
}

/* Where the lanes' `bytes` at base + offset are on the host. After a fault they all are somewhere
 * harmless, so that callers need not look. */
void ptx_memory_places(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes, ptx_space space,
                       const uint64_t *base, int64_t offset, uint32_t bytes, ptx_access access,
                       uint8_t *places[PTX_LANES]);

/* One range of shared memory; false: a fault. Does not look at what is asynchronous. */
bool ptx_shared_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint64_t offset,
                      uint32_t bytes);
/* Whether nothing asynchronous has to do with these bytes: no copy that is under way, and no
 * mbarrier; false: a fault. */
bool ptx_shared_is_free(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint64_t offset,
                        uint32_t bytes, ptx_access access);
/* Whether a cp.async is under way to any of these bytes. */
bool ptx_shared_is_pending(const ptx_block *block, uint64_t offset, uint32_t bytes);
void ptx_shared_pending_add(ptx_block *block, uint64_t offset, uint32_t bytes, int by);

/* Global addresses of lanes; false: a fault. */
bool ptx_global_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                      const uint64_t *addresses, uint32_t bytes, bool is_write);
/* Whether no bulk copy that is under way has to do with them; false: a fault. */
bool ptx_global_is_free(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                        const uint64_t *addresses, uint32_t bytes, ptx_access access);

#endif
