#include "kernels/cpu/cpu.h"

#include <assert.h>

#include "kernels/cpu/cpu_device.h"
#include "kernels/page_checksum.h"

struct checksum {
    const kvspan_checksum_pages_args *args;
    const kvspan_cpu_device *cpu;
};

static void checksum_share(void *context, uint32_t thread)
{
    const struct checksum *const checksum = context;
    const kvspan_checksum_pages_args *const args = checksum->args;
    const uint32_t thread_count = kvspan_pool_thread_count(checksum->cpu->pool);
    const uint64_t end = kvspan_pool_share(args->page_count, thread + 1, thread_count);
    const uint64_t part_words = args->part_bytes / 8;

    for (uint64_t i = kvspan_pool_share(args->page_count, thread, thread_count); i < end; i++) {
        const unsigned char *const page = args->data + args->pages[i] * args->page_stride;
        uint64_t sum = 0;

        for (uint64_t part = 0; part < args->part_count; part++) {
            sum += checksum->cpu->pages->sum_words(page + part * args->part_stride, part_words,
                                                   part * part_words);
        }
        args->checksums[i] = kvspan_checksum_finish(sum);
    }
}

kvspan_status kvspan_cpu_checksum_pages(kvspan_device *device,
                                        const kvspan_checksum_pages_args *args,
                                        kvspan_stream stream, kvspan_error *error)
{
    const kvspan_cpu_device *const cpu = kvspan_cpu_device_of(device);
    struct checksum checksum = { .args = args, .cpu = cpu };

    (void)stream;
    (void)error;
    assert(args->part_bytes % 8 == 0);
    kvspan_pool_run(cpu->pool, checksum_share, &checksum);
    return KVSPAN_OK;
}
