#include "support/deferred_device.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/host_device.h"
#include "kernels/reference/reference.h"
#include "support/deferred_queue.h"

enum {
    TILE_TOKENS = 16
};

static kvspan_status count_call(deferred_device *it, kvspan_error *error)
{
    it->calls++;
    return it->fail_after > 0 && it->calls > it->fail_after
               ? kvspan_fail(error, KVSPAN_ERR_CUDA, "call %llu of the device fails",
                             (unsigned long long)it->calls)
               : KVSPAN_OK;
}

/* ---- memory --------------------------------------------------------------------------------- */

static const memory *find(const deferred_device *it, const void *data)
{
    for (uint32_t i = 0; i < DEFERRED_MEMORIES; i++) {
        const memory *const some = &it->memories[i];
        const unsigned char *const at = data;

        if (some->data && at >= some->data && at < some->data + some->bytes) {
            return some;
        }
    }
    return NULL;
}

/* Never given again, so that it is zero, and late use of what was given back is seen. */
static unsigned char *take_from_heap(deferred_device *it, uint64_t bytes)
{
    unsigned char *const data = it->heap + it->heap_used;
    const uint64_t rounded = (bytes + 4095) / 4096 * 4096;

    if (rounded > DEFERRED_HEAP_BYTES - it->heap_used) {
        return NULL;
    }
    it->heap_used += rounded;
    return data;
}

static kvspan_status take(kvspan_device *device, uint64_t bytes, bool is_pinned, void **data_out,
                          kvspan_error *error)
{
    deferred_device *const it = deferred_of(device);
    kvspan_status status = count_call(it, error);
    uint32_t i = 0;

    if (status != KVSPAN_OK) {
        return status;
    }
    *data_out = NULL;
    if (bytes == 0) {
        return KVSPAN_OK;
    }
    while (i < DEFERRED_MEMORIES && it->memories[i].data) {
        i++;
    }
    if (i == DEFERRED_MEMORIES) {
        deferred_misuse("too many memories");
    }
    it->memories[i].data = is_pinned ? calloc(1, bytes) : take_from_heap(it, bytes);
    if (!it->memories[i].data) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no %llu bytes", (unsigned long long)bytes);
    }
    it->memories[i].bytes = bytes;
    it->memories[i].is_pinned = is_pinned;
    *data_out = it->memories[i].data;
    return KVSPAN_OK;
}

static kvspan_status allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                              kvspan_error *error)
{
    return take(device, bytes, false, data_out, error);
}

static kvspan_status allocate_pinned(kvspan_device *device, uint64_t bytes, void **data_out,
                                     kvspan_error *error)
{
    return take(device, bytes, true, data_out, error);
}

/* What is under way is done first: it may use the memory. */
static void release(kvspan_device *device, void *data, uint64_t bytes)
{
    deferred_device *const it = deferred_of(device);

    deferred_do_all(it);
    for (uint32_t i = 0; i < DEFERRED_MEMORIES; i++) {
        memory *const some = &it->memories[i];

        if (some->data == data) {
            if (some->bytes != bytes) {
                deferred_misuse("memory given back with another size");
            }
            if (some->is_pinned) {
                free(data);
            }
            *some = (memory){ .data = NULL };
            return;
        }
    }
    deferred_misuse("memory given back that was never taken");
}

static kvspan_status copy_rows(kvspan_device *device, const kvspan_copy_rows *rows,
                               kvspan_stream stream, kvspan_error *error)
{
    deferred_device *const it = deferred_of(device);
    const kvspan_status status = count_call(it, error);

    if (status == KVSPAN_OK && rows->row_bytes > 0 && rows->row_count > 0) {
        if (!find(it, rows->target) || !find(it, rows->source)) {
            deferred_misuse("a copy of memory that is neither the device's nor pinned");
        }
        deferred_enqueue(it, stream, (operation){ .kind = COPY, .args.copy = *rows });
    }
    return status;
}

static kvspan_status copy(kvspan_device *device, void *target, const void *source, uint64_t bytes,
                          kvspan_stream stream, kvspan_error *error)
{
    const kvspan_copy_rows rows = {
        .target = target, .source = source, .row_bytes = bytes, .row_count = 1
    };

    return copy_rows(device, &rows, stream, error);
}

/* ---- streams and events --------------------------------------------------------------------- */

static kvspan_status query(kvspan_device *device, kvspan_stream handle, int *done_out,
                           kvspan_error *error)
{
    deferred_device *const it = deferred_of(device);
    const kvspan_status status = count_call(it, error);

    if (status == KVSPAN_OK) {
        deferred_do_some(it, DEFERRED_AT_QUERY);
        *done_out = deferred_stream(it, handle)->first == NULL;
    }
    return status;
}

