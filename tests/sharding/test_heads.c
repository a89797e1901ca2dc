#include "refusal.h"

#include <kvspan/token_rule.h>

#include "sharding/heads.h"

enum {
    MOST_HEADS = 12,
    MOST_MEMBERS = 25,
    MOST_TOKENS = 40
};

static kvspan_head_shard shard_of(uint32_t kv_heads, uint32_t q_heads, uint32_t member_count,
                                  uint32_t member)
{
    kvspan_head_shard shard = { 0 };

    ck_assert_int_eq(kvspan_head_shard_of(kv_heads, q_heads, member_count, member,
                                          KVSPAN_HEADS_REPLICATE, 1, &shard, NULL),
                     KVSPAN_OK);
    return shard;
}

static bool is_in(kvspan_range range, uint32_t head)
{
    return head >= range.first && head - range.first < range.count;
}

/* Members that hold a head, found by asking all. */
static uint32_t holders_of(uint32_t kv_heads, uint32_t member_count, uint32_t head,
                           uint32_t *lowest)
{
    uint32_t holders = 0;

    for (uint32_t member = 0; member < member_count; member++) {
        if (is_in(shard_of(kv_heads, kv_heads, member_count, member).kv, head)) {
            *lowest = holders == 0 ? member : *lowest;
            holders++;
        }
    }
    return holders;
}

static void check_holders(uint32_t heads, uint32_t members, uint32_t head)
{
    const uint32_t copies = members % heads == 0 ? members / heads : 1;
    uint32_t lowest = UINT32_MAX;

    ck_assert_uint_eq(holders_of(heads, members, head, &lowest), copies);
    ck_assert_uint_eq(kvspan_head_owner(heads, members, head), lowest);
    for (uint32_t copy = 0; copy < copies; copy++) {
        const kvspan_head_shard shard = shard_of(heads, heads, members, lowest + copy);

        ck_assert(is_in(shard.kv, head));
        ck_assert_uint_eq(shard.copy_index, copy);
        ck_assert_uint_eq(shard.copy_count, copies);
        ck_assert_uint_eq(shard.first_owner, lowest);
    }
}

START_TEST(every_head_is_held_once_or_by_r_neighbours_where_members_are_r_times_the_heads)
{
    for (uint32_t heads = 1; heads <= MOST_HEADS; heads++) {
        for (uint32_t members = 1; members <= MOST_MEMBERS; members++) {
            for (uint32_t head = 0; head < heads; head++) {
                check_holders(heads, members, head);
            }
        }
    }
}
END_TEST

START_TEST(ranges_are_in_order_and_as_equal_as_can_be_the_larger_first)
{
    for (uint32_t heads = 1; heads <= MOST_HEADS; heads++) {
        for (uint32_t members = 1; members <= MOST_MEMBERS; members++) {
            uint32_t next = 0;

            if (members % heads == 0) {
                continue;
            }
            for (uint32_t member = 0; member < members; member++) {
                const kvspan_head_shard shard = shard_of(heads, heads, members, member);
                const uint32_t fair = heads / members + (member < heads % members);

                ck_assert_uint_eq(shard.kv.first, next);
                ck_assert_uint_eq(shard.kv.count, fair);
                ck_assert_uint_eq(shard.copy_count, 1);
                ck_assert_uint_eq(shard.copy_index, 0);
                ck_assert_uint_eq(shard.first_owner, member);
                next += fair;
            }
            ck_assert_uint_eq(next, heads);
        }
    }
}
END_TEST

/* Query head q attends kv head q / g. */
static void check_query_heads(uint32_t heads, uint32_t g, uint32_t members)
{
    const uint32_t q_heads = heads * g;
    const bool has_even = q_heads % members == 0 && (heads % members == 0 || members % heads == 0);

    for (uint32_t q = 0; q < q_heads; q++) {
        uint32_t even_holders = 0;

        for (uint32_t member = 0; member < members; member++) {
            const kvspan_head_shard shard = shard_of(heads, q_heads, members, member);

            ck_assert_int_eq(is_in(shard.q_of_kv, q), is_in(shard.kv, q / g));
            ck_assert_uint_eq(shard.q_even.count, has_even ? q_heads / members : 0);
            even_holders += is_in(shard.q_even, q);
            ck_assert(!is_in(shard.q_even, q) || q / shard.q_even.count == member);
            ck_assert(!is_in(shard.q_even, q) || is_in(shard.kv, q / g));
        }
        ck_assert_uint_eq(even_holders, has_even);
    }
}

START_TEST(query_heads_are_those_of_the_kv_heads_held_or_an_even_share_of_them)
{
    for (uint32_t heads = 1; heads <= 6; heads++) {
        for (uint32_t g = 1; g <= 8; g++) {
            for (uint32_t members = 1; members <= 13; members++) {
                check_query_heads(heads, g, members);
            }
        }
    }
}
END_TEST

