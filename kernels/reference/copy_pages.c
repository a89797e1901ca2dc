#include "kernels/reference/reference.h"

#include <assert.h>
#include <string.h>

kvspan_status kvspan_reference_copy_pages(kvspan_device *device, const kvspan_copy_pages_args *args,
                                          kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    for (uint64_t pair = 0; pair < args->pair_count; pair++) {
        const uint64_t source = args->pairs[2 * pair];
        const uint64_t target = args->pairs[2 * pair + 1];

        assert(source != target);
        for (uint32_t part = 0; part < args->part_count; part++) {
            unsigned char *data = args->data + part * args->part_stride;

            memcpy(data + target * args->page_stride, data + source * args->page_stride,
                   args->copy_bytes);
        }
    }
    return KVSPAN_OK;
}
