#include "standin/cudart/call.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/copy.h"
#include "standin/cudart/device_model.h"
#include "standin/cudart/launch.h"
#include "standin/cudart/stream.h"

static cudaError_t function_load(const void *function, registered_kernel **kernel_out,
                                 loaded_kernel *loaded_out)
{
    *kernel_out = fat_binary_kernel(function);
    if (*kernel_out == NULL) {
        return cudaErrorInvalidDeviceFunction;
    }
    return fat_binary_load_kernel(*kernel_out, device_current()->index, loaded_out);
}

static cudaError_t attribute_set(const void *function, enum cudaFuncAttribute attribute, int value)
{
    registered_kernel *kernel;
    loaded_kernel loaded;
    const cudaError_t error = function_load(function, &kernel, &loaded);

    if (error != cudaSuccess) {
        return error;
    }
    switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize:
        if (value < 0 || value + (int)ptx_kernel_static_shared_bytes(loaded.kernel) >
                             device_model_get()->block_shared_bytes) {
            return cudaErrorInvalidValue;
        }
        kernel->dynamic_shared_bytes[device_current()->index] = (uint32_t)value;
        return cudaSuccess;
    case cudaFuncAttributePreferredSharedMemoryCarveout:
        return value >= -1 && value <= 100 ? cudaSuccess : cudaErrorInvalidValue;
    default: break;
    }
    complain_and_abort("cudaFuncSetAttribute of attribute %d is not implemented", (int)attribute);
}

cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute, int value)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = attribute_set(function, attribute, value);
    }
    return call_end(error);
}

static cudaError_t attributes_get(struct cudaFuncAttributes *attributes_out, const void *function)
{
    registered_kernel *kernel;
    loaded_kernel loaded;
    const cudaError_t error = function_load(function, &kernel, &loaded);
    const int version = device_model_get()->major * 10 + device_model_get()->minor;
    uint32_t static_bytes;
    uint32_t max_threads;

    if (error != cudaSuccess) {
        return error;
    }
    static_bytes = ptx_kernel_static_shared_bytes(loaded.kernel);
    max_threads = ptx_kernel_max_threads(loaded.kernel);
    *attributes_out = (struct cudaFuncAttributes){
        .sharedSizeBytes = static_bytes,
        .maxThreadsPerBlock = max_threads == 0 ? DEVICE_BLOCK_THREADS : (int)max_threads,
        .numRegs = (int)settings_get()->register_count,
        .ptxVersion = version,
        .binaryVersion = version,
        .maxDynamicSharedSizeBytes =
            (int)launch_dynamic_shared_limit(kernel, device_current()->index, static_bytes),
        .preferredShmemCarveout = -1,
    };
    return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes_out, const void *function)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = attributes_get(attributes_out, function);
    }
    return call_end(error);
}

static cudaError_t occupancy_get(int *blocks_out, const void *function, int block_threads,
                                 size_t dynamic_shared_bytes)
{
    registered_kernel *kernel;
    loaded_kernel loaded;
    const cudaError_t error = function_load(function, &kernel, &loaded);

    if (error != cudaSuccess) {
        return error;
    }
    if (block_threads <= 0 || block_threads > DEVICE_BLOCK_THREADS) {
        return cudaErrorInvalidValue;
    }
    *blocks_out = device_model_resident_blocks((uint32_t)block_threads,
                                               (uint32_t)dynamic_shared_bytes +
                                                   ptx_kernel_static_shared_bytes(loaded.kernel));
    return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks_out, const void *function,
                                                          int block_threads,
                                                          size_t dynamic_shared_bytes)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = occupancy_get(blocks_out, function, block_threads, dynamic_shared_bytes);
    }
    return call_end(error);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks_out,
                                                                   const void *function,
                                                                   int block_threads,
                                                                   size_t dynamic_shared_bytes,
                                                                   unsigned flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess && flags != cudaOccupancyDefault) {
        complain_not_implemented("occupancy with flags");
    }
    if (error == cudaSuccess) {
        error = occupancy_get(blocks_out, function, block_threads, dynamic_shared_bytes);
    }
    return call_end(error);
}
