#include "kernels/cpu/cpu.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "kernels/cpu/attend_split.h"
#include "kernels/cpu/cpu_device.h"
#include "kernels/cpu/digit_passes.h"
#include "kernels/reference/reference.h"

/* A unit of work is an item with the q heads of some kv heads, as many as make a block: their pages
 * lie side by side. A thread takes the next unit when it is done with one, and folds the unit's
 * splits in ascending order. Units so large that threads would wait for one of them are shared:
 * their splits are taken singly, their results kept apart and folded in ascending order as well. A
 * split is folded by who comes second of two: who has attended it, and who has folded those before.
 *
 * A unit is named by item · range_count + its first kv head; the names of its other heads are
 * empty. */

enum {
    TASKS_PER_THREAD = 4,   /* below that, units have fewer kv heads */
    SHARED_PER_THREAD = 16, /* a unit of more than 1 / (16 · threads) of the work is shared */
    MAX_SHARED = 256
};

/* A unit whose splits are taken singly. */
struct shared_unit {
    uint64_t unit;
    uint64_t first_task; /* of all shared units' splits */
    uint64_t first_split;
    uint64_t split_count;
    float *results; /* [split][row]{ [value_dim], maximum, sum }, behind the last their fold */
    atomic_uint *arrivals; /* [split]: who of the two has come */
};

struct attend_job {
    const kvspan_attend_pages_args *args;
    kvspan_cpu_device *device;
    const kvspan_tile_kernels *kernels;
    uint32_t range_count; /* kv heads that q's heads belong to */
    uint32_t most_heads;  /* kv heads of a unit */
    uint64_t unit_count;
    uint64_t shared_task_count;
    uint32_t shared_count;
    struct shared_unit shared[MAX_SHARED]; /* in order of unit */
    atomic_uint_fast64_t next_task;        /* shared splits first, then units */
};

static uint64_t group_of(const kvspan_attend_pages_args *args, uint32_t head)
{
    return (args->q_first + head) / args->group_size;
}

/* The heads of q that belong to the number-th kv head they touch. */
static kvspan_range find_heads(const kvspan_attend_pages_args *args, uint32_t number)
{
    const uint64_t kv_head = group_of(args, 0) + number;
    const uint64_t first = kv_head * args->group_size;
    const uint64_t begin = first > args->q_first ? first - args->q_first : 0;
    const uint64_t end = first + args->group_size - args->q_first;

    return (kvspan_range){ .first = (uint32_t)begin,
                           .count =
                               (uint32_t)((end < args->q.heads ? end : args->q.heads) - begin) };
}

static uint64_t first_split_of(const kvspan_work_item *item)
{
    return item->index_begin / KVSPAN_SPLIT_TOKENS;
}

static uint64_t end_split_of(const kvspan_work_item *item)
{
    return (item->index_end + KVSPAN_SPLIT_TOKENS - 1) / KVSPAN_SPLIT_TOKENS;
}

static const kvspan_work_item *item_of(const struct attend_job *job, uint64_t unit)
{
    assert(job->range_count > 0);
    return &job->args->plan.items[unit / job->range_count];
}

static kvspan_tile_workspace *workspace_of(const struct attend_job *job, uint32_t thread)
{
    return (kvspan_tile_workspace *)(void *)(job->device->workspaces +
                                             (uint64_t)thread * KVSPAN_TILE_WORKSPACE_BYTES);
}

/* What multiplies codes of the type as they are stored, if anything does. Its weights have 15 bits:
 * enough beside queries of bf16, too few for what is promised of others. */
static const kvspan_digit_passes *digits_of(const struct attend_job *job, kvspan_dtype dtype)
{
    return dtype == KVSPAN_I8 && job->args->q.dtype == KVSPAN_BF16 ? job->kernels->digits : NULL;
}

/* What widens codes of the type. */
static const kvspan_code_table *codes_of(const struct attend_job *job, kvspan_dtype dtype)
{
    return dtype == KVSPAN_BF16 || digits_of(job, dtype)
               ? NULL
               : &job->device->codes[dtype - KVSPAN_F8E4M3];
}

/* The kv heads of a unit of the item: as many as make a block. */
static uint32_t unit_heads(const struct attend_job *job, const kvspan_work_item *item)
{
    const uint32_t heads = job->kernels->block_rows / (item->token_count * job->args->group_size);

    if (heads <= 1) {
        return 1;
    }
    return heads < job->most_heads ? heads : job->most_heads;
}

/* Whether the name is a unit's. */
static int is_unit(const struct attend_job *job, uint64_t unit)
{
    return unit % job->range_count % unit_heads(job, item_of(job, unit)) == 0;
}

