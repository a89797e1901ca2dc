/** @file
 * Runs of bytes, moved by the widest words that they are aligned to.
 */
#ifndef KVSPAN_KERNELS_CUDA_WORDS_CUH
#define KVSPAN_KERNELS_CUDA_WORDS_CUH

#include <stdint.h>

namespace kvspan
{

enum {
    THREADS = 256,
    WORDS_PER_THREAD = 4, /* in flight at a time */
    CHUNK_WORDS = THREADS * WORDS_PER_THREAD
};

/* Chunks of a run of bytes: each is one block's. */
inline uint32_t chunk_count(uint64_t bytes, uint32_t word_bytes)
{
    const uint64_t chunk_bytes = (uint64_t)CHUNK_WORDS * word_bytes;

    return (uint32_t)((bytes + chunk_bytes - 1) / chunk_bytes);
}

/* A block copies its chunk of a run; all loads go out before the first store waits for one. */
template <typename Word>
__device__ inline void copy_chunk(unsigned char *target, const unsigned char *source,
                                  uint64_t bytes, uint32_t chunk)
{
    const uint64_t word_count = bytes / sizeof(Word);
    const uint64_t first = (uint64_t)chunk * CHUNK_WORDS + threadIdx.x;
    const Word *const from = (const Word *)source;
    Word *const to = (Word *)target;
    Word words[WORDS_PER_THREAD];

#pragma unroll
    for (uint32_t i = 0; i < WORDS_PER_THREAD; i++) {
        if (first + i * THREADS < word_count) {
            words[i] = from[first + i * THREADS];
        }
    }
#pragma unroll
    for (uint32_t i = 0; i < WORDS_PER_THREAD; i++) {
        if (first + i * THREADS < word_count) {
            to[first + i * THREADS] = words[i];
        }
    }
}

} // namespace kvspan

#endif
