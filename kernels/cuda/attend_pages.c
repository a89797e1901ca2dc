#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <cuda_runtime_api.h>

#include "kernels/cuda/attend_params.h"
#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/cuda_operations.h"

/* A call is one launch, with blocks for every unit of the plan and kv head. Where launches are
 * captured they are replayed with other plans, so that nothing in them follows from this one: they
 * have blocks for every unit of any plan. */

enum {
    ROW_ALIGNMENT = 16, /* of rows that are copied by 16 bytes */
    SCALE_ALIGNMENT = 4
};

static kvspan_divisor make_divisor(uint32_t value)
{
    uint32_t shift = 0;

    assert(value > 0);
    while (((uint64_t)1 << shift) < value) {
        shift++;
    }
    return (kvspan_divisor){ .value = value,
                             .multiplier =
                                 (uint32_t)((((uint64_t)1 << (31 + shift)) + value - 1) / value),
                             .shift = shift };
}

static uint32_t item_bytes(kvspan_dtype dtype)
{
    return kvspan_dtype_bytes(dtype);
}

static uint64_t group_of(const kvspan_attend_pages_args *args, uint32_t head)
{
    return (args->q_first + head) / args->group_size;
}

static kvspan_attend_plane make_plane(const kvspan_plane_view *view, uint64_t first_head)
{
    return (kvspan_attend_plane){ .data = view->data + first_head * view->head_stride,
                                  .head_stride = view->head_stride,
                                  .page_stride = view->page_stride,
                                  .short_page_stride = view->page_stride > UINT32_MAX
                                                           ? 0
                                                           : (uint32_t)view->page_stride,
                                  .token_stride = (uint32_t)view->token_stride,
                                  .scale_offset = (uint32_t)view->scale_offset,
                                  .dtype = view->dtype,
                                  .dim = view->dim };
}

/* Whether four elements can be moved at a time. */
static bool is_aligned(const kvspan_tensor *tensor)
{
    const uint64_t bytes = 4 * (uint64_t)item_bytes(tensor->dtype);

    return (uintptr_t)tensor->data % bytes == 0 && tensor->token_stride % 4 == 0 &&
           tensor->head_stride % 4 == 0;
}

static kvspan_attend_tensor make_tensor(const kvspan_tensor *tensor)
{
    return (kvspan_attend_tensor){ .data = tensor->data,
                                   .token_stride = tensor->token_stride,
                                   .head_stride = tensor->head_stride,
                                   .dtype = tensor->dtype,
                                   .is_aligned = is_aligned(tensor) };
}

static kvspan_attend_params make_params(const kvspan_attend_pages_args *args)
{
    const kvspan_token_rule *const rule = &args->rows.rule;
    const kvspan_attend_plan *const plan = args->plan.packed;
    const uint64_t first_group = group_of(args, 0);
    const uint64_t stretch = (uint64_t)rule->page_tokens * rule->member_count;
    const uint32_t kv_heads = (uint32_t)(group_of(args, args->q.heads - 1) - first_group) + 1;
    const uint64_t partial_rows = (uint64_t)plan->partial_row_capacity * kv_heads;
    float *const partials = (float *)(void *)((unsigned char *)args->scratch +
                                              KVSPAN_SPLIT_COUNTERS * sizeof(uint32_t));

    return (kvspan_attend_params){
        .keys = make_plane(&args->keys, first_group - args->kv_first),
        .values = make_plane(&args->values, first_group - args->kv_first),
        .q = make_tensor(&args->q),
        .out = make_tensor(&args->out),
        .lse = args->lse,
        .lse_stride = args->lse_stride,
        .plan = args->plan.device,
        .counters = args->scratch,
        .partial_outputs = partials,
        .partial_sums = partials + partial_rows * args->values.dim,
        .page_table = args->rows.page_table,
        .page_table_stride = args->rows.page_table_stride,
        .window = args->window,
        .page_tokens = make_divisor(rule->page_tokens),
        .stretch = make_divisor(stretch > INT32_MAX ? INT32_MAX : (uint32_t)stretch),
        .member = rule->member,
        .group_size = args->group_size,
        .head_shift = (uint32_t)(args->q_first - first_group * args->group_size),
        .q_heads = args->q.heads,
        .kv_heads = make_divisor(kv_heads),
        .scale = args->scale,
        .soft_cap = args->soft_cap,
        .trees = args->trees
    };
}