static uint32_t kv_heads_of(const struct attend_job *job, uint64_t unit)
{
    const uint32_t heads = unit_heads(job, item_of(job, unit));
    const uint32_t left = job->range_count - (uint32_t)(unit % job->range_count);

    return heads < left ? heads : left;
}

/* The heads of q in a unit. */
static kvspan_range q_heads_of(const struct attend_job *job, uint64_t unit)
{
    kvspan_range heads = find_heads(job->args, (uint32_t)(unit % job->range_count));

    heads.count *= kv_heads_of(job, unit);
    return heads;
}

static kvspan_attend_block make_block(const struct attend_job *job, uint64_t unit, uint32_t thread)
{
    const kvspan_attend_pages_args *const args = job->args;
    const uint32_t number = (uint32_t)(unit % job->range_count);

    return (kvspan_attend_block){ .args = args,
                                  .item = item_of(job, unit),
                                  .kernels = job->kernels,
                                  .tile = { .work = workspace_of(job, thread),
                                            .key_dim = args->keys.dim,
                                            .value_dim = args->values.dim,
                                            .scale = args->scale,
                                            .soft_cap = args->soft_cap,
                                            .key_codes = codes_of(job, args->keys.dtype),
                                            .value_codes = codes_of(job, args->values.dtype),
                                            .key_digits = digits_of(job, args->keys.dtype),
                                            .value_digits = digits_of(job, args->values.dtype),
                                            .has_key_scales = args->keys.scale_offset != 0,
                                            .has_value_scales = args->values.scale_offset != 0 },
                                  .kv_head = (uint32_t)group_of(args, 0) + number - args->kv_first,
                                  .kv_head_count = kv_heads_of(job, unit),
                                  .heads = q_heads_of(job, unit) };
}

/* Goes to the next block of a unit: some heads of some tokens. `all` are the heads of the unit;
 * token_count 0 begins. Returns 0 behind the last. */
static int next_block(kvspan_attend_block *block, kvspan_range all)
{
    const uint32_t most = block->kernels->block_rows;
    const uint32_t head_end = block->heads.first + block->heads.count;
    const uint32_t all_end = all.first + all.count;
    uint32_t first_head = all.first;
    uint32_t tokens;

    if (block->token_count != 0 && head_end < all_end) {
        first_head = head_end;
    } else {
        block->first_token += block->token_count;
    }
    if (block->first_token == block->item->token_count) {
        return 0;
    }
    block->heads.first = first_head;
    block->heads.count = all_end - first_head < most ? all_end - first_head : most;
    /* Every share of the heads takes the same tokens. */
    tokens = all.count < most ? most / all.count : 1;
    block->token_count = block->item->token_count - block->first_token < tokens
                             ? block->item->token_count - block->first_token
                             : tokens;
    kvspan_attend_block_begin(block);
    return 1;
}

static kvspan_partial result_of(const kvspan_tile_block *tile, uint32_t row)
{
    kvspan_tile_workspace *const work = tile->work;

    return (kvspan_partial){ .output = work->outputs + (size_t)row * tile->value_dim,
                             .maximum = &work->maxima[row],
                             .sum = &work->sums[row] };
}

static kvspan_partial total_of(const kvspan_tile_block *tile, uint32_t row)
{
    kvspan_tile_workspace *const work = tile->work;

    return (kvspan_partial){ .output = work->totals + (size_t)row * tile->value_dim,
                             .maximum = &work->total_maxima[row],
                             .sum = &work->total_sums[row] };
}

static void clear_total(const kvspan_partial *total, uint32_t value_dim)
{
    memset(total->output, 0, value_dim * sizeof(float));
    *total->maximum = -INFINITY;
    *total->sum = 0.0f;
}

/* What this thread is likely to read after its unit, to be fetched before; nothing depends on it.
 */
static int find_follower(const struct attend_job *job, uint32_t thread,
                         kvspan_tile_chunk *chunk_out)
{
    const uint64_t task = atomic_load_explicit(&job->next_task, memory_order_relaxed);
    uint64_t unit = task - job->shared_task_count;
    kvspan_attend_block block;

    while (unit < job->unit_count && !is_unit(job, unit)) {
        unit++;
    }
    if (task < job->shared_task_count || unit >= job->unit_count) {
        return 0;
    }
    block = make_block(job, unit, thread);
    return kvspan_attend_find_first(&block, chunk_out);
}

