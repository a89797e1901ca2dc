/** @file
 * Which member of a token group holds which token, and where. Header-only arithmetic, so that the
 * library's kernels and anyone else's use the very same lines.
 *
 * One page id stands for n consecutive stretches of P = page_tokens tokens; member m keeps the
 * m-th. So page tables are equal on all members, and the allocator knows nothing of the split.
 */
#ifndef KVSPAN_TOKEN_RULE_H
#define KVSPAN_TOKEN_RULE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the tokens of a sequence lie over the members of a token group. */
typedef struct kvspan_token_rule {
    uint32_t page_tokens;  /**< P, at least 1 */
    uint32_t member_count; /**< n, at least 1; 1 = every token is here */
    uint32_t member;       /**< this rank's place in the token group, in [0, n) */
} kvspan_token_rule;

/**
 * Gives the global position of a local token index: ((j div P)·n + m)·P + j mod P.
 *
 * @param rule   of the member that holds it
 * @param index  local index j on that member, 0-based
 * @return 0-based position in the sequence
 */
static inline uint64_t kvspan_token_position(const kvspan_token_rule *rule, uint64_t index)
{
    return ((index / rule->page_tokens) * rule->member_count + rule->member) * rule->page_tokens +
           index % rule->page_tokens;
}

/**
 * Gives the member that holds a position: (position div P) mod n.
 *
 * @param rule      of any member
 * @param position  0-based position in the sequence
 * @return member in [0, n)
 */
static inline uint32_t kvspan_token_owner(const kvspan_token_rule *rule, uint64_t position)
{
    return (uint32_t)((position / rule->page_tokens) % rule->member_count);
}

/**
 * Gives the local index of a position on the member that holds it. Index div P is the column of the
 * page table, index mod P the token within the page.
 *
 * @param rule      of any member
 * @param position  0-based position in the sequence
 * @return 0-based local index
 */
static inline uint64_t kvspan_token_index(const kvspan_token_rule *rule, uint64_t position)
{
    return position / rule->page_tokens / rule->member_count * rule->page_tokens +
           position % rule->page_tokens;
}

/**
 * Gives how many positions below @p position the member of @p rule holds. Local indices
 * [count(a), count(b)) are just the tokens in [a, b) that this member has.
 *
 * @param rule      of the member asked about
 * @param position  a sequence length, or a position not counted itself
 * @return tokens held
 */
static inline uint64_t kvspan_token_count(const kvspan_token_rule *rule, uint64_t position)
{
    const uint64_t stretch = (uint64_t)rule->page_tokens * rule->member_count;
    const uint64_t full = position / stretch * rule->page_tokens;
    const uint64_t rest = position % stretch;
    const uint64_t mine = (uint64_t)rule->member * rule->page_tokens;

    if (rest <= mine) {
        return full;
    }
    return full + (rest - mine < rule->page_tokens ? rest - mine : rule->page_tokens);
}

/**
 * Gives the pages that a sequence needs, in one layer group: ceil(tokens / (P·n)).
 *
 * @param rule    of any member
 * @param tokens  length of the sequence
 * @return pages
 */
static inline uint64_t kvspan_token_pages(const kvspan_token_rule *rule, uint64_t tokens)
{
    const uint64_t stretch = (uint64_t)rule->page_tokens * rule->member_count;

    return tokens / stretch + (tokens % stretch != 0);
}

#ifdef __cplusplus
}
#endif

#endif
