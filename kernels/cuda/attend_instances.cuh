/** @file
 * The table of a plane type's kernels. One file for each type: they compile side by side.
 */
#ifndef KVSPAN_KERNELS_CUDA_ATTEND_INSTANCES_CUH
#define KVSPAN_KERNELS_CUDA_ATTEND_INSTANCES_CUH

#include "kernels/cuda/mixed.cuh"

namespace kvspan
{

template <class Plane, int KEY_DIM, int VALUE_DIM> inline kvspan_attend_instance make_instance()
{
    using Mixed = mixed_shape<plane_pair<Plane, KEY_DIM, VALUE_DIM>>;
    using Decode = typename Mixed::Decode;
    using Prefill = typename Mixed::Prefill;

    return kvspan_attend_instance{ KEY_DIM,
                                   VALUE_DIM,
                                   { (const void *)decode_kernel<Decode>, "attend_pages (decode)",
                                     Decode::THREADS, Decode::SHARED_BYTES, Decode::SHARED_BYTES },
                                   { (const void *)mixed_kernel<Mixed>, "attend_pages (mixed)",
                                     Mixed::THREADS, Mixed::PREFILL_BYTES, Mixed::SHARED_BYTES },
                                   prefill_memory<Prefill>::UNIT_BLOCKS };
}

} // namespace kvspan

#endif