static kvspan_status create_stream(kvspan_device *device, kvspan_stream *stream_out,
                                   kvspan_error *error)
{
    deferred_device *const it = deferred_of(device);
    const kvspan_status status = count_call(it, error);
    uint32_t i = 1;

    while (i < DEFERRED_STREAMS && it->streams[i].is_live) {
        i++;
    }
    if (i == DEFERRED_STREAMS) {
        deferred_misuse("too many streams");
    }
    if (status == KVSPAN_OK) {
        it->streams[i] = (queue){ .is_live = true };
        *stream_out = &it->streams[i];
    }
    return status;
}

static void destroy_stream(kvspan_device *device, kvspan_stream handle)
{
    deferred_do_all(deferred_of(device));
    deferred_stream(deferred_of(device), handle)->is_live = false;
}

static kvspan_status create_event(kvspan_device *device, kvspan_event **event_out,
                                  kvspan_error *error)
{
    const kvspan_status status = count_call(deferred_of(device), error);

    if (status == KVSPAN_OK) {
        *event_out = calloc(1, sizeof(**event_out));
        if (!*event_out) {
            deferred_misuse("no memory");
        }
    }
    return status;
}

static void destroy_event(kvspan_device *device, kvspan_event *event)
{
    (void)device;
    free(event);
}

static uint64_t next_ticket(deferred_device *it)
{
    if (++it->ticket_count >= it->ticket_capacity) {
        const uint64_t capacity = 2 * it->ticket_count + 64;

        it->done = realloc(it->done, capacity);
        if (!it->done) {
            deferred_misuse("no memory");
            return 0;
        }
        memset(it->done + it->ticket_capacity, 0, capacity - it->ticket_capacity);
        it->ticket_capacity = capacity;
        it->done[0] = 1;
    }
    return it->ticket_count;
}

static kvspan_status record_event(kvspan_device *device, kvspan_event *event, kvspan_stream handle,
                                  kvspan_error *error)
{
    deferred_device *const it = deferred_of(device);
    const kvspan_status status = count_call(it, error);

    if (status == KVSPAN_OK) {
        event->ticket = next_ticket(it);
        deferred_enqueue(it, handle, (operation){ .kind = SIGNAL, .args.ticket = event->ticket });
    }
    return status;
}

static kvspan_status await_event(kvspan_device *device, kvspan_stream handle, kvspan_event *event,
                                 kvspan_error *error)
{
    deferred_device *const it = deferred_of(device);
    const kvspan_status status = count_call(it, error);

    if (status == KVSPAN_OK && event->ticket > 0) {
        deferred_enqueue(it, handle, (operation){ .kind = WAIT, .args.ticket = event->ticket });
    }
    return status;
}

static kvspan_status query_event(kvspan_device *device, kvspan_event *event, int *done_out,
                                 kvspan_error *error)
{
    deferred_device *const it = deferred_of(device);
    const kvspan_status status = count_call(it, error);

    if (status == KVSPAN_OK) {
        deferred_do_some(it, DEFERRED_AT_ONCE);
        *done_out = event->ticket == 0 || it->done[event->ticket];
    }
    return status;
}

static void close_device(kvspan_device *device)
{
    deferred_device *const it = deferred_of(device);

    deferred_do_all(it);
    for (uint32_t i = 0; i < DEFERRED_MEMORIES; i++) {
        if (it->memories[i].data) {
            deferred_misuse("memory was not given back");
        }
    }
    (void)munmap(it->heap, DEFERRED_HEAP_BYTES);
    free(it->done);
    free(it);
}

/* ---- the column ----------------------------------------------------------------------------- */

/* A member has no parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define DEFERRED(name, type, operation_kind, member)                                         \
    static kvspan_status name(kvspan_device *device, const type *args, kvspan_stream stream, \
                              kvspan_error *error)                                           \
    {                                                                                        \
        const kvspan_status status = count_call(deferred_of(device), error);                 \
                                                                                             \
        if (status == KVSPAN_OK) {                                                           \
            deferred_enqueue(deferred_of(device), stream,                                    \
                             (operation){ .kind = operation_kind, .args.member = *args });   \
        }                                                                                    \
        return status;                                                                       \
    }

/* NOLINTEND(bugprone-macro-parentheses) */

DEFERRED(append_tokens, kvspan_append_tokens_args, APPEND, append)
DEFERRED(attend_pages, kvspan_attend_pages_args, ATTEND, attend)
DEFERRED(merge_partials, kvspan_merge_partials_args, MERGE, merge)
DEFERRED(copy_pages, kvspan_copy_pages_args, COPY_PAGES, copy_pages)
DEFERRED(move_tokens, kvspan_move_tokens_args, MOVE_TOKENS, move_tokens)
DEFERRED(fill_pages, kvspan_fill_pages_args, FILL_PAGES, fill_pages)
DEFERRED(patch_table, kvspan_patch_table_args, PATCH_TABLE, patch_table)
DEFERRED(gather_pages, kvspan_transcode_pages_args, GATHER_PAGES, transcode)
DEFERRED(scatter_pages, kvspan_transcode_pages_args, SCATTER_PAGES, transcode)
DEFERRED(place_heads, kvspan_place_heads_args, PLACE_HEADS, place_heads)

