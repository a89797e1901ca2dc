#include "refusal.h"

#include "sharding/mesh.h"

static const char *const names[] = { "dp", "fsdp", "tp", "sp", "ep", "a", "b", "c", "d" };

static void assert_sizes(const kvspan_mesh *mesh, const uint32_t *sizes, uint32_t axis_count)
{
    ck_assert_uint_eq(mesh->axis_count, axis_count);
    for (uint32_t axis = 0; axis < axis_count; axis++) {
        ck_assert_uint_eq(mesh->sizes[axis], sizes[axis]);
        ck_assert_str_eq(mesh->names[axis], names[axis]);
    }
}

START_TEST(minus_one_takes_the_ranks_that_the_other_axes_leave)
{
    static const struct {
        uint32_t axis_count;
        int64_t given[5];
        uint32_t expected[5];
    } cases[] = {
        { 4, { 1, -1, 1, 1 }, { 1, 8, 1, 1 } },       { 5, { 1, 1, -1, 1, 1 }, { 1, 1, 8, 1, 1 } },
        { 5, { 2, -1, 2, 1, 1 }, { 2, 2, 2, 1, 1 } }, { 4, { 8, 1, 1, 1 }, { 8, 1, 1, 1 } },
        { 4, { 8, 1, -1, 1 }, { 8, 1, 1, 1 } },       { 1, { -1 }, { 8 } },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_mesh mesh = { 0 };

        ck_assert_int_eq(
            kvspan_mesh_create(names, cases[i].given, cases[i].axis_count, 8, &mesh, NULL),
            KVSPAN_OK);
        ck_assert_uint_eq(mesh.rank_count, 8);
        assert_sizes(&mesh, cases[i].expected, cases[i].axis_count);
    }
}
END_TEST

START_TEST(eight_axes_and_names_of_31_bytes_are_possible)
{
    const char *const long_name = "1234567890123456789012345678901";
    const char *const eight[] = { "a", "b", "c", "d", "e", "f", "g", long_name };
    const int64_t sizes[] = { 1, 1, 1, 1, 1, 1, 2, 3 };
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_create(eight, sizes, 8, 6, &mesh, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, long_name, strlen(long_name)), 7);
}
END_TEST

START_TEST(a_mesh_of_all_32_bit_ranks_is_possible)
{
    const int64_t sizes[] = { 65537, -1, 3 };
    const uint32_t expected[] = { 65537, 21845, 3 };
    const uint32_t last[] = { 65536, 21844, 2 };
    uint32_t coordinate[3] = { 0 };
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_create(names, sizes, 3, UINT32_MAX, &mesh, NULL), KVSPAN_OK);
    assert_sizes(&mesh, expected, 3);
    kvspan_mesh_coordinate(&mesh, UINT32_MAX - 1, coordinate);
    ck_assert_mem_eq(coordinate, last, sizeof(last));
    ck_assert_uint_eq(kvspan_mesh_rank(&mesh, last), UINT32_MAX - 1);
}
END_TEST

