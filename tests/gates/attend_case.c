#include "gates/attend_case.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <kvspan/cuda.h>

#include "kernels/device.h"
#include "kernels/page_format.h"
#include "support/random.h"

enum {
    SEQUENCES = 2,
    CONTEXT = 1024, /* of the first sequence; half of it of the second: full pages and splits */
    KV_HEADS = 2,
    PAGE_TOKENS = 16,
    COLUMNS = CONTEXT / PAGE_TOKENS,
    PAGES = COLUMNS + COLUMNS / 2,
    ITEMS = 64,
    MEMORY_BLOCKS = 24,
    SMALL_BITS = 0x3f /* bytes that are small numbers in every type */
};

/* What a case has taken from the device. */
typedef struct step_memory {
    kvspan_device *device;
    kvspan_stream stream;
    uint32_t block_count;
    struct {
        void *data;
        uint64_t bytes;
        bool is_pinned;
    } blocks[MEMORY_BLOCKS];
    kvspan_status status; /* the first that is not OK */
    kvspan_error error;
} step_memory;

static void *take(step_memory *memory, uint64_t bytes, bool is_pinned)
{
    const kvspan_device_ops *ops = memory->device->ops;
    void *data = NULL;

    if (memory->status != KVSPAN_OK || bytes == 0) {
        return NULL;
    }
    memory->status = (is_pinned ? ops->allocate_pinned : ops->allocate)(memory->device, bytes,
                                                                        &data, &memory->error);
    if (memory->status == KVSPAN_OK) {
        assert(memory->block_count < MEMORY_BLOCKS);
        memory->blocks[memory->block_count].data = data;
        memory->blocks[memory->block_count].bytes = bytes;
        memory->blocks[memory->block_count++].is_pinned = is_pinned;
    }
    return data;
}

/* Device memory with the bytes of `source`, or random ones for NULL. */
static void *put(step_memory *memory, const void *source, uint64_t bytes)
{
    unsigned char *staged = take(memory, bytes, true);
    void *data = take(memory, bytes, false);

    if (memory->status != KVSPAN_OK || bytes == 0) {
        return NULL;
    }
    if (source != NULL) {
        memcpy(staged, source, bytes);
    }
    for (uint64_t i = 0; source == NULL && i < bytes; i++) {
        staged[i] = (unsigned char)(random_mix(i) & SMALL_BITS);
    }
    memory->status = memory->device->ops->copy(memory->device, data, staged, bytes, memory->stream,
                                               &memory->error);
    return data;
}

static void await(step_memory *memory)
{
    int is_done = 0;

    while (memory->status == KVSPAN_OK && !is_done) {
        memory->status =
            memory->device->ops->query(memory->device, memory->stream, &is_done, &memory->error);
    }
}

static void release(step_memory *memory)
{
    const kvspan_device_ops *ops = memory->device->ops;

    while (memory->block_count > 0) {
        memory->block_count--;
        (memory->blocks[memory->block_count].is_pinned ? ops->release_pinned : ops->release)(
            memory->device, memory->blocks[memory->block_count].data,
            memory->blocks[memory->block_count].bytes);
    }
}

static kvspan_page_format make_format(const attend_case *shape)
{
    const uint32_t heads[2] = { KV_HEADS, KV_HEADS };
    const uint32_t scale_tokens = kvspan_dtype_bytes(shape->plane_dtype) == 1 ? 1 : 0;
    const kvspan_layer_group group = {
        .layer_count = 1,
        .q_heads = KV_HEADS * shape->group_size,
        .plane_count = 2,
        .planes = { { KVSPAN_KEY, KV_HEADS, shape->key_dim, shape->plane_dtype, scale_tokens },
                    { KVSPAN_VALUE, KV_HEADS, shape->value_dim, shape->plane_dtype,
                      scale_tokens } },
    };
    kvspan_page_format format = { 0 };

    (void)kvspan_page_format_make(&group, heads, PAGE_TOKENS, PAGES, KVSPAN_PAGE_FIRST, &format,
                                  NULL);
    return format;
}

/* Tokens of a sequence, the new ones included. */
static uint32_t length_of(uint32_t sequence)
{
    return CONTEXT >> sequence;
}

static uint64_t kv_bytes_of(const attend_case *shape)
{
    const uint64_t scale_bytes =
        kvspan_dtype_bytes(shape->plane_dtype) == 1 ? 2 * KVSPAN_SCALE_BYTES : 0;
    const uint64_t element_bytes =
        (uint64_t)(shape->key_dim + shape->value_dim) * kvspan_dtype_bytes(shape->plane_dtype);

    return (uint64_t)(length_of(0) + length_of(1)) * KV_HEADS * (element_bytes + scale_bytes);
}

