#include "refusal.h"

#include "sharding/mesh.h"

static void assert_mesh(const char *text, uint32_t rank_count, const char *axes)
{
    char seen[KVSPAN_MESH_TEXT_BYTES] = "";
    size_t length = 0;
    kvspan_mesh mesh = { 0 };
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_mesh_parse(text, rank_count, &mesh, &error) == KVSPAN_OK, "%s: %s", text,
                  error.message);
    ck_assert_uint_eq(mesh.rank_count, rank_count);
    for (uint32_t axis = 0; axis < mesh.axis_count; axis++) {
        length += (size_t)snprintf(seen + length, sizeof(seen) - length, "%s%s=%u", axis ? " " : "",
                                   mesh.names[axis], mesh.sizes[axis]);
    }
    ck_assert_str_eq(seen, axes);
}

START_TEST(no_text_puts_all_ranks_on_tp)
{
    assert_mesh(NULL, 8, "dp=1 fsdp=1 ep=1 tp=8 sp=1");
    assert_mesh("", 3, "dp=1 fsdp=1 ep=1 tp=3 sp=1");
    assert_mesh(NULL, 1, "dp=1 fsdp=1 ep=1 tp=1 sp=1");
}
END_TEST

START_TEST(named_axes_keep_their_order_and_default_axes_not_named_follow)
{
    assert_mesh("tp:4,sp:2", 8, "tp=4 sp=2 dp=1 fsdp=1 ep=1");
    assert_mesh("sp:2,tp:4", 8, "sp=2 tp=4 dp=1 fsdp=1 ep=1");
    assert_mesh("tp:1", 1, "tp=1 dp=1 fsdp=1 ep=1 sp=1");
    assert_mesh("dp:2,tp:-1", 8, "dp=2 tp=4 fsdp=1 ep=1 sp=1");
    assert_mesh("sp:1,tp:2,ep:1,fsdp:3,dp:1", 6, "sp=1 tp=2 ep=1 fsdp=3 dp=1");
}
END_TEST

START_TEST(free_names_bring_no_default_axes)
{
    assert_mesh("rows:2,columns:3", 6, "rows=2 columns=3");
    assert_mesh("tp:2,rows:-1", 6, "tp=2 rows=3");
    assert_mesh("dpx:4", 4, "dpx=4");
    assert_mesh("a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:2", 2, "a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=2");
}
END_TEST

START_TEST(positional_sizes_are_those_of_the_default_axes)
{
    assert_mesh("1,1,1,4,2", 8, "dp=1 fsdp=1 ep=1 tp=4 sp=2");
    assert_mesh("2,-1,1,1,1", 8, "dp=2 fsdp=4 ep=1 tp=1 sp=1");
    assert_mesh("001,1,1,08,1", 8, "dp=1 fsdp=1 ep=1 tp=8 sp=1");
}
END_TEST

