/** @file
 * Kernels whose counts are known by construction, compiled by nvcc. Each reads tiles of 512 bytes
 * with one warp, by way of shared memory, and multiplies.
 */
#ifndef KVSPAN_GATES_PLANTED_LAUNCHES_H
#define KVSPAN_GATES_PLANTED_LAUNCHES_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PLANTED_TILE_BYTES = 512
};

typedef cudaError_t (*planted_launch)(const void *kv, float *out, unsigned tiles);

/* Every byte once, 16 per thread side by side. */
cudaError_t launch_planted_even(const void *kv, float *out, unsigned tiles);
/* Every byte twice. */
cudaError_t launch_planted_twice(const void *kv, float *out, unsigned tiles);
/* Every byte once, 4 per thread, 16 apart. */
cudaError_t launch_planted_strided(const void *kv, float *out, unsigned tiles);
/* Every byte once, to places in shared memory 128 bytes apart. */
cudaError_t launch_planted_conflict(const void *kv, float *out, unsigned tiles);

#ifdef __cplusplus
}
#endif

#endif
