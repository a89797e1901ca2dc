/** @file
 * What rows see of a tile, as bits of its tokens: ranges by position and window, and of those what
 * tree masks do not hide.
 */
#ifndef KVSPAN_KERNELS_CUDA_SEEN_TOKENS_CUH
#define KVSPAN_KERNELS_CUDA_SEEN_TOKENS_CUH

#include "kernels/cuda/page_row.cuh"

namespace kvspan
{

/* Bit i % 32 of word i / 32: token i of a tile. */
template <int TOKENS> struct seen_tokens {
    enum {
        WORDS = (TOKENS + 31) / 32
    };
    uint32_t words[WORDS];
};

template <int TOKENS>
__device__ inline bool sees_token(const seen_tokens<TOKENS> &seen, uint32_t token)
{
    const uint32_t word = token < 32 ? seen.words[0] : seen.words[seen_tokens<TOKENS>::WORDS - 1];

    return (word >> token % 32 & 1U) != 0;
}

/* The bits of tokens in front of `end`, of 32 from `first` on. */
__device__ inline uint32_t bits_below(uint32_t end, uint32_t first)
{
    const uint32_t count = end > first ? end - first : 0;

    return count >= 32 ? 0xffffffffU : (1U << count) - 1;
}

template <int TOKENS>
__device__ inline seen_tokens<TOKENS> find_seen(const token_range &range, uint32_t first_token)
{
    seen_tokens<TOKENS> seen;

#pragma unroll
    for (uint32_t i = 0; i < seen_tokens<TOKENS>::WORDS; i++) {
        seen.words[i] = bits_below(range.end, first_token + 32 * i) &
                        ~bits_below(range.begin, first_token + 32 * i);
    }
    return seen;
}

/* The global position of a local token. */
__device__ inline uint32_t find_position(const kvspan_attend_params &params, uint32_t index)
{
    const uint32_t column = divide(index, params.page_tokens);

    return column * params.stretch.value + params.member * params.page_tokens.value + index -
           column * params.page_tokens.value;
}

/* Whether the tree of a query at query_position hides a local token. */
__device__ inline bool is_hidden(const kvspan_attend_params &params, const kvspan_tree_token &tree,
                                 uint32_t query_position, uint32_t index)
{
    const uint32_t position = find_position(params, index);
    const uint32_t bit = position - tree.first_position;

    if (tree.first_word == KVSPAN_NO_TREE || position < tree.first_position ||
        position > query_position) {
        return false;
    }
    return (params.trees.words[tree.first_word + bit / 32] >> bit % 32 & 1U) == 0;
}

/* Takes from what rows quad and quad + 8 of a warp see what trees hide. first_row: the warp's, of
 * the unit. */
template <int TOKENS>
__device__ inline void
hide_by_trees(seen_tokens<TOKENS> (&seen)[2], const kvspan_attend_params &params,
              const kvspan_attend_unit &unit, uint32_t first_row, uint32_t first_token)
{
    const uint32_t lane = threadIdx.x % 32;

#pragma unroll 1
    for (uint32_t row = 0; row < 16 && first_row + row < unit.row_count; row++) {
        const uint32_t token = (unit.first_row + first_row + row) / params.group_size;
        const kvspan_tree_token tree = params.trees.tokens[unit.first_token + token];

#pragma unroll
        for (uint32_t i = 0; i < seen_tokens<TOKENS>::WORDS; i++) {
            const uint32_t hidden =
                __ballot_sync(0xffffffffU, is_hidden(params, tree, unit.position + token,
                                                     first_token + 32 * i + lane));

            seen[0].words[i] &= row == lane / 4 ? ~hidden : 0xffffffffU;
            seen[1].words[i] &= row == lane / 4 + 8 ? ~hidden : 0xffffffffU;
        }
    }
}

/* The position from which on trees may hide tokens from those of a unit's item in [first, last];
 * behind them all if there is no tree. */
__device__ inline uint32_t find_trees(const kvspan_attend_params &params,
                                      const kvspan_attend_unit &unit, uint32_t first, uint32_t last)
{
    uint32_t position = unit.position + last + 1;

    if (!params.trees.words) {
        return position;
    }
#pragma unroll 1
    for (uint32_t token = first + threadIdx.x % 32; token <= last; token += 32) {
        const kvspan_tree_token tree = params.trees.tokens[unit.first_token + token];

        if (tree.first_word != KVSPAN_NO_TREE) {
            position = min(position, tree.first_position);
        }
    }
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        position = min(position, __shfl_xor_sync(0xffffffffU, position, distance));
    }
    return position;
}

} // namespace kvspan

#endif
