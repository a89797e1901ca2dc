/** @file
 * The cpu column's device: instruction set and threads, chosen at open.
 */
#ifndef KVSPAN_KERNELS_CPU_CPU_DEVICE_H
#define KVSPAN_KERNELS_CPU_CPU_DEVICE_H

#include <kvspan/device.h>

#include "kernels/cpu/page_kernels.h"
#include "kernels/cpu/pool.h"
#include "kernels/device.h"

typedef struct kvspan_cpu_device {
    kvspan_device base;
    kvspan_isa isa;
    const kvspan_page_kernels *pages;
    kvspan_pool *pool;
} kvspan_cpu_device;

/* The cpu device that `device` is. */
static inline kvspan_cpu_device *kvspan_cpu_device_of(kvspan_device *device)
{
    return (kvspan_cpu_device *)device;
}

#endif
