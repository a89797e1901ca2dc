/** @file
 * What devices have in common whose memory is the host's: entries for their kvspan_device_ops.
 */
#ifndef KVSPAN_KERNELS_HOST_DEVICE_H
#define KVSPAN_KERNELS_HOST_DEVICE_H

#include "kernels/device.h"

kvspan_status kvspan_host_device_memory(kvspan_device *device, kvspan_device_memory *memory_out,
                                        kvspan_error *error);
kvspan_status kvspan_host_device_allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                                          kvspan_error *error);
void kvspan_host_device_release(kvspan_device *device, void *data, uint64_t bytes);
kvspan_status kvspan_host_device_copy(kvspan_device *device, void *target, const void *source,
                                      uint64_t bytes, kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_host_device_query(kvspan_device *device, kvspan_stream stream, int *done_out,
                                       kvspan_error *error);

#endif
