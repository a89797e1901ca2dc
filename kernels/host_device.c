#include "kernels/host_device.h"

#include <string.h>

#include "kernels/host_memory.h"

kvspan_status kvspan_host_device_memory(kvspan_device *device, kvspan_device_memory *memory_out,
                                        kvspan_error *error)
{
    (void)device;
    return kvspan_host_memory_query(memory_out, error);
}

kvspan_status kvspan_host_device_allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                                          kvspan_error *error)
{
    (void)device;
    return kvspan_host_memory_allocate(bytes, data_out, error);
}

void kvspan_host_device_release(kvspan_device *device, void *data, uint64_t bytes)
{
    (void)device;
    kvspan_host_memory_release(data, bytes);
}

kvspan_status kvspan_host_device_copy(kvspan_device *device, void *target, const void *source,
                                      uint64_t bytes, kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    if (bytes > 0) {
        memmove(target, source, bytes);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_host_device_copy_rows(kvspan_device *device, const kvspan_copy_rows *rows,
                                           kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    for (uint64_t i = 0; i < rows->row_count; i++) {
        memcpy((unsigned char *)rows->target + (int64_t)i * rows->target_stride,
               (const unsigned char *)rows->source + (int64_t)i * rows->source_stride,
               rows->row_bytes);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_host_device_query(kvspan_device *device, kvspan_stream stream, int *done_out,
                                       kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    *done_out = 1;
    return KVSPAN_OK;
}

kvspan_status kvspan_host_device_create_stream(kvspan_device *device, kvspan_stream *stream_out,
                                               kvspan_error *error)
{
    (void)device;
    (void)error;
    *stream_out = NULL;
    return KVSPAN_OK;
}

void kvspan_host_device_destroy_stream(kvspan_device *device, kvspan_stream stream)
{
    (void)device;
    (void)stream;
}

kvspan_status kvspan_host_device_create_event(kvspan_device *device, kvspan_event **event_out,
                                              kvspan_error *error)
{
    (void)device;
    (void)error;
    *event_out = NULL;
    return KVSPAN_OK;
}

void kvspan_host_device_destroy_event(kvspan_device *device, kvspan_event *event)
{
    (void)device;
    (void)event;
}

kvspan_status kvspan_host_device_record_event(kvspan_device *device, kvspan_event *event,
                                              kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)event;
    (void)stream;
    (void)error;
    return KVSPAN_OK;
}

kvspan_status kvspan_host_device_await_event(kvspan_device *device, kvspan_stream stream,
                                             kvspan_event *event, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)event;
    (void)error;
    return KVSPAN_OK;
}

kvspan_status kvspan_host_device_query_event(kvspan_device *device, kvspan_event *event,
                                             int *done_out, kvspan_error *error)
{
    (void)event;
    return kvspan_host_device_query(device, NULL, done_out, error);
}
