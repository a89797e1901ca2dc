/** @file
 * A device that is late: the reference column behind streams whose operations are done at some
 * later time, in an order drawn from a seed, in memory that nothing can touch meanwhile. Whoever
 * forgets a wait gets old bytes, whoever reads device memory on the host a SIGSEGV, and whoever
 * hands memory to a copy that is not pinned an abort.
 *
 * One thread per device. Operations are done inside the device's own calls, never beside them.
 */
#ifndef KVSPAN_TESTS_DEFERRED_DEVICE_H
#define KVSPAN_TESTS_DEFERRED_DEVICE_H

#include "kernels/device.h"

typedef enum deferred_mode {
    DEFERRED_EAGER,  /* at once */
    DEFERRED_RANDOM, /* some with every call, of any stream that may go on */
    DEFERRED_LAZY    /* only when somebody asks whether they are done */
} deferred_mode;

kvspan_device *deferred_device_open(deferred_mode mode, uint64_t seed);

/* How often a copy was done while attention was still to be done on another stream. */
uint64_t deferred_device_overlaps(const kvspan_device *device);

/* The call after so many good ones fails with CUDA, and all after it; 0 = none. */
void deferred_device_fail_after(kvspan_device *device, uint64_t calls);

/* From now on nothing is done any more, as on a device that hangs. */
void deferred_device_hang(kvspan_device *device);

#endif
