/** @file
 * Host memory as a device sees it: what an operation reads is copied to the device before it runs,
 * and what it writes back afterwards. Where the device's memory is the host's, it is itself.
 */
#ifndef KVSPAN_TESTS_MIRROR_H
#define KVSPAN_TESTS_MIRROR_H

#include <stdbool.h>

#include "kernels/device.h"

enum {
    MIRROR_MAX_RANGES = 16
};

typedef struct mirror_range {
    unsigned char *host;
    unsigned char *data; /* what the device gave */
    uint64_t data_bytes;
    unsigned char *shadow; /* of host, within it: aligned to 64 bytes as host is */
    uint64_t bytes;
    bool is_output;
} mirror_range;

typedef struct mirror {
    kvspan_device *device;
    kvspan_stream stream; /* to run the operation on */
    uint32_t range_count;
    mirror_range ranges[MIRROR_MAX_RANGES];
} mirror;

mirror mirror_begin(kvspan_device *device);

/* The device's address of host memory that an operation reads; NULL for NULL. What lies before and
 * behind it is nobody's. */
void *mirror_input(mirror *shadow, const void *host, uint64_t bytes);

/* Of host memory that an operation writes, or writes in part. */
void *mirror_output(mirror *shadow, void *host, uint64_t bytes);

/* Device memory without a host's, zeroed. */
void *mirror_scratch(mirror *shadow, uint64_t bytes);

/* Waits until the stream is done, brings outputs back and releases everything. Fails the test if
 * the device does. */
void mirror_end(mirror *shadow);

/* Waits until the stream is done. */
void mirror_wait(kvspan_device *device, kvspan_stream stream);

#endif
