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
kvspan_status kvspan_host_device_copy_rows(kvspan_device *device, const kvspan_copy_rows *rows,
                                           kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_host_device_query(kvspan_device *device, kvspan_stream stream, int *done_out,
                                       kvspan_error *error);

/* Everything has happened when a call returns, so that there is nothing to order. */
kvspan_status kvspan_host_device_create_stream(kvspan_device *device, kvspan_stream *stream_out,
                                               kvspan_error *error);
void kvspan_host_device_destroy_stream(kvspan_device *device, kvspan_stream stream);
kvspan_status kvspan_host_device_create_event(kvspan_device *device, kvspan_event **event_out,
                                              kvspan_error *error);
void kvspan_host_device_destroy_event(kvspan_device *device, kvspan_event *event);
kvspan_status kvspan_host_device_record_event(kvspan_device *device, kvspan_event *event,
                                              kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_host_device_await_event(kvspan_device *device, kvspan_stream stream,
                                             kvspan_event *event, kvspan_error *error);
kvspan_status kvspan_host_device_query_event(kvspan_device *device, kvspan_event *event,
                                             int *done_out, kvspan_error *error);

#endif
