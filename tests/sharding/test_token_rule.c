#include "support/suite.h"

#include <kvspan/token_rule.h>

enum {
    MOST_MEMBERS = 6,
    MOST_PAGE_TOKENS = 6
};

/* Deals tokens out by hand, page_tokens to each member in turn, and compares at each token. */
static void check_dealing(uint32_t page_tokens, uint32_t member_count)
{
    const uint64_t last = (uint64_t)page_tokens * member_count * 4 + page_tokens + 1;
    uint64_t held[MOST_MEMBERS] = { 0 };
    uint64_t rounds = 0;
    uint32_t turn = 0;
    uint32_t in_turn = 0;

    for (uint64_t position = 0; position < last; position++) {
        const kvspan_token_rule mine = { page_tokens, member_count, turn };

        for (uint32_t member = 0; member < member_count; member++) {
            const kvspan_token_rule rule = { page_tokens, member_count, member };

            ck_assert_uint_eq(kvspan_token_owner(&rule, position), turn);
            ck_assert_uint_eq(kvspan_token_index(&rule, position), held[turn]);
            ck_assert_uint_eq(kvspan_token_count(&rule, position), held[member]);
            ck_assert_uint_eq(kvspan_token_pages(&rule, position), rounds);
        }
        ck_assert_uint_eq(kvspan_token_position(&mine, held[turn]), position);
        rounds += turn == 0 && in_turn == 0;
        held[turn]++;
        if (++in_turn == page_tokens) {
            in_turn = 0;
            turn = (turn + 1) % member_count;
        }
    }
}

START_TEST(position_owner_index_count_and_pages_are_those_of_dealing_pages_in_turn)
{
    for (uint32_t page_tokens = 1; page_tokens <= MOST_PAGE_TOKENS; page_tokens++) {
        for (uint32_t member_count = 1; member_count <= MOST_MEMBERS; member_count++) {
            check_dealing(page_tokens, member_count);
        }
    }
}
END_TEST

/* P 4, n 2: 0-3 | 4-7 | 8-11 lie on member 0, 1, 0; position 9 is the second of column 1. */
START_TEST(position_9_of_pages_of_4_on_2_members_is_local_index_5_of_member_0)
{
    const kvspan_token_rule rule = { .page_tokens = 4, .member_count = 2, .member = 0 };

    ck_assert_uint_eq(kvspan_token_owner(&rule, 9), 0);
    ck_assert_uint_eq(kvspan_token_index(&rule, 9), 5);
    ck_assert_uint_eq(kvspan_token_position(&rule, 5), 9);
    ck_assert_uint_eq(kvspan_token_count(&rule, 9), 5);
    ck_assert_uint_eq(kvspan_token_pages(&rule, 9), 2);
}
END_TEST

/* A stretch of 65536 x 65536 tokens is 2^32: arithmetic in 32 bits would see an empty one. */
START_TEST(stretches_beyond_32_bits_are_counted_right)
{
    const uint64_t stretch = 1ULL << 32;
    const uint64_t page_tokens = 65536;
    const uint64_t position = 5 * stretch + 7 * page_tokens + 9;
    const uint64_t local = 5 * page_tokens + 9;
    kvspan_token_rule rule = { .page_tokens = 65536, .member_count = 65536, .member = 7 };

    ck_assert_uint_eq(kvspan_token_owner(&rule, position), 7);
    ck_assert_uint_eq(kvspan_token_index(&rule, position), local);
    ck_assert_uint_eq(kvspan_token_position(&rule, local), position);
    ck_assert_uint_eq(kvspan_token_count(&rule, position), local);
    ck_assert_uint_eq(kvspan_token_pages(&rule, position), 6);
    ck_assert_uint_eq(kvspan_token_pages(&rule, UINT64_MAX), stretch);
    rule.member = 8;
    ck_assert_uint_eq(kvspan_token_count(&rule, position), 5 * page_tokens);
    rule.member = 6;
    ck_assert_uint_eq(kvspan_token_count(&rule, position), 6 * page_tokens);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/token_rule");
    TCase *tokens = tcase_create("tokens");

    tcase_add_test(tokens, position_owner_index_count_and_pages_are_those_of_dealing_pages_in_turn);
    tcase_add_test(tokens, position_9_of_pages_of_4_on_2_members_is_local_index_5_of_member_0);
    tcase_add_test(tokens, stretches_beyond_32_bits_are_counted_right);
    suite_add_tcase(suite, tokens);
    return suite_run(suite);
}
