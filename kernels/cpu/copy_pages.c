#include "kernels/cpu/cpu.h"

#include "kernels/cpu/cpu_device.h"
#include "kernels/reference/reference.h"

enum {
    LEAST_BYTES = 262144, /* that are worth waking threads for */
    UNIT_BYTES = 4096
};

struct copy {
    const kvspan_copy_pages_args *args;
    uint32_t thread_count;
};

/* Every thread takes the same bytes of all pages and the pairs in their order: a page may be the
 * target of one pair and the source of a later one. */
static void copy_share(void *context, uint32_t thread)
{
    const struct copy *const copy = context;
    kvspan_copy_pages_args share = *copy->args;
    const uint64_t units = (share.copy_bytes + UNIT_BYTES - 1) / UNIT_BYTES;
    const uint64_t begin = kvspan_pool_share(units, thread, copy->thread_count) * UNIT_BYTES;
    uint64_t end = kvspan_pool_share(units, thread + 1, copy->thread_count) * UNIT_BYTES;

    end = end < share.copy_bytes ? end : share.copy_bytes;
    if (begin < end) {
        share.data += begin;
        share.copy_bytes = end - begin;
        (void)kvspan_reference_copy_pages(NULL, &share, NULL, NULL);
    }
}

kvspan_status kvspan_cpu_copy_pages(kvspan_device *device, const kvspan_copy_pages_args *args,
                                    kvspan_stream stream, kvspan_error *error)
{
    kvspan_pool *const pool = kvspan_cpu_device_of(device)->pool;
    struct copy copy = { .args = args, .thread_count = kvspan_pool_thread_count(pool) };

    if (args->copy_bytes * args->part_count * args->pair_count < LEAST_BYTES) {
        return kvspan_reference_copy_pages(device, args, stream, error);
    }
    kvspan_pool_run(pool, copy_share, &copy);
    return KVSPAN_OK;
}
