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

kvspan_status kvspan_host_device_query(kvspan_device *device, kvspan_stream stream, int *done_out,
                                       kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    *done_out = 1;
    return KVSPAN_OK;
}
