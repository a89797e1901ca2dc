/** @file
 * Counts what accesses of a warp cost. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_COUNTS_H
#define KVSPAN_STANDIN_PTX_COUNTS_H

#include "standin/ptx/warp.h"

/* One request: its sectors are the distinct 32 bytes that it touches. */
void ptx_count_global(ptx_counts *counts, uint32_t lanes, const uint64_t *addresses, uint32_t bytes,
                      bool is_write);

/* One request. Lanes take turns so that a turn moves at most 128 bytes: all of them at up to 4
 * bytes each, halves of the warp at 8, quarters at 16. In a turn each of the 32 banks of 4 bytes
 * gives one word at a time. */
void ptx_count_shared(ptx_counts *counts, uint32_t lanes, const uint64_t *offsets, uint32_t bytes);

#endif
