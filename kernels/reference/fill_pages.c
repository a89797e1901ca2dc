#include "kernels/reference/reference.h"

#include <string.h>

kvspan_status kvspan_reference_fill_pages(kvspan_device *device, const kvspan_fill_pages_args *args,
                                          kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    for (uint32_t i = 0; i < args->page_count; i++) {
        for (uint32_t part = 0; part < args->part_count; part++) {
            memset(args->data + part * args->part_stride + args->pages[i] * args->page_stride,
                   args->value, args->fill_bytes);
        }
    }
    return KVSPAN_OK;
}
