/** @file
 * A GPU as a device, and what the operations of its column need of it.
 */
#ifndef KVSPAN_KERNELS_CUDA_CUDA_DEVICE_H
#define KVSPAN_KERNELS_CUDA_CUDA_DEVICE_H

#include "kernels/device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KVSPAN_CUDA_CHECKSUM_PARTS = 8192, /* sums of one launch of checksum_pages */
    KVSPAN_CUDA_LIST_BYTES = 3584      /* of a list among a launch's arguments, 4 KiB in all */
};

typedef struct kvspan_cuda_shifted kvspan_cuda_shifted; /* of cuda_memory.c */

typedef struct kvspan_cuda_device {
    kvspan_device base;
    int index;
    uint32_t multiprocessor_count;
    uint64_t domain;
    char isa[16];
    char model[64];
    kvspan_stream stream; /* for what is done before a call returns */
    uint64_t
        *checksum_parts; /* pinned, [KVSPAN_CUDA_CHECKSUM_PARTS]; checksum_pages writes there */
    kvspan_cuda_shifted *shifted;
} kvspan_cuda_device;

static inline kvspan_cuda_device *kvspan_cuda_device_of(kvspan_device *device)
{
    return (kvspan_cuda_device *)device;
}

/* What one launch of a kernel is. */
typedef struct kvspan_cuda_launch {
    const void *kernel; /* its host function */
    const char *name;
    uint64_t block_count; /* 0: nothing to do */
    uint32_t thread_count;
    uint32_t shared_bytes; /* dynamic; above 48 KiB as far as it is allowed */
} kvspan_cuda_launch;

/* Allows a kernel so much dynamic shared memory, from now on: the most of any of its launches, as a
 * graph replays launches after others that want less. CUDA. */
kvspan_status kvspan_cuda_allow_shared(kvspan_device *device, const void *kernel,
                                       uint32_t shared_bytes, kvspan_error *error);

/* Launches a kernel that takes one struct as its argument. CUDA. */
kvspan_status kvspan_cuda_launch_run(kvspan_device *device, const kvspan_cuda_launch *launch,
                                     const void *argument, kvspan_stream stream,
                                     kvspan_error *error);

/* Waits, asking again and again, until all that is enqueued on the stream is done; for at most a
 * minute. CUDA. */
kvspan_status kvspan_cuda_wait(kvspan_device *device, kvspan_stream stream, kvspan_error *error);

/* The widest word of 16, 4 or 1 bytes that all numbers (addresses, strides, sizes), given by their
 * bitwise or, are multiples of. */
static inline uint32_t kvspan_cuda_word_bytes(uint64_t all)
{
    if (all % 16 == 0) {
        return 16;
    }
    return all % 4 == 0 ? 4 : 1;
}

#ifdef __cplusplus
}
#endif

#endif
