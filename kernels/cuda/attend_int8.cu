#include "kernels/cuda/attend_instances.cuh"

using namespace kvspan;

extern "C" const kvspan_attend_instance kvspan_attend_int8[KVSPAN_ATTEND_DIMS] = {
    make_instance<int8_plane, 64, 64>(),
    make_instance<int8_plane, 128, 128>(),
    make_instance<int8_plane, 192, 128>(),
    make_instance<int8_plane, 256, 256>(),
};
