#include "refusal.h"

#include <stdlib.h>

#include "naive_map.h"

enum {
    MOST_HOLDINGS = 256
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The rank that must send a token: the receiver if it has it, else the lowest that has. */
static uint32_t expected_source(const naive_map *map, uint32_t to_rank, uint32_t head,
                                uint64_t token)
{
    uint32_t rank = 0;

    if (map->has[to_rank][head][token]) {
        return to_rank;
    }
    while (rank < MAP_RANKS && !map->has[rank][head][token]) {
        rank++;
    }
    return rank;
}

/* Where a move reads and writes, in local tokens. */
static uint32_t slot_of(uint32_t column, uint64_t token, const kvspan_holding *holding)
{
    return column * holding->page_tokens + (uint32_t)(token % holding->page_tokens);
}

static bool is_within_bounds(const kvspan_move *move, const kvspan_holding *old_holding,
                             const kvspan_holding *new_holding)
{
    const uint32_t most_tokens = smaller(old_holding->page_tokens, new_holding->page_tokens);
    const uint32_t old_slot = slot_of(move->old_column, move->first_token, old_holding);
    const uint32_t new_slot = slot_of(move->new_column, move->first_token, new_holding);

    return move->token_count >= 1 && move->token_count <= most_tokens && move->heads.count >= 1 &&
           move->heads.first + move->heads.count <= new_holding->kv_heads &&
           move->from_rank < old_holding->head_members * old_holding->token_members &&
           move->to_rank < new_holding->head_members * new_holding->token_members &&
           old_slot + move->token_count <= MAP_SLOTS && new_slot + move->token_count <= MAP_SLOTS;
}

/* Copies one head's values; false where the source has others or the target has some already. */
static bool copy_tokens(const uint32_t *source, uint32_t *target, uint32_t first_value,
                        uint32_t token_count)
{
    for (uint32_t i = 0; i < token_count; i++) {
        if (source[i] != first_value + i || target[i] != MAP_NOTHING) {
            return false;
        }
        target[i] = source[i];
    }
    return true;
}

static bool carry_out(const kvspan_move *move, const kvspan_holding *old_holding,
                      const kvspan_holding *new_holding, uint64_t tokens, const naive_map *old_map,
                      naive_map *built)
{
    const uint32_t old_slot = slot_of(move->old_column, move->first_token, old_holding);
    const uint32_t new_slot = slot_of(move->new_column, move->first_token, new_holding);

    for (uint32_t i = 0; i < move->heads.count; i++) {
        const uint32_t head = move->heads.first + i;

        if (expected_source(old_map, move->to_rank, head, move->first_token) != move->from_rank ||
            !copy_tokens(&old_map->value[move->from_rank][head][old_slot],
                         &built->value[move->to_rank][head][new_slot],
                         (uint32_t)(1 + head * tokens + move->first_token), move->token_count)) {
            return false;
        }
    }
    return true;
}

static bool comes_before(const kvspan_move *one, const kvspan_move *other)
{
    if (one->to_rank != other->to_rank) {
        return one->to_rank < other->to_rank;
    }
    if (one->first_token != other->first_token) {
        return one->first_token < other->first_token;
    }
    return one->heads.first < other->heads.first;
}

/* Plans, carries the moves out on the old bytes, and compares with the new bytes. */
static size_t check_moves(const kvspan_holding *old_holding, const kvspan_holding *new_holding,
                          uint64_t tokens, const naive_map *old_map, const naive_map *new_map)
{
    naive_map built = { 0 };
    size_t count = 0;
    size_t done = 0;
    size_t capacity;
    kvspan_move *moves;

    ck_assert_int_eq(kvspan_moves_plan(old_holding, new_holding, tokens, NULL, &count, NULL),
                     KVSPAN_OK);
    moves = calloc(count + 1, sizeof(*moves));
    ck_assert_ptr_nonnull(moves);
    capacity = count;
    ck_assert_int_eq(kvspan_moves_plan(old_holding, new_holding, tokens, moves, &capacity, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(capacity, count);
    /* one assertion per plan: Check writes a record for each */
    while (done < count && (done == 0 || comes_before(&moves[done - 1], &moves[done])) &&
           is_within_bounds(&moves[done], old_holding, new_holding) &&
           carry_out(&moves[done], old_holding, new_holding, tokens, old_map, &built)) {
        done++;
    }
    ck_assert_msg(done == count,
                  "move %zu of %zu is wrong: %u heads over %u x %u ranks, pages of %u, policy %d, "
                  "to %u x %u, pages of %u, policy %d",
                  done, count, old_holding->kv_heads, old_holding->head_members,
                  old_holding->token_members, old_holding->page_tokens, (int)old_holding->policy,
                  new_holding->head_members, new_holding->token_members, new_holding->page_tokens,
                  (int)new_holding->policy);
    ck_assert_mem_eq(built.value, new_map->value, sizeof(built.value));
    free(moves);
    return count;
}

/* Every accepted way to lay kv_heads over 1 to 6 x 1 to 3 ranks in pages of 1 to 8 tokens. */
static uint32_t list_holdings(uint32_t kv_heads, kvspan_holding *holdings)
{
    static const uint32_t page_tokens[] = { 1, 2, 3, 4, 8 };
    uint32_t count = 0;

    for (uint32_t code = 0; code < 6 * 3 * 5 * 2; code++) {
        const kvspan_holding holding = { .kv_heads = kv_heads,
                                         .head_members = code % 6 + 1,
                                         .token_members = code / 6 % 3 + 1,
                                         .page_tokens = page_tokens[code / 18 % 5],
                                         .policy = code / 90 ? KVSPAN_HEADS_SPLIT_SEQUENCE
                                                             : KVSPAN_HEADS_REPLICATE,
                                         .allow_uneven = 1 };
        const bool has_copies = holding.head_members == 2 * kv_heads ||
                                holding.head_members == 3 * kv_heads ||
                                (kv_heads == 1 && holding.head_members > 1);

        /* without copies, splitting the sequence among them is the same plan again */
        if (holding.policy == KVSPAN_HEADS_REPLICATE || has_copies) {
            ck_assert_uint_lt(count, MOST_HOLDINGS);
            holdings[count++] = holding;
        }
    }
    return count;
}

START_TEST(moves_bring_every_byte_of_the_new_plan_just_once_from_where_it_lies)
{
    static const uint32_t head_counts[] = { 1, 2, 3, 4, 6 };
    const uint32_t kv_heads = head_counts[_i];
    const uint64_t tokens = 26;
    kvspan_holding holdings[MOST_HOLDINGS];
    const uint32_t holding_count = list_holdings(kv_heads, holdings);
    naive_map *const maps = calloc(holding_count, sizeof(*maps));
    size_t moves = 0;

    ck_assert_ptr_nonnull(maps);
    for (uint32_t i = 0; i < holding_count; i++) {
        naive_map_fill(&maps[i], &holdings[i], tokens);
    }
    for (uint32_t i = 0; i < holding_count; i++) {
        for (uint32_t j = 0; j < holding_count; j++) {
            moves += check_moves(&holdings[i], &holdings[j], tokens, &maps[i], &maps[j]);
        }
    }
    ck_assert_uint_gt(moves, (size_t)holding_count * holding_count);
    free(maps);
}
END_TEST

START_TEST(every_length_from_nothing_on_is_moved_whole)
{
    const kvspan_holding old_holding = { 4, 2, 2, 3, KVSPAN_HEADS_REFUSE, 0 };
    const kvspan_holding new_holding = { 4, 8, 1, 4, KVSPAN_HEADS_SPLIT_SEQUENCE, 0 };

    for (uint64_t tokens = 0; tokens <= 50; tokens++) {
        naive_map old_map;
        naive_map new_map;
        size_t count;

        naive_map_fill(&old_map, &old_holding, tokens);
        naive_map_fill(&new_map, &new_holding, tokens);
        count = check_moves(&old_holding, &new_holding, tokens, &old_map, &new_map);
        ck_assert_int_eq(count > 0, tokens > 0);
    }
}
END_TEST

/* Heads 0-1 and 2-3 on two ranks become one head on each of four; pages of 4 become pages of 2. */
START_TEST(two_ranks_to_four_by_hand)
{
    const kvspan_holding two = { 4, 2, 1, 4, KVSPAN_HEADS_POLICY_DEFAULT, 0 };
    const kvspan_holding four = { 4, 4, 1, 2, KVSPAN_HEADS_POLICY_DEFAULT, 0 };
    static const kvspan_move expected[] = {
        { 0, 0, { 0, 1 }, 0, 2, 0, 0 }, { 0, 0, { 0, 1 }, 2, 2, 0, 1 },
        { 0, 0, { 0, 1 }, 4, 1, 1, 2 }, { 0, 1, { 1, 1 }, 0, 2, 0, 0 },
        { 0, 1, { 1, 1 }, 2, 2, 0, 1 }, { 0, 1, { 1, 1 }, 4, 1, 1, 2 },
        { 1, 2, { 2, 1 }, 0, 2, 0, 0 }, { 1, 2, { 2, 1 }, 2, 2, 0, 1 },
        { 1, 2, { 2, 1 }, 4, 1, 1, 2 }, { 1, 3, { 3, 1 }, 0, 2, 0, 0 },
        { 1, 3, { 3, 1 }, 2, 2, 0, 1 }, { 1, 3, { 3, 1 }, 4, 1, 1, 2 },
    };
    kvspan_move moves[12];
    size_t count = 12;

    ck_assert_int_eq(kvspan_moves_plan(&two, &four, 5, moves, &count, NULL), KVSPAN_OK);
    ck_assert_uint_eq(count, 12);
    for (size_t i = 0; i < 12; i++) {
        ck_assert_uint_eq(moves[i].from_rank, expected[i].from_rank);
        ck_assert_uint_eq(moves[i].to_rank, expected[i].to_rank);
        ck_assert_uint_eq(moves[i].heads.first, expected[i].heads.first);
        ck_assert_uint_eq(moves[i].heads.count, expected[i].heads.count);
        ck_assert_uint_eq(moves[i].first_token, expected[i].first_token);
        ck_assert_uint_eq(moves[i].token_count, expected[i].token_count);
        ck_assert_uint_eq(moves[i].old_column, expected[i].old_column);
        ck_assert_uint_eq(moves[i].new_column, expected[i].new_column);
    }
}
END_TEST

START_TEST(too_little_room_says_how_many_moves_there_are)
{
    const kvspan_holding two = { 4, 2, 1, 4, KVSPAN_HEADS_POLICY_DEFAULT, 0 };
    const kvspan_holding four = { 4, 4, 1, 2, KVSPAN_HEADS_POLICY_DEFAULT, 0 };
    kvspan_move moves[12];
    kvspan_move before[12];
    size_t count = 11;
    kvspan_error error = { 0 };

    memset(moves, 0x5a, sizeof(moves));
    memcpy(before, moves, sizeof(moves));
    assert_refused(kvspan_moves_plan(&two, &four, 5, moves, &count, &error), &error, "12 moves",
                   "room for 11");
    ck_assert_uint_eq(count, 12);
    assert_untouched(moves, before, sizeof(moves));
}
END_TEST

START_TEST(plans_that_cannot_be_are_refused_with_both_numbers)
{
    static const struct {
        kvspan_holding old_holding;
        kvspan_holding new_holding;
        uint64_t tokens;
        const char *one;
        const char *other;
    } cases[] = {
        { { 4, 2, 1, 4, 0, 0 }, { 8, 2, 1, 4, 0, 0 }, 9, "4 kv heads", "new one 8" },
        { { 4, 3, 1, 4, 0, 0 }, { 4, 2, 1, 4, 0, 0 }, 9, "4 kv heads", "3 members" },
        { { 4, 2, 1, 4, 0, 0 }, { 4, 8, 1, 4, 1, 0 }, 9, "4 kv heads", "8 members" },
        { { 4, 2, 1, 0, 0, 0 }, { 4, 2, 1, 4, 0, 0 }, 9, "page tokens 0 of the old", "65536" },
        { { 4, 2, 1, 4, 0, 0 }, { 4, 2, 1, 65537, 0, 0 }, 9, "65537 of the new", "65536" },
        { { 4, 0, 1, 4, 0, 0 }, { 4, 2, 1, 4, 0, 0 }, 9, "0 head members", "1 token members" },
        { { 4, 2, 1, 4, 0, 0 }, { 4, 2, 0, 4, 0, 0 }, 9, "2 head members", "0 token members" },
        { { 4, 65536, 65536, 4, 0, 0 }, { 4, 2, 1, 4, 0, 0 }, 9, "65536 head", "65536 token" },
        { { 4, 2, 1, 4, 0, 0 }, { 4, 2, 1, 4, 0, 0 }, 2147483648, "2147483648", "2147483647" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_move move = { .from_rank = 77 };
        size_t count = 1;
        kvspan_error error = { 0 };

        assert_refused(kvspan_moves_plan(&cases[i].old_holding, &cases[i].new_holding,
                                         cases[i].tokens, &move, &count, &error),
                       &error, cases[i].one, cases[i].other);
        ck_assert_uint_eq(count, 1);
        ck_assert_uint_eq(move.from_rank, 77);
    }
}
END_TEST

/* One head and 2^31 - 1 tokens: the last columns and positions must not wrap. */
START_TEST(the_longest_sequence_has_its_last_tokens_in_the_last_columns)
{
    const kvspan_holding one = { 1, 1, 1, 65536, KVSPAN_HEADS_POLICY_DEFAULT, 0 };
    const kvspan_holding three = { 1, 1, 3, 65536, KVSPAN_HEADS_POLICY_DEFAULT, 0 };
    size_t count = 32768;
    kvspan_move *const moves = calloc(count, sizeof(*moves));
    const kvspan_move *last = moves;

    ck_assert_ptr_nonnull(moves);
    ck_assert_int_eq(
        kvspan_moves_plan(&one, &three, KVSPAN_MAX_SEQUENCE_TOKENS, moves, &count, NULL),
        KVSPAN_OK);
    ck_assert_uint_eq(count, 32768);
    for (size_t i = 0; i < count; i++) {
        last = moves[i].first_token > last->first_token ? &moves[i] : last;
    }
    /* column 32767 of one rank is column 10922 of member 32767 mod 3 = 1 */
    ck_assert_uint_eq(last->first_token, 32767ULL * 65536);
    ck_assert_uint_eq(last->token_count, 65535);
    ck_assert_uint_eq(last->old_column, 32767);
    ck_assert_uint_eq(last->to_rank, 1);
    ck_assert_uint_eq(last->new_column, 10922);
    free(moves);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/moves");
    TCase *plan = tcase_create("plan");
    TCase *refuse = tcase_create("refuse");

    tcase_set_timeout(plan, 100);
    tcase_add_loop_test(plan, moves_bring_every_byte_of_the_new_plan_just_once_from_where_it_lies,
                        0, 5);
    tcase_add_test(plan, every_length_from_nothing_on_is_moved_whole);
    tcase_add_test(plan, two_ranks_to_four_by_hand);
    tcase_add_test(plan, the_longest_sequence_has_its_last_tokens_in_the_last_columns);
    suite_add_tcase(suite, plan);
    tcase_add_test(refuse, too_little_room_says_how_many_moves_there_are);
    tcase_add_test(refuse, plans_that_cannot_be_are_refused_with_both_numbers);
    suite_add_tcase(suite, refuse);
    return suite_run(suite);
}
