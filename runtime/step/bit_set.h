/** @file
 * A set of small numbers, one bit each.
 */
#ifndef KVSPAN_STEP_BIT_SET_H
#define KVSPAN_STEP_BIT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words that hold bits [0, bit_count). */
static inline size_t kvspan_bit_words(uint64_t bit_count)
{
    return (size_t)((bit_count + 63) / 64);
}

/* Puts a bit in; false if it was in already. */
static inline bool kvspan_bit_put(uint64_t *words, uint64_t bit)
{
    const uint64_t mask = (uint64_t)1 << bit % 64;
    const bool is_new = (words[bit / 64] & mask) == 0;

    words[bit / 64] |= mask;
    return is_new;
}

static inline void kvspan_bit_drop(uint64_t *words, uint64_t bit)
{
    words[bit / 64] &= ~((uint64_t)1 << bit % 64);
}

static inline bool kvspan_bit_has(const uint64_t *words, uint64_t bit)
{
    return (words[bit / 64] >> bit % 64 & 1) != 0;
}

#endif
