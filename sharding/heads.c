#include "sharding/heads.h"

#include <assert.h>

static kvspan_status check_sizes(uint32_t kv_heads, uint32_t q_heads, uint32_t member_count,
                                 uint32_t member, kvspan_error *error)
{
    if (kv_heads == 0 || kv_heads > KVSPAN_MAX_HEADS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "kv heads %u are not in [1, %d]", kv_heads,
                           KVSPAN_MAX_HEADS);
    }
    if (q_heads == 0 || q_heads > KVSPAN_MAX_HEADS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "query heads %u are not in [1, %d]", q_heads,
                           KVSPAN_MAX_HEADS);
    }
    if (q_heads % kv_heads != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "query heads %u are no multiple of kv heads %u", q_heads, kv_heads);
    }
    if (member >= member_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "member %u is not in [0, %u)", member,
                           member_count);
    }
    return KVSPAN_OK;
}

static kvspan_status check_policy(uint32_t kv_heads, uint32_t member_count,
                                  kvspan_heads_policy policy, int allow_uneven, kvspan_error *error)
{
    if ((int)policy < KVSPAN_HEADS_POLICY_DEFAULT || (int)policy > KVSPAN_HEADS_SPLIT_SEQUENCE) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "heads policy %d is not in [%d, %d]",
                           (int)policy, KVSPAN_HEADS_POLICY_DEFAULT, KVSPAN_HEADS_SPLIT_SEQUENCE);
    }
    if (kv_heads % member_count == 0) {
        return KVSPAN_OK;
    }
    if (policy == KVSPAN_HEADS_REFUSE) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%u kv heads do not divide over %u members, and the policy is refuse",
                           kv_heads, member_count);
    }
    if (member_count % kv_heads != 0 && !allow_uneven) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%u kv heads over %u members: neither is a multiple of the other",
                           kv_heads, member_count);
    }
    return KVSPAN_OK;
}

static kvspan_range balanced_range(uint32_t kv_heads, uint32_t member_count, uint32_t member)
{
    const uint32_t base = kv_heads / member_count;
    const uint32_t larger_members = kv_heads % member_count;
    const uint32_t larger_before = member < larger_members ? member : larger_members;

    return (kvspan_range){ .first = member * base + larger_before,
                           .count = base + (member < larger_members) };
}

kvspan_status kvspan_head_shard_of(uint32_t kv_heads, uint32_t q_heads, uint32_t member_count,
                                   uint32_t member, kvspan_heads_policy policy, int allow_uneven,
                                   kvspan_head_shard *shard_out, kvspan_error *error)
{
    kvspan_head_shard shard = { .copy_count = 1, .first_owner = member };
    kvspan_status status = check_sizes(kv_heads, q_heads, member_count, member, error);
    int is_uneven;

    if (status == KVSPAN_OK) {
        status = check_policy(kv_heads, member_count, policy, allow_uneven, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    is_uneven = kv_heads % member_count != 0 && member_count % kv_heads != 0;
    if (member_count % kv_heads == 0) {
        shard.copy_count = member_count / kv_heads;
        shard.copy_index = member % shard.copy_count;
        shard.first_owner = member - shard.copy_index;
        shard.kv = (kvspan_range){ .first = member / shard.copy_count, .count = 1 };
    } else {
        shard.kv = balanced_range(kv_heads, member_count, member);
    }
    shard.q_of_kv.first = shard.kv.first * (q_heads / kv_heads);
    shard.q_of_kv.count = shard.kv.count * (q_heads / kv_heads);
    /* Where Hq/T is an integer and ranges are even, member t's share lies within its kv heads. */
    if (!is_uneven && q_heads % member_count == 0) {
        shard.q_even.count = q_heads / member_count;
        shard.q_even.first = member * shard.q_even.count;
    }
    *shard_out = shard;
    return KVSPAN_OK;
}

uint32_t kvspan_head_owner(uint32_t kv_heads, uint32_t member_count, uint32_t head)
{
    const uint32_t base = kv_heads / member_count;
    const uint32_t larger_members = kv_heads % member_count;
    const uint32_t larger_heads = larger_members * (base + 1);

    assert(head < kv_heads);
    if (member_count % kv_heads == 0) {
        return head * (member_count / kv_heads);
    }
    if (head < larger_heads) {
        return head / (base + 1);
    }
    return larger_members + (head - larger_heads) / base;
}
