#include "support/suite.h"

#include <string.h>

#include "sharding/heads.h"
#include "sharding/mesh.h"

enum {
    AXES = 3,
    MOST_RANKS = 27
};

static const char *const names[] = { "a", "b", "c" };

typedef void (*set_check)(const kvspan_mesh *mesh, const kvspan_axis_set *set);

/* Reads up to three distinct axes in any order from three base-4 digits, 3 ending the list. */
static bool make_set(uint32_t code, kvspan_axis_set *set)
{
    *set = (kvspan_axis_set){ 0 };
    for (; code % 4 != 3 && set->count < AXES; code /= 4) {
        for (uint32_t i = 0; i < set->count; i++) {
            if (set->axes[i] == code % 4) {
                return false;
            }
        }
        set->axes[set->count++] = code % 4;
    }
    return true;
}

/* Every mesh of three axes of size 1 to 3, every ordered choice of its axes. */
static void for_each_set(set_check check)
{
    for (int64_t size = 0; size < 27; size++) {
        const int64_t sizes[] = { size % 3 + 1, size / 3 % 3 + 1, size / 9 + 1 };
        kvspan_mesh mesh = { 0 };

        ck_assert_int_eq(kvspan_mesh_create(names, sizes, AXES,
                                            (uint32_t)(sizes[0] * sizes[1] * sizes[2]), &mesh,
                                            NULL),
                         KVSPAN_OK);
        for (uint32_t code = 0; code < 64; code++) {
            kvspan_axis_set set = { 0 };

            if (make_set(code, &set)) {
                check(&mesh, &set);
            }
        }
    }
}

static bool lies_in(const kvspan_axis_set *set, uint32_t axis)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->axes[i] == axis) {
            return true;
        }
    }
    return false;
}

/* Whether two ranks have equal coordinates on every axis outside the set. */
static bool share_the_rest(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t one,
                           uint32_t other)
{
    uint32_t at_one[KVSPAN_MESH_MAX_AXES] = { 0 };
    uint32_t at_other[KVSPAN_MESH_MAX_AXES] = { 0 };

    kvspan_mesh_coordinate(mesh, one, at_one);
    kvspan_mesh_coordinate(mesh, other, at_other);
    for (uint32_t axis = 0; axis < mesh->axis_count; axis++) {
        if (!lies_in(set, axis) && at_one[axis] != at_other[axis]) {
            return false;
        }
    }
    return true;
}

/* Whether rank one comes before another in the set's order: by the first listed axis that differs.
 */
static bool comes_before(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t one,
                         uint32_t other)
{
    uint32_t at_one[KVSPAN_MESH_MAX_AXES] = { 0 };
    uint32_t at_other[KVSPAN_MESH_MAX_AXES] = { 0 };

    kvspan_mesh_coordinate(mesh, one, at_one);
    kvspan_mesh_coordinate(mesh, other, at_other);
    for (uint32_t i = 0; i < set->count; i++) {
        if (at_one[set->axes[i]] != at_other[set->axes[i]]) {
            return at_one[set->axes[i]] < at_other[set->axes[i]];
        }
    }
    return false;
}

static void check_group_of(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t rank)
{
    const uint32_t size = kvspan_axis_set_size(mesh, set);
    uint32_t group[MOST_RANKS] = { 0 };
    uint32_t members = 0;

    for (uint32_t other = 0; other < mesh->rank_count; other++) {
        members += share_the_rest(mesh, set, rank, other);
    }
    ck_assert_uint_eq(size, members);
    kvspan_mesh_group(mesh, set, rank, group);
    ck_assert_uint_eq(group[kvspan_axis_set_index(mesh, set, rank)], rank);
    for (uint32_t i = 0; i < size; i++) {
        uint32_t others[MOST_RANKS] = { 0 };
        bool is_same;

        kvspan_mesh_group(mesh, set, group[i], others);
        is_same = memcmp(group, others, sizeof(group)) == 0;
        ck_assert_msg(is_same, "ranks %u and %u see other groups", rank, group[i]);
        ck_assert(share_the_rest(mesh, set, rank, group[i]));
        ck_assert(i == 0 || comes_before(mesh, set, group[i - 1], group[i]));
    }
}

static void check_groups(const kvspan_mesh *mesh, const kvspan_axis_set *set)
{
    for (uint32_t rank = 0; rank < mesh->rank_count; rank++) {
        check_group_of(mesh, set, rank);
    }
}

/* Members of a group are all the ranks equal outside the set, so the groups partition the ranks. */
START_TEST(groups_partition_the_ranks_and_contain_each_at_its_index)
{
    for_each_set(check_groups);
}
END_TEST

