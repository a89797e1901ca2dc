#include "launch/bench_numbers.h"

#include <assert.h>
#include <string.h>

/* Sign, exponent and fraction of the IEEE types, of which bf16 is the upper half of f32. */
uint32_t kvspan_bench_number(kvspan_dtype dtype, int number)
{
    const uint32_t fraction_bits = dtype == KVSPAN_F32 ? 23 : dtype == KVSPAN_F16 ? 10 : 7;
    const uint32_t bias = dtype == KVSPAN_F16 ? 15 : 127;
    const uint32_t sign_bit = dtype == KVSPAN_F32 ? 31 : 15;
    const uint32_t magnitude = (uint32_t)(number < 0 ? -number : number);
    uint32_t power = 7; /* magnitude is in [2^power, 2^(power + 1)) */

    assert(number >= -128);
    assert(number < 128);
    if (magnitude == 0) {
        return 0;
    }
    while (magnitude >> power == 0) {
        power--;
    }
    return (uint32_t)(number < 0) << sign_bit | (bias + power - 6) << fraction_bits |
           (magnitude << (fraction_bits - power) & ((1u << fraction_bits) - 1));
}

/* The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t word)
{
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}

void kvspan_bench_numbers_fill(kvspan_dtype dtype, uint64_t seed, uint64_t count, void *data)
{
    const size_t bytes = kvspan_dtype_bytes(dtype);
    unsigned char *element = data;
    uint32_t elements[256];
    uint64_t word = 0;

    for (int i = 0; i < 256; i++) {
        elements[i] = kvspan_bench_number(dtype, i - 128);
    }
    for (uint64_t i = 0; i < count; i++) {
        if (i % 8 == 0) {
            word = mix((seed << 40) + i / 8 * 0x9e3779b97f4a7c15u);
        }
        if (bytes == sizeof(uint16_t)) {
            const uint16_t half = (uint16_t)elements[word & 255];

            memcpy(element, &half, sizeof(half));
        } else {
            memcpy(element, &elements[word & 255], sizeof(uint32_t));
        }
        word >>= 8;
        element += bytes;
    }
}
