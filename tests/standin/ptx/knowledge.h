/** @file
 * What a warp knows of others: for each block, how far it has seen each of that one's warps and
 * mbarriers. Part of races.h. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_KNOWLEDGE_H
#define KVSPAN_STANDIN_PTX_KNOWLEDGE_H

#include "standin/ptx/value.h"

/* What has a clock: the warps of a block, and the asynchronous copies that its mbarriers track. */
enum {
    PTX_MBARRIERS = 32, /* that a block may have at a time */
    PTX_ACTORS = PTX_LANES + PTX_MBARRIERS
};

typedef struct ptx_knowledge {
    uint32_t block; /* its ordinal; 0: entries that are not used */
    uint32_t clocks[PTX_ACTORS];
} ptx_knowledge;

typedef struct ptx_knowledges {
    ptx_knowledge *entries; /* one for each block */
    uint32_t count;
} ptx_knowledges;

void ptx_knowledges_fini(ptx_knowledges *knowledges);
/* NULL: nothing is known of the block. */
const ptx_knowledge *ptx_knowledges_find(const ptx_knowledges *knowledges, uint32_t block);
/* Adds what is known by another one. */
void ptx_knowledges_join(ptx_knowledges *to, const ptx_knowledges *from);
void ptx_knowledges_add(ptx_knowledges *to, const ptx_knowledge *entry);

static inline uint32_t ptx_later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline void ptx_clocks_join(uint32_t to[PTX_ACTORS], const uint32_t from[PTX_ACTORS])
{
    for (uint32_t k = 0; k < PTX_ACTORS; ++k) {
        to[k] = ptx_later(to[k], from[k]);
    }
}

#endif
