#include "column.h"

kvspan_status column_open_cuda(kvspan_device **device_out, kvspan_error *error)
{
    (void)device_out;
    return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "this program is built without CUDA");
}
