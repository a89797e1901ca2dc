/** @file
 * The cpu column's device: instruction set, threads and what they work in, chosen at open.
 */
#ifndef KVSPAN_KERNELS_CPU_CPU_DEVICE_H
#define KVSPAN_KERNELS_CPU_CPU_DEVICE_H

#include <kvspan/device.h>

#include "kernels/cpu/page_kernels.h"
#include "kernels/cpu/pool.h"
#include "kernels/cpu/tile_kernels.h"
#include "kernels/device.h"

typedef struct kvspan_cpu_device {
    kvspan_device base;
    kvspan_isa isa;
    const kvspan_page_kernels *pages;
    kvspan_pool *pool;
    const kvspan_tile_kernels *pairs;  /* attention of bf16 queries */
    const kvspan_tile_kernels *floats; /* of queries of other types */
    kvspan_code_table *codes;          /* [3] of the 8-bit types from KVSPAN_F8E4M3 on */
    unsigned char *workspaces;         /* [thread][KVSPAN_TILE_WORKSPACE_BYTES] */
    unsigned char *partials;           /* of units that several threads share */
    uint64_t partial_bytes;
} kvspan_cpu_device;

/* The cpu device that `device` is. */
static inline kvspan_cpu_device *kvspan_cpu_device_of(kvspan_device *device)
{
    return (kvspan_cpu_device *)device;
}

#endif
