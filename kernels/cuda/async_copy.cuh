/** @file
 * Copies from global to shared memory that run beside the arithmetic (PTX ISA, "Data Movement and
 * Conversion Instructions: cp.async"). A thread waits for its own copies alone.
 */
#ifndef KVSPAN_KERNELS_CUDA_ASYNC_COPY_CUH
#define KVSPAN_KERNELS_CUDA_ASYNC_COPY_CUH

#include <stdint.h>

namespace kvspan
{

/* An address in shared memory, as instructions take it. */
__device__ inline uint32_t shared_address(const void *pointer)
{
    return (uint32_t)__cvta_generic_to_shared(pointer);
}

/* 16 bytes past the first cache; zeros, and nothing is read, where is_there is 0. */
__device__ inline void copy_16_bytes(uint32_t target, const void *source, bool is_there)
{
    const int bytes = is_there ? 16 : 0;

    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source),
                 "r"(bytes)
                 : "memory");
}

__device__ inline void copy_4_bytes(uint32_t target, const void *source, bool is_there)
{
    const int bytes = is_there ? 4 : 0;

    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(target), "l"(source),
                 "r"(bytes)
                 : "memory");
}

/* All copies since the last commit are a group. */
__device__ inline void commit_copies()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits until at most GROUPS groups of this thread are under way. */
template <int GROUPS> __device__ inline void await_copies()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
}

/* The place behind `place` in a ring of the shape's stages, as bytes from its start. */
template <class Shape> __device__ inline uint32_t next_stage(uint32_t place)
{
    return place + Shape::STAGE_BYTES == Shape::STAGES * Shape::STAGE_BYTES
               ? 0
               : place + Shape::STAGE_BYTES;
}

} // namespace kvspan

#endif
