/** @file
 * From a local token index to where its row lies.
 */
#ifndef KVSPAN_KERNELS_CUDA_PAGE_ROW_CUH
#define KVSPAN_KERNELS_CUDA_PAGE_ROW_CUH

#include "kernels/cuda/attend_params.h"

namespace kvspan
{

/* n / divisor for n < 2^31. */
__device__ inline uint32_t divide(uint32_t n, const kvspan_divisor &divisor)
{
    return __umulhi(2 * n, divisor.multiplier) >> divisor.shift;
}

/* kvspan_token_count() of the rule, for positions below 2^31. */
__device__ inline uint32_t count_tokens(const kvspan_attend_params &params, uint32_t position)
{
    const uint32_t page_tokens = params.page_tokens.value;
    const uint32_t stretches = divide(position, params.stretch);
    const uint32_t rest = position - stretches * params.stretch.value;
    const uint32_t mine = params.member * page_tokens;
    const uint32_t above = rest > mine ? rest - mine : 0;

    return stretches * page_tokens + min(above, page_tokens);
}

/* Local tokens [begin, end). */
struct token_range {
    uint32_t begin;
    uint32_t end;
};

/* What a query at a position sees. */
__device__ inline token_range visible_tokens(const kvspan_attend_params &params, uint32_t position)
{
    const uint32_t lowest =
        params.window == 0 || position < params.window ? 0 : position - params.window + 1;

    return token_range{ lowest == 0 ? 0 : count_tokens(params, lowest),
                        count_tokens(params, position + 1) };
}

/* A token's page and its place in it. */
struct page_row {
    uint32_t page;
    uint32_t token;
};

/* Of a token that is there; else page 0, which is in bounds. */
__device__ inline page_row find_row(const kvspan_attend_params &params, const uint32_t *table,
                                    uint32_t index, bool is_there)
{
    const uint32_t column = divide(index, params.page_tokens);
    page_row row = { 0, 0 };

    if (is_there) {
        row.page = table[column];
        row.token = index - column * params.page_tokens.value;
    }
    return row;
}

/* base + a · b, in one instruction: left alone, the compiler adds what does not change last, to
 * every address of a loop. */
__device__ inline const unsigned char *advance(const unsigned char *base, uint32_t a, uint32_t b)
{
    const unsigned char *sum;

    asm("mad.wide.u32 %0, %1, %2, %3;" : "=l"(sum) : "r"(a), "r"(b), "l"(base));
    return sum;
}

/* Where the row of a plane lies whose pages begin at `first`, as far as this thread is concerned.
 */
__device__ inline const unsigned char *row_address(const kvspan_attend_plane &plane,
                                                   const unsigned char *first, const page_row &row)
{
    return advance(advance(first, row.page, plane.short_page_stride), row.token,
                   plane.token_stride);
}

/* Where its scale does; first: of its pages. */
__device__ inline const unsigned char *
scale_address(const kvspan_attend_plane &plane, const unsigned char *first, const page_row &row)
{
    return advance(advance(first, row.page, plane.short_page_stride),
                   plane.scale_offset + row.token * 4, 1);
}

} // namespace kvspan

#endif
