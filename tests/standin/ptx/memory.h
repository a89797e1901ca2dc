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
    PTX_ACCESS_ATOMIC_READ /* of a load: the memory may be read-only */
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

/* One range of shared memory; false: a fault. Does not look at copies under way. */
bool ptx_shared_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint64_t offset,
                      uint32_t bytes);
/* Whether a copy is under way to any of these bytes. */
bool ptx_shared_is_pending(const ptx_block *block, uint64_t offset, uint32_t bytes);
void ptx_shared_pending_add(ptx_block *block, uint64_t offset, uint32_t bytes, int by);

/* Global addresses of lanes; false: a fault. */
bool ptx_global_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                      const uint64_t *addresses, uint32_t bytes, bool is_write);

#endif