/* Its result is the host's, so all before it is done first. */
static kvspan_status checksum_pages(kvspan_device *device, const kvspan_checksum_pages_args *args,
                                    kvspan_stream stream, kvspan_error *error)
{
    kvspan_status status;

    deferred_do_all(deferred_of(device));
    deferred_protect(deferred_of(device), PROT_READ);
    status = kvspan_reference_checksum_pages(device, args, stream, error);
    deferred_protect(deferred_of(device), PROT_NONE);
    return status;
}

static uint64_t packed_plan_bytes(const kvspan_plan_limits *limits)
{
    return (1 + (uint64_t)limits->max_items) * sizeof(kvspan_work_item);
}

static uint64_t pack_plan(const kvspan_plan_limits *limits, const kvspan_work_plan *plan,
                          void *packed)
{
    const uint64_t count = plan->item_count;

    if (count > limits->max_items) {
        deferred_misuse("a plan of more items than its limits say");
    }
    memcpy(packed, &count, sizeof(count));
    memcpy((unsigned char *)packed + sizeof(kvspan_work_item), plan->items,
           count * sizeof(kvspan_work_item));
    return (1 + count) * sizeof(kvspan_work_item);
}

static uint64_t attend_scratch_bytes(const kvspan_plan_limits *limits)
{
    (void)limits;
    return DEFERRED_SCRATCH_BYTES;
}

static int has_dtype(kvspan_dtype tensor, kvspan_dtype plane)
{
    return kvspan_kernels_reference.has_dtype(tensor, plane);
}

static uint32_t choose_format(const kvspan_layer_group *group, uint32_t page_tokens)
{
    return kvspan_kernels_reference.choose_format(group, page_tokens);
}

static kvspan_device_description describe(const kvspan_device *device)
{
    (void)device;
    return (kvspan_device_description){
        .name = "deferred", .isa = "portable", .thread_count = 1, .model = ""
    };
}

kvspan_device *deferred_device_open(deferred_mode mode, uint64_t seed)
{
    static const kvspan_kernels kernels = { .name = "deferred",
                                            .append_tokens = append_tokens,
                                            .attend_pages = attend_pages,
                                            .merge_partials = merge_partials,
                                            .copy_pages = copy_pages,
                                            .move_tokens = move_tokens,
                                            .fill_pages = fill_pages,
                                            .patch_table = patch_table,
                                            .gather_pages = gather_pages,
                                            .scatter_pages = scatter_pages,
                                            .checksum_pages = checksum_pages,
                                            .place_heads = place_heads,
                                            .packed_plan_bytes = packed_plan_bytes,
                                            .pack_plan = pack_plan,
                                            .attend_scratch_bytes = attend_scratch_bytes,
                                            .has_dtype = has_dtype,
                                            .choose_format = choose_format };
    static const kvspan_device_ops ops = { .name = "deferred",
                                           .describe = describe,
                                           .memory = kvspan_host_device_memory,
                                           .allocate = allocate,
                                           .release = release,
                                           .allocate_pinned = allocate_pinned,
                                           .release_pinned = release,
                                           .copy = copy,
                                           .copy_rows = copy_rows,
                                           .query = query,
                                           .create_stream = create_stream,
                                           .destroy_stream = destroy_stream,
                                           .create_event = create_event,
                                           .destroy_event = destroy_event,
                                           .record_event = record_event,
                                           .await_event = await_event,
                                           .query_event = query_event,
                                           .close = close_device };
    deferred_device *const it = calloc(1, sizeof(*it));

    if (!it) {
        deferred_misuse("no memory");
        return NULL;
    }
    it->heap = mmap(NULL, DEFERRED_HEAP_BYTES, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (it->heap == MAP_FAILED) {
        deferred_misuse("no memory");
    }
    it->base = (kvspan_device){ .ops = &ops, .kernels = &kernels, .tile_tokens = TILE_TOKENS };
    it->mode = mode;
    it->random.state = random_mix(seed);
    it->streams[0].is_live = true;
    return &it->base;
}

uint64_t deferred_device_overlaps(const kvspan_device *device)
{
    return ((const deferred_device *)(const void *)device)->overlaps;
}

void deferred_device_fail_after(kvspan_device *device, uint64_t calls)
{
    deferred_of(device)->fail_after = calls;
    deferred_of(device)->calls = 0;
}

void deferred_device_hang(kvspan_device *device)
{
    deferred_of(device)->hangs = true;
}
