#include "kernels/reference/reference_device.h"

#include <stdlib.h>

#include "kernels/host_device.h"

enum {
    TILE_TOKENS = 16
};

static kvspan_device_description describe(const kvspan_device *device)
{
    (void)device;
    return (kvspan_device_description){
        .name = "reference", .isa = "portable", .thread_count = 1, .model = ""
    };
}

static void close_device(kvspan_device *device)
{
    free(device);
}

static const kvspan_device_ops reference_ops = {
    .name = "reference",
    .describe = describe,
    .memory = kvspan_host_device_memory,
    .allocate = kvspan_host_device_allocate,
    .release = kvspan_host_device_release,
    .allocate_pinned = kvspan_host_device_allocate,
    .release_pinned = kvspan_host_device_release,
    .copy = kvspan_host_device_copy,
    .copy_rows = kvspan_host_device_copy_rows,
    .query = kvspan_host_device_query,
    .create_stream = kvspan_host_device_create_stream,
    .destroy_stream = kvspan_host_device_destroy_stream,
    .create_event = kvspan_host_device_create_event,
    .destroy_event = kvspan_host_device_destroy_event,
    .record_event = kvspan_host_device_record_event,
    .await_event = kvspan_host_device_await_event,
    .query_event = kvspan_host_device_query_event,
    .close = close_device,
};

kvspan_status kvspan_reference_device_open(kvspan_device **device_out, kvspan_error *error)
{
    kvspan_device *const device = malloc(sizeof(*device));

    if (!device) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %zu bytes for a device",
                           sizeof(*device));
    }
    *device = (kvspan_device){ .ops = &reference_ops,
                               .kernels = &kvspan_kernels_reference,
                               .tile_tokens = TILE_TOKENS,
                               .host_memory = 1 };
    *device_out = device;
    return KVSPAN_OK;
}
