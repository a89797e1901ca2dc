/** @file
 * Copies and fills between device memory, pinned and pageable host memory.
 *
 * Where the runtime's rules leave a choice the worse one is taken: pinned sources are read when the
 * copy runs; calls wait no more than documented.
 */
#ifndef KVSPAN_STANDIN_CUDART_COPY_H
#define KVSPAN_STANDIN_CUDART_COPY_H

#include <cuda_runtime_api.h>

#include <stdbool.h>
#include <stddef.h>

/* `height` rows of `width` bytes. */
typedef struct copy_shape {
    void *target;
    size_t target_pitch;
    const void *source;
    size_t source_pitch;
    size_t width;
    size_t height;
} copy_shape;

/* Enqueues; waits where the runtime does: host to host, from device to pageable memory. */
cudaError_t copy_on_stream(const copy_shape *shape, enum cudaMemcpyKind kind, cudaStream_t stream);
/* On the null stream; waits for it unless both sides are device memory or the source is pageable,
 * which is read at once. */
cudaError_t copy_now(const copy_shape *shape, enum cudaMemcpyKind kind);

/* `shape` without source. */
cudaError_t copy_fill(const copy_shape *shape, int value, cudaStream_t stream);

#endif
