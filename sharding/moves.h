/** @file
 * Moves: what has to be sent from whom to whom to turn one plan into another.
 */
#ifndef KVSPAN_SHARDING_MOVES_H
#define KVSPAN_SHARDING_MOVES_H

#include <kvspan/token_rule.h>

#include "sharding/heads.h"
#include "sharding/mesh.h"

/* How one cache lies over ranks: everything that decides who holds (head, token). Ranks are those
 * of one step group, rank = head member · token members + token member. */
typedef struct kvspan_holding {
    uint32_t kv_heads;
    uint32_t head_members;  /* T */
    uint32_t token_members; /* sp: size of the sequence axis */
    uint32_t page_tokens;   /* P */
    kvspan_heads_policy policy;
    int allow_uneven;
} kvspan_holding;

/* One move: kv heads of a stretch of tokens, from a rank of the old plan to one of the new. All
 * layers move alike. */
typedef struct kvspan_move {
    uint32_t from_rank;
    uint32_t to_rank;
    kvspan_range heads;   /* global kv heads */
    uint64_t first_token; /* global position */
    uint32_t token_count; /* at most the smaller page_tokens */
    uint32_t old_column;  /* page-table column on from_rank */
    uint32_t new_column;  /* page-table column on to_rank */
} kvspan_move;

/* Lists, in order of (to_rank, first_token, heads), what every rank of the new holding needs of a
 * sequence of `tokens` tokens. from_rank is to_rank where it has the bytes already, else the first
 * copy that has them. moves_out may be NULL to count. count_inout: capacity, then moves.
 * ARGUMENT: the holdings differ in kv_heads, or capacity is too small (count_inout says how many).
 */
kvspan_status kvspan_moves_plan(const kvspan_holding *old_holding,
                                const kvspan_holding *new_holding, uint64_t tokens,
                                kvspan_move *moves_out, size_t *count_inout, kvspan_error *error);

#endif