START_TEST(text_that_is_no_mesh_is_refused_and_quoted)
{
    static const struct {
        const char *text;
        uint32_t rank_count;
        const char *one;
        const char *other;
    } cases[] = {
        { "tp:4,sp:2", 6, " 8,", "6 ranks" },
        { "1,1,1,4,2", 4, " 8,", "4 ranks" },
        { "tp:-1,sp:-1", 8, "\"tp\"", "\"sp\"" },
        { "tp:-1,sp:3", 8, " 3,", "8 ranks" },
        { "tp:2,tp:4", 8, "\"tp\"", "twice" },
        { "a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1", 1, "more than 8", "axes" },
        { "tp:1,tp:1,tp:1,tp:1,tp:1,tp:1,tp:1,tp:1", 1, "\"tp\"", "twice" },
        { ":4", 4, "empty", "axis 0" },
        { "tp:4,:1", 4, "empty", "axis 1" },
        { "12345678901234567890123456789012:4", 4, "32 bytes", "31" },
        { "tp:0", 4, "\"tp\"", "size 0" },
        { "tp:-2", 4, "\"tp\"", "size -2" },
        { "tp:", 4, "\"\"", "not a number" },
        { "tp:-", 4, "\"-\"", "not a number" },
        { "tp:--1", 4, "\"--1\"", "not a number" },
        { "tp:+4", 4, "\"+4\"", "not a number" },
        { "tp:4x", 4, "\"4x\"", "not a number" },
        { "tp:0x4", 4, "\"0x4\"", "not a number" },
        { "tp:4.0", 4, "\"4.0\"", "not a number" },
        { "tp:2:2", 4, "\"2:2\"", "not a number" },
        { "tp:4 ", 4, "\"4 \"", "not a number" },
        { "tp: 4", 4, "\" 4\"", "not a number" },
        { "tp:4, sp:1", 4, "\" sp\"", "space" },
        { " tp:4", 4, "\" tp\"", "space" },
        { "tp:4,", 4, "\"\"", "not name:size" },
        { ",tp:4", 4, "\"\"", "not name:size" },
        { "tp:2,2", 4, "\"2\"", "not name:size" },
        { "4", 4, "1 sizes", "5" },
        { "1,1,1,4", 4, "4 sizes", "5" },
        { "1,1,1,4,1,1", 4, "more than 5", "axes" },
        { "1,1,1,4,", 4, "\"\"", "not a number" },
        { "tp", 4, "\"tp\"", "not a number" },
        { " ", 4, "\" \"", "not a number" },
        { "tp:9223372036854775807", 4, " 9223372036854775807,", "4 ranks" },
        { "tp:9223372036854775808", 4, "9223372036854775808", "above 9223372036854775807" },
        { "tp:18446744073709551617", 1, "18446744073709551617", "above 9223372036854775807" },
        { "a:65536,b:65536,c:65536,d:65536", 1, "at least 18446744073709551615", "1 ranks" },
        { "a:65536,b:65536", 1, " 4294967296,", "1 ranks" },
        { "tp:4294967297", 1, " 4294967297,", "1 ranks" },
        /* long parts are quoted by their first 40 bytes */
        { "tp:1234567890123456789012345678901234567890123", 4,
          "size 1234567890123456789012345678901234567890 ", "above 9223372036854775807" },
        { "tp:4,1234567890123456789012345678901234567890123", 4,
          "\"1234567890123456789012345678901234567890\"", "not name:size" },
        { "", 0, "0 ranks", "at least 1" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_mesh mesh;
        kvspan_mesh before;
        kvspan_error error = { 0 };

        memset(&mesh, 0x5a, sizeof(mesh));
        before = mesh;
        assert_refused(kvspan_mesh_parse(cases[i].text, cases[i].rank_count, &mesh, &error), &error,
                       cases[i].one, cases[i].other);
        assert_untouched(&mesh, &before, sizeof(mesh));
    }
}
END_TEST

START_TEST(a_name_longer_than_all_names_together_is_refused)
{
    char text[512];
    kvspan_mesh mesh = { .axis_count = 77 };
    kvspan_error error = { 0 };

    memset(text, 'x', sizeof(text));
    memcpy(text + 500, ":4", 3);
    assert_refused(kvspan_mesh_parse(text, 4, &mesh, &error), &error, "500 bytes", "31");
    ck_assert_uint_eq(mesh.axis_count, 77);
}
END_TEST

static void assert_format(const char *text, uint32_t rank_count, const char *canonical)
{
    char seen[KVSPAN_MESH_TEXT_BYTES] = "";
    kvspan_mesh mesh = { 0 };

    ck_assert_int_eq(kvspan_mesh_parse(text, rank_count, &mesh, NULL), KVSPAN_OK);
    kvspan_mesh_format(&mesh, seen, sizeof(seen));
    ck_assert_str_eq(seen, canonical);
}

START_TEST(the_canonical_text_leaves_out_axes_of_size_1)
{
    assert_format("tp:4,sp:2", 8, "tp:4,sp:2");
    assert_format("sp:2,tp:4", 8, "sp:2,tp:4");
    assert_format("2,1,1,-1,2", 16, "dp:2,tp:4,sp:2");
    assert_format(NULL, 4, "tp:4");
    assert_format(NULL, 1, "tp:1");
    assert_format("dp:1,sp:1", 1, "tp:1");
    assert_format("rows:1,columns:3", 3, "columns:3");
}
END_TEST

/* Axes of size 1 and their order place no rank, so the canonical text means the same placement. */
START_TEST(canonical_text_read_again_places_every_rank_alike)
{
    static const char *const axes[] = { "dp", "fsdp", "ep", "tp", "sp" };
    static const char *const texts[] = { "tp:4,sp:2", "sp:2,tp:2,dp:2", "1,2,1,2,2", "ep:8", "" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[KVSPAN_MESH_TEXT_BYTES] = "";
        kvspan_mesh one = { 0 };
        kvspan_mesh other = { 0 };

        ck_assert_int_eq(kvspan_mesh_parse(texts[i], 8, &one, NULL), KVSPAN_OK);
        kvspan_mesh_format(&one, text, sizeof(text));
        ck_assert_int_eq(kvspan_mesh_parse(text, 8, &other, NULL), KVSPAN_OK);
        for (uint32_t rank = 0; rank < 8; rank++) {
            uint32_t at_one[KVSPAN_MESH_MAX_AXES] = { 0 };
            uint32_t at_other[KVSPAN_MESH_MAX_AXES] = { 0 };

            kvspan_mesh_coordinate(&one, rank, at_one);
            kvspan_mesh_coordinate(&other, rank, at_other);
            for (uint32_t axis = 0; axis < 5; axis++) {
                const size_t length = strlen(axes[axis]);

                ck_assert_uint_eq(at_one[kvspan_mesh_axis(&one, axes[axis], length)],
                                  at_other[kvspan_mesh_axis(&other, axes[axis], length)]);
            }
        }
    }
}
END_TEST

START_TEST(the_longest_text_fits_and_shorter_room_cuts_it)
{
    const char *const names[] = {
        "1234567890123456789012345678901", "2234567890123456789012345678901",
        "3234567890123456789012345678901", "4234567890123456789012345678901",
        "5234567890123456789012345678901", "6234567890123456789012345678901",
        "7234567890123456789012345678901", "8234567890123456789012345678901"
    };
    char text[KVSPAN_MESH_TEXT_BYTES] = "";
    char cut[6] = "";
    kvspan_mesh mesh = { .axis_count = 8 };

    /* no such rank count exists; every size as wide as it could print */
    for (uint32_t axis = 0; axis < 8; axis++) {
        mesh.sizes[axis] = UINT32_MAX;
        memcpy(mesh.names[axis], names[axis], 32);
    }
    kvspan_mesh_format(&mesh, text, sizeof(text));
    ck_assert_uint_eq(strlen(text), 8 * (31 + 1 + 10) + 7);
    kvspan_mesh_format(&mesh, cut, sizeof(cut));
    ck_assert_str_eq(cut, "12345");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharding/mesh_text");
    TCase *parse = tcase_create("parse");
    TCase *format = tcase_create("format");

    tcase_add_test(parse, no_text_puts_all_ranks_on_tp);
    tcase_add_test(parse, named_axes_keep_their_order_and_default_axes_not_named_follow);
    tcase_add_test(parse, free_names_bring_no_default_axes);
    tcase_add_test(parse, positional_sizes_are_those_of_the_default_axes);
    tcase_add_test(parse, text_that_is_no_mesh_is_refused_and_quoted);
    tcase_add_test(parse, a_name_longer_than_all_names_together_is_refused);
    suite_add_tcase(suite, parse);
    tcase_add_test(format, the_canonical_text_leaves_out_axes_of_size_1);
    tcase_add_test(format, canonical_text_read_again_places_every_rank_alike);
    tcase_add_test(format, the_longest_text_fits_and_shorter_room_cuts_it);
    suite_add_tcase(suite, format);
    return suite_run(suite);
}
