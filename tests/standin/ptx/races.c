#include "standin/ptx/races.h"
/* (first version: finds none) */
ptx_races *ptx_races_create(const ptx_run *run)
{
    (void)run;
    return NULL;
}
void ptx_races_destroy(ptx_races *races)
{
    (void)races;
}
void ptx_races_warp_init(ptx_warp *warp)
{
    (void)warp;
}
void ptx_races_warp_fini(ptx_warp *warp)
{
    (void)warp;
}
void ptx_races_warp_begin(ptx_warp *warp)
{
    (void)warp;
}
void ptx_races_access(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes, bool is_shared,
                      const uint64_t *addresses, uint32_t bytes, ptx_access access)
{
    (void)warp;
    (void)i;
    (void)lanes;
    (void)is_shared;
    (void)addresses;
    (void)bytes;
    (void)access;
}
void ptx_races_lanes_meet(ptx_warp *warp, uint32_t lanes)
{
    (void)warp;
    (void)lanes;
}
void ptx_races_fence(ptx_warp *warp)
{
    (void)warp;
}
void ptx_races_join(ptx_block *block, uint32_t arrived, uint32_t joining)
{
    (void)block;
    (void)arrived;
    (void)joining;
}
