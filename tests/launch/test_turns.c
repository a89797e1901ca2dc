#include "support/suite.h"

#include "launch/turns.h"

enum {
    MAX_LAYERS = 9,
    MAX_HEADS = 12,
    MAX_PARTS = 14
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Three rounds of turns. */
static void check_sizes(const kvspan_turns *turns)
{
    const uint64_t cells = (uint64_t)turns->layer_count * turns->q_heads;
    const uint64_t parts = smaller(turns->head_parts, turns->q_heads);
    uint32_t last_turn[MAX_LAYERS][MAX_HEADS] = { { 0 } };
    uint64_t layers_seen = 0;
    uint64_t parts_seen = 0;

    for (uint32_t turn = 0; turn < 3 * cells; turn++) {
        uint32_t layer;
        uint32_t head;

        kvspan_turns_take(turns, turn, &layer, &head);
        ck_assert_uint_lt(layer, turns->layer_count);
        ck_assert_uint_lt(head, turns->q_heads);
        /* The same pair comes again after all pairs, not sooner. */
        ck_assert(turn < cells ? last_turn[layer][head] == 0
                               : last_turn[layer][head] == turn + 1 - cells);
        last_turn[layer][head] = turn + 1;
        layers_seen |= UINT64_C(1) << layer;
        for (uint64_t part = 0; part < parts; part++) {
            if (head >= part * turns->q_heads / parts &&
                head < (part + 1) * turns->q_heads / parts) {
                parts_seen |= UINT64_C(1) << part;
            }
        }
        ck_assert_int_eq(__builtin_popcountll(layers_seen),
                         (int)smaller(turn + 1, turns->layer_count));
        ck_assert_int_eq(__builtin_popcountll(parts_seen), (int)smaller(turn + 1, parts));
    }
}

START_TEST(turns_touch_all_layers_and_parts_and_repeat_no_pair)
{
    kvspan_turns turns = { .seed = 1 };

    for (turns.layer_count = 1; turns.layer_count <= MAX_LAYERS; turns.layer_count++) {
        for (turns.q_heads = 1; turns.q_heads <= MAX_HEADS; turns.q_heads++) {
            for (turns.head_parts = 1; turns.head_parts <= MAX_PARTS; turns.head_parts++) {
                turns.seed++;
                check_sizes(&turns);
            }
        }
    }
}
END_TEST

START_TEST(the_seed_says_where_turns_begin)
{
    uint64_t layers_seen = 0;
    uint64_t heads_seen = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        const kvspan_turns turns = { seed, 5, 8, 2 };
        uint32_t layer;
        uint32_t head;

        kvspan_turns_take(&turns, 0, &layer, &head);
        layers_seen |= UINT64_C(1) << layer;
        heads_seen |= UINT64_C(1) << head;
    }
    ck_assert_uint_eq(layers_seen, 0x1f);
    ck_assert_uint_eq(heads_seen, 0x0f); /* of the first part */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/turns");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, turns_touch_all_layers_and_parts_and_repeat_no_pair);
    tcase_add_test(unit, the_seed_says_where_turns_begin);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
