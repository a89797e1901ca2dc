/** @file
 * Tiles of keys and of values in shared memory: rows of tokens as they lie in a page, and the
 * products with them.
 *
 * A row is cut into chunks of 16 bytes; chunk c of row r lies at place c ^ (r % 8) of its row, so
 * that the eight rows of a matrix lie in different banks. Rows of 64 or 192 bytes, of
 * which two begin in different halves of the banks' 128 bytes, take c ^ (r / 2 % 4). A tile begins
 * at a multiple of 128 bytes.
 *
 * Elements of 16 bits are multiplied as ldmatrix gives them. Of 8 bits, a thread gets four bytes
 * where it would get two elements. Keys: row quad, dims 4·pair … + 3 of a chunk. As the order of
 * dims in a product is free, dims (4·pair, + 2) take the place of k 2·pair …, dims (+ 1, + 3) that
 * of k 8 + 2·pair …, in queries alike. Values, transposed: dims 2·quad, + 1 of tokens 2·pair, + 1.
 * Bytes 0 and 2 are one dim of two tokens, as a product wants it; so even and odd dims of a chunk
 * are the columns of two products.
 */
#ifndef KVSPAN_KERNELS_CUDA_TILE_CUH
#define KVSPAN_KERNELS_CUDA_TILE_CUH

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/matrix.cuh"
#include "kernels/cuda/numbers.cuh"
#include "kernels/cuda/page_row.cuh"

namespace kvspan
{

/* What a plane's elements are: bytes, the type of products, whether tokens have scales. */
struct bf16_plane {
    enum {
        BYTES = 2,
        IS_BF16 = 1
    };
};

struct f16_plane {
    enum {
        BYTES = 2,
        IS_BF16 = 0
    };
};

struct int8_plane {
    enum {
        BYTES = 1,
        IS_BF16 = 0
    };

    static __device__ inline int8_pairs widen(uint32_t word)
    {
        return widen_int8(word);
    }

    static __device__ inline float unit()
    {
        return 1.0f;
    }
};

struct e4m3_plane {
    enum {
        BYTES = 1,
        IS_BF16 = 0
    };

    static __device__ inline int8_pairs widen(uint32_t word)
    {
        return widen_e4m3(word);
    }

    static __device__ inline float unit()
    {
        return e4m3_unit();
    }
};

template <class Plane>
__device__ inline void multiply(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    if (Plane::IS_BF16) {
        multiply_bf16(sum, a, b0, b1);
    } else {
        multiply_f16(sum, a, b0, b1);
    }
}

template <class Plane> __device__ inline uint32_t pack(float first, float second)
{
    return Plane::IS_BF16 ? pack_bf16(first, second) : pack_f16(first, second);
}

/* The bits of `row` that its chunks are exchanged by. */
template <int ROW_BYTES> __device__ inline uint32_t chunk_exchange(uint32_t row)
{
    return ROW_BYTES % 128 != 0 ? row / 2 % 4 : row % 8;
}

/* From the place of one of a row's first chunks, exchanged, to that of chunk + `chunks`. */
template <int ROW_BYTES> __device__ inline uint32_t skip_chunks(uint32_t place, uint32_t chunks)
{
    return ROW_BYTES % 128 != 0 ? (place ^ (chunks % 4 * 16)) + chunks / 4 * 64
                                : (place ^ (chunks % 8 * 16)) + chunks / 8 * 128;
}

/* Where a thread copies: four neighbouring threads take 64 bytes of a row. Eight write at a time,
 * to two rows that differ in bits 0 and 2: by one of these, chunks of 64 bytes lie in different
 * halves of the banks. */
__device__ inline uint32_t copied_row(uint32_t lane)
{
    return lane / 8 ^ lane / 4 % 2 * 5;
}

/* Where the thread's part of its first row goes. */
template <int ROW_BYTES> __device__ inline uint32_t copied_place(uint32_t lane)
{
    const uint32_t row = copied_row(lane);

    return row * ROW_BYTES + (lane % 4 ^ chunk_exchange<ROW_BYTES>(row)) * 16;
}

/* Begins to copy the thread's part of a row, from where it begins; to `rows` rows behind `place`.
 */
template <int ROW_BYTES>
__device__ inline void copy_row(uint32_t place, uint32_t rows, const unsigned char *source,
                                bool is_there)
{
#pragma unroll
    for (uint32_t i = 0; i < ROW_BYTES / 64; i++) {
        copy_16_bytes(skip_chunks<ROW_BYTES>(place, 4 * i) + rows * ROW_BYTES, source + i * 64,
                      is_there);
    }
}

/* Where matrices of keys begin for this thread, in 16-bit and 8-bit tiles. */
template <class Plane, int ROW_BYTES> __device__ inline uint32_t key_place(uint32_t lane)
{
    const uint32_t row = Plane::BYTES == 2 ? lane % 8 + lane / 16 * 8 : lane;
    const uint32_t chunk = Plane::BYTES == 2 ? lane / 8 % 2 : 0;

    return row * ROW_BYTES + (chunk ^ chunk_exchange<ROW_BYTES>(row)) * 16;
}

template <class Plane, int ROW_BYTES> __device__ inline uint32_t value_place(uint32_t lane)
{
    const uint32_t row = Plane::BYTES == 2 ? lane % 16 : lane;
    const uint32_t chunk = Plane::BYTES == 2 ? lane / 16 : 0;

    return row * ROW_BYTES + (chunk ^ chunk_exchange<ROW_BYTES>(row)) * 16;
}

/* A warp's queries as operands of STEPS products: in registers, or, where those are few, in the
 * thread's own words of shared memory. */
template <int STEPS, bool IS_SHARED> struct query_operands {
    uint32_t words[STEPS][4];

    __device__ inline void put(int k, const uint32_t (&operand)[4])
    {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            words[k][i] = operand[i];
        }
    }

