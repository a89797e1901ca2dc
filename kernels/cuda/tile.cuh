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

/* What a plane's elements are: bytes, the type of products, whether tokens have scales, whether an
 * element can be infinite or NaN. */
struct bf16_plane {
    enum {
        BYTES = 2,
        IS_BF16 = 1,
        HAS_SCALES = 0,
        HAS_BIASED_KEYS = 0,
        IS_ALWAYS_FINITE = 0
    };
};

struct f16_plane {
    enum {
        BYTES = 2,
        IS_BF16 = 0,
        HAS_SCALES = 0,
        HAS_BIASED_KEYS = 0,
        IS_ALWAYS_FINITE = 0
    };
};

/* Elements of 8 bits become f16: times key_unit() or value_unit() they are the numbers. Keys may
 * have a bias, key_bias() before that, which scores begin with (query_rows.cuh). */
struct int8_plane {
    enum {
        BYTES = 1,
        IS_BF16 = 0,
        HAS_SCALES = 1,
        HAS_BIASED_KEYS = 1,
        IS_ALWAYS_FINITE = 1
    };

    static __device__ inline int8_pairs widen_keys(uint32_t word)
    {
        return widen_int8_biased(word);
    }

    static __device__ inline int8_pairs widen_values(uint32_t word)
    {
        return widen_int8(word);
    }

    static __device__ inline ordered_pairs order_keys(uint32_t word)
    {
        return order_int8_biased(word);
    }

    static __device__ inline ordered_pairs order_values(uint32_t word)
    {
        return order_int8(word);
    }

    static __device__ inline float key_unit()
    {
        return 16777216.0f;
    }

    static __device__ inline float key_bias()
    {
        return 128.0f / 16777216.0f;
    }

    static __device__ inline float value_unit()
    {
        return 1.0f;
    }
};

struct e4m3_plane {
    enum {
        BYTES = 1,
        IS_BF16 = 0,
        HAS_SCALES = 1,
        HAS_BIASED_KEYS = 0,
        IS_ALWAYS_FINITE = 0
    };

    static __device__ inline int8_pairs widen_keys(uint32_t word)
    {
        return widen_e4m3(word);
    }

    static __device__ inline int8_pairs widen_values(uint32_t word)
    {
        return widen_e4m3(word);
    }

    static __device__ inline ordered_pairs order_keys(uint32_t word)
    {
        return order_e4m3(word);
    }

    static __device__ inline ordered_pairs order_values(uint32_t word)
    {
        return order_e4m3(word);
    }

    static __device__ inline float key_unit()
    {
        return e4m3_unit();
    }

    static __device__ inline float key_bias()
    {
        return 0.0f;
    }

    static __device__ inline float value_unit()
    {
        return e4m3_unit();
    }
};

/* A plane of 8 bits whose tiles have been widened to f16. */
template <class PLANE> struct widened_plane : PLANE {
    enum {
        BYTES = 2
    };
};

/* sum = before + a · b; `before` may be the sum. */
template <class Plane>
__device__ inline void multiply(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                const float (&before)[4])
{
    if (Plane::IS_BF16) {
        multiply_bf16(sum, a, b0, b1, before);
    } else {
        multiply_f16(sum, a, b0, b1, before);
    }
}

/* The same, before being `start` where the sum has not begun, else the sum. */
template <class Plane>
__device__ inline void multiply_next(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0,
                                     uint32_t b1, const float (&start)[4], bool is_first)
{
    if (is_first) {
        multiply<Plane>(sum, a, b0, b1, start);
    } else {
        multiply<Plane>(sum, a, b0, b1, sum);
    }
}

