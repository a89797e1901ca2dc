/** @file
 * A set of slots as a bitmap: 64 slots a word, its lowest member found by scanning words from a
 * hint. Memory is the owner's.
 */
#ifndef KVSPAN_LEDGER_SLOT_SET_H
#define KVSPAN_LEDGER_SLOT_SET_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    KVSPAN_SLOTS_PER_WORD = 64
};

/* What kvspan_slot_set_next() gives at the end. */
#define KVSPAN_NO_SLOT UINT32_MAX

/* Invariants: count is the number of bits set; words before first_word are 0. */
typedef struct kvspan_slot_set {
    uint64_t *words; /* [word_count]: slot s is bit s mod 64 of word s div 64 */
    uint32_t word_count;
    uint32_t count;
    uint32_t first_word;
} kvspan_slot_set;

static inline uint32_t kvspan_slot_set_words(uint32_t slot_count)
{
    return slot_count / KVSPAN_SLOTS_PER_WORD + (slot_count % KVSPAN_SLOTS_PER_WORD != 0);
}

static inline uint64_t kvspan_slot_bit(uint32_t slot)
{
    return (uint64_t)1 << (slot % KVSPAN_SLOTS_PER_WORD);
}

static inline bool kvspan_slot_set_has(const kvspan_slot_set *set, uint32_t slot)
{
    return (set->words[slot / KVSPAN_SLOTS_PER_WORD] & kvspan_slot_bit(slot)) != 0;
}

/* The slot is not in the set. */
static inline void kvspan_slot_set_add(kvspan_slot_set *set, uint32_t slot)
{
    const uint32_t word = slot / KVSPAN_SLOTS_PER_WORD;

    assert(!kvspan_slot_set_has(set, slot));
    set->words[word] |= kvspan_slot_bit(slot);
    set->count++;
    if (word < set->first_word) {
        set->first_word = word;
    }
}

/* The slot is in the set. */
static inline void kvspan_slot_set_remove(kvspan_slot_set *set, uint32_t slot)
{
    assert(kvspan_slot_set_has(set, slot));
    set->words[slot / KVSPAN_SLOTS_PER_WORD] &= ~kvspan_slot_bit(slot);
    set->count--;
}

/* The lowest member that is not below slot, or KVSPAN_NO_SLOT. */
static inline uint32_t kvspan_slot_set_next(const kvspan_slot_set *set, uint32_t slot)
{
    uint32_t word = slot / KVSPAN_SLOTS_PER_WORD;
    uint64_t bits = word < set->word_count ? set->words[word] & ~(kvspan_slot_bit(slot) - 1) : 0;

    while (bits == 0) {
        if (++word >= set->word_count) {
            return KVSPAN_NO_SLOT;
        }
        bits = set->words[word];
    }
    return word * KVSPAN_SLOTS_PER_WORD + (uint32_t)__builtin_ctzll(bits);
}

/* Removes and gives the lowest member of a set that is not empty. */
static inline uint32_t kvspan_slot_set_take(kvspan_slot_set *set)
{
    const uint32_t slot = kvspan_slot_set_next(set, set->first_word * KVSPAN_SLOTS_PER_WORD);

    assert(slot != KVSPAN_NO_SLOT);
    set->first_word = slot / KVSPAN_SLOTS_PER_WORD;
    kvspan_slot_set_remove(set, slot);
    return slot;
}

static inline void kvspan_slot_set_clear(kvspan_slot_set *set)
{
    if (set->count > 0) {
        memset(set->words, 0, set->word_count * sizeof(set->words[0]));
        set->count = 0;
    }
}

#endif
