#include "launch_kernels.h"

__device__ int device_variable = 5;
__constant__ int constant_variable[4];

static __global__ void add(int *values, int added, unsigned count)
{
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;

    if (index < count) {
        values[index] += added;
    }
}

static __global__ void reverse(int *values, unsigned count)
{
    extern __shared__ int staged[];

    staged[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    values[threadIdx.x] = staged[count - 1 - threadIdx.x];
}

static __global__ void architecture(int *architecture_out)
{
#ifdef __CUDA_ARCH__
    *architecture_out = __CUDA_ARCH__;
#endif
}

static __global__ void variables(int *out)
{
    *out = device_variable * constant_variable[1];
    device_variable++;
}

static __global__ void __launch_bounds__(64) bounded()
{
}

cudaError_t kernel_add(int *values, int added, unsigned count, cudaStream_t stream)
{
    add<<<(count + 63) / 64, 64, 0, stream>>>(values, added, count);
    return cudaGetLastError();
}

cudaError_t kernel_add_unchecked(int *values, int added, unsigned threads, cudaStream_t stream)
{
    add<<<1, threads, 0, stream>>>(values, added, threads);
    return cudaGetLastError();
}

cudaError_t kernel_reverse(int *values, unsigned count, size_t shared_bytes, cudaStream_t stream)
{
    reverse<<<1, count, shared_bytes, stream>>>(values, count);
    return cudaGetLastError();
}

cudaError_t kernel_architecture(int *architecture_out, cudaStream_t stream)
{
    architecture<<<1, 1, 0, stream>>>(architecture_out);
    return cudaGetLastError();
}

cudaError_t kernel_variables(int *out, cudaStream_t stream)
{
    variables<<<1, 1, 0, stream>>>(out);
    return cudaGetLastError();
}

cudaError_t kernel_bounded(unsigned threads, cudaStream_t stream)
{
    bounded<<<1, threads, 0, stream>>>();
    return cudaGetLastError();
}

const void *kernel_reverse_address(void)
{
    return (const void *)reverse;
}

const void *kernel_add_address(void)
{
    return (const void *)add;
}

const void *variable_device_address(void)
{
    return &device_variable;
}

const void *variable_constant_address(void)
{
    return constant_variable;
}
