/** @file
 * What a deferred device holds, and its queues. Shared by its own files alone.
 */
#ifndef KVSPAN_TESTS_DEFERRED_QUEUE_H
#define KVSPAN_TESTS_DEFERRED_QUEUE_H

#include <stdbool.h>

#include "support/deferred_device.h"
#include "support/random.h"

enum {
    DEFERRED_STREAMS = 16,
    DEFERRED_MEMORIES = 128,
    DEFERRED_HEAP_BYTES = 256 << 20,
    DEFERRED_SCRATCH_BYTES = 4096,
    DEFERRED_AT_ONCE = 3,  /* operations that a call does which enqueues one or asks for an event */
    DEFERRED_AT_QUERY = 24 /* … which asks whether a stream is done */
};

typedef enum operation_kind {
    APPEND,
    ATTEND,
    MERGE,
    COPY_PAGES,
    MOVE_TOKENS,
    FILL_PAGES,
    PATCH_TABLE,
    GATHER_PAGES,
    SCATTER_PAGES,
    PLACE_HEADS,
    COPY,
    SIGNAL, /* an event is done */
    WAIT    /* for an event */
} operation_kind;

typedef struct operation {
    struct operation *next;
    operation_kind kind;
    union {
        kvspan_append_tokens_args append;
        kvspan_attend_pages_args attend;
        kvspan_merge_partials_args merge;
        kvspan_copy_pages_args copy_pages;
        kvspan_move_tokens_args move_tokens;
        kvspan_fill_pages_args fill_pages;
        kvspan_patch_table_args patch_table;
        kvspan_transcode_pages_args transcode;
        kvspan_place_heads_args place_heads;
        kvspan_copy_rows copy;
        uint64_t ticket;
    } args;
} operation;

typedef struct queue {
    operation *first;
    operation *last;
    bool is_live;
} queue;

/* Tickets count up; an event has the last one that was recorded for it, 0 = none. */
struct kvspan_event {
    uint64_t ticket;
};

typedef struct memory {
    unsigned char *data;
    uint64_t bytes;
    bool is_pinned;
} memory;

typedef struct deferred_device {
    kvspan_device base;
    deferred_mode mode;
    random_source random;
    queue streams[DEFERRED_STREAMS]; /* the first is NULL's */
    unsigned char *heap;             /* all device memory, one piece behind another */
    uint64_t heap_used;
    memory memories[DEFERRED_MEMORIES];
    unsigned char *done; /* [ticket_capacity] */
    uint64_t ticket_capacity;
    uint64_t ticket_count;
    uint64_t overlaps;
    uint64_t calls;
    uint64_t fail_after;
    bool hangs;
} deferred_device;

deferred_device *deferred_of(kvspan_device *device);

/* Ends the program: the caller does what no device allows. */
void deferred_misuse(const char *text);

queue *deferred_stream(deferred_device *it, kvspan_stream handle);
void deferred_enqueue(deferred_device *it, kvspan_stream handle, operation op);

/* Up to so many operations of any streams that may go on. */
void deferred_do_some(deferred_device *it, uint32_t most);
void deferred_do_all(deferred_device *it);

/* Of all device memory. */
void deferred_protect(const deferred_device *it, int protection);

#endif
