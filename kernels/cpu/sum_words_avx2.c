#include "kernels/cpu/page_kernels.h"

#include <immintrin.h>

#include "kernels/page_checksum.h"

enum {
    STEP_WORDS = 4,
    STEP_BYTES = 32
};

/* Sums over the steps so far, in each of four lanes. */
struct sums {
    __m256i products;
    __m256i words;
    __m256i running; /* of words after every step: steps · words − running = Σ step · word */
    __m256i keys;    /* (a, b) of each lane's next word */
};

static uint64_t load_word(const unsigned char *bytes)
{
    return (uint64_t)_mm_cvtsi128_si64(_mm_loadl_epi64((const __m128i *)(const void *)bytes));
}

static struct sums sums_from(uint64_t index)
{
    uint32_t keys[2 * STEP_WORDS];

    for (size_t lane = 0; lane < STEP_WORDS; lane++) {
        const uint32_t place = (uint32_t)(2 * (index + lane) + 1);

        keys[2 * lane] = KVSPAN_CHECKSUM_LOW_KEY * place;
        keys[2 * lane + 1] = KVSPAN_CHECKSUM_HIGH_KEY * place;
    }
    return (struct sums){ .products = _mm256_setzero_si256(),
                          .words = _mm256_setzero_si256(),
                          .running = _mm256_setzero_si256(),
                          .keys = _mm256_loadu_si256((const __m256i *)(const void *)keys) };
}

/* Σ kvspan_checksum_term() of `steps` steps that were added, the first at `index`. */
static uint64_t sums_total(const struct sums *sums, uint64_t steps, uint64_t index)
{
    uint64_t products[STEP_WORDS];
    uint64_t words[STEP_WORDS];
    uint64_t running[STEP_WORDS];
    uint64_t total = 0;

    _mm256_storeu_si256((__m256i *)(void *)products, sums->products);
    _mm256_storeu_si256((__m256i *)(void *)words, sums->words);
    _mm256_storeu_si256((__m256i *)(void *)running, sums->running);
    for (uint64_t lane = 0; lane < STEP_WORDS; lane++) {
        total += products[lane] + (index + lane + 1) * words[lane] +
                 STEP_WORDS * (steps * words[lane] - running[lane]);
    }
    return total;
}

uint64_t kvspan_sum_words_avx2(const unsigned char *bytes, uint64_t words, uint64_t index)
{
    const uint64_t steps = words / STEP_WORDS;
    const int advance_low = (int)(KVSPAN_CHECKSUM_LOW_KEY * 2 * STEP_WORDS);
    const int advance_high = (int)(KVSPAN_CHECKSUM_HIGH_KEY * 2 * STEP_WORDS);
    const __m256i advance = _mm256_setr_epi32(advance_low, advance_high, advance_low, advance_high,
                                              advance_low, advance_high, advance_low, advance_high);
    struct sums sums = sums_from(index);
    uint64_t total;

    for (uint64_t step = 0; step < steps; step++) {
        const __m256i word =
            _mm256_loadu_si256((const __m256i *)(const void *)(bytes + step * STEP_BYTES));
        const __m256i keyed = _mm256_add_epi32(word, sums.keys);

        sums.products =
            _mm256_add_epi64(sums.products, _mm256_mul_epu32(keyed, _mm256_srli_epi64(keyed, 32)));
        sums.words = _mm256_add_epi64(sums.words, word);
        sums.running = _mm256_add_epi64(sums.running, sums.words);
        sums.keys = _mm256_add_epi32(sums.keys, advance);
    }
    total = sums_total(&sums, steps, index);
    for (uint64_t word = steps * STEP_WORDS; word < words; word++) {
        total += kvspan_checksum_term(load_word(bytes + word * 8), index + word);
    }
    return total;
}
