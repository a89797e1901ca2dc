#include "launch/gpu.h"

#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

kvspan_status kvspan_gpu_count(uint32_t *count_out, kvspan_error *error)
{
    return kvspan_cuda_count(count_out, error);
}

kvspan_status kvspan_gpu_open(uint32_t index, kvspan_device **device_out, kvspan_error *error)
{
    return kvspan_device_open_cuda(index, device_out, error);
}

kvspan_status kvspan_gpu_measure_products(kvspan_device *device, double *operations_per_second_out,
                                          kvspan_error *error)
{
    return kvspan_cuda_measure_products(device, operations_per_second_out, error);
}

kvspan_status kvspan_gpu_use_nccl(kvspan_comm *comm, kvspan_error *error)
{
    return kvspan_comm_use_nccl(comm, NULL, NULL, error);
}
