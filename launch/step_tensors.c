#include "launch/step_tensors.h"

#include <string.h>

enum {
    WAIT_MS = 60000
};

kvspan_status kvspan_step_tensors_init(kvspan_step_tensors *tensors, kvspan_device *device,
                                       uint64_t bytes, kvspan_error *error)
{
    void *data = NULL;
    kvspan_status status;

    *tensors = (kvspan_step_tensors){ .device = device, .bytes = bytes };
    if (bytes == 0) {
        return KVSPAN_OK;
    }
    status = kvspan_device_allocate_pinned(device, bytes, &data, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    tensors->host = data;
    if (kvspan_device_has_host_memory(device)) {
        tensors->on_device = tensors->host;
        return KVSPAN_OK;
    }
    status = kvspan_device_allocate(device, bytes, &data, error);
    if (status != KVSPAN_OK) {
        kvspan_step_tensors_fini(tensors);
        return status;
    }
    tensors->on_device = data;
    return KVSPAN_OK;
}

void kvspan_step_tensors_fini(kvspan_step_tensors *tensors)
{
    if (tensors->on_device && tensors->on_device != tensors->host) {
        kvspan_device_release(tensors->device, tensors->on_device, tensors->bytes);
    }
    if (tensors->host) {
        kvspan_device_release_pinned(tensors->device, tensors->host, tensors->bytes);
    }
    memset(tensors, 0, sizeof(*tensors));
}

kvspan_tensor kvspan_step_tensors_on_device(const kvspan_step_tensors *tensors,
                                            const kvspan_tensor *tensor)
{
    kvspan_tensor there = *tensor;

    there.data = tensors->on_device + ((const unsigned char *)tensor->data - tensors->host);
    return there;
}

static uint64_t bytes_of(const kvspan_tensor *tensor)
{
    return tensor->tokens * tensor->heads * tensor->dim * kvspan_dtype_bytes(tensor->dtype);
}

static bool has_copy(const kvspan_step_tensors *tensors, const kvspan_tensor *tensor)
{
    return tensors->on_device != tensors->host && bytes_of(tensor) > 0;
}

kvspan_status kvspan_step_tensors_upload(const kvspan_step_tensors *tensors,
                                         const kvspan_tensor *tensor, kvspan_error *error)
{
    const kvspan_tensor there = kvspan_step_tensors_on_device(tensors, tensor);

    return has_copy(tensors, tensor) ? kvspan_device_copy(tensors->device, there.data, tensor->data,
                                                          bytes_of(tensor), NULL, error)
                                     : KVSPAN_OK;
}

kvspan_status kvspan_step_tensors_download(const kvspan_step_tensors *tensors,
                                           const kvspan_tensor *tensor, kvspan_error *error)
{
    const kvspan_tensor there = kvspan_step_tensors_on_device(tensors, tensor);

    return has_copy(tensors, tensor) ? kvspan_device_copy(tensors->device, tensor->data, there.data,
                                                          bytes_of(tensor), NULL, error)
                                     : KVSPAN_OK;
}

kvspan_status kvspan_step_tensors_wait(const kvspan_step_tensors *tensors, kvspan_cache *cache,
                                       kvspan_error *error)
{
    return tensors->on_device != tensors->host ? kvspan_cache_wait(cache, NULL, WAIT_MS, error)
                                               : KVSPAN_OK;
}
