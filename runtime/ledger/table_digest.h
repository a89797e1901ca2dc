/** @file
 * The digest of the page tables: a sum mod 2^64 of one term per table entry and one per live
 * sequence, so that it is a function of the tables, not of how they came about, and a change costs
 * as much as it changes. The ledger and every replica keep one and compare.
 */
#ifndef KVSPAN_LEDGER_TABLE_DIGEST_H
#define KVSPAN_LEDGER_TABLE_DIGEST_H

#include <stdint.h>

/* The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection of 64-bit words. */
static inline uint64_t kvspan_mix64(uint64_t word)
{
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}

/* Term of table[group][slot][column] = page. */
static inline uint64_t kvspan_digest_entry(uint32_t group, uint32_t slot, uint32_t column,
                                           uint32_t page)
{
    const uint64_t place = kvspan_mix64(((uint64_t)group << 48 | slot) + 0x9e3779b97f4a7c15u);

    return kvspan_mix64(place + ((uint64_t)column << 32 | page));
}

/* Term of a live sequence: its slot, tag and length. */
static inline uint64_t kvspan_digest_sequence(uint32_t slot, uint64_t tag, uint64_t tokens)
{
    const uint64_t name = kvspan_mix64(tag + 0x9e3779b97f4a7c15u * ((uint64_t)slot + 1));

    return kvspan_mix64(name ^ kvspan_mix64(~tokens));
}

#endif