    __device__ inline void take(int k, uint32_t (&operand)[4]) const
    {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            operand[i] = words[k][i];
        }
    }
};

template <int STEPS> struct query_operands<STEPS, true> {
    uint4 *words; /* of step k at words[k · 32] */

    __device__ inline void put(int k, const uint32_t (&operand)[4])
    {
        words[32 * k] = make_uint4(operand[0], operand[1], operand[2], operand[3]);
    }

    __device__ inline void take(int k, uint32_t (&operand)[4]) const
    {
        const uint4 word = words[32 * k];

        operand[0] = word.x;
        operand[1] = word.y;
        operand[2] = word.z;
        operand[3] = word.w;
    }
};

/* scores = queries · keys of TOKENS tokens; place: the tile's and key_place(). */
template <class Plane, int DIM, int TOKENS, bool IS_SHARED>
__device__ inline void score_tile(float (&scores)[TOKENS / 8][4],
                                  const query_operands<DIM / 16, IS_SHARED> &queries,
                                  uint32_t place)
{
    constexpr int ROW_BYTES = DIM * Plane::BYTES;
    constexpr int STEP_TOKENS = Plane::BYTES == 2 ? 16 : 32;

#pragma unroll
    for (int n = 0; n < TOKENS / 8; n++) {
        scores[n][0] = scores[n][1] = scores[n][2] = scores[n][3] = 0.0f;
    }
#pragma unroll
    for (int k = 0; k < DIM / 16; k++) {
        uint32_t operand[4];

        queries.take(k, operand);
#pragma unroll
        for (int step = 0; step < TOKENS / STEP_TOKENS; step++) {
            uint32_t words[4];

            load_matrices(words, skip_chunks<ROW_BYTES>(place, k * Plane::BYTES) +
                                     step * STEP_TOKENS * ROW_BYTES);
            if constexpr (Plane::BYTES == 2) {
                multiply<Plane>(scores[2 * step], operand, words[0], words[1]);
                multiply<Plane>(scores[2 * step + 1], operand, words[2], words[3]);
            } else {
#pragma unroll
                for (int n = 0; n < 4; n++) {
                    const int8_pairs pairs = Plane::widen(words[n]);

                    multiply<Plane>(scores[4 * step + n], operand, pairs.even, pairs.odd);
                }
            }
        }
    }
}

/* outputs += weights · values of TOKENS tokens. */
template <class Plane, int DIM, int TOKENS>
__device__ inline void weigh_tile(float (&outputs)[DIM / 8][4],
                                  const uint32_t (&weights)[TOKENS / 16][4], uint32_t place)
{
    constexpr int ROW_BYTES = DIM * Plane::BYTES;
    constexpr int STEP_TOKENS = Plane::BYTES == 2 ? 16 : 32;

#pragma unroll
    for (int step = 0; step < TOKENS / STEP_TOKENS; step++) {
#pragma unroll
        for (int n = 0; n < DIM / 16; n++) {
            uint32_t words[4];

            load_matrices_transposed(words, skip_chunks<ROW_BYTES>(place, n * Plane::BYTES) +
                                                step * STEP_TOKENS * ROW_BYTES);
            if constexpr (Plane::BYTES == 2) {
                multiply<Plane>(outputs[2 * n], weights[step], words[0], words[1]);
                multiply<Plane>(outputs[2 * n + 1], weights[step], words[2], words[3]);
            } else {
#pragma unroll
                for (int k = 0; k < 2; k++) {
                    const int8_pairs first = Plane::widen(words[2 * k]);
                    const int8_pairs second = Plane::widen(words[2 * k + 1]);

                    multiply<Plane>(outputs[2 * n], weights[2 * step + k], first.even, second.even);
                    multiply<Plane>(outputs[2 * n + 1], weights[2 * step + k], first.odd,
                                    second.odd);
                }
            }
        }
    }
}

} // namespace kvspan

#endif