START_TEST(eight_query_heads_over_two_kv_heads)
{
    /* tp 2: q0-3 with kv0, q4-7 with kv1; tp 4: two ranks share a kv head, two q heads each */
    const kvspan_head_shard second_of_2 = shard_of(2, 8, 2, 1);
    const kvspan_head_shard third_of_4 = shard_of(2, 8, 4, 2);
    const kvspan_head_shard last_of_16 = shard_of(2, 8, 16, 15);

    ck_assert_uint_eq(second_of_2.kv.first, 1);
    ck_assert_uint_eq(second_of_2.q_of_kv.first, 4);
    ck_assert_uint_eq(second_of_2.q_of_kv.count, 4);
    ck_assert_uint_eq(second_of_2.q_even.first, 4);
    ck_assert_uint_eq(second_of_2.q_even.count, 4);
    ck_assert_uint_eq(third_of_4.kv.first, 1);
    ck_assert_uint_eq(third_of_4.kv.count, 1);
    ck_assert_uint_eq(third_of_4.q_of_kv.first, 4);
    ck_assert_uint_eq(third_of_4.q_of_kv.count, 4);
    ck_assert_uint_eq(third_of_4.q_even.first, 4);
    ck_assert_uint_eq(third_of_4.q_even.count, 2);
    ck_assert_uint_eq(third_of_4.first_owner, 2);
    /* 8 query heads over 16 ranks: no even share */
    ck_assert_uint_eq(last_of_16.q_of_kv.count, 4);
    ck_assert_uint_eq(last_of_16.q_even.count, 0);
    ck_assert_uint_eq(last_of_16.copy_index, 7);
}
END_TEST

/* Counts who holds a token of a head: member tau = sp_index * r + copy of n = sp * r under
 * split_sequence, tau = sp_index of n = sp otherwise. */
static uint32_t count_token_holders(uint32_t heads, uint32_t members, uint32_t sp, bool is_split,
                                    uint32_t head, uint64_t token)
{
    uint32_t holders = 0;

    for (uint32_t rank = 0; rank < members * sp; rank++) {
        const kvspan_head_shard shard = shard_of(heads, heads, members, rank / sp);
        const uint32_t sp_index = rank % sp;
        const kvspan_token_rule rule = {
            .page_tokens = 3,
            .member_count = is_split ? sp * shard.copy_count : sp,
            .member = is_split ? sp_index * shard.copy_count + shard.copy_index : sp_index
        };

        holders += is_in(shard.kv, head) && kvspan_token_owner(&rule, token) == rule.member;
    }
    return holders;
}

static void check_token_holders(uint32_t heads, uint32_t members, uint32_t sp)
{
    const uint32_t copies = members % heads == 0 ? members / heads : 1;

    for (uint32_t head = 0; head < heads; head++) {
        for (uint64_t token = 0; token < MOST_TOKENS; token++) {
            ck_assert(count_token_holders(heads, members, sp, false, head, token) == copies);
            ck_assert(count_token_holders(heads, members, sp, true, head, token) == 1);
        }
    }
}

START_TEST(every_head_and_token_is_held_once_or_r_times_by_replicas)
{
    for (uint32_t heads = 1; heads <= 4; heads++) {
        for (uint32_t members = 1; members <= 8; members++) {
            for (uint32_t sp = 1; sp <= 3; sp++) {
                check_token_holders(heads, members, sp);
            }
        }
    }
}
END_TEST

/* By the words of the contract: which (heads, members) a policy takes. */
static bool is_taken(uint32_t heads, uint32_t members, kvspan_heads_policy policy, int allow_uneven)
{
    if (heads % members == 0) {
        return true;
    }
    if (policy == KVSPAN_HEADS_REFUSE) {
        return false;
    }
    return members % heads == 0 || allow_uneven;
}

static void check_policy(uint32_t heads, uint32_t members, kvspan_heads_policy policy,
                         int allow_uneven)
{
    const kvspan_head_shard before = { .kv = { 7, 7 }, .copy_count = 7, .first_owner = 7 };
    kvspan_head_shard shard = before;
    kvspan_error error = { 0 };
    char one[32];
    char other[32];
    const kvspan_status status =
        kvspan_head_shard_of(heads, heads, members, 0, policy, allow_uneven, &shard, &error);

    if (is_taken(heads, members, policy, allow_uneven)) {
        ck_assert_int_eq(status, KVSPAN_OK);
        return;
    }
    (void)snprintf(one, sizeof(one), "%u kv heads", heads);
    (void)snprintf(other, sizeof(other), "over %u members", members);
    assert_refused(status, &error, one, other);
    assert_untouched(&shard, &before, sizeof(shard));
}

