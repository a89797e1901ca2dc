/** @file
 * Counts what accesses of a warp cost. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_COUNTS_H
#define KVSPAN_STANDIN_PTX_COUNTS_H

#include "standin/ptx/warp.h"

/* One request; sizes: bytes of each lane, at most 32 and within one sector of 32 bytes. */
void ptx_count_global(ptx_run *run, uint32_t lanes, const uint64_t *addresses, const uint8_t *sizes,
                      bool is_write);

/* One request. Lanes take turns so that a turn moves at most 128 bytes: all of them at up to 4
 * bytes each, halves of the warp at 8, quarters at 16. In a turn each of the 32 banks of 4 bytes
 * gives one word at a time. */
void ptx_count_shared(ptx_counts *counts, uint32_t lanes, const uint64_t *offsets, uint32_t bytes);

/* One request of one lane for a range, aligned to 16 bytes. */
void ptx_count_bulk(ptx_run *run, uint64_t address, uint32_t bytes, bool is_write);

/* sum += after − before */
void ptx_counts_add(ptx_counts *sum, const ptx_counts *after, const ptx_counts *before);

#endif
