/* What the code calls that nvcc generates: registration before main(), and launches. */
#include <cuda_runtime_api.h>

#include <stdlib.h>

#include "standin/cudart/call.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/launch.h"
#include "standin/cudart/state.h"

enum {
    CONFIGURATION_LIMIT = 16
};

void **__cudaRegisterFatBinary(void *wrapper);
void __cudaRegisterFatBinaryEnd(void **handle);
void __cudaUnregisterFatBinary(void **handle);
void __cudaRegisterFunction(void **handle, const char *host, char *device_name, const char *name,
                            int thread_limit, uint3 *thread, uint3 *block, dim3 *block_size,
                            dim3 *grid_size, int *warp_size);
void __cudaRegisterVar(void **handle, char *host, char *device_address, const char *name,
                       int is_external, size_t bytes, int is_constant, int is_global);
char __cudaInitModule(void **handle);
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
                                     cudaStream_t stream);
cudaError_t __cudaPopCallConfiguration(dim3 *grid_out, dim3 *block_out, size_t *shared_bytes_out,
                                       void *stream_out);
cudaError_t __cudaGetKernel(cudaKernel_t *kernel_out, const void *host);
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared_bytes, cudaStream_t stream);

static _Thread_local launch_shape configurations[CONFIGURATION_LIMIT];
static _Thread_local uint32_t configuration_count;

void **__cudaRegisterFatBinary(void *wrapper)
{
    fat_binary *fresh;

    state_lock();
    fresh = fat_binary_register(wrapper);
    state_unlock();
    return (void **)fresh;
}

void __cudaRegisterFatBinaryEnd(void **handle)
{
    (void)handle;
}

void __cudaUnregisterFatBinary(void **handle)
{
    state_lock();
    fat_binary_unregister((fat_binary *)handle);
    state_unlock();
}

void __cudaRegisterFunction(void **handle, const char *host, char *device_name, const char *name,
                            int thread_limit, uint3 *thread, uint3 *block, dim3 *block_size,
                            dim3 *grid_size, int *warp_size)
{
    (void)device_name;
    (void)thread_limit;
    (void)thread;
    (void)block;
    (void)block_size;
    (void)grid_size;
    (void)warp_size;
    state_lock();
    fat_binary_register_kernel((fat_binary *)handle, host, name);
    state_unlock();
}

void __cudaRegisterVar(void **handle, char *host, char *device_address, const char *name,
                       int is_external, size_t bytes, int is_constant, int is_global)
{
    (void)device_address;
    (void)is_external;
    (void)bytes;
    (void)is_constant;
    (void)is_global;
    state_lock();
    fat_binary_register_variable((fat_binary *)handle, host, name);
    state_unlock();
}

char __cudaInitModule(void **handle)
{
    (void)handle;
    return 1;
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
                                     cudaStream_t stream)
{
    if (configuration_count == CONFIGURATION_LIMIT) {
        complain_and_abort("launches within the arguments of launches, too deep");
    }
    configurations[configuration_count++] = (launch_shape){ grid, block, shared_bytes, stream };
    return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3 *grid_out, dim3 *block_out, size_t *shared_bytes_out,
                                       void *stream_out)
{
    const launch_shape *popped;

    if (configuration_count == 0) {
        return cudaErrorMissingConfiguration;
    }
    popped = &configurations[--configuration_count];
    *grid_out = popped->grid;
    *block_out = popped->block;
    *shared_bytes_out = popped->dynamic_shared_bytes;
    *(cudaStream_t *)stream_out = popped->stream;
    return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t *kernel_out, const void *host)
{
    registered_kernel *found;

    state_lock();
    found = fat_binary_kernel(host);
    state_unlock();
    *kernel_out = (cudaKernel_t)found;
    return found == NULL ? cudaErrorInvalidDeviceFunction : cudaSuccess;
}

/* Launches are counted under one name however they are written. */
cudaError_t cudaLaunchKernel(const void *host, dim3 grid, dim3 block, void **arguments,
                             size_t shared_bytes, cudaStream_t stream)
{
    const launch_shape shape = { grid, block, shared_bytes, stream };
    cudaError_t error = call_begin("cudaLaunchKernel", CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = launch_enqueue(fat_binary_kernel(host), &shape, arguments);
    }
    return call_end(error);
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared_bytes, cudaStream_t stream)
{
    return cudaLaunchKernel(kernel, grid, block, arguments, shared_bytes, stream);
}

static void attributes_check(const cudaLaunchConfig_t *config)
{
    for (unsigned i = 0; i < config->numAttrs; i++) {
        const cudaLaunchAttribute *each = &config->attrs[i];
        const bool is_one_block =
            each->id == cudaLaunchAttributeClusterDimension &&
            each->val.clusterDim.x * each->val.clusterDim.y * each->val.clusterDim.z == 1;

        if (each->id != cudaLaunchAttributeIgnore && each->id != cudaLaunchAttributePriority &&
            !is_one_block) {
            complain_and_abort("cudaLaunchKernelExC with attribute %d is not implemented",
                               (int)each->id);
        }
    }
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *host,
                                void **arguments)
{
    attributes_check(config);
    return cudaLaunchKernel(host, config->gridDim, config->blockDim, arguments,
                            config->dynamicSmemBytes, config->stream);
}
