/** @file
 * Attention of decode and prefill units by one launch: the first params.prefill_blocks blocks take
 * the prefill units, which take longest, the others decode units, by the same code as the kernel
 * of decode units alone, and to the same bits.
 */
#ifndef KVSPAN_KERNELS_CUDA_MIXED_CUH
#define KVSPAN_KERNELS_CUDA_MIXED_CUH

#include "kernels/cuda/decode.cuh"
#include "kernels/cuda/prefill.cuh"

namespace kvspan
{

constexpr int larger_of(int a, int b)
{
    return a > b ? a : b;
}

template <class PAIR> struct mixed_shape {
    using Decode = decode_shape<PAIR>;
    using Prefill = prefill_shape<PAIR>;
    enum {
        THREADS = Prefill::THREADS,
        BLOCKS = Prefill::BLOCKS,
        PREFILL_BYTES = prefill_memory<Prefill>::BYTES,
        SHARED_BYTES = larger_of(PREFILL_BYTES, Decode::SHARED_BYTES)
    };
    static_assert(larger_of(THREADS, Decode::THREADS) == THREADS, "either has its threads");
};

/* Threads that decode has no use for leave: barriers await those that have not. */
template <class Shape>
__global__ void __launch_bounds__(Shape::THREADS, Shape::BLOCKS)
    mixed_kernel(const __grid_constant__ kvspan_attend_params params)
{
    extern __shared__ __align__(128) unsigned char shared[];

    if (blockIdx.x < params.prefill_blocks) {
        prefill_block<typename Shape::Prefill>(params, shared);
    } else if (threadIdx.x < Shape::Decode::THREADS) {
        decode_block<typename Shape::Decode>(params, blockIdx.x - params.prefill_blocks, shared);
    }
}

} // namespace kvspan

#endif
