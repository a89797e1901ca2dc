#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin/cudart/call.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/device_model.h"
#include "standin/cudart/event.h"
#include "standin/cudart/fat_binary.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/progress.h"
#include "standin/cudart/settings.h"
#include "standin/cudart/stream.h"

enum {
    DRIVER_VERSION = CUDART_VERSION,
    FIRST_BUS = 0x18,
    BUS_STEP = 0x11,
    MEMORY_PITCH = 0x7fffffff
};

static bool is_device(int device)
{
    return device >= 0 && (uint32_t)device < settings_get()->device_count;
}

static int bus_of(int device)
{
    return FIRST_BUS + device * BUS_STEP % 0xe0;
}

cudaError_t cudaGetDeviceCount(int *count_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess) {
        *count_out = (int)settings_get()->device_count;
    }
    return call_end(error);
}

cudaError_t cudaSetDevice(int device)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess && !is_device(device)) {
        error = cudaErrorInvalidDevice;
    }
    if (error == cudaSuccess) {
        device_set_current((uint32_t)device);
        error = device_current()->sticky;
    }
    return call_end(error);
}

cudaError_t cudaInitDevice(int device, unsigned device_flags, unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess && (device_flags != 0 || flags != 0)) {
        complain_not_implemented("cudaInitDevice with flags");
    }
    if (error == cudaSuccess && !is_device(device)) {
        error = cudaErrorInvalidDevice;
    }
    return call_end(error);
}

cudaError_t cudaGetDevice(int *device_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess) {
        *device_out = (int)device_current()->index;
    }
    return call_end(error);
}

cudaError_t cudaSetDeviceFlags(unsigned flags)
{
    const unsigned known = cudaDeviceScheduleMask | cudaDeviceMapHost;
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess && (flags & ~known) != 0) {
        error = cudaErrorInvalidValue;
    }
    return call_end(error);
}

cudaError_t cudaDriverGetVersion(int *version_out)
{
    *version_out = settings_get()->has_driver ? DRIVER_VERSION : 0;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version_out)
{
    *version_out = CUDART_VERSION;
    return cudaSuccess;
}

static int attribute_of(enum cudaDeviceAttr attribute, int device)
{
    const device_model *model = device_model_get();

    switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: return model->major;
    case cudaDevAttrComputeCapabilityMinor: return model->minor;
    case cudaDevAttrMultiProcessorCount: return model->sm_count;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return model->sm_shared_bytes;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return model->block_shared_bytes;
    case cudaDevAttrMaxSharedMemoryPerBlock: return DEVICE_BLOCK_SHARED_BYTES;
    case cudaDevAttrReservedSharedMemoryPerBlock: return DEVICE_RESERVED_SHARED_BYTES;
    case cudaDevAttrMaxThreadsPerBlock: return DEVICE_BLOCK_THREADS;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return DEVICE_SM_THREADS;
    case cudaDevAttrMaxBlocksPerMultiprocessor: return DEVICE_SM_BLOCKS;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor: return DEVICE_SM_REGISTERS;
    case cudaDevAttrWarpSize: return DEVICE_WARP_LANES;
    case cudaDevAttrMaxGridDimX: return INT32_MAX;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: return DEVICE_GRID_Y;
    case cudaDevAttrL2CacheSize: return model->l2_bytes;
    case cudaDevAttrGlobalMemoryBusWidth: return model->memory_bus_bits;
    case cudaDevAttrPciBusId: return bus_of(device);
    case cudaDevAttrPciDeviceId:
    case cudaDevAttrPciDomainId: return 0;
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrHostRegisterSupported:
    case cudaDevAttrCanUseHostPointerForRegisteredMem:
    case cudaDevAttrStreamPrioritiesSupported: return 1;
    case cudaDevAttrAsyncEngineCount: return 2;
    case cudaDevAttrComputeMode:
    case cudaDevAttrIntegrated:
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrConcurrentManagedAccess:
    case cudaDevAttrPageableMemoryAccess:
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrGPUDirectRDMASupported: return 0;
    default: break;
    }
    complain_and_abort("cudaDeviceGetAttribute of attribute %d is not implemented", (int)attribute);
}

cudaError_t cudaDeviceGetAttribute(int *value_out, enum cudaDeviceAttr attribute, int device)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess && !is_device(device)) {
        error = cudaErrorInvalidDevice;
    }
    if (error == cudaSuccess) {
        *value_out = attribute_of(attribute, device);
    }
    return call_end(error);
}

