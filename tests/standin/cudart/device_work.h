/** @file
 * Work on a stream of the libcudart stand-in that is no call of the CUDA runtime: how the libnccl
 * stand-in puts its operations on streams. Exported by the stand-in libcudart.so.
 */
#ifndef KVSPAN_STANDIN_DEVICE_WORK_H
#define KVSPAN_STANDIN_DEVICE_WORK_H

#include <cuda_runtime_api.h>

#include <stdbool.h>

typedef enum device_work_state {
    DEVICE_WORK_DONE,
    DEVICE_WORK_WAITS, /* for others: call again later, other streams go on meanwhile */
    DEVICE_WORK_FAILED /* the device takes a sticky error (cudaErrorLaunchFailure) */
} device_work_state;

typedef struct device_work {
    /* Called in stream order, with device memory readable and writable, until it does not wait.
     * Must not block and must not call the CUDA runtime. */
    device_work_state (*run)(void *context);
    /* Called once when it will not be run (again): done, failed, or its stream is gone. */
    void (*release)(void *context);
    void *context;
    const char *name; /* static; for the record of what ran when */
} device_work;

/* Puts work at the end of a stream of the calling thread's current device. release is called in any
 * case, at once where the work was refused. A stream that is captured refuses it. */
cudaError_t device_work_enqueue(cudaStream_t stream, const device_work *work);

/* Whether [address, address + bytes) is live device memory of the calling thread's current device
 * (or memory of any device if is_any_device). */
bool device_work_is_device_memory(const void *address, size_t bytes, bool is_any_device);

#endif
