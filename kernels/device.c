#include "kernels/device.h"

#include <assert.h>
#include <string.h>

#include "kernels/reference/reference_device.h"

static kvspan_status open_best(kvspan_device **device_out, kvspan_error *error)
{
    kvspan_error why;
    const kvspan_status status = kvspan_device_open_cpu(NULL, device_out, &why);

    if (status == KVSPAN_ERR_UNSUPPORTED) {
        return kvspan_reference_device_open(device_out, error);
    }
    if (status != KVSPAN_OK && error) {
        *error = why;
    }
    return status;
}

kvspan_status kvspan_device_open(const char *name, uint32_t index, kvspan_device **device_out,
                                 kvspan_error *error)
{
    const int is_reference = name && strcmp(name, "reference") == 0;
    const int is_cpu = name && strcmp(name, "cpu") == 0;

    if (!device_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "device_out is NULL");
    }
    if (name && strcmp(name, "cuda") == 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "device \"cuda\" is opened by kvspan_device_open_cuda()");
    }
    if (name && !is_reference && !is_cpu) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "device \"%s\" is none of \"reference\", \"cpu\", \"cuda\"", name);
    }
    if (index != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "device %s%s%s has index 0 only, not %u",
                           name ? "\"" : "", name ? name : "NULL", name ? "\"" : "", index);
    }
    if (!name) {
        return open_best(device_out, error);
    }
    return is_cpu ? kvspan_device_open_cpu(NULL, device_out, error)
                  : kvspan_reference_device_open(device_out, error);
}

kvspan_device_description kvspan_device_describe(const kvspan_device *device)
{
    if (!device) {
        return (kvspan_device_description){ .name = "none", .isa = "", .model = "" };
    }
    return device->ops->describe(device);
}

uint32_t kvspan_device_has_host_memory(const kvspan_device *device)
{
    return !device || device->host_memory;
}

static kvspan_status check_memory(const kvspan_device *device, uint64_t bytes,
                                  void *const *data_out, kvspan_error *error)
{
    if (!device || !data_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           device ? "data_out" : "device");
    }
    if (bytes == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "bytes is 0, at least 1 is needed");
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_device_allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                                     kvspan_error *error)
{
    const kvspan_status status = check_memory(device, bytes, data_out, error);

    return status == KVSPAN_OK ? device->ops->allocate(device, bytes, data_out, error) : status;
}

void kvspan_device_release(kvspan_device *device, void *data, uint64_t bytes)
{
    if (device && data) {
        device->ops->release(device, data, bytes);
    }
}

kvspan_status kvspan_device_allocate_pinned(kvspan_device *device, uint64_t bytes, void **data_out,
                                            kvspan_error *error)
{
    const kvspan_status status = check_memory(device, bytes, data_out, error);

    return status == KVSPAN_OK ? device->ops->allocate_pinned(device, bytes, data_out, error)
                               : status;
}

void kvspan_device_release_pinned(kvspan_device *device, void *data, uint64_t bytes)
{
    if (device && data) {
        device->ops->release_pinned(device, data, bytes);
    }
}

kvspan_status kvspan_device_copy(kvspan_device *device, void *target, const void *source,
                                 uint64_t bytes, kvspan_stream stream, kvspan_error *error)
{
    if (!device || !target || !source) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           !device   ? "device"
                           : !target ? "target"
                                     : "source");
    }
    return device->ops->copy(device, target, source, bytes, stream, error);
}

kvspan_status kvspan_device_query(kvspan_device *device, kvspan_stream stream, uint32_t *done_out,
                                  kvspan_error *error)
{
    int is_done = 0;
    kvspan_status status;

    if (!device || !done_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           device ? "done_out" : "device");
    }
    status = device->ops->query(device, stream, &is_done, error);
    if (status == KVSPAN_OK) {
        *done_out = is_done != 0;
    }
    return status;
}

void kvspan_device_close(kvspan_device *device)
{
    if (device) {
        device->ops->close(device);
    }
}
