/** @file
 * The memory of a step's tensors, on the host and on the device. Where device memory is the host's
 * they are one; else parts are copied from and to pinned memory at the same offsets.
 */
#ifndef KVSPAN_LAUNCH_STEP_TENSORS_H
#define KVSPAN_LAUNCH_STEP_TENSORS_H

#include <stdbool.h>

#include <kvspan/cache.h>
#include <kvspan/device.h>

typedef struct kvspan_step_tensors {
    kvspan_device *device;
    uint64_t bytes;
    unsigned char *host;
    unsigned char *on_device;
} kvspan_step_tensors;

/* Zeroed. MEMORY, CUDA. device outlives it. */
kvspan_status kvspan_step_tensors_init(kvspan_step_tensors *tensors, kvspan_device *device,
                                       uint64_t bytes, kvspan_error *error);
void kvspan_step_tensors_fini(kvspan_step_tensors *tensors);

/* A tensor of the host, as it is on the device. */
kvspan_tensor kvspan_step_tensors_on_device(const kvspan_step_tensors *tensors,
                                            const kvspan_tensor *tensor);

/* Brings all of a tensor of the host to the device, or back, in stream order on stream NULL. The
 * tensor has no gaps. */
kvspan_status kvspan_step_tensors_upload(const kvspan_step_tensors *tensors,
                                         const kvspan_tensor *tensor, kvspan_error *error);
kvspan_status kvspan_step_tensors_download(const kvspan_step_tensors *tensors,
                                           const kvspan_tensor *tensor, kvspan_error *error);

/* Until all that was enqueued is done. */
kvspan_status kvspan_step_tensors_wait(const kvspan_step_tensors *tensors, kvspan_cache *cache,
                                       kvspan_error *error);

#endif
