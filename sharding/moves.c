#include "sharding/moves.h"

/* What one rank of a holding has. */
typedef struct rank_part {
    kvspan_head_shard heads;
    kvspan_token_rule tokens;
} rank_part;

/* A stretch of tokens that lies in one page of one member on either side. */
typedef struct stretch {
    uint64_t first_token;
    uint64_t token_count;
    uint32_t new_column;
} stretch;

typedef struct move_list {
    kvspan_move *moves; /* NULL: only count */
    size_t count;
} move_list;

static kvspan_status check_holding(const kvspan_holding *holding, const char *name,
                                   kvspan_error *error)
{
    const uint64_t rank_count = (uint64_t)holding->head_members * holding->token_members;
    kvspan_head_shard shard;

    if (holding->page_tokens == 0 || holding->page_tokens > KVSPAN_MAX_PAGE_TOKENS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "page tokens %u of the %s plan are not in "
                           "[1, %d]",
                           holding->page_tokens, name, KVSPAN_MAX_PAGE_TOKENS);
    }
    if (rank_count == 0 || rank_count > UINT32_MAX) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%u head members and %u token members of the %s plan do not make 1 to "
                           "%u ranks",
                           holding->head_members, holding->token_members, name, UINT32_MAX);
    }
    return kvspan_head_shard_of(holding->kv_heads, holding->kv_heads, holding->head_members, 0,
                                holding->policy, holding->allow_uneven, &shard, error);
}

/* The holding has been checked, so that no member of it is refused. */
static rank_part part_of_rank(const kvspan_holding *holding, uint32_t rank)
{
    rank_part part = { .tokens = { .page_tokens = holding->page_tokens,
                                   .member_count = holding->token_members,
                                   .member = rank % holding->token_members } };

    (void)kvspan_head_shard_of(holding->kv_heads, holding->kv_heads, holding->head_members,
                               rank / holding->token_members, holding->policy,
                               holding->allow_uneven, &part.heads, NULL);
    if (holding->policy == KVSPAN_HEADS_SPLIT_SEQUENCE) {
        part.tokens.member_count *= part.heads.copy_count;
        part.tokens.member = part.tokens.member * part.heads.copy_count + part.heads.copy_index;
    }
    return part;
}

/* The rank that sends: to_rank if it has these tokens of these heads, else the first that has. */
static uint32_t source_rank(const kvspan_holding *holding, const rank_part *first_holder,
                            uint64_t first_token, uint32_t to_rank)
{
    const uint32_t copy_count = first_holder->heads.copy_count;
    const uint32_t first_owner = first_holder->heads.first_owner;
    const uint32_t owner = kvspan_token_owner(&first_holder->tokens, first_token);
    const uint32_t to_member = to_rank / holding->token_members;

    if (holding->policy == KVSPAN_HEADS_SPLIT_SEQUENCE) {
        return (first_owner + owner % copy_count) * holding->token_members + owner / copy_count;
    }
    if (to_member >= first_owner && to_member - first_owner < copy_count &&
        to_rank % holding->token_members == owner) {
        return to_rank;
    }
    return first_owner * holding->token_members + owner;
}

/* Adds the moves of one stretch to one rank: one per range of heads that old ranks hold alike. */
static void add_moves(const kvspan_holding *old_holding, uint32_t to_rank, kvspan_range heads,
                      const stretch *tokens, move_list *list)
{
    const uint32_t end = heads.first + heads.count;
    uint32_t head = heads.first;

    while (head < end) {
        const uint32_t owner =
            kvspan_head_owner(old_holding->kv_heads, old_holding->head_members, head);
        const rank_part holder = part_of_rank(old_holding, owner * old_holding->token_members);
        const uint32_t holder_end = holder.heads.kv.first + holder.heads.kv.count;
        const uint32_t move_end = holder_end < end ? holder_end : end;

        if (list->moves) {
            list->moves[list->count] = (kvspan_move){
                .from_rank = source_rank(old_holding, &holder, tokens->first_token, to_rank),
                .to_rank = to_rank,
                .heads = { .first = head, .count = move_end - head },
                .first_token = tokens->first_token,
                .token_count = (uint32_t)tokens->token_count,
                .old_column = (uint32_t)(kvspan_token_index(&holder.tokens, tokens->first_token) /
                                         old_holding->page_tokens),
                .new_column = tokens->new_column,
            };
        }
        list->count++;
        head = move_end;
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void add_rank(const kvspan_holding *old_holding, const kvspan_holding *new_holding,
                     uint32_t to_rank, uint64_t tokens, move_list *list)
{
    const rank_part part = part_of_rank(new_holding, to_rank);
    const uint64_t local_tokens = kvspan_token_count(&part.tokens, tokens);
    const uint64_t old_page = old_holding->page_tokens;
    const uint64_t new_page = new_holding->page_tokens;
    uint64_t index = 0;

    while (index < local_tokens) {
        const uint64_t position = kvspan_token_position(&part.tokens, index);
        const uint64_t in_new_page = smaller(new_page - index % new_page, local_tokens - index);
        const stretch piece = {
            .first_token = position,
            .token_count = smaller(in_new_page, old_page - position % old_page),
            .new_column = (uint32_t)(index / new_page),
        };

        add_moves(old_holding, to_rank, part.heads.kv, &piece, list);
        index += piece.token_count;
    }
}

static move_list list_moves(const kvspan_holding *old_holding, const kvspan_holding *new_holding,
                            uint64_t tokens, kvspan_move *moves)
{
    const uint32_t rank_count = new_holding->head_members * new_holding->token_members;
    move_list list = { .moves = moves };

    for (uint32_t to_rank = 0; to_rank < rank_count; to_rank++) {
        add_rank(old_holding, new_holding, to_rank, tokens, &list);
    }
    return list;
}

kvspan_status kvspan_moves_plan(const kvspan_holding *old_holding,
                                const kvspan_holding *new_holding, uint64_t tokens,
                                kvspan_move *moves_out, size_t *count_inout, kvspan_error *error)
{
    const size_t capacity = *count_inout;
    kvspan_status status = check_holding(old_holding, "old", error);

    if (status == KVSPAN_OK) {
        status = check_holding(new_holding, "new", error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (old_holding->kv_heads != new_holding->kv_heads) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the old plan has %u kv heads, the new one %u", old_holding->kv_heads,
                           new_holding->kv_heads);
    }
    if (tokens > KVSPAN_MAX_SEQUENCE_TOKENS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%llu tokens; at most %d are possible",
                           (unsigned long long)tokens, KVSPAN_MAX_SEQUENCE_TOKENS);
    }
    *count_inout = list_moves(old_holding, new_holding, tokens, NULL).count;
    if (moves_out && *count_inout > capacity) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%zu moves, there is room for %zu",
                           *count_inout, capacity);
    }
    if (moves_out) {
        (void)list_moves(old_holding, new_holding, tokens, moves_out);
    }
    return KVSPAN_OK;
}
