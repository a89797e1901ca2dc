#include "support/suite.h"

#include <string.h>

#include "kernels/work_plan.h"
#include "support/oracle.h"
#include "support/random.h"

enum {
    MAX_ROWS = 6,
    MAX_TOKENS = 200
};

/* Whether the member holds a position that some query of the piece sees; asked of every one. */
static bool is_wanted(const kvspan_work_item *item, const kvspan_token_rule *rule, uint32_t window,
                      uint64_t position)
{
    if (oracle_find(rule->page_tokens, rule->member_count, position).member != rule->member) {
        return false;
    }
    for (uint32_t i = 0; i < item->token_count; i++) {
        const uint64_t query = item->position + i;

        if (position <= query && (window == 0 || query - position < window)) {
            return true;
        }
    }
    return false;
}

/* Local indices count the member's tokens in order of position. */
static void check_range(const kvspan_work_item *item, const kvspan_token_rule *rule,
                        uint32_t window, uint64_t length)
{
    uint64_t index = 0;

    for (uint64_t position = 0; position < length; position++) {
        const bool is_mine =
            oracle_find(rule->page_tokens, rule->member_count, position).member == rule->member;
        const bool is_in = is_mine && index >= item->index_begin && index < item->index_end;

        if (is_in != is_wanted(item, rule, window, position)) {
            ck_abort_msg("position %u: item at %u + %u, window %u", (uint32_t)position,
                         (uint32_t)item->position, item->token_count, window);
        }
        index += is_mine;
    }
    ck_assert_uint_le(item->index_begin, item->index_end);
    ck_assert_uint_le(item->index_end, index);
}

/* The items of a row are its tokens in order, each within one tile. */
static uint32_t check_row(const kvspan_work_row *row, uint32_t row_index, uint32_t tile_tokens,
                          const kvspan_work_item *items)
{
    uint32_t item_count = 0;

    for (uint32_t done = 0; done < row->token_count; item_count++) {
        const kvspan_work_item *item = &items[item_count];
        const uint64_t last = item->position + item->token_count - 1;

        ck_assert_uint_eq(item->row, row_index);
        ck_assert_uint_eq(item->slot, row->slot);
        ck_assert_uint_eq(item->first_token, row->first_token + done);
        ck_assert_uint_eq(item->position, row->position + done);
        ck_assert_uint_gt(item->token_count, 0);
        ck_assert_uint_eq(item->position / tile_tokens, last / tile_tokens);
        done += item->token_count;
        ck_assert_uint_le(done, row->token_count);
        /* It ends at a border or at the end of the row, not before. */
        ck_assert(done == row->token_count || (last + 1) % tile_tokens == 0);
    }
    return item_count;
}

START_TEST(items_hold_just_what_their_queries_see)
{
    static const uint32_t tiles[] = { 1, 4, 7, 16 };
    random_source source = random_start("work plan", 1);

    for (uint32_t round = 0; round < 150; round++) {
        const uint32_t tile_tokens = tiles[random_below(&source, 4)];
        const uint32_t member_count = random_between(&source, 1, 4);
        const kvspan_token_rule rule = { .page_tokens = random_between(&source, 1, 17),
                                         .member_count = member_count,
                                         .member = random_below(&source, member_count) };
        const uint32_t window = random_below(&source, 2) ? random_between(&source, 1, 60) : 0;
        const uint32_t row_count = random_below(&source, MAX_ROWS + 1);
        kvspan_work_row rows[MAX_ROWS];
        kvspan_work_item items[MAX_TOKENS];
        kvspan_work_plan plan;
        uint32_t token_count = 0;
        uint32_t next = 0;

        for (uint32_t row = 0; row < row_count; row++) {
            rows[row] = (kvspan_work_row){ .position = random_below(&source, 100),
                                           .slot = random_below(&source, 1000),
                                           .first_token = token_count,
                                           .token_count = random_below(&source, 30) };
            token_count += rows[row].token_count;
        }
        plan = kvspan_work_plan_make(rows, row_count, &rule, window, tile_tokens, items);
        ck_assert_ptr_eq(plan.items, items);
        for (uint32_t row = 0; row < row_count; row++) {
            next += check_row(&rows[row], row, tile_tokens, items + next);
        }
        ck_assert_uint_eq(plan.item_count, next);
        ck_assert_uint_le(plan.item_count,
                          kvspan_work_plan_capacity(row_count, token_count, tile_tokens));
        for (uint32_t i = 0; i < plan.item_count; i++) {
            check_range(&plan.items[i], &rule, window, 140);
        }
    }
}
END_TEST

/* The most items of `rows` rows with `tokens` tokens, by trying every length of the first row. */
static uint32_t most_items(uint32_t rows, uint32_t tokens, uint32_t tile_tokens)
{
    /* most[r][t], row lengths 0 … t, each at the worst alignment */
    uint32_t most[5][25] = { { 0 } };

    for (uint32_t r = 1; r <= rows; r++) {
        for (uint32_t t = 0; t <= tokens; t++) {
            for (uint32_t length = 0; length <= t; length++) {
                /* The first piece may be one token; whole tiles and a rest follow. */
                const uint32_t pieces =
                    length == 0 ? 0 : 1 + (length - 1 + tile_tokens - 1) / tile_tokens;
                const uint32_t items = pieces + most[r - 1][t - length];

                most[r][t] = items > most[r][t] ? items : most[r][t];
            }
        }
    }
    return most[rows][tokens];
}

START_TEST(capacity_is_the_most_and_no_more)
{
    for (uint32_t tile_tokens = 1; tile_tokens <= 6; tile_tokens++) {
        for (uint32_t rows = 0; rows <= 4; rows++) {
            for (uint32_t tokens = 0; tokens <= 24 && (rows > 0 || tokens == 0); tokens++) {
                ck_assert_uint_eq(kvspan_work_plan_capacity(rows, tokens, tile_tokens),
                                  most_items(rows, tokens, tile_tokens));
            }
        }
    }
    ck_assert_uint_eq(kvspan_work_plan_capacity(KVSPAN_MAX_SLOTS, KVSPAN_MAX_STEP_TOKENS, 16),
                      131072 + (16777216 - 131072) / 16);
    ck_assert_uint_eq(kvspan_work_plan_capacity(UINT32_MAX, UINT32_MAX, 1), UINT32_MAX);
}
END_TEST

/* The same tokens of a row are cut alike whoever is beside it and wherever its chunk began. */
START_TEST(cuts_depend_on_positions_alone)
{
    const kvspan_token_rule rule = { .page_tokens = 16, .member_count = 1 };
    const kvspan_work_row rows[] = { { .position = 5, .slot = 1, .token_count = 3 },
                                     { .position = 13, .first_token = 3, .token_count = 40 } };
    kvspan_work_item items[16];
    const kvspan_work_plan plan = kvspan_work_plan_make(rows, 2, &rule, 0, 16, items);
    static const uint64_t positions[] = { 5, 13, 16, 32, 48 };
    static const uint32_t counts[] = { 3, 3, 16, 16, 5 };

    ck_assert_uint_eq(plan.item_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(plan.items[i].position, positions[i]);
        ck_assert_uint_eq(plan.items[i].token_count, counts[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/work_plan");
    TCase *plan = tcase_create("plan");

    tcase_add_test(plan, items_hold_just_what_their_queries_see);
    tcase_add_test(plan, capacity_is_the_most_and_no_more);
    tcase_add_test(plan, cuts_depend_on_positions_alone);
    suite_add_tcase(suite, plan);
    return suite_run(suite);
}
