#include "planted_launches.h"

#include <stdint.h>

template <int BYTES> static __device__ inline void copy(uint32_t target, const char *source)
{
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(target), "l"(source), "n"(BYTES)
                 : "memory");
}

/* What the thread copied last; 16 bytes as one, or 4. */
template <int BYTES> static __device__ inline uint32_t read_back(uint32_t place)
{
    uint32_t word;
    uint32_t others[3];

    if (BYTES == 16) {
        asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(word), "=r"(others[0]), "=r"(others[1]), "=r"(others[2])
                     : "r"(place));
    } else {
        asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(place));
    }
    return word;
}

/* BYTES: of a copy; PITCH: bytes between the threads' places in shared memory. */
template <int PASSES, int BYTES, int PITCH>
static __device__ inline void fold(const char *kv, float *out, unsigned tiles)
{
    __shared__ __align__(128) char stage[32 * (PITCH > 16 ? PITCH : 16)];
    const uint32_t place = (uint32_t)__cvta_generic_to_shared(stage) + threadIdx.x * PITCH;
    float sums[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

#pragma unroll 1
    for (unsigned turn = 0; turn < PASSES * tiles; turn++) {
        const char *tile = kv + turn / PASSES * PLANTED_TILE_BYTES;

#pragma unroll
        for (int part = 0; part < 16 / BYTES; part++) {
            copy<BYTES>(place + part * 32 * BYTES, tile + threadIdx.x * 16 + part * BYTES);
        }
        asm volatile("cp.async.wait_all;" ::: "memory");
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, "
                     "{%4,%4,%4,%4}, {%4,%4}, {%0,%1,%2,%3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(read_back<BYTES>(place)));
    }
    out[threadIdx.x] = sums[0] + sums[1] + sums[2] + sums[3];
}

#define PLANTED(NAME, PASSES, BYTES, PITCH)                                       \
    extern "C" __global__ void __launch_bounds__(32)                              \
        planted_##NAME(const char *kv, float *out, unsigned tiles)                \
    {                                                                             \
        fold<PASSES, BYTES, PITCH>(kv, out, tiles);                               \
    }                                                                             \
    cudaError_t launch_planted_##NAME(const void *kv, float *out, unsigned tiles) \
    {                                                                             \
        planted_##NAME<<<1, 32>>>((const char *)kv, out, tiles);                  \
        return cudaGetLastError();                                                \
    }

PLANTED(even, 1, 16, 16)
PLANTED(twice, 2, 16, 16)
PLANTED(strided, 1, 4, 4)
PLANTED(conflict, 1, 16, 128)
