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
        return (kvspan_device_description){ .name = "none", .isa = "" };
    }
    return device->ops->describe(device);
}

void kvspan_device_close(kvspan_device *device)
{
    if (device) {
        device->ops->close(device);
    }
}
