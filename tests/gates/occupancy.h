/** @file
 * How many blocks of a kernel one multiprocessor holds at once, by registers, threads and shared
 * memory: the tables "Technical Specifications per Compute Capability" of the CUDA C++ Programming
 * Guide and the allocation units of the CUDA occupancy calculator.
 */
#ifndef KVSPAN_GATES_OCCUPANCY_H
#define KVSPAN_GATES_OCCUPANCY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the limits of sm_@p arch are known. */
bool occupancy_knows(uint32_t arch);

/* Blocks per multiprocessor; 0 where a block does not fit at all or @p arch is not known.
 * @p shared_bytes: static and dynamic shared memory per block. */
uint32_t occupancy_blocks(uint32_t arch, uint32_t block_threads, uint32_t registers,
                          uint32_t shared_bytes);

#endif
