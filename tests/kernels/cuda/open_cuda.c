#include <kvspan/cuda.h>

#include "kernels/column.h"

kvspan_status column_open_cuda(kvspan_device **device_out, kvspan_error *error)
{
    return kvspan_device_open_cuda(0, device_out, error);
}
