#include "standin/cudart/call.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/progress.h"
#include "standin/cudart/settings.h"

static cudaError_t device_allocate(void **address_out, size_t bytes)
{
    if (address_out == NULL) {
        return cudaErrorInvalidValue;
    }
    if (bytes == 0) {
        *address_out = NULL;
        return cudaSuccess;
    }
    *address_out = memory_allocate(device_current()->index, bytes, false);
    return *address_out == NULL ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaMalloc(void **address_out, size_t bytes)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE | CALL_ALLOCATES);

    if (error == cudaSuccess) {
        error = device_allocate(address_out, bytes);
    }
    return call_end(error);
}

/* Waits for the device that the memory belongs to. */
static cudaError_t device_free(void *address)
{
    const memory_range range = memory_find((uint64_t)address, 0);
    char text[MEMORY_TEXT_BYTES];

    if (address == NULL) {
        return cudaSuccess;
    }
    if (range.place == MEMORY_DEVICE) {
        const cudaError_t error = progress_wait_device(device_at(range.device));

        if (memory_free(range.device, address)) {
            return error;
        }
    }
    memory_describe((uint64_t)address, text);
    complain("cudaFree of what cudaMalloc did not give: %s", text);
    return cudaErrorInvalidValue;
}

cudaError_t cudaFree(void *address)
{
    cudaError_t error = call_begin(__func__, CALL_GIVES_BACK | CALL_IS_UNSAFE);

    if (error == cudaSuccess) {
        error = device_free(address);
    }
    return call_end(error);
}

static cudaError_t pinned_allocate(void **address_out, size_t bytes)
{
    if (address_out == NULL) {
        return cudaErrorInvalidValue;
    }
    if (bytes == 0) {
        *address_out = NULL;
        return cudaSuccess;
    }
    *address_out = memory_allocate_pinned(bytes);
    return *address_out == NULL ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaMallocHost(void **address_out, size_t bytes)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE | CALL_ALLOCATES);

    if (error == cudaSuccess) {
        error = pinned_allocate(address_out, bytes);
    }
    return call_end(error);
}

cudaError_t cudaHostAlloc(void **address_out, size_t bytes, unsigned flags)
{
    const unsigned known = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE | CALL_ALLOCATES);

    if (error == cudaSuccess && (flags & ~known) != 0) {
        error = cudaErrorInvalidValue;
    }
    if (error == cudaSuccess) {
        error = pinned_allocate(address_out, bytes);
    }
    return call_end(error);
}

static cudaError_t pinned_free(void *address)
{
    char text[MEMORY_TEXT_BYTES];

    if (address == NULL) {
        return cudaSuccess;
    }
    progress_wait_device(device_current());
    if (memory_free_pinned(address)) {
        return device_current()->sticky;
    }
    memory_describe((uint64_t)address, text);
    complain("cudaFreeHost of what cudaMallocHost did not give: %s", text);
    return cudaErrorInvalidValue;
}

cudaError_t cudaFreeHost(void *address)
{
    cudaError_t error = call_begin(__func__, CALL_GIVES_BACK | CALL_IS_UNSAFE);

    if (error == cudaSuccess) {
        error = pinned_free(address);
    }
    return call_end(error);
}

cudaError_t cudaHostRegister(void *address, size_t bytes, unsigned flags)
{
    const unsigned known = cudaHostRegisterPortable | cudaHostRegisterMapped;
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE | CALL_ALLOCATES);

    if (error == cudaSuccess && (address == NULL || bytes == 0)) {
        error = cudaErrorInvalidValue;
    }
    if (error == cudaSuccess && (flags & ~known) != 0) {
        complain_not_implemented("cudaHostRegister with these flags");
    }
    if (error == cudaSuccess && (memory_find((uint64_t)address, bytes).place != MEMORY_PAGEABLE ||
                                 !memory_register(address, bytes))) {
        error = cudaErrorHostMemoryAlreadyRegistered;
    }
    return call_end(error);
}

cudaError_t cudaHostUnregister(void *address)
{
    cudaError_t error = call_begin(__func__, CALL_GIVES_BACK | CALL_IS_UNSAFE);

    if (error == cudaSuccess) {
        progress_wait_device(device_current());
        error = memory_unregister(address) ? device_current()->sticky
                                           : cudaErrorHostMemoryNotRegistered;
    }
    return call_end(error);
}

cudaError_t cudaHostGetDevicePointer(void **device_out, void *address, unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        const memory_place place = memory_find((uint64_t)address, 1).place;

        if ((place != MEMORY_PINNED && place != MEMORY_REGISTERED) || flags != 0) {
            error = cudaErrorInvalidValue;
        } else {
            *device_out = address;
        }
    }
    return call_end(error);
}

static cudaError_t attributes_get(struct cudaPointerAttributes *attributes_out, const void *address)
{
    const memory_range range = memory_find((uint64_t)address, 1);
    struct cudaPointerAttributes read = { .type = cudaMemoryTypeUnregistered, .device = -2 };

    switch (range.place) {
    case MEMORY_DEVICE:
        read.type = cudaMemoryTypeDevice;
        read.device = (int)range.device;
        read.devicePointer = (void *)address;
        break;
    case MEMORY_PINNED:
    case MEMORY_REGISTERED:
        read.type = cudaMemoryTypeHost;
        read.device = (int)device_current()->index;
        read.devicePointer = (void *)address;
        read.hostPointer = (void *)address;
        break;
    case MEMORY_PAGEABLE: read.hostPointer = (void *)address; break;
    case MEMORY_NOWHERE: return cudaErrorInvalidValue;
    }
    *attributes_out = read;
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes_out,
                                     const void *address)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = attributes_get(attributes_out, address);
    }
    return call_end(error);
}

cudaError_t cudaMemGetInfo(size_t *free_out, size_t *total_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        *total_out = settings_get()->memory_bytes;
        *free_out = *total_out - memory_live_bytes(device_current()->index);
    }
    return call_end(error);
}
