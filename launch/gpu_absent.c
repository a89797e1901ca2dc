#include "launch/gpu.h"

static kvspan_status answer(kvspan_error *error)
{
    return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "device \"cuda\" is not built in");
}

kvspan_status kvspan_gpu_count(uint32_t *count_out, kvspan_error *error)
{
    (void)count_out;
    return answer(error);
}

kvspan_status kvspan_gpu_open(uint32_t index, kvspan_device **device_out, kvspan_error *error)
{
    (void)index;
    (void)device_out;
    return answer(error);
}

kvspan_status kvspan_gpu_measure_products(kvspan_device *device, double *operations_per_second_out,
                                          kvspan_error *error)
{
    (void)device;
    (void)operations_per_second_out;
    return answer(error);
}

kvspan_status kvspan_gpu_use_nccl(kvspan_comm *comm, kvspan_error *error)
{
    (void)comm;
    return answer(error);
}