/* Whether rows of a plane can be copied by 16 bytes. */
static bool has_aligned_rows(const kvspan_plane_view *plane)
{
    const uint64_t all = (uint64_t)(uintptr_t)plane->data | plane->page_stride |
                         plane->head_stride | plane->token_stride;

    return all % ROW_ALIGNMENT == 0 && plane->scale_offset % SCALE_ALIGNMENT == 0 &&
           plane->page_stride <= UINT32_MAX;
}

static const kvspan_attend_instance *instances_of(kvspan_dtype q, kvspan_dtype plane)
{
    if (q == KVSPAN_F32) {
        return NULL;
    }
    switch (plane) {
    case KVSPAN_BF16: return q == KVSPAN_BF16 ? kvspan_attend_bf16 : NULL;
    case KVSPAN_F16: return q == KVSPAN_F16 ? kvspan_attend_f16 : NULL;
    case KVSPAN_I8: return kvspan_attend_int8;
    case KVSPAN_F8E4M3: return kvspan_attend_e4m3;
    default: return NULL;
    }
}

/* The kernels on tensor cores for such a call; NULL if there are none. */
static const kvspan_attend_instance *find_instance(const kvspan_attend_pages_args *args)
{
    const kvspan_attend_instance *const instances = instances_of(args->q.dtype, args->keys.dtype);

    /* Products with f16 or bf16 take scores as positive multiples. */
    if (!instances || args->values.dtype != args->keys.dtype || !(args->scale > 0.0f) ||
        !has_aligned_rows(&args->keys) || !has_aligned_rows(&args->values)) {
        return NULL;
    }
    for (int i = 0; i < KVSPAN_ATTEND_DIMS; i++) {
        if (instances[i].key_dim == args->keys.dim && instances[i].value_dim == args->values.dim) {
            return &instances[i];
        }
    }
    return NULL;
}

/* units: of the plan, or of any. */
static kvspan_status run_kernel(kvspan_device *device, const kvspan_attend_instance *instance,
                                uint64_t decode_units, uint64_t prefill_units,
                                kvspan_attend_params *params, kvspan_stream stream,
                                kvspan_error *error)
{
    const kvspan_attend_kernel *const kernel =
        prefill_units > 0 ? &instance->mixed : &instance->decode;
    const uint32_t kv_heads = params->kv_heads.value;
    const uint64_t prefill_blocks = prefill_units * kv_heads * instance->prefill_unit_blocks;
    const kvspan_cuda_launch launch = { .kernel = kernel->function,
                                        .name = kernel->name,
                                        .block_count = prefill_blocks + decode_units * kv_heads,
                                        .thread_count = kernel->thread_count,
                                        .shared_bytes = decode_units > 0 ? kernel->most_shared_bytes
                                                                         : kernel->shared_bytes };
    kvspan_status status;

    params->prefill_blocks = (uint32_t)prefill_blocks; /* more are refused at launch */
    status = kvspan_cuda_allow_shared(device, kernel->function, kernel->most_shared_bytes, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    return kvspan_cuda_launch_run(device, &launch, params, stream, error);
}

kvspan_status kvspan_cuda_attend_pages(kvspan_device *device, const kvspan_attend_pages_args *args,
                                       kvspan_stream stream, kvspan_error *error)
{
    const kvspan_attend_plan *const plan = args->plan.packed;
    const kvspan_attend_instance *instance = find_instance(args);
    const bool is_captured = args->rows.is_captured != 0;
    kvspan_attend_params params;

    if (args->q.heads == 0 || (args->plan.item_count == 0 && !is_captured)) {
        return KVSPAN_OK;
    }
    if (!instance) {
        instance = &kvspan_attend_plain;
    }
    params = make_params(args);
    return run_kernel(device, instance, is_captured ? plan->decode_capacity : plan->decode_count,
                      is_captured ? plan->prefill_capacity : plan->prefill_count, &params, stream,
                      error);
}
