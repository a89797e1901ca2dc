/** @file
 * What some lanes of a warp let pass: by a fence to the async proxy, or by an arrival to others.
 * Part of races.h. Internal.
 *
 * What passes is what the lanes themselves did before, what lanes that met them did before they
 * met, and what their warp knew of others. Whoever knows of the passing may rely on it.
 */
#ifndef KVSPAN_STANDIN_PTX_PASSINGS_H
#define KVSPAN_STANDIN_PTX_PASSINGS_H

#include "standin/ptx/knowledge.h"

/* What a fence between proxies is for. */
typedef enum ptx_fenced {
    PTX_FENCED_SHARED,
    PTX_FENCED_GLOBAL,
    PTX_FENCED_MBARRIERS, /* their initialisation */
    PTX_FENCED_KINDS
} ptx_fenced;

typedef struct ptx_passing {
    uint32_t clock;               /* of its warp */
    uint32_t clocks[PTX_ACTORS];  /* that its lanes knew */
    uint32_t meetings[PTX_LANES]; /* what a lane did when there had been fewer has passed */
} ptx_passing;

typedef struct ptx_passings { /* of one warp, by clock */
    ptx_passing *passings;
    uint32_t count;
} ptx_passings;

void ptx_passings_fini(ptx_passings *passings);
void ptx_passings_add(ptx_passings *passings, const ptx_passing *passing);
/* How many there are up to that clock of their warp. */
uint32_t ptx_passings_until(const ptx_passings *passings, uint32_t clock);
/* The last of those; NULL: none. */
const ptx_passing *ptx_passings_last(const ptx_passings *passings, uint32_t clock);

#endif
