#include "launch/gpu.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

/* libkvspan_cuda is opened when a GPU is first asked for, so that the command starts where there is
 * no libcudart or no libnccl. It stays open. */

/* What is called of it, NULL before it is open. */
static struct {
    __typeof__(kvspan_cuda_count) *count;
    __typeof__(kvspan_device_open_cuda) *open;
    __typeof__(kvspan_cuda_measure_products) *measure_products;
    __typeof__(kvspan_comm_use_nccl) *use_nccl;
} calls;

static bool find_call(void *library, const char *name, void *call_out)
{
    void *const address = dlsym(library, name);

    memcpy(call_out, &address, sizeof(address)); /* C converts no object pointer to a function's */
    return address != NULL;
}

static kvspan_status open_library(kvspan_error *error)
{
    void *library;

    if (calls.count) {
        return KVSPAN_OK;
    }
    library = dlopen(KVSPAN_CUDA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library && find_call(library, "kvspan_device_open_cuda", (void *)&calls.open) &&
        find_call(library, "kvspan_cuda_measure_products", (void *)&calls.measure_products) &&
        find_call(library, "kvspan_comm_use_nccl", (void *)&calls.use_nccl) &&
        find_call(library, "kvspan_cuda_count", (void *)&calls.count)) {
        return KVSPAN_OK;
    }
    return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "device \"cuda\" needs %s: %s",
                       KVSPAN_CUDA_LIBRARY, dlerror());
}

kvspan_status kvspan_gpu_count(uint32_t *count_out, kvspan_error *error)
{
    const kvspan_status status = open_library(error);

    return status == KVSPAN_OK ? calls.count(count_out, error) : status;
}

kvspan_status kvspan_gpu_open(uint32_t index, kvspan_device **device_out, kvspan_error *error)
{
    const kvspan_status status = open_library(error);

    return status == KVSPAN_OK ? calls.open(index, device_out, error) : status;
}

kvspan_status kvspan_gpu_measure_products(kvspan_device *device, double *operations_per_second_out,
                                          kvspan_error *error)
{
    const kvspan_status status = open_library(error);

    return status == KVSPAN_OK ? calls.measure_products(device, operations_per_second_out, error)
                               : status;
}

kvspan_status kvspan_gpu_use_nccl(kvspan_comm *comm, kvspan_error *error)
{
    const kvspan_status status = open_library(error);

    return status == KVSPAN_OK ? calls.use_nccl(comm, NULL, NULL, error) : status;
}
