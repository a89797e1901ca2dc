#include "kernels/cuda/attend_instances.cuh"

using namespace kvspan;

extern "C" const kvspan_attend_instance kvspan_attend_e4m3[KVSPAN_ATTEND_DIMS] = {
    make_instance<e4m3_plane, 64, 64>(),
    make_instance<e4m3_plane, 128, 128>(),
    make_instance<e4m3_plane, 192, 128>(),
    make_instance<e4m3_plane, 256, 256>(),
};