START_TEST(sizes_that_do_not_make_the_ranks_are_refused_with_both_numbers)
{
    static const struct {
        int64_t sizes[5];
        uint32_t axis_count;
        uint32_t rank_count;
        const char *one;
        const char *other;
    } cases[] = {
        { { 1, 3, 1, 1 }, 4, 8, " 3,", "8 ranks" },
        { { 4, 4, 1, 1 }, 4, 8, " 16,", "8 ranks" },
        { { -1, 3, 1, 1 }, 4, 8, " 3,", "8 ranks" },
        { { -1, 16, 1, 1 }, 4, 8, " 16,", "8 ranks" },
        { { -1, -1, 1, 1 }, 4, 8, "\"dp\"", "\"fsdp\"" },
        { { 1, 1, -1, -1 }, 4, 1, "\"tp\"", "\"sp\"" },
        { { 1, 0, 8, 1 }, 4, 8, "\"fsdp\"", "size 0" },
        { { 1, 8, 1, -2 }, 4, 8, "\"sp\"", "size -2" },
        { { 1, 8, 1, INT64_MIN }, 4, 8, "\"sp\"", "size -9223372036854775808" },
        /* 2^32 is 0 in 32 bits, 2^64 is 0 in 64: neither may pass as 0 or 1 */
        { { 65536, 65536 }, 2, 1, " 4294967296,", "1 ranks" },
        { { 65536, 65536, -1 }, 3, 8, " 4294967296,", "8 ranks" },
        { { 65536, 65536, 65536, 65536 }, 4, 8, "at least 18446744073709551615", "8 ranks" },
        { { 65536, 65536, 65536, 65536, -1 }, 5, 8, "at least 18446744073709551615", "8 ranks" },
        /* 2^65 + 1 is 1 in 64 bits */
        { { 3, 11, 1117984489315730401 }, 3, 1, "at least 18446744073709551615", "1 ranks" },
        { { INT64_MAX, INT64_MAX }, 2, 1, "at least 18446744073709551615", "1 ranks" },
        { { -1 }, 1, 0, "0 ranks", "at least 1" },
        { { 1 }, 0, 1, "0 mesh axes", "8" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_mesh mesh;
        kvspan_mesh before;
        kvspan_error error = { 0 };

        memset(&mesh, 0x5a, sizeof(mesh));
        before = mesh;
        assert_refused(kvspan_mesh_create(names, cases[i].sizes, cases[i].axis_count,
                                          cases[i].rank_count, &mesh, &error),
                       &error, cases[i].one, cases[i].other);
        assert_untouched(&mesh, &before, sizeof(mesh));
    }
}
END_TEST

START_TEST(nine_axes_are_refused)
{
    const int64_t sizes[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    kvspan_mesh mesh = { .axis_count = 77 };
    kvspan_error error = { 0 };

    assert_refused(kvspan_mesh_create(names, sizes, 9, 1, &mesh, &error), &error, "9 mesh axes",
                   "[1, 8]");
    ck_assert_uint_eq(mesh.axis_count, 77);
}
END_TEST

START_TEST(bad_names_are_refused_by_name)
{
    static const struct {
        const char *name;
        const char *one;
        const char *other;
    } cases[] = {
        { "", "axis 1", "empty" },
        { "dp", "\"dp\"", "twice" },
        { "12345678901234567890123456789012", "32 bytes", "31" },
        { "t:p", "\"t:p\"", "':'" },
        { "t,p", "\"t,p\"", "','" },
        { " tp", "\" tp\"", "space" },
        { "tp\n", "\"tp\n\"", "space" },
    };
    const int64_t sizes[] = { 2, 2 };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const given[] = { "dp", cases[i].name };
        kvspan_mesh mesh = { .axis_count = 77 };
        kvspan_error error = { 0 };

        assert_refused(kvspan_mesh_create(given, sizes, 2, 4, &mesh, &error), &error, cases[i].one,
                       cases[i].other);
        ck_assert_uint_eq(mesh.axis_count, 77);
    }
}
END_TEST

/* Counts through all coordinates like an odometer, the last axis fastest. */
static void check_ranks(const kvspan_mesh *mesh)
{
    uint32_t odometer[KVSPAN_MESH_MAX_AXES] = { 0 };

    for (uint32_t rank = 0; rank < mesh->rank_count; rank++) {
        uint32_t coordinate[KVSPAN_MESH_MAX_AXES] = { 0 };
        uint32_t axis = mesh->axis_count;

        kvspan_mesh_coordinate(mesh, rank, coordinate);
        ck_assert_mem_eq(coordinate, odometer, mesh->axis_count * sizeof(odometer[0]));
        ck_assert_uint_eq(kvspan_mesh_rank(mesh, odometer), rank);
        while (axis > 0 && ++odometer[axis - 1] == mesh->sizes[axis - 1]) {
            odometer[--axis] = 0;
        }
    }
}

START_TEST(rank_and_coordinate_are_inverse_and_the_last_axis_is_fastest)
{
    for (int64_t code = 0; code < 256; code++) {
        const int64_t sizes[] = { code % 4 + 1, code / 4 % 4 + 1, code / 16 % 4 + 1,
                                  code / 64 + 1 };
        uint32_t rank_count = 1;

        for (uint32_t axis_count = 1; axis_count <= 4; axis_count++) {
            kvspan_mesh mesh = { 0 };

            rank_count *= (uint32_t)sizes[axis_count - 1];
            ck_assert_int_eq(kvspan_mesh_create(names, sizes, axis_count, rank_count, &mesh, NULL),
                             KVSPAN_OK);
            check_ranks(&mesh);
        }
    }
}
END_TEST

/* dp 1, fsdp 2, tp 4, sp 1: device d lies at fsdp d / 4, tp d mod 4; device 5 at (1, 1). */
START_TEST(eight_devices_lie_row_major)
{
    const int64_t sizes[] = { 1, 2, 4, 1 };
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_create(names, sizes, 4, 8, &mesh, NULL), KVSPAN_OK);
    for (uint32_t device = 0; device < 8; device++) {
        const uint32_t expected[] = { 0, device / 4, device % 4, 0 };
        uint32_t coordinate[4] = { 9, 9, 9, 9 };

        kvspan_mesh_coordinate(&mesh, device, coordinate);
        ck_assert_int_eq(memcmp(coordinate, expected, sizeof(expected)), 0);
    }
}
END_TEST

START_TEST(an_axis_is_found_by_its_whole_name_only)
{
    const int64_t sizes[] = { 1, 1, 1, 1 };
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_create(names, sizes, 4, 1, &mesh, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, "dp", 2), 0);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, "fsdp", 4), 1);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, "sp:4", 2), 3);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, "fsdp", 2), 4);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, "dpx", 3), 4);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, "DP", 2), 4);
    ck_assert_uint_eq(kvspan_mesh_axis(&mesh, "", 0), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/mesh");
    TCase *create = tcase_create("create");
    TCase *ranks = tcase_create("ranks");

    tcase_add_test(create, minus_one_takes_the_ranks_that_the_other_axes_leave);
    tcase_add_test(create, eight_axes_and_names_of_31_bytes_are_possible);
    tcase_add_test(create, a_mesh_of_all_32_bit_ranks_is_possible);
    tcase_add_test(create, sizes_that_do_not_make_the_ranks_are_refused_with_both_numbers);
    tcase_add_test(create, nine_axes_are_refused);
    tcase_add_test(create, bad_names_are_refused_by_name);
    suite_add_tcase(suite, create);
    tcase_add_test(ranks, rank_and_coordinate_are_inverse_and_the_last_axis_is_fastest);
    tcase_add_test(ranks, eight_devices_lie_row_major);
    tcase_add_test(ranks, an_axis_is_found_by_its_whole_name_only);
    suite_add_tcase(suite, ranks);
    return suite_run(suite);
}
