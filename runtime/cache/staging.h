/** @file
 * Memory that attention passes through on its way to other ranks, taken once at create: partial
 * results out and in, and gathered blocks. Offsets are equal on every rank.
 */
#ifndef KVSPAN_CACHE_STAGING_H
#define KVSPAN_CACHE_STAGING_H

#include "kernels/device.h"
#include "runtime/cache/placement.h"

typedef struct kvspan_staging {
    kvspan_device *device;
    uint32_t max_members; /* of any exchange */
    uint64_t part_bytes;  /* memory of parts_out */
    uint64_t parts_in_bytes;
    uint64_t block_bytes; /* of one gathered block, LSE included */
    uint64_t block_lse_offset;
    uint64_t blocks_bytes;
    unsigned char *parts_out; /* [token][ heads·dim O, heads LSE ] f32, of the rank's own tokens */
    unsigned char *parts_in;  /* [token member] the same, of the tokens that meet here */
    unsigned char *blocks;    /* [gather member] block_bytes */
    kvspan_range *shares;     /* [head member] query heads each contributes to a gather */
    kvspan_head_block *places; /* [max_members] */
    uint64_t *send_offsets;    /* [max_members], as are the next three */
    uint64_t *send_counts;
    uint64_t *receive_offsets;
    uint64_t *receive_counts;
} kvspan_staging;

kvspan_status kvspan_staging_init(kvspan_staging *staging, kvspan_device *device,
                                  const kvspan_settings *settings, const kvspan_geometry *geometry,
                                  kvspan_error *error);
/* keep_memory: sends may still read it, so it is left to them. */
void kvspan_staging_fini(kvspan_staging *staging, bool keep_memory);

#endif
