/** @file
 * Copies that a warp's lanes have begun with cp.async. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_ASYNC_COPY_H
#define KVSPAN_STANDIN_PTX_ASYNC_COPY_H

#include "standin/ptx/warp.h"

ptx_copies *ptx_copies_create(void);
void ptx_copies_destroy(ptx_copies *copies);
void ptx_copies_clear(ptx_copies *copies);

/* Whether the schedule lets a copy that begins move its bytes at once. */
bool ptx_copies_are_early(ptx_run *run);
/* Whether it lets what could be done now be done later. */
bool ptx_copies_hesitate(ptx_run *run);

/* Arrivals at the mbarrier of this number that await copies, and their coming, by which the copies
 * are done. */
uint32_t ptx_copies_arrivals(const ptx_copies *copies, uint32_t mbarrier);
void ptx_copies_arrive(ptx_warp *warp, uint32_t mbarrier);

#endif
