/** @file
 * The reference column's device: the host's memory, one thread.
 */
#ifndef KVSPAN_KERNELS_REFERENCE_REFERENCE_DEVICE_H
#define KVSPAN_KERNELS_REFERENCE_REFERENCE_DEVICE_H

#include "kernels/device.h"

/* MEMORY. */
kvspan_status kvspan_reference_device_open(kvspan_device **device_out, kvspan_error *error);

#endif
