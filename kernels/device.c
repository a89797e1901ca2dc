#include "kernels/device.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/host_memory.h"

enum {
    REFERENCE_TILE_TOKENS = 16
};

static kvspan_status host_memory(kvspan_device *device, kvspan_device_memory *memory_out,
                                 kvspan_error *error)
{
    (void)device;
    return kvspan_host_memory_query(memory_out, error);
}

static kvspan_status host_allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                                   kvspan_error *error)
{
    (void)device;
    return kvspan_host_memory_allocate(bytes, data_out, error);
}

static void host_release(kvspan_device *device, void *data, uint64_t bytes)
{
    (void)device;
    kvspan_host_memory_release(data, bytes);
}

static kvspan_status host_copy(kvspan_device *device, void *target, const void *source,
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

static kvspan_status host_query(kvspan_device *device, kvspan_stream stream, int *done_out,
                                kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    *done_out = 1;
    return KVSPAN_OK;
}

static void host_close(kvspan_device *device)
{
    free(device);
}

static const kvspan_device_ops reference_ops = {
    .name = "reference",
    .memory = host_memory,
    .allocate = host_allocate,
    .release = host_release,
    .allocate_pinned = host_allocate,
    .release_pinned = host_release,
    .copy = host_copy,
    .query = host_query,
    .close = host_close,
};

static kvspan_status open_reference(uint32_t index, kvspan_device **device_out, kvspan_error *error)
{
    kvspan_device *device;

    if (index != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "device \"reference\" has index 0 only, not %u", index);
    }
    device = malloc(sizeof(*device));
    if (!device) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %zu bytes for a device",
                           sizeof(*device));
    }
    *device = (kvspan_device){ .ops = &reference_ops,
                               .kernels = &kvspan_kernels_reference,
                               .tile_tokens = REFERENCE_TILE_TOKENS,
                               .host_memory = 1 };
    *device_out = device;
    return KVSPAN_OK;
}

kvspan_status kvspan_device_open(const char *name, uint32_t index, kvspan_device **device_out,
                                 kvspan_error *error)
{
    if (!device_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "device_out is NULL");
    }
    if (!name || strcmp(name, "reference") == 0) {
        return open_reference(index, device_out, error);
    }
    if (strcmp(name, "cpu") == 0 || strcmp(name, "cuda") == 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "device \"%s\" is not built in", name);
    }
    return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                       "device \"%s\" is none of \"reference\", \"cpu\", \"cuda\"", name);
}

void kvspan_device_close(kvspan_device *device)
{
    if (device) {
        device->ops->close(device);
    }
}
