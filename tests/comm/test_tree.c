/* The binomial tree, for every number of ranks up to 70 and every root. */
#include <stdbool.h>

#include "comm/tree.h"
#include "support/suite.h"

enum {
    MAX_COUNT = 70
};

/* Ranks that are no members' indices, so that mixing them up shows. */
static void make_ranks(uint32_t *ranks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ranks[i] = 1000 - 7 * i;
    }
}

static uint32_t member_of(uint32_t rank)
{
    return (1000 - rank) / 7;
}

static bool is_power_of_two(uint32_t value)
{
    return value > 0 && (value & (value - 1)) == 0;
}

static uint32_t ceil_log2(uint32_t count)
{
    uint32_t depth = 0;

    while ((1U << depth) < count) {
        depth++;
    }
    return depth;
}

/* Counts who is reached from the root, level by level, through the trees of the members reached. */
static void walk(const kvspan_tree *trees, uint32_t count, uint32_t root, uint32_t *depths)
{
    uint32_t reached = 1;
    uint32_t order[MAX_COUNT] = { root };

    for (uint32_t i = 0; i < count; i++) {
        depths[i] = UINT32_MAX;
    }
    depths[root] = 0;
    for (uint32_t i = 0; i < reached; i++) {
        const kvspan_tree *tree = &trees[order[i]];

        for (uint32_t k = 0; k < tree->child_count; k++) {
            const uint32_t child = member_of(tree->children[k]);

            ck_assert_uint_lt(child, count);
            ck_assert_uint_eq(depths[child], UINT32_MAX); /* reached once */
            ck_assert(!trees[child].is_root);
            ck_assert_uint_eq(member_of(trees[child].parent), order[i]);
            depths[child] = depths[order[i]] + 1;
            order[reached++] = child;
        }
    }
    ck_assert_uint_eq(reached, count);
}

static uint32_t subtree_members(const kvspan_tree *trees, uint32_t member)
{
    uint32_t order[MAX_COUNT] = { member };
    uint32_t reached = 1;

    for (uint32_t i = 0; i < reached; i++) {
        for (uint32_t k = 0; k < trees[order[i]].child_count; k++) {
            order[reached++] = member_of(trees[order[i]].children[k]);
        }
    }
    return reached;
}

START_TEST(every_member_is_reached_once_within_log2_steps)
{
    const uint32_t count = (uint32_t)_i;
    uint32_t ranks[MAX_COUNT];
    uint32_t depths[MAX_COUNT];
    kvspan_tree trees[MAX_COUNT];

    make_ranks(ranks, count);
    for (uint32_t root = 0; root < count; root++) {
        for (uint32_t member = 0; member < count; member++) {
            const kvspan_group group = { .ranks = ranks, .count = count, .member = member };

            trees[member] = kvspan_tree_make(&group, root);
            ck_assert_int_eq(trees[member].is_root, member == root);
        }
        walk(trees, count, root, depths);
        for (uint32_t member = 0; member < count; member++) {
            ck_assert_uint_le(depths[member], ceil_log2(count));
            for (uint32_t k = 1; k < trees[member].child_count; k++) {
                ck_assert_uint_ge(subtree_members(trees, member_of(trees[member].children[k - 1])),
                                  subtree_members(trees, member_of(trees[member].children[k])));
            }
            if (member != root) {
                const uint32_t parent = member_of(trees[member].parent);

                ck_assert(is_power_of_two((member + count - parent) % count));
            }
        }
    }
}
END_TEST

START_TEST(largest_group_has_room_for_its_children)
{
    enum {
        COUNT = 4096
    };
    static uint32_t ranks[COUNT];
    const kvspan_group group = { .ranks = ranks, .count = COUNT };

    for (uint32_t i = 0; i < COUNT; i++) {
        ranks[i] = i;
    }
    ck_assert_uint_eq(kvspan_tree_make(&group, 0).child_count, 12);
    ck_assert_uint_eq(kvspan_tree_make(&group, 0).children[0], 2048);
    ck_assert_uint_eq(kvspan_tree_make(&group, 0).children[11], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/tree");
    TCase *shape = tcase_create("shape");

    tcase_add_loop_test(shape, every_member_is_reached_once_within_log2_steps, 1, MAX_COUNT + 1);
    tcase_add_test(shape, largest_group_has_room_for_its_children);
    suite_add_tcase(suite, shape);
    return suite_run(suite);
}