static struct cudaDeviceProp properties_of(int device)
{
    const device_model *model = device_model_get();
    struct cudaDeviceProp properties = {
        .totalGlobalMem = settings_get()->memory_bytes,
        .sharedMemPerBlock = DEVICE_BLOCK_SHARED_BYTES,
        .regsPerBlock = DEVICE_SM_REGISTERS,
        .warpSize = DEVICE_WARP_LANES,
        .memPitch = MEMORY_PITCH,
        .maxThreadsPerBlock = DEVICE_BLOCK_THREADS,
        .maxThreadsDim = { DEVICE_BLOCK_THREADS, DEVICE_BLOCK_THREADS, 64 },
        .maxGridSize = { INT32_MAX, DEVICE_GRID_Y, DEVICE_GRID_Y },
        .totalConstMem = 64 << 10,
        .major = model->major,
        .minor = model->minor,
        .multiProcessorCount = model->sm_count,
        .canMapHostMemory = 1,
        .concurrentKernels = 1,
        .ECCEnabled = 1,
        .pciBusID = bus_of(device),
        .asyncEngineCount = 2,
        .unifiedAddressing = 1,
        .memoryBusWidth = model->memory_bus_bits,
        .l2CacheSize = model->l2_bytes,
        .maxThreadsPerMultiProcessor = DEVICE_SM_THREADS,
        .streamPrioritiesSupported = 1,
        .sharedMemPerMultiprocessor = (size_t)model->sm_shared_bytes,
        .regsPerMultiprocessor = DEVICE_SM_REGISTERS,
        .canUseHostPointerForRegisteredMem = 1,
        .sharedMemPerBlockOptin = (size_t)model->block_shared_bytes,
        .maxBlocksPerMultiProcessor = DEVICE_SM_BLOCKS,
        .reservedSharedMemPerBlock = DEVICE_RESERVED_SHARED_BYTES,
        .hostRegisterSupported = 1,
        .hostNumaId = -1,
    };

    snprintf(properties.name, sizeof(properties.name), "%s", model->name);
    properties.uuid.bytes[0] = (char)(device + 1);
    return properties;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties_out, int device)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess && !is_device(device)) {
        error = cudaErrorInvalidDevice;
    }
    if (error == cudaSuccess) {
        *properties_out = properties_of(device);
    }
    return call_end(error);
}

cudaError_t cudaDeviceGetPCIBusId(char *text_out, int text_bytes, int device)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess && !is_device(device)) {
        error = cudaErrorInvalidDevice;
    }
    if (error == cudaSuccess && snprintf(text_out, (size_t)text_bytes, "0000:%02X:00.0",
                                         (unsigned)bus_of(device)) >= text_bytes) {
        error = cudaErrorInvalidValue;
    }
    return call_end(error);
}

cudaError_t cudaDeviceGetByPCIBusId(int *device_out, const char *text)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);
    unsigned domain;
    unsigned bus;

    if (error != cudaSuccess) {
        return call_end(error);
    }
    error = cudaErrorInvalidValue;
    if (sscanf(text, "%x:%x:", &domain, &bus) == 2 && domain == 0) {
        for (int i = 0; is_device(i); i++) {
            if ((unsigned)bus_of(i) == bus) {
                *device_out = i;
                error = cudaSuccess;
            }
        }
    }
    return call_end(error);
}

cudaError_t cudaDeviceCanAccessPeer(int *can_access_out, int device, int peer)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (error == cudaSuccess && (!is_device(device) || !is_device(peer))) {
        error = cudaErrorInvalidDevice;
    }
    if (error == cudaSuccess) {
        *can_access_out = 0;
    }
    return call_end(error);
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    (void)flags;
    if (error == cudaSuccess) {
        error = is_device(peer) ? cudaErrorPeerAccessUnsupported : cudaErrorInvalidDevice;
    }
    return call_end(error);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool_out, int device)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    (void)pool_out;
    if (error == cudaSuccess) {
        error = is_device(device) ? cudaErrorNotSupported : cudaErrorInvalidDevice;
    }
    return call_end(error);
}

cudaError_t cudaMallocAsync(void **address_out, size_t bytes, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_ALLOCATES);

    (void)address_out;
    (void)bytes;
    (void)stream;
    return call_end(error == cudaSuccess ? cudaErrorNotSupported : error);
}

cudaError_t cudaFreeAsync(void *address, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    (void)address;
    (void)stream;
    return call_end(error == cudaSuccess ? cudaErrorNotSupported : error);
}

/* A profiler that is not there; of cuda_profiler_api.h. */
cudaError_t cudaProfilerStart(void);
cudaError_t cudaProfilerStop(void);

cudaError_t cudaProfilerStart(void)
{
    return call_end(call_begin(__func__, CALL_USES_DEVICE));
}

cudaError_t cudaProfilerStop(void)
{
    return call_end(call_begin(__func__, CALL_USES_DEVICE));
}

/* Everything of the device is gone, its error too. */
cudaError_t cudaDeviceReset(void)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER | CALL_IS_UNSAFE);

    if (error == cudaSuccess) {
        gpu *owner = device_current();

        progress_wait_device(owner);
        stream_reset(owner);
        event_reset(owner);
        memory_reset(owner->index);
        fat_binary_reset(owner->index);
        owner->sticky = cudaSuccess;
    }
    return call_end(error);
}
