/** @file
 * Devices, their streams, and the operations that wait in them.
 *
 * A stream is a queue of operations; an operation may run when it is the first of its queue and all
 * that it waits for is done. What it does is its work, which the replays of a graph share. Which of
 * the operations that may run does so, and when, is decided in progress.h.
 *
 * Invariants: the operations in a queue are not done; an operation only waits for operations that
 * were queued before it, so that following the waits ends; the last operation of a stream is kept
 * when it is done. Everything needs the state locked.
 */
#ifndef KVSPAN_STANDIN_CUDART_STREAM_H
#define KVSPAN_STANDIN_CUDART_STREAM_H

#include <cuda_runtime_api.h>

#include <stdbool.h>
#include <stdint.h>

struct capture;
struct gpu;
struct graph_node;
struct stream_queue;

/* Shared by reference; freed with the last one, then release (may be NULL) is called. */
typedef struct work {
    uint32_t references;
    /* Called with the state unlocked. cudaErrorNotReady: to be called again later; any other error
     * is the device's from then on. */
    cudaError_t (*run)(void *context, uint32_t device);
    void (*release)(void *context);
    /* Whether it may use host memory within [begin, end); NULL: nobody knows. */
    bool (*touches)(const void *context, uint64_t begin, uint64_t end);
    void *context;
    const char *name;     /* for the record; outlives the work */
    uint32_t device_mask; /* whose memory it accesses; 0: it runs on the host */
    bool is_collective;   /* may wait for other devices and processes */
    bool is_repeatable;   /* though it is collective: a graph may run it again */
} work;

typedef struct operation {
    uint32_t references;
    work *work; /* NULL: only marks a place in its stream */
    struct operation **waits;
    uint32_t wait_count;
    struct operation *next;      /* in the queue */
    struct stream_queue *stream; /* while queued */
    bool is_done;
    bool is_waiting; /* its work said so when last run */
    const char *name;
    uint64_t enqueued; /* of one count for all that happens */
    uint64_t begun;    /* 0: not yet */
    uint64_t after;    /* number of the one operation that it was told to wait for, else 0 */
    double done_ms;
} operation;

typedef struct stream_queue {
    struct stream_queue *next; /* of the device */
    struct gpu *device;
    uint32_t id;
    bool is_blocking;  /* ordered with the device's null stream */
    bool is_hidden;    /* of a graph */
    bool is_destroyed; /* goes when its queue is empty */
    int priority;
    operation *head;             /* of the queue */
    operation *last;             /* enqueued; maybe done; NULL: none yet */
    uint32_t denial_count;       /* of queries since the last operation was enqueued */
    struct capture *capture;     /* NULL: none */
    struct graph_node *captured; /* its last node in the capture; NULL: none yet */
    uint32_t lane;
} stream_queue;

typedef struct gpu {
    uint32_t index;
    bool is_busy;       /* an operation runs, */
    uint32_t open_mask; /* which may access the memory of these devices */
    bool has_worker;
    cudaError_t sticky;
    stream_queue *streams; /* the null stream first, which is never freed */
    stream_queue null_stream;
    uint64_t random;
} gpu;

gpu *device_at(uint32_t index);
/* The calling thread's. */
gpu *device_current(void);
void device_set_current(uint32_t index);

/* The stream that a handle means, or NULL and a complaint. */
stream_queue *stream_find(cudaStream_t handle);
stream_queue *stream_create(gpu *owner, unsigned flags, int priority, bool is_hidden);
void stream_destroy(stream_queue *ended);
/* Destroys the streams of a device that has nothing queued, but for those of graphs. */
void stream_reset(gpu *owner);
/* Complains of streams that were not destroyed; returns their number. */
uint32_t stream_report_leaks(void);

/* Whether anything queued on any device may use host memory within [begin, end). */
bool stream_touches(uint64_t begin, uint64_t end);

work *work_create(cudaError_t (*run)(void *context, uint32_t device),
                  void (*release)(void *context), void *context, const char *name);
void work_take(work *taken);
void work_give(work *given);

/* Puts an operation at the end of a queue; `what` may be NULL (and is then named), and is
 * referenced. Nobody else owns the result: operation_take() keeps it. */
operation *stream_append(stream_queue *queue, work *what, const char *name, operation *const *waits,
                         uint32_t wait_count);
operation *operation_take(operation *taken);
void operation_give(operation *given);

/* NULL: all that it waits for is done. */
operation *operation_undone_wait(const operation *waiting);
/* Takes the first operation of a queue out of it as done. */
void operation_complete(operation *done);

/* The next number of the count of all that happens. */
uint64_t stream_next_number(void);

#endif
