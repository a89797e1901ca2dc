#include "support/deferred_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/host_device.h"
#include "kernels/reference/reference.h"

deferred_device *deferred_of(kvspan_device *device)
{
    return (deferred_device *)(void *)device;
}

void deferred_misuse(const char *text)
{
    (void)fprintf(stderr, "deferred device: %s\n", text);
    abort();
}

void deferred_protect(const deferred_device *it, int protection)
{
    if (it->heap_used > 0 && mprotect(it->heap, it->heap_used, protection)) {
        deferred_misuse("mprotect failed");
    }
}

/* The plan comes from the device, where it was packed to: a count, then the items. */
static void attend(kvspan_device *device, const kvspan_attend_pages_args *args)
{
    kvspan_attend_pages_args here = *args;
    uint64_t count = 0;

    if (!args->plan.device || !args->scratch) {
        deferred_misuse("attention without a packed plan or without scratch");
    }
    memcpy(&count, args->plan.device, sizeof(count));
    here.plan.item_count = (uint32_t)count;
    here.plan.items =
        (const void *)((const unsigned char *)args->plan.device + sizeof(kvspan_work_item));
    memset(args->scratch, 0x7f, DEFERRED_SCRATCH_BYTES);
    (void)kvspan_reference_attend_pages(device, &here, NULL, NULL);
}

static void do_operation(deferred_device *it, const operation *op)
{
    kvspan_device *const device = &it->base;

    deferred_protect(it, PROT_READ | PROT_WRITE);
    switch (op->kind) {
    case APPEND: (void)kvspan_reference_append_tokens(device, &op->args.append, NULL, NULL); break;
    case ATTEND: attend(device, &op->args.attend); break;
    case MERGE: (void)kvspan_reference_merge_partials(device, &op->args.merge, NULL, NULL); break;
    case COPY_PAGES:
        (void)kvspan_reference_copy_pages(device, &op->args.copy_pages, NULL, NULL);
        break;
    case MOVE_TOKENS:
        (void)kvspan_reference_move_tokens(device, &op->args.move_tokens, NULL, NULL);
        break;
    case FILL_PAGES:
        (void)kvspan_reference_fill_pages(device, &op->args.fill_pages, NULL, NULL);
        break;
    case PATCH_TABLE:
        (void)kvspan_reference_patch_table(device, &op->args.patch_table, NULL, NULL);
        break;
    case GATHER_PAGES:
        (void)kvspan_reference_gather_pages(device, &op->args.transcode, NULL, NULL);
        break;
    case SCATTER_PAGES:
        (void)kvspan_reference_scatter_pages(device, &op->args.transcode, NULL, NULL);
        break;
    case PLACE_HEADS:
        (void)kvspan_reference_place_heads(device, &op->args.place_heads, NULL, NULL);
        break;
    case COPY: (void)kvspan_host_device_copy_rows(device, &op->args.copy, NULL, NULL); break;
    case SIGNAL: it->done[op->args.ticket] = 1; break;
    case WAIT: break;
    }
    deferred_protect(it, PROT_NONE);
}

static bool may_go_on(const deferred_device *it, const queue *some)
{
    const operation *const op = some->first;

    return op && (op->kind != WAIT || it->done[op->args.ticket]);
}

static bool has_attention_elsewhere(const deferred_device *it, const queue *but)
{
    for (uint32_t i = 0; i < DEFERRED_STREAMS; i++) {
        for (const operation *op = it->streams[i].first; op && &it->streams[i] != but;
             op = op->next) {
            if (op->kind == ATTEND) {
                return true;
            }
        }
    }
    return false;
}

/* One operation of any stream that may go on; false if there is none. */
static bool do_one(deferred_device *it)
{
    const uint32_t start = random_below(&it->random, DEFERRED_STREAMS);

    for (uint32_t i = 0; i < DEFERRED_STREAMS; i++) {
        queue *const some = &it->streams[(start + i) % DEFERRED_STREAMS];

        if (may_go_on(it, some)) {
            operation *const op = some->first;

            it->overlaps += op->kind == COPY && has_attention_elsewhere(it, some);
            do_operation(it, op);
            some->first = op->next;
            some->last = some->first ? some->last : NULL;
            free(op);
            return true;
        }
    }
    return false;
}

void deferred_do_some(deferred_device *it, uint32_t most)
{
    for (uint32_t i = random_below(&it->random, most + 1); i > 0 && !it->hangs && do_one(it); i--) {
    }
}

void deferred_do_all(deferred_device *it)
{
    while (do_one(it)) {
    }
    for (uint32_t i = 0; i < DEFERRED_STREAMS; i++) {
        if (it->streams[i].first) {
            deferred_misuse("a stream waits for an event in vain");
        }
    }
}

queue *deferred_stream(deferred_device *it, kvspan_stream handle)
{
    queue *const some = handle ? (queue *)handle : &it->streams[0];

    if (some < it->streams || some >= it->streams + DEFERRED_STREAMS || !some->is_live) {
        deferred_misuse("a stream that does not exist");
    }
    return some;
}

void deferred_enqueue(deferred_device *it, kvspan_stream handle, operation op)
{
    queue *const some = deferred_stream(it, handle);
    operation *const kept = malloc(sizeof(*kept));

    if (!kept) {
        deferred_misuse("no memory");
        return;
    }
    *kept = op;
    kept->next = NULL;
    if (some->last) {
        some->last->next = kept;
    } else {
        some->first = kept;
    }
    some->last = kept;
    if (it->mode == DEFERRED_EAGER && !it->hangs) {
        deferred_do_all(it);
    } else if (it->mode == DEFERRED_RANDOM) {
        deferred_do_some(it, DEFERRED_AT_ONCE);
    }
}