static void attend_unit(const struct attend_job *job, uint64_t unit, uint32_t thread)
{
    kvspan_tile_chunk follower;
    kvspan_attend_block block = make_block(job, unit, thread);
    const kvspan_range heads = block.heads;
    const kvspan_work_item *const item = block.item;

    block.follower = find_follower(job, thread, &follower) ? &follower : NULL;

    while (next_block(&block, heads)) {
        for (uint32_t row = 0; row < block.tile.row_count; row++) {
            const kvspan_partial total = total_of(&block.tile, row);

            clear_total(&total, block.tile.value_dim);
        }
        for (uint64_t split = first_split_of(item); split < end_split_of(item); split++) {
            kvspan_attend_split(&block, split);
            for (uint32_t row = 0; row < block.tile.row_count; row++) {
                const kvspan_partial part = result_of(&block.tile, row);
                const kvspan_partial total = total_of(&block.tile, row);

                kvspan_partial_fold(&part, block.tile.value_dim, &total);
            }
        }
        for (uint32_t row = 0; row < block.tile.row_count; row++) {
            const kvspan_partial total = total_of(&block.tile, row);

            kvspan_attend_store(&block, row, &total);
        }
    }
}

static uint64_t unit_rows(const struct attend_job *job, uint64_t unit)
{
    return (uint64_t)item_of(job, unit)->token_count * q_heads_of(job, unit).count;
}

static uint64_t result_floats(const struct attend_job *job, uint64_t unit)
{
    return unit_rows(job, unit) * (job->args->values.dim + 2);
}

/* Rows of a unit count on through its blocks. */
static kvspan_partial kept_result(const struct attend_job *job, const struct shared_unit *shared,
                                  uint64_t split, uint32_t row)
{
    const uint32_t dim = job->args->values.dim;
    float *const result =
        shared->results + split * result_floats(job, shared->unit) + (uint64_t)row * (dim + 2);

    return (kvspan_partial){ .output = result, .maximum = result + dim, .sum = result + dim + 1 };
}

/* One split of a shared unit, into the unit's results. */
static void attend_shared_split(const struct attend_job *job, const struct shared_unit *shared,
                                uint64_t split, uint32_t thread)
{
    kvspan_attend_block block = make_block(job, shared->unit, thread);
    const kvspan_range heads = block.heads;
    uint32_t first = 0;

    while (next_block(&block, heads)) {
        kvspan_attend_split(&block, shared->first_split + split);
        for (uint32_t row = 0; row < block.tile.row_count; row++) {
            const kvspan_partial part = result_of(&block.tile, row);
            const kvspan_partial kept = kept_result(job, shared, split, first + row);

            memcpy(kept.output, part.output, block.tile.value_dim * sizeof(float));
            *kept.maximum = *part.maximum;
            *kept.sum = *part.sum;
        }
        first += block.tile.row_count;
    }
}

static void fold_shared_split(const struct attend_job *job, const struct shared_unit *shared,
                              uint64_t split)
{
    const uint32_t dim = job->args->values.dim;
    const uint32_t rows = (uint32_t)unit_rows(job, shared->unit);

    for (uint32_t row = 0; row < rows; row++) {
        const kvspan_partial part = kept_result(job, shared, split, row);
        const kvspan_partial total = kept_result(job, shared, shared->split_count, row);

        if (split == 0) {
            clear_total(&total, dim);
        }
        kvspan_partial_fold(&part, dim, &total);
    }
}

static void store_shared(const struct attend_job *job, const struct shared_unit *shared,
                         uint32_t thread)
{
    kvspan_attend_block block = make_block(job, shared->unit, thread);
    const kvspan_range heads = block.heads;
    uint32_t first = 0;

    while (next_block(&block, heads)) {
        for (uint32_t row = 0; row < block.tile.row_count; row++) {
            const kvspan_partial total = kept_result(job, shared, shared->split_count, first + row);

            kvspan_attend_store(&block, row, &total);
        }
        first += block.tile.row_count;
    }
}

/* A split has been attended. Who comes second sees what the first has written. */
static void finish_shared_split(const struct attend_job *job, const struct shared_unit *shared,
                                uint64_t split, uint32_t thread)
{
    while (atomic_fetch_add_explicit(&shared->arrivals[split], 1, memory_order_acq_rel) == 1) {
        fold_shared_split(job, shared, split);
        if (++split == shared->split_count) {
            store_shared(job, shared, thread);
            return;
        }
    }
}

static struct shared_unit *shared_of_task(struct attend_job *job, uint64_t task)
{
    uint32_t i = job->shared_count;

    do {
        i--;
    } while (job->shared[i].first_task > task);
    return &job->shared[i];
}

static int is_shared(const struct attend_job *job, uint64_t unit)
{
    for (uint32_t i = 0; i < job->shared_count; i++) {
        if (job->shared[i].unit == unit) {
            return 1;
        }
    }
    return 0;
}

