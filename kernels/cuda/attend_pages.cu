#include "kernels/cuda/cuda_operations.h"

kvspan_status kvspan_cuda_attend_pages(kvspan_device *device, const kvspan_attend_pages_args *args,
                                       kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)args;
    (void)stream;
    return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "device \"cuda\" does not attend yet");
}

uint64_t kvspan_cuda_packed_plan_bytes(const kvspan_plan_limits *limits)
{
    (void)limits;
    return 0;
}

uint64_t kvspan_cuda_pack_plan(const kvspan_plan_limits *limits, const kvspan_work_plan *plan,
                               void *packed)
{
    (void)limits;
    (void)plan;
    (void)packed;
    return 0;
}

uint64_t kvspan_cuda_attend_scratch_bytes(const kvspan_plan_limits *limits)
{
    (void)limits;
    return 0;
}
