/** @file
 * Which accesses of threads a fence between them and the async proxy has passed. Part of races.h.
 * Internal.
 *
 * A fence counts for what its own lanes did before it, for what lanes that met them did before they
 * met, and for what its warp knew of others. Whoever knows of the fence may rely on it.
 */
#ifndef KVSPAN_STANDIN_PTX_PROXY_FENCES_H
#define KVSPAN_STANDIN_PTX_PROXY_FENCES_H

#include "standin/ptx/knowledge.h"

/* What a fence is for. */
typedef enum ptx_fenced {
    PTX_FENCED_SHARED,
    PTX_FENCED_GLOBAL,
    PTX_FENCED_MBARRIERS, /* their initialisation */
    PTX_FENCED_KINDS
} ptx_fenced;

typedef struct ptx_proxy_fence {
    uint32_t clock;               /* of its warp */
    uint32_t clocks[PTX_ACTORS];  /* that its warp knew */
    uint32_t meetings[PTX_LANES]; /* what a lane did when there had been fewer is passed */
} ptx_proxy_fence;

typedef struct ptx_proxy_fences { /* of one warp, by clock */
    ptx_proxy_fence *fences;
    uint32_t count;
} ptx_proxy_fences;

void ptx_proxy_fences_fini(ptx_proxy_fences *fences);
void ptx_proxy_fences_add(ptx_proxy_fences *fences, const ptx_proxy_fence *fence);
/* The last one up to that clock of its warp; NULL: none. */
const ptx_proxy_fence *ptx_proxy_fences_last(const ptx_proxy_fences *fences, uint32_t clock);

#endif