static void take_tasks(void *context, uint32_t thread)
{
    struct attend_job *const job = context;
    uint64_t task;

    while ((task = atomic_fetch_add_explicit(&job->next_task, 1, memory_order_relaxed)) <
           job->shared_task_count + job->unit_count) {
        if (task < job->shared_task_count) {
            struct shared_unit *const shared = shared_of_task(job, task);

            attend_shared_split(job, shared, task - shared->first_task, thread);
            finish_shared_split(job, shared, task - shared->first_task, thread);
            continue;
        }
        task -= job->shared_task_count;
        if (is_unit(job, task) && !is_shared(job, task)) {
            attend_unit(job, task, thread);
        }
    }
    if (job->kernels->leave) {
        job->kernels->leave(workspace_of(job, thread));
    }
}

static uint64_t unit_cost(const kvspan_work_item *item)
{
    return (item->index_end - item->index_begin) * item->token_count;
}

/* Shares the units that are large beside the whole, as long as there is room for their results. */
static void choose_shared(struct attend_job *job)
{
    const uint32_t threads = kvspan_pool_thread_count(job->device->pool);
    const kvspan_work_plan *const plan = &job->args->plan;
    float *results = (float *)(void *)job->device->partials;
    uint64_t room = job->device->partial_bytes / sizeof(float);
    uint64_t total = 0;

    if (threads == 1) {
        return;
    }
    for (uint32_t i = 0; i < plan->item_count; i++) {
        total += unit_cost(&plan->items[i]) * job->range_count;
    }
    for (uint64_t unit = 0; unit < job->unit_count && job->shared_count < MAX_SHARED; unit++) {
        const kvspan_work_item *const item = item_of(job, unit);
        const uint64_t first = first_split_of(item);
        const uint64_t splits = end_split_of(item) - first;
        const uint64_t floats = result_floats(job, unit) * (splits + 1) + splits;
        atomic_uint *arrivals;

        if (splits < 2 || !is_unit(job, unit) || floats > room ||
            unit_cost(item) * kv_heads_of(job, unit) * threads * SHARED_PER_THREAD < total) {
            continue;
        }
        _Static_assert(sizeof(*arrivals) == sizeof(*results), "a count takes the room of a float");
        arrivals = (atomic_uint *)(void *)(results + floats - splits);
        for (uint64_t split = 0; split < splits; split++) {
            atomic_init(&arrivals[split], split == 0); /* before the first there is none to fold */
        }
        job->shared[job->shared_count] = (struct shared_unit){ .unit = unit,
                                                               .first_task = job->shared_task_count,
                                                               .first_split = first,
                                                               .split_count = splits,
                                                               .results = results,
                                                               .arrivals = arrivals };
        job->shared_count++;
        job->shared_task_count += splits;
        results += floats;
        room -= floats;
    }
}

/* Heads make units together where each has all its queries, and as long as there is work enough for
 * all threads. */
static uint32_t choose_most_heads(const struct attend_job *job)
{
    const kvspan_attend_pages_args *const args = job->args;
    const uint64_t wanted =
        (uint64_t)kvspan_pool_thread_count(job->device->pool) * TASKS_PER_THREAD;
    uint32_t heads = job->range_count;
    uint64_t splits = 0;

    if (args->q_first % args->group_size != 0 || args->q.heads % args->group_size != 0) {
        return 1;
    }
    for (uint32_t i = 0; i < args->plan.item_count; i++) {
        splits += end_split_of(&args->plan.items[i]) - first_split_of(&args->plan.items[i]);
    }
    while (heads > 1 && splits * (job->range_count / heads) < wanted) {
        heads /= 2;
    }
    return heads;
}

static int is_tiled(const kvspan_attend_pages_args *args)
{
    return args->keys.order == KVSPAN_ORDER_KEY_TILES &&
           args->values.order == KVSPAN_ORDER_VALUE_TILES;
}

kvspan_status kvspan_cpu_attend_pages(kvspan_device *device, const kvspan_attend_pages_args *args,
                                      kvspan_stream stream, kvspan_error *error)
{
    kvspan_cpu_device *const cpu = kvspan_cpu_device_of(device);
    struct attend_job job = { .args = args, .device = cpu };

    if (!is_tiled(args)) {
        return kvspan_reference_attend_pages(device, args, stream, error);
    }
    if (args->q.heads == 0) {
        return KVSPAN_OK;
    }
    job.kernels = args->q.dtype == KVSPAN_BF16 ? cpu->pairs : cpu->floats;
    job.range_count = (uint32_t)(group_of(args, args->q.heads - 1) - group_of(args, 0)) + 1;
    job.unit_count = (uint64_t)args->plan.item_count * job.range_count;
    job.most_heads = choose_most_heads(&job);
    choose_shared(&job);
    kvspan_pool_run(cpu->pool, take_tasks, &job);
    return KVSPAN_OK;
}
