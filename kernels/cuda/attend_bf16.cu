#include "kernels/cuda/attend_instances.cuh"

using namespace kvspan;

extern "C" const kvspan_attend_instance kvspan_attend_bf16[KVSPAN_ATTEND_DIMS] = {
    make_instance<bf16_plane, 64, 64>(),
    make_instance<bf16_plane, 128, 128>(),
    make_instance<bf16_plane, 256, 256>(),
    make_instance<bf16_plane, 192, 128>(),
};
