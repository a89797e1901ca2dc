#include "kernels/cpu/page_kernels.h"

static const kvspan_page_kernels avx2 = {
    .pack_tile = kvspan_pack_tile_avx2,
    .unpack_tile = kvspan_unpack_tile_avx2,
    .quantise = kvspan_quantise_avx2,
    .sum_words = kvspan_sum_words_avx2,
};

const kvspan_page_kernels *kvspan_page_kernels_of(kvspan_isa isa)
{
    (void)isa;
    return &avx2;
}
