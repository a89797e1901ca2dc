#include "kernels/reference/reference.h"

#include <assert.h>

#include "kernels/page_checksum.h"

static uint64_t load_word(const unsigned char *bytes)
{
    uint64_t word = 0;

    for (size_t i = 0; i < 8; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

kvspan_status kvspan_reference_checksum_pages(kvspan_device *device,
                                              const kvspan_checksum_pages_args *args,
                                              kvspan_stream stream, kvspan_error *error)
{
    const uint64_t part_words = args->part_bytes / 8;

    (void)device;
    (void)stream;
    (void)error;
    assert(args->part_bytes % 8 == 0);
    for (uint32_t i = 0; i < args->page_count; i++) {
        uint64_t sum = 0;

        for (uint32_t part = 0; part < args->part_count; part++) {
            const unsigned char *const bytes =
                args->data + part * args->part_stride + args->pages[i] * args->page_stride;

            for (uint64_t word = 0; word < part_words; word++) {
                sum += kvspan_checksum_term(load_word(bytes + word * 8), part * part_words + word);
            }
        }
        args->checksums[i] = kvspan_checksum_finish(sum);
    }
    return KVSPAN_OK;
}
