#include "kernels/cpu/cpu.h"

#include "kernels/cpu/cpu_device.h"
#include "kernels/reference/reference.h"

enum {
    LEAST_FLOATS = 16384 /* that are worth waking threads for */
};

struct merge {
    const kvspan_merge_partials_args *args;
    uint32_t thread_count;
};

static void merge_share(void *context, uint32_t thread)
{
    const struct merge *const merge = context;
    const uint64_t tokens = merge->args->tokens;

    kvspan_reference_merge_tokens(merge->args,
                                  kvspan_pool_share(tokens, thread, merge->thread_count),
                                  kvspan_pool_share(tokens, thread + 1, merge->thread_count));
}

kvspan_status kvspan_cpu_merge_partials(kvspan_device *device,
                                        const kvspan_merge_partials_args *args,
                                        kvspan_stream stream, kvspan_error *error)
{
    kvspan_pool *const pool = kvspan_cpu_device_of(device)->pool;
    const uint64_t floats = (uint64_t)args->part_count * args->tokens * args->heads * args->dim;
    struct merge merge = { .args = args, .thread_count = kvspan_pool_thread_count(pool) };

    (void)stream;
    (void)error;
    if (floats < LEAST_FLOATS) {
        kvspan_reference_merge_tokens(args, 0, args->tokens);
    } else {
        kvspan_pool_run(pool, merge_share, &merge);
    }
    return KVSPAN_OK;
}
