#include "kernels/cuda/cuda_operations.h"

kvspan_status kvspan_cuda_merge_partials(kvspan_device *device,
                                         const kvspan_merge_partials_args *args,
                                         kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)args;
    (void)stream;
    return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "device \"cuda\" does not merge yet");
}
