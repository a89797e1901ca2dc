/** @file
 * The table of a plane type's kernels. One file for each type: they compile side by side.
 */
#ifndef KVSPAN_KERNELS_CUDA_ATTEND_INSTANCES_CUH
#define KVSPAN_KERNELS_CUDA_ATTEND_INSTANCES_CUH

#include "kernels/cuda/decode.cuh"
#include "kernels/cuda/prefill.cuh"

namespace kvspan
{

template <class Plane, int KEY_DIM, int VALUE_DIM> inline kvspan_attend_instance make_instance()
{
    using Decode = decode_shape<plane_pair<Plane, KEY_DIM, VALUE_DIM>>;
    using Prefill = prefill_shape<plane_pair<Plane, KEY_DIM, VALUE_DIM>>;

    return kvspan_attend_instance{
        KEY_DIM,
        VALUE_DIM,
        { (const void *)decode_kernel<Decode>, "attend_pages (decode)", Decode::THREADS,
          Decode::SHARED_BYTES, 1 },
        { (const void *)prefill_kernel<Prefill>, "attend_pages (prefill)", Prefill::THREADS,
          prefill_memory<Prefill>::BYTES, prefill_memory<Prefill>::UNIT_BLOCKS }
    };
}

} // namespace kvspan

#endif