/* sum += a · b */
template <class Plane>
__device__ inline void multiply(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    multiply<Plane>(sum, a, b0, b1, sum);
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

/* Where matrices of keys begin for this thread: 16 tokens, two chunks. */
template <int ROW_BYTES> __device__ inline uint32_t key_place(uint32_t lane)
{
    const uint32_t row = lane % 8 + lane / 16 * 8;

    return row * ROW_BYTES + (lane / 8 % 2 ^ chunk_exchange<ROW_BYTES>(row)) * 16;
}

/* The same of values, which are transposed. */
template <int ROW_BYTES> __device__ inline uint32_t value_place(uint32_t lane)
{
    const uint32_t row = lane % 16;

    return row * ROW_BYTES + (lane / 16 ^ chunk_exchange<ROW_BYTES>(row)) * 16;
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

/* scores = first of each row + queries · keys of TOKENS tokens; place: the tile's and key_place().
 */
template <class Plane, int DIM, int TOKENS, bool IS_SHARED>
__device__ inline void score_tile(float (&scores)[TOKENS / 8][4],
                                  const query_operands<DIM / 16, IS_SHARED> &queries,
                                  const float (&first)[2], uint32_t place)
{
    constexpr int ROW_BYTES = DIM * Plane::BYTES;
    constexpr int PRODUCTS = 2 / Plane::BYTES; /* of dims, with two chunks */
    const bool has_start = Plane::HAS_BIASED_KEYS;
    const float start[4] = { has_start ? first[0] : 0.0f, has_start ? first[0] : 0.0f,
                             has_start ? first[1] : 0.0f, has_start ? first[1] : 0.0f };

#pragma unroll
    for (int k = 0; k < DIM / 16; k += PRODUCTS) {
        uint32_t operands[PRODUCTS][4];

#pragma unroll
        for (int i = 0; i < PRODUCTS; i++) {
            queries.take(k + i, operands[i]);
        }
#pragma unroll
        for (int step = 0; step < TOKENS / 16; step++) {
            uint32_t words[4];

            load_matrices(words,
                          skip_chunks<ROW_BYTES>(place, k * Plane::BYTES) + step * 16 * ROW_BYTES);
            if constexpr (Plane::BYTES == 2) {
                multiply_next<Plane>(scores[2 * step], operands[0], words[0], words[1], start,
                                     k == 0);
                multiply_next<Plane>(scores[2 * step + 1], operands[0], words[2], words[3], start,
                                     k == 0);
            } else {
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const int8_pairs lower = Plane::widen_keys(words[i]);
                    const int8_pairs upper = Plane::widen_keys(words[2 + i]);

                    multiply_next<Plane>(scores[2 * step], operands[i], lower.even, lower.odd,
                                         start, k + i == 0);
                    multiply_next<Plane>(scores[2 * step + 1], operands[i], upper.even, upper.odd,
                                         start, k + i == 0);
                }
            }
        }
    }
}

/* A pair of elements; checked, with 0 for what is infinite or NaN. */
template <class Plane, bool IS_CHECKED> __device__ inline uint32_t check_pair(uint32_t pair)
{
    const uint32_t exponents = Plane::IS_BF16 ? 0x7f807f80U : 0x7c007c00U;
    const uint32_t ones = Plane::IS_BF16 ? 0x00800080U : 0x04000400U;
    const uint32_t strange = ((pair & exponents) + ones) & 0x80008000U;

    return IS_CHECKED ? pair & ~(strange | (strange - (strange >> 15))) : pair;
}

/* outputs += weights · values of TOKENS tokens. ARE_CHECKED: as if values that are infinite or NaN
 * were 0. */
template <class Plane, int DIM, int TOKENS, bool ARE_CHECKED>
__device__ inline void weigh_tile(float (&outputs)[DIM / 8][4],
                                  const uint32_t (&weights)[TOKENS / 16][4], uint32_t place)
{
    constexpr int ROW_BYTES = DIM * Plane::BYTES;
    constexpr int COLUMNS = 4 / Plane::BYTES; /* products with two chunks */

#pragma unroll
    for (int step = 0; step < TOKENS / 16; step++) {
#pragma unroll
        for (int n = 0; n < DIM / 8; n += COLUMNS) {
            uint32_t words[4];

            load_matrices_transposed(words, skip_chunks<ROW_BYTES>(place, n / 2 * Plane::BYTES) +
                                                step * 16 * ROW_BYTES);
#pragma unroll
            for (int i = 0; i < 2; i++) {
                if constexpr (Plane::BYTES == 2) {
                    multiply<Plane>(outputs[n + i], weights[step],
                                    check_pair<Plane, ARE_CHECKED>(words[2 * i]),
                                    check_pair<Plane, ARE_CHECKED>(words[2 * i + 1]));
                } else {
                    const int8_pairs lower = Plane::widen_values(words[2 * i]);
                    const int8_pairs upper = Plane::widen_values(words[2 * i + 1]);

                    multiply<Plane>(outputs[n + 2 * i], weights[step],
                                    check_pair<Plane, ARE_CHECKED>(lower.even),
                                    check_pair<Plane, ARE_CHECKED>(upper.even));
                    multiply<Plane>(outputs[n + 2 * i + 1], weights[step],
                                    check_pair<Plane, ARE_CHECKED>(lower.odd),
                                    check_pair<Plane, ARE_CHECKED>(upper.odd));
                }
            }
        }
    }
}

} // namespace kvspan

#endif