static void check_rest(const kvspan_mesh *mesh, const kvspan_axis_set *set)
{
    const kvspan_axis_set rest = kvspan_axis_set_rest(mesh, set, 1);

    ck_assert_uint_eq(rest.count, mesh->axis_count - set->count);
    for (uint32_t i = 0; i < rest.count; i++) {
        ck_assert(!lies_in(set, rest.axes[i]));
        ck_assert(i == 0 || rest.axes[i - 1] < rest.axes[i]);
    }
    ck_assert(kvspan_axis_set_size(mesh, set) * kvspan_axis_set_size(mesh, &rest) ==
              mesh->rank_count);
    /* a rank is known by its places in both */
    for (uint32_t one = 0; one < mesh->rank_count; one++) {
        for (uint32_t other = 0; other < one; other++) {
            ck_assert(kvspan_axis_set_index(mesh, set, one) !=
                          kvspan_axis_set_index(mesh, set, other) ||
                      kvspan_axis_set_index(mesh, &rest, one) !=
                          kvspan_axis_set_index(mesh, &rest, other));
        }
    }
}

START_TEST(the_rest_has_every_other_axis_once_in_mesh_order)
{
    for_each_set(check_rest);
}
END_TEST

START_TEST(the_rest_of_several_sets_is_in_none_of_them)
{
    const kvspan_axis_set sets[] = { { .count = 1, .axes = { 2 } },
                                     { .count = 0 },
                                     { .count = 1, .axes = { 0 } } };
    const int64_t sizes[] = { 2, 3, 4 };
    kvspan_mesh mesh = { 0 };
    kvspan_axis_set rest;

    ck_assert_int_eq(kvspan_mesh_create(names, sizes, AXES, 24, &mesh, NULL), KVSPAN_OK);
    rest = kvspan_axis_set_rest(&mesh, sets, 3);
    ck_assert_uint_eq(rest.count, 1);
    ck_assert_uint_eq(rest.axes[0], 1);
    ck_assert_uint_eq(kvspan_axis_set_rest(&mesh, sets, 0).count, 3);
}
END_TEST

START_TEST(no_axis_is_a_group_of_one)
{
    const kvspan_axis_set none = { 0 };
    kvspan_mesh mesh = { 0 };
    uint32_t ranks[2] = { 77, 77 };

    ck_assert_int_eq(kvspan_mesh_parse("tp:4,sp:2", 8, &mesh, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_axis_set_size(&mesh, &none), 1);
    ck_assert_uint_eq(kvspan_axis_set_index(&mesh, &none, 5), 0);
    kvspan_mesh_group(&mesh, &none, 5, ranks);
    ck_assert_uint_eq(ranks[0], 5);
    ck_assert_uint_eq(ranks[1], 77);
}
END_TEST

/* dp 1, fsdp 2, tp 4, sp 1 over 8 devices: (fsdp, tp) has size 8 and index fsdp * 4 + tp. */
START_TEST(the_first_listed_axis_is_the_most_major)
{
    const char *const axes[] = { "dp", "fsdp", "tp", "sp" };
    const int64_t sizes[] = { 1, 2, 4, 1 };
    const kvspan_axis_set fsdp_tp = { .count = 2, .axes = { 1, 2 } };
    const kvspan_axis_set tp_fsdp = { .count = 2, .axes = { 2, 1 } };
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_create(axes, sizes, 4, 8, &mesh, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_axis_set_size(&mesh, &fsdp_tp), 8);
    for (uint32_t device = 0; device < 8; device++) {
        ck_assert_uint_eq(kvspan_axis_set_index(&mesh, &fsdp_tp, device),
                          device / 4 * 4 + device % 4);
        ck_assert_uint_eq(kvspan_axis_set_index(&mesh, &tp_fsdp, device),
                          device % 4 * 2 + device / 4);
    }
}
END_TEST

/* The same mesh, 8 kv heads on tp: device d holds 2 (d mod 4) and the next, as device d + 4 does.
 */
START_TEST(devices_equal_on_tp_hold_the_same_heads)
{
    const char *const axes[] = { "dp", "fsdp", "tp", "sp" };
    const int64_t sizes[] = { 1, 2, 4, 1 };
    const kvspan_axis_set tp = { .count = 1, .axes = { 2 } };
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_create(axes, sizes, 4, 8, &mesh, NULL), KVSPAN_OK);
    for (uint32_t device = 0; device < 8; device++) {
        kvspan_head_shard shard = { 0 };

        ck_assert_int_eq(kvspan_head_shard_of(8, 8, kvspan_axis_set_size(&mesh, &tp),
                                              kvspan_axis_set_index(&mesh, &tp, device),
                                              KVSPAN_HEADS_REFUSE, 0, &shard, NULL),
                         KVSPAN_OK);
        ck_assert(shard.kv.first == 2 * (device % 4));
        ck_assert_uint_eq(shard.kv.count, 2);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/axis_set");
    TCase *groups = tcase_create("groups");
    TCase *placement = tcase_create("placement");

    tcase_add_test(groups, groups_partition_the_ranks_and_contain_each_at_its_index);
    tcase_add_test(groups, the_rest_has_every_other_axis_once_in_mesh_order);
    tcase_add_test(groups, the_rest_of_several_sets_is_in_none_of_them);
    tcase_add_test(groups, no_axis_is_a_group_of_one);
    suite_add_tcase(suite, groups);
    tcase_add_test(placement, the_first_listed_axis_is_the_most_major);
    tcase_add_test(placement, devices_equal_on_tp_hold_the_same_heads);
    suite_add_tcase(suite, placement);
    return suite_run(suite);
}
