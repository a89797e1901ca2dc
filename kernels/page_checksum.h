/** @file
 * The checksum of a page: a sum over its words, so that any number of lanes, threads or blocks can
 * take their share in any order.
 *
 * Word i (64 bits, little-endian) with halves (low, high) adds (low + a_i)·(high + b_i) + i·word,
 * modulo 2^64, where a_i and b_i are 32-bit keys of the place (after NH of Black, Halevi, Krawczyk,
 * Krovetz, Rogaway: "UMAC", CRYPTO '99). The term i·word catches what a factor of zero would hide.
 */
#ifndef KVSPAN_KERNELS_PAGE_CHECKSUM_H
#define KVSPAN_KERNELS_PAGE_CHECKSUM_H

#include <stdint.h>

#include "kernels/device_code.h"

/* Odd: the key of a half at the k-th odd number is this times that, modulo 2^32. */
#define KVSPAN_CHECKSUM_LOW_KEY  0x9e3779b1u
#define KVSPAN_CHECKSUM_HIGH_KEY 0x85ebca77u

/* The term of one word; `index` counts the page's words from 0. */
KVSPAN_DEVICE_CODE static inline uint64_t kvspan_checksum_term(uint64_t word, uint64_t index)
{
    const uint32_t place = (uint32_t)(2 * index + 1);
    const uint32_t low = (uint32_t)word + KVSPAN_CHECKSUM_LOW_KEY * place;
    const uint32_t high = (uint32_t)(word >> 32) + KVSPAN_CHECKSUM_HIGH_KEY * place;

    return (uint64_t)low * high + (index + 1) * word;
}

/* Spreads the sum over all bits (the finaliser of David Stafford's "Better Bit Mixing", variant
 * 13). */
KVSPAN_DEVICE_CODE static inline uint64_t kvspan_checksum_finish(uint64_t sum)
{
    sum = (sum ^ sum >> 30) * 0xbf58476d1ce4e5b9u;
    sum = (sum ^ sum >> 27) * 0x94d049bb133111ebu;
    return sum ^ sum >> 31;
}

#endif
