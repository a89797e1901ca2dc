#include "kernels/cuda/cuda_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/cuda_call.h"

enum {
    SMALL_ALIGNMENT = 4096,
    LARGE_ALIGNMENT = 2097152
};

/* Device memory that does not begin where the runtime's does. */
struct kvspan_cuda_shifted {
    void *data;
    void *base;
    kvspan_cuda_shifted *next;
};

kvspan_status kvspan_cuda_memory_query(kvspan_device *device, kvspan_device_memory *memory_out,
                                       kvspan_error *error)
{
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    kvspan_status status = kvspan_cuda_select(device, error);

    if (status == KVSPAN_OK) {
        status =
            kvspan_cuda_judge(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo", error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    *memory_out = (kvspan_device_memory){ .total_bytes = total_bytes,
                                          .used_bytes = total_bytes - free_bytes,
                                          .domain = kvspan_cuda_device_of(device)->domain };
    return KVSPAN_OK;
}

static kvspan_status fail_memory(uint64_t bytes, const char *call, cudaError_t code,
                                 kvspan_error *error)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s of %" PRIu64 " bytes", call, bytes);
    return kvspan_cuda_judge(code, text, error);
}

/* More than is asked for, from an aligned address on. */
static kvspan_status allocate_shifted(kvspan_cuda_device *cuda, uint64_t bytes, uint64_t alignment,
                                      void **data_out, kvspan_error *error)
{
    kvspan_cuda_shifted *const memory = malloc(sizeof(*memory));
    cudaError_t code;

    if (!memory) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %zu bytes for a list",
                           sizeof(*memory));
    }
    code = cudaMalloc(&memory->base, bytes + alignment);
    if (code != cudaSuccess) {
        free(memory);
        return fail_memory(bytes + alignment, "cudaMalloc", code, error);
    }
    memory->data =
        (unsigned char *)memory->base + (alignment - (uintptr_t)memory->base % alignment);
    memory->next = cuda->shifted;
    cuda->shifted = memory;
    *data_out = memory->data;
    return KVSPAN_OK;
}

/* What the runtime gives is nearly always aligned as we want it. */
static kvspan_status allocate_aligned(kvspan_cuda_device *cuda, uint64_t bytes, void **data_out,
                                      kvspan_error *error)
{
    const uint64_t alignment = bytes >= LARGE_ALIGNMENT ? LARGE_ALIGNMENT : SMALL_ALIGNMENT;
    void *data = NULL;
    const cudaError_t code = cudaMalloc(&data, bytes);

    if (code != cudaSuccess) {
        return fail_memory(bytes, "cudaMalloc", code, error);
    }
    if ((uintptr_t)data % alignment == 0) {
        *data_out = data;
        return KVSPAN_OK;
    }
    kvspan_cuda_forget(cudaFree(data));
    return allocate_shifted(cuda, bytes, alignment, data_out, error);
}

/* Where the runtime's allocation begins. */
static void *take_base(kvspan_cuda_device *cuda, void *data)
{
    for (kvspan_cuda_shifted **link = &cuda->shifted; *link; link = &(*link)->next) {
        kvspan_cuda_shifted *const memory = *link;

        if (memory->data == data) {
            void *const base = memory->base;

            *link = memory->next;
            free(memory);
            return base;
        }
    }
    return data;
}

void kvspan_cuda_memory_release(kvspan_device *device, void *data, uint64_t bytes)
{
    void *const base = data ? take_base(kvspan_cuda_device_of(device), data) : NULL;

    (void)bytes;
    if (base) {
        (void)kvspan_cuda_select(device, NULL);
        kvspan_cuda_forget(cudaFree(base));
    }
}

/* Zeroed on a stream of our own and waited for: whatever stream uses it first finds it so. */
kvspan_status kvspan_cuda_memory_allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                                          kvspan_error *error)
{
    void *data = NULL;
    kvspan_status status = kvspan_cuda_select(device, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (bytes == 0) {
        *data_out = NULL;
        return KVSPAN_OK;
    }
    status = allocate_aligned(kvspan_cuda_device_of(device), bytes, &data, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status =
        kvspan_cuda_judge(cudaMemsetAsync(data, 0, bytes, kvspan_cuda_device_of(device)->stream),
                          "cudaMemsetAsync", error);
    if (status == KVSPAN_OK) {
        status = kvspan_cuda_wait(device, kvspan_cuda_device_of(device)->stream, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_cuda_memory_release(device, data, bytes);
        return status;
    }
    *data_out = data;
    return KVSPAN_OK;
}

/* Pages of the host's, so that they are aligned; the runtime does not zero them. */
kvspan_status kvspan_cuda_memory_allocate_pinned(kvspan_device *device, uint64_t bytes,
                                                 void **data_out, kvspan_error *error)
{
    void *data = NULL;
    kvspan_status status = kvspan_cuda_select(device, error);
    cudaError_t code;

    if (status != KVSPAN_OK) {
        return status;
    }
    if (bytes == 0) {
        *data_out = NULL;
        return KVSPAN_OK;
    }
    code = cudaHostAlloc(&data, bytes, cudaHostAllocMapped | cudaHostAllocPortable);
    if (code != cudaSuccess) {
        return fail_memory(bytes, "cudaHostAlloc", code, error);
    }
    memset(data, 0, bytes);
    *data_out = data;
    return KVSPAN_OK;
}

void kvspan_cuda_memory_release_pinned(kvspan_device *device, void *data, uint64_t bytes)
{
    (void)bytes;
    if (data) {
        (void)kvspan_cuda_select(device, NULL);
        kvspan_cuda_forget(cudaFreeHost(data));
    }
}