START_TEST(a_policy_takes_what_it_says_and_refuses_the_rest_with_both_numbers)
{
    for (uint32_t heads = 1; heads <= MOST_HEADS; heads++) {
        for (uint32_t members = 1; members <= MOST_MEMBERS; members++) {
            for (int policy = KVSPAN_HEADS_POLICY_DEFAULT; policy <= KVSPAN_HEADS_SPLIT_SEQUENCE;
                 policy++) {
                check_policy(heads, members, (kvspan_heads_policy)policy, 0);
                check_policy(heads, members, (kvspan_heads_policy)policy, 1);
            }
        }
    }
}
END_TEST

START_TEST(numbers_out_of_range_are_refused_and_named)
{
    static const struct {
        uint32_t kv_heads;
        uint32_t q_heads;
        uint32_t members;
        uint32_t member;
        int policy;
        const char *one;
        const char *other;
    } cases[] = {
        { 0, 8, 1, 0, 0, "kv heads 0", "65536" },
        { 65537, 65537, 1, 0, 0, "kv heads 65537", "65536" },
        { 8, 0, 1, 0, 0, "query heads 0", "65536" },
        { 8, 65544, 1, 0, 0, "query heads 65544", "65536" },
        { 8, 12, 1, 0, 0, "query heads 12", "kv heads 8" },
        { 8, 4, 1, 0, 0, "query heads 4", "kv heads 8" },
        { 8, 8, 0, 0, 0, "member 0", "[0, 0)" },
        { 8, 8, 4, 4, 0, "member 4", "[0, 4)" },
        { 8, 8, 4, UINT32_MAX, 0, "member 4294967295", "[0, 4)" },
        { 8, 8, 4, 0, 4, "policy 4", "[0, 3]" },
        { 8, 8, 4, 0, -1, "policy -1", "[0, 3]" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const kvspan_head_shard before = { .kv = { 7, 7 }, .copy_count = 7, .first_owner = 7 };
        kvspan_head_shard shard = before;
        kvspan_error error = { 0 };

        assert_refused(kvspan_head_shard_of(cases[i].kv_heads, cases[i].q_heads, cases[i].members,
                                            cases[i].member, (kvspan_heads_policy)cases[i].policy,
                                            1, &shard, &error),
                       &error, cases[i].one, cases[i].other);
        assert_untouched(&shard, &before, sizeof(shard));
    }
}
END_TEST

START_TEST(the_largest_numbers_do_not_wrap)
{
    const kvspan_head_shard last = shard_of(65536, 65536, 65536, 65535);
    const uint32_t members = 65536U * 65535U;
    const uint32_t first_owner = 65535U * 65535U;
    const kvspan_head_shard copy = shard_of(65536, 65536, members, members - 1);
    const kvspan_head_shard none = shard_of(65536, 65536, UINT32_MAX, UINT32_MAX - 1);

    ck_assert_uint_eq(last.kv.first, 65535);
    ck_assert_uint_eq(last.q_even.first, 65535);
    ck_assert_uint_eq(copy.kv.first, 65535);
    ck_assert_uint_eq(copy.copy_index, 65534);
    ck_assert_uint_eq(copy.first_owner, first_owner);
    ck_assert_uint_eq(none.kv.first, 65536);
    ck_assert_uint_eq(none.kv.count, 0);
    ck_assert_uint_eq(kvspan_head_owner(65536, members, 65535), first_owner);
    ck_assert_uint_eq(kvspan_head_owner(65536, UINT32_MAX, 65535), 65535);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/heads");
    TCase *cover = tcase_create("cover");
    TCase *refuse = tcase_create("refuse");

    tcase_add_test(cover,
                   every_head_is_held_once_or_by_r_neighbours_where_members_are_r_times_the_heads);
    tcase_add_test(cover, ranges_are_in_order_and_as_equal_as_can_be_the_larger_first);
    tcase_add_test(cover, query_heads_are_those_of_the_kv_heads_held_or_an_even_share_of_them);
    tcase_add_test(cover, eight_query_heads_over_two_kv_heads);
    tcase_add_test(cover, every_head_and_token_is_held_once_or_r_times_by_replicas);
    suite_add_tcase(suite, cover);
    tcase_add_test(refuse, a_policy_takes_what_it_says_and_refuses_the_rest_with_both_numbers);
    tcase_add_test(refuse, numbers_out_of_range_are_refused_and_named);
    tcase_add_test(refuse, the_largest_numbers_do_not_wrap);
    suite_add_tcase(suite, refuse);
    return suite_run(suite);
}