/* Pages of the sequences in turn, so that neighbours in a sequence are not neighbours in memory. */
static kvspan_step_arrays make_rows(step_memory *memory, const attend_case *shape)
{
    const uint32_t tokens = SEQUENCES * shape->new_tokens;
    uint32_t table[SEQUENCES * COLUMNS] = { 0 };
    const uint32_t starts[SEQUENCES + 1] = { 0, shape->new_tokens, tokens };
    const uint32_t slots[SEQUENCES] = { 0, 1 };
    int32_t *positions = calloc(tokens, sizeof(*positions));

    for (uint32_t page = 0; page < PAGES; page++) {
        table[page % 3 == 2 ? COLUMNS + page / 3 : page / 3 * 2 + page % 3] = PAGES - 1 - page;
    }
    for (uint32_t i = 0; positions != NULL && i < tokens; i++) {
        positions[i] =
            (int32_t)(length_of(i / shape->new_tokens) - shape->new_tokens + i % shape->new_tokens);
    }
    const kvspan_step_arrays rows = {
        .row_count = SEQUENCES,
        .token_count = tokens,
        .row_starts = put(memory, starts, sizeof(starts)),
        .row_slots = put(memory, slots, sizeof(slots)),
        .positions = put(memory, positions, tokens * sizeof(*positions)),
        .page_table = put(memory, table, sizeof(table)),
        .page_table_stride = COLUMNS,
        .rule = { .page_tokens = PAGE_TOKENS, .member_count = 1 },
    };

    free(positions);
    return rows;
}

/* As a cache does once per step. */
static void add_plan(step_memory *memory, const attend_case *shape, kvspan_attend_pages_args *args)
{
    const kvspan_kernels *kernels = memory->device->kernels;
    kvspan_work_item items[ITEMS];
    kvspan_work_row rows[SEQUENCES];
    const kvspan_plan_limits limits = {
        .max_rows = SEQUENCES,
        .max_tokens = args->rows.token_count,
        .max_items = ITEMS,
        .max_local_tokens = CONTEXT,
        .group_size = shape->group_size,
        .q_heads = args->q.heads,
        .kv_heads = KV_HEADS,
        .key_dim = shape->key_dim,
        .value_dim = shape->value_dim,
    };

    for (uint32_t i = 0; i < SEQUENCES; i++) {
        rows[i] = (kvspan_work_row){ .position = length_of(i) - shape->new_tokens,
                                     .slot = i,
                                     .first_token = i * shape->new_tokens,
                                     .token_count = shape->new_tokens };
    }
    args->plan = kvspan_work_plan_make(rows, SEQUENCES, &args->rows.rule, 0,
                                       memory->device->tile_tokens, items);
    void *packed = take(memory, kernels->packed_plan_bytes(&limits), true);

    args->scratch = take(memory, kernels->attend_scratch_bytes(&limits), false);
    if (memory->status == KVSPAN_OK) {
        args->plan.device = put(memory, packed, kernels->pack_plan(&limits, &args->plan, packed));
        args->plan.packed = packed;
        args->plan.items = NULL;
    }
}

static kvspan_tensor make_tensor(step_memory *memory, const attend_case *shape, uint32_t dim)
{
    const kvspan_dtype dtype = shape->plane_dtype == KVSPAN_F16 ? KVSPAN_F16 : KVSPAN_BF16;
    const uint32_t heads = KV_HEADS * shape->group_size;
    const uint64_t tokens = (uint64_t)SEQUENCES * shape->new_tokens;

    return (kvspan_tensor){ .data = put(memory, NULL, tokens * heads * dim * 2),
                            .dtype = dtype,
                            .heads = heads,
                            .dim = dim,
                            .tokens = tokens,
                            .token_stride = (int64_t)heads * dim,
                            .head_stride = dim };
}

static void attend(step_memory *memory, const attend_case *shape, launch_counter *counter)
{
    const kvspan_page_format format = make_format(shape);
    unsigned char *arena = put(memory, NULL, format.arena_bytes);
    kvspan_attend_pages_args args = {
        .keys = kvspan_page_format_view(&format, arena, 0, 0),
        .values = kvspan_page_format_view(&format, arena, 0, 1),
        .rows = make_rows(memory, shape),
        .q = make_tensor(memory, shape, shape->key_dim),
        .out = make_tensor(memory, shape, shape->value_dim),
        .group_size = shape->group_size,
        .scale = 0.125f,
    };

    add_plan(memory, shape, &args);
    await(memory);
    launch_counter_begin(counter, arena, format.arena_bytes);
    if (memory->status == KVSPAN_OK) {
        memory->status = memory->device->kernels->attend_pages(memory->device, &args,
                                                               memory->stream, &memory->error);
    }
    await(memory);
    launch_counter_end();
}

bool attend_case_run(const attend_case *shape, launch_counter *counter, uint64_t *kv_bytes_out,
                     gate_error *error)
{
    step_memory memory = { .status = KVSPAN_OK };

    memory.status = kvspan_device_open_cuda(0, &memory.device, &memory.error);
    if (memory.status != KVSPAN_OK) {
        return gate_fail(error, "%.400s", memory.error.message);
    }
    memory.status = memory.device->ops->create_stream(memory.device, &memory.stream, &memory.error);
    if (memory.status == KVSPAN_OK) {
        attend(&memory, shape, counter);
        release(&memory);
        memory.device->ops->destroy_stream(memory.device, memory.stream);
    }
    kvspan_device_close(memory.device);
    *kv_bytes_out = kv_bytes_of(shape);
    return memory.status == KVSPAN_OK || gate_fail(error, "%.400s", memory.error.message);
}
