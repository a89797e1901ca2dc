/** @file
 * The memory of this machine: how much there is, whose it is, and pages of it.
 */
#ifndef KVSPAN_KERNELS_HOST_MEMORY_H
#define KVSPAN_KERNELS_HOST_MEMORY_H

#include "kernels/device.h"

/* Total and used as the kernel tells them (used = total − available), within what control groups
 * allow; the domain is a hash of this boot's id, so it is the same for every process on the
 * machine, in containers too, whatever their limits. IO where /proc does not say. */
kvspan_status kvspan_host_memory_query(kvspan_device_memory *memory_out, kvspan_error *error);

/* Zeroed memory, aligned to 2 MiB (and offered huge pages) if that large, else to 4 KiB; 0 bytes
 * give NULL. MEMORY if the kernel has none. */
kvspan_status kvspan_host_memory_allocate(uint64_t bytes, void **data_out, kvspan_error *error);

/* `bytes` as allocated; NULL is ignored. */
void kvspan_host_memory_release(void *data, uint64_t bytes);

#endif
