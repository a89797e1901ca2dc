#include "runtime/cache/placement.h"

kvspan_range kvspan_split_range(uint32_t token_count, uint32_t member_count, uint32_t member)
{
    const uint64_t first = (uint64_t)token_count * member / member_count;
    const uint64_t end = (uint64_t)token_count * (member + 1) / member_count;

    return (kvspan_range){ .first = (uint32_t)first, .count = (uint32_t)(end - first) };
}

kvspan_range kvspan_head_share(const kvspan_head_shard *shard)
{
    if (shard->q_even.count > 0) {
        return shard->q_even;
    }
    if (shard->copy_index == 0) {
        return shard->q_of_kv;
    }
    return (kvspan_range){ .first = shard->q_of_kv.first, .count = 0 };
}

static bool covers(kvspan_range outer, kvspan_range inner)
{
    return inner.first >= outer.first && inner.first + inner.count <= outer.first + outer.count;
}

static kvspan_status check_call(const kvspan_head_shard *shard, uint32_t q_heads,
                                uint32_t head_members, const kvspan_attention *attention,
                                kvspan_error *error)
{
    if (attention->q_heads != KVSPAN_HEADS_OF_KV && attention->q_heads != KVSPAN_HEADS_EVEN) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "attention.q_heads is %d, q comes as OF_KV (0) or EVEN (1)",
                           (int)attention->q_heads);
    }
    if ((uint32_t)attention->out_heads > KVSPAN_HEADS_ALL ||
        (uint32_t)attention->out_tokens > KVSPAN_TOKENS_SPLIT) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "attention.out_heads is %d and out_tokens is %d: no such places",
                           (int)attention->out_heads, (int)attention->out_tokens);
    }
    if (shard->q_even.count == 0 &&
        (attention->q_heads == KVSPAN_HEADS_EVEN || attention->out_heads == KVSPAN_HEADS_EVEN)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%u query heads have no even shares over %u ranks", q_heads,
                           head_members);
    }
    return KVSPAN_OK;
}

/* Heads: what is computed here, and from which head members the rest comes. */
static void place_heads(const kvspan_geometry *geometry, const kvspan_head_shard *shard,
                        uint32_t q_heads, kvspan_heads out_heads, kvspan_placement *placement)
{
    placement->first_head_member = geometry->heads.member;
    placement->head_member_count = 1;
    switch (out_heads) {
    case KVSPAN_HEADS_OF_KV: placement->out = shard->q_of_kv; break;
    case KVSPAN_HEADS_EVEN: placement->out = shard->q_even; break;
    case KVSPAN_HEADS_ALL: placement->out = (kvspan_range){ .count = q_heads }; break;
    }
    if (placement->splits_heads) {
        placement->compute = shard->q_of_kv;
        placement->meet_heads = shard->q_even;
        if (covers(placement->meet_heads, placement->out)) {
            return;
        }
    } else if (covers(placement->q, placement->out)) {
        placement->compute = placement->out;
        placement->meet_heads = placement->out;
        return;
    } else {
        placement->compute = kvspan_head_share(shard);
        placement->meet_heads = placement->compute;
    }
    if (out_heads == KVSPAN_HEADS_ALL) {
        placement->first_head_member = 0;
        placement->head_member_count = geometry->heads.count;
    } else {
        placement->first_head_member = shard->first_owner;
        placement->head_member_count = shard->copy_count;
    }
}

kvspan_status kvspan_placement_make(const kvspan_geometry *geometry, uint32_t group,
                                    uint32_t q_heads, const kvspan_attention *attention,
                                    uint32_t token_count, kvspan_placement *placement_out,
                                    kvspan_error *error)
{
    const kvspan_head_shard *const shard = &geometry->head_shards[group];
    const kvspan_group *const sequence = &geometry->sequence;
    const kvspan_range all = { .count = token_count };
    const kvspan_range mine = kvspan_split_range(token_count, sequence->count, sequence->member);
    kvspan_placement placement = { 0 };
    const kvspan_status status =
        check_call(shard, q_heads, geometry->heads.count, attention, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    placement.q = attention->q_heads == KVSPAN_HEADS_OF_KV ? shard->q_of_kv : shard->q_even;
    placement.splits_heads = geometry->token_copies > 1;
    placement.gathers_q = placement.splits_heads && attention->q_heads == KVSPAN_HEADS_EVEN;
    place_heads(geometry, shard, q_heads, attention->out_heads, &placement);
    placement.meets = geometry->tokens.count > 1;
    placement.merge_tokens = mine;
    placement.out_tokens = attention->out_tokens == KVSPAN_TOKENS_SPLIT ? mine : all;
    placement.gathers_tokens = sequence->count > 1 && attention->out_tokens == KVSPAN_TOKENS_ALL;
    placement.gathers = placement.gathers_tokens || placement.head_member_count > 1;
    *placement_out = placement;
    return KVSPAN_OK;
}
