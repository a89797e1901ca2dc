/** @file
 * A device as the runtime sees it: a kernel column and the memory it works on. The runtime owns no
 * malloc of page memory.
 */
#ifndef KVSPAN_KERNELS_DEVICE_H
#define KVSPAN_KERNELS_DEVICE_H

#include <kvspan/device.h>

#include "kernels/kernels.h"

/* What is known about a device's memory. Ranks with equal domain share one memory. */
typedef struct kvspan_device_memory {
    uint64_t total_bytes;
    uint64_t used_bytes;
    uint64_t domain; /* of this machine's memory, or of this GPU */
} kvspan_device_memory;

typedef struct kvspan_event kvspan_event; /* of a backend */

/* Equally long pieces of memory, from one regular order into another. */
typedef struct kvspan_copy_rows {
    void *target;
    const void *source;
    int64_t target_stride; /* bytes */
    int64_t source_stride; /* bytes */
    uint64_t row_bytes;
    uint64_t row_count;
} kvspan_copy_rows;

typedef struct kvspan_device_ops {
    const char *name;
    kvspan_device_description (*describe)(const kvspan_device *device);
    kvspan_status (*memory)(kvspan_device *device, kvspan_device_memory *memory_out,
                            kvspan_error *error);
    /* Zeroed device memory, aligned to 2 MiB if that large, else to 4 KiB; zeroed before whatever
     * is enqueued on any stream afterwards. 0 bytes: NULL. */
    kvspan_status (*allocate)(kvspan_device *device, uint64_t bytes, void **data_out,
                              kvspan_error *error);
    void (*release)(kvspan_device *device, void *data, uint64_t bytes);
    /* Host memory that the device can copy from and to without staging, and that kernels can read.
     */
    kvspan_status (*allocate_pinned)(kvspan_device *device, uint64_t bytes, void **data_out,
                                     kvspan_error *error);
    void (*release_pinned)(kvspan_device *device, void *data, uint64_t bytes);
    /* Any direction; stream-ordered. The side on the host is pinned, and stays until the stream is
     * past the copy. */
    kvspan_status (*copy)(kvspan_device *device, void *target, const void *source, uint64_t bytes,
                          kvspan_stream stream, kvspan_error *error);
    /* Rows of row_bytes, each as many bytes behind the last as its side says, which may be fewer or
     * negative. As copy. */
    kvspan_status (*copy_rows)(kvspan_device *device, const kvspan_copy_rows *rows,
                               kvspan_stream stream, kvspan_error *error);
    /* done_out: whether all that was enqueued on the stream is finished. */
    kvspan_status (*query)(kvspan_device *device, kvspan_stream stream, int *done_out,
                           kvspan_error *error);
    /* Streams and events of the library's own, for work beside the caller's stream. Devices whose
     * calls are synchronous give NULL for both and take it back. */
    kvspan_status (*create_stream)(kvspan_device *device, kvspan_stream *stream_out,
                                   kvspan_error *error);
    void (*destroy_stream)(kvspan_device *device, kvspan_stream stream);
    kvspan_status (*create_event)(kvspan_device *device, kvspan_event **event_out,
                                  kvspan_error *error);
    void (*destroy_event)(kvspan_device *device, kvspan_event *event);
    /* The event is done once all that was enqueued on the stream before is; never recorded: done.
     */
    kvspan_status (*record_event)(kvspan_device *device, kvspan_event *event, kvspan_stream stream,
                                  kvspan_error *error);
    /* What is enqueued on the stream from now on waits for the event. */
    kvspan_status (*await_event)(kvspan_device *device, kvspan_stream stream, kvspan_event *event,
                                 kvspan_error *error);
    kvspan_status (*query_event)(kvspan_device *device, kvspan_event *event, int *done_out,
                                 kvspan_error *error);
    /* Whether the stream is being captured: what is enqueued is done once by each replay. NULL: no
     * stream ever is. */
    kvspan_status (*is_capturing)(kvspan_device *device, kvspan_stream stream, int *capturing_out,
                                  kvspan_error *error);
    void (*close)(kvspan_device *device);
} kvspan_device_ops;

/* First member of every backend's own struct. */
struct kvspan_device {
    const kvspan_device_ops *ops;
    const kvspan_kernels *kernels;
    uint32_t tile_tokens; /* query tokens of a work item */
    uint32_t host_memory; /* 1: the device's memory is the host's; copies may be skipped */
};

#endif
