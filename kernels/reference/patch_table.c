#include "kernels/reference/reference.h"

#include <assert.h>

kvspan_status kvspan_reference_patch_table(kvspan_device *device,
                                           const kvspan_patch_table_args *args,
                                           kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    for (uint32_t i = 0; i < args->patch_count; i++) {
        const kvspan_table_patch *patch = &args->patches[i];

        assert(patch->column < args->stride);
        args->table[(uint64_t)patch->slot * args->stride + patch->column] = patch->page;
    }
    return KVSPAN_OK;
}
