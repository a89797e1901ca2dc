/** @file
 * Memory that attention passes through on its way to other ranks, taken once at create, in one
 * piece: partial results out and in, and gathered blocks. Offsets are equal on every rank.
 */
#ifndef KVSPAN_CACHE_STAGING_H
#define KVSPAN_CACHE_STAGING_H

#include "kernels/device.h"
#include "runtime/cache/placement.h"

typedef struct kvspan_staging {
    uint32_t max_members; /* of any exchange */
    unsigned char *arena; /* device: the memories below, one after another; not its own */
    uint64_t arena_bytes;
    uint64_t part_bytes; /* memory of parts_out */
    uint64_t parts_in_bytes;
    uint64_t blocks_bytes;
    uint64_t q_bytes;       /* of each q memory */
    uint64_t q_block_bytes; /* of one copy's q */
    unsigned char
        *parts_out; /* [copy][token][ heads·dim O, heads LSE ] f32, of this rank's tokens */
    unsigned char *parts_in; /* [pass][token member] the same, of what meets here */
    unsigned char *unpacked; /* [token][heads][dim] O, then [token][heads] LSE; with copies only */
    unsigned char *q_blocks; /* [copy] q of one token after another; with copies only */
    unsigned char *q;        /* [token][heads][dim] of all copies; with copies only */
    unsigned char *blocks;   /* [pass][gather member] O, then LSE */
    kvspan_range *shares; /* [layer group][head member] query heads each contributes to a gather */
    kvspan_head_block *places; /* [max_members], where a list of places is made */
    uint64_t *send_offsets;    /* [max_members], as are the next three */
    uint64_t *send_counts;
    uint64_t *receive_offsets;
    uint64_t *receive_counts;
} kvspan_staging;

enum {
    KVSPAN_BLOCK_ALIGNMENT = 16 /* bytes: of O and LSE in a block, and of blocks */
};

/* Sizes everything; there is no memory yet for what exchanges are of. */
kvspan_status kvspan_staging_init(kvspan_staging *staging, const kvspan_settings *settings,
                                  const kvspan_geometry *geometry, kvspan_error *error);
void kvspan_staging_fini(kvspan_staging *staging);

/* Gives it that memory, arena_bytes. */
void kvspan_staging_place(kvspan_staging *staging, unsigned char *arena);

#endif
