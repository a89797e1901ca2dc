/* Names of what can be taken out of a module's text, and the text without it. */
#include "standin/ptx/removal.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#define FILES                                \
    ".file\t1 \"/source/deep/column.cuh\"\n" \
    ".file\t12 \"plain.cu\"\n"
#define AT_18 ".loc\t1 18 5\n"

/* Allocated: sanitizers see what is behind its end. */
static char *text_copy(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, bytes);
    return copy;
}

static void check_list(const char *text, const char *expected)
{
    char *copy = text_copy(text);
    char *names = NULL;
    size_t names_bytes = 0;
    FILE *to = open_memstream(&names, &names_bytes);

    ck_assert_ptr_nonnull(to);
    ptx_removal_list(copy, to);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_msg(strcmp(names, expected) == 0, "%s\nhas\n%snot\n%s", text, names, expected);
    ck_assert_str_eq(copy, text);
    free(names);
    free(copy);
}

START_TEST(instructions_have_kinds)
{
    static const struct {
        const char *code;
        const char *names;
    } rows[] = {
        { "\tbar.sync \t0;\n", "barrier@column.cuh:18\n" },
        { "\tbarrier.sync \t1, 64;\n", "barrier@column.cuh:18\n" },
        { " \t bar.red.or.pred %p3, 0, %p1;\n", "barrier@column.cuh:18\n" },
        { "bar.warp.sync \t-1;", "warp@column.cuh:18\n" },
        { "\tcp.async.wait_group 1;\n", "wait@column.cuh:18\n" },
        { "\tcp.async.wait_all;\n", "wait@column.cuh:18\n" },
        { "\tcp.async.commit_group;\n", "commit@column.cuh:18\n" },
        { "\tfence.acq_rel.gpu;\n", "fence@column.cuh:18\n" },
        { "\tmembar.gl;\n", "fence@column.cuh:18\n" },
        { "\tselp.f32 \t%f1, %f2, 0fFF800000, %p1;\n", "mask@column.cuh:18\n" },
        { "\tselp.f32 \t%f1, 0fFF800000, %f2, %p1;\n", "mask@column.cuh:18\n" },
        { "\tselp.f32 \t%f1, %f2, %f3, %p1;\n\tsetp.gt.f32 %p1, 0fFF800000, %f1;\n", "" },
        { "\tselp.b32 \t%r1, 0fFF800000, %r2, %p1;\n", "" },
        { "\tcp.async.cg.shared.global [%r1], [%rd1], 16, %r2;\n", "fill@column.cuh:18\n" },
        { "\tcp.async.ca.shared.global [%r1], [%rd1], 4, %r2;\n", "fill@column.cuh:18\n" },
        { "\tcp.async.ca.shared.global [%r1], [%rd1], 8, %r2;\n", "" },
        { "\tcp.async.cg.shared.global [%r1], [%rd1], 16;\n", "" },
        { "\tst.v4 [%r1], 16, [%rd1], 4, %r2;\n", "" },
        { "\t@%p1 bar.sync \t0;\n", "barrier@column.cuh:18\n" },
        { "\t@!%p1\tcp.async.wait_all;\n", "wait@column.cuh:18\n" },
        { "\t@%p1 add.u32 %r1, %r1, $L;\n$L:\n", "" },
        { "\tadd.u32 \t%r1, %r1, 1;\n\tbar.arrive 0, 64;\n", "" },
        { "\tbar.warp.sync -1;\n\n\tbar.sync 0;\n\tbar.sync 0;\n",
          "warp@column.cuh:18\nbarrier@column.cuh:18\nbarrier@column.cuh:18\n" },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        char text[512];

        (void)snprintf(text, sizeof text, "%s%s", FILES AT_18, rows[k].code);
        check_list(text, rows[k].names);
    }
}
END_TEST

START_TEST(branches_are_skips_where_they_go_forward_under_a_guard)
{
    static const struct {
        const char *code;
        bool is_skip;
    } rows[] = {
        { "@%p1 bra $L__BB0_2;\n$L__BB0_2:\nret;\n}\n", true },
        { "@!%p1 bra.uni \t$L__BB0_2;\nret;\n$L__BB0_2:\n", true },
        { "bra $L__BB0_2;\n$L__BB0_2:\nret;\n}\n", false },
        { "bra.uni \t$L__BB0_2;\n$L__BB0_2:\n", false },
        { "@%p1 ret;\n$L__BB0_2:\n", false },
        { "@%p1 call $L__BB0_2;\n$L__BB0_2:\n", false },
        { "$L__BB0_2:\n@%p1 bra $L__BB0_2;\nret;\n}\n", false },
        { "$L__BB0_2:\n@%p1 bra $L__BB0_2;\n", false },
        { "@%p1 bra $L__BB0_2;\n$L__BB0_21:\n}\n", false },
        { "@%p1 bra $L__BB0_2;\nret;\n}\n.entry k() {\n$L__BB0_2:\nret;\n}\n", false },
        { "@%p1 bra done;\ndone:\n", false },
        { "@%p1 bra done;\nbra $L__BB0_2;\n$L__BB0_2:\n", false },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        char text[512];

        (void)snprintf(text, sizeof text, "%s%s", FILES AT_18, rows[k].code);
        check_list(text, rows[k].is_skip ? "skip@column.cuh:18\n" : "");
    }
}
END_TEST

#define WAIT "cp.async.wait_all;\n"

START_TEST(instructions_have_places)
{
    static const struct {
        const char *text;
        const char *names;
    } rows[] = {
        { WAIT FILES, "wait@0:0\n" },
        { FILES ".loc\t12 1 5\n" WAIT, "wait@plain.cu:1\n" },
        { ".loc\t12 345 5\n" WAIT FILES, "wait@plain.cu:345\n" },
        { ".loc\t7 8 5\n" WAIT FILES, "wait@7:8\n" },
        { ".loc\t3 8 5\n" WAIT FILES ".file\t3 no quotes", "wait@3:8\n" },
        { ".loc\t3 8 5\n" WAIT FILES ".file\t3 \"no end", "wait@3:8\n" },
        { ".loc\t3 8 5\n" WAIT ".file\t3 \"/\"\n", "wait@:8\n" },
        { ".loc\t3 8 5\n" WAIT ".file\t3 \"\"\n", "wait@:8\n" },
        { ".loc\t3 8 5\n" WAIT ".file\t3 \"/a\"\n", "wait@a:8\n" },
        { FILES AT_18 ".loc\t12 0 0\n" WAIT ".loc 12 19 0\n" WAIT,
          "wait@column.cuh:18\nwait@plain.cu:19\n" },
        { FILES ".loc\t12 18 5, function_name $L__info_string0, inlined_at 1 28 9\n" WAIT,
          "wait@plain.cu:18<column.cuh:28\n" },
        { FILES
          ".loc\t1 18 5, function_name $L__info_string0, inlined_at 12 29 9\n" WAIT AT_18 WAIT,
          "wait@column.cuh:18<plain.cu:29\nwait@column.cuh:18\n" },
        { FILES AT_18 WAIT
          ".loc\t1 20 5, function_name $L__info_string0, inlined_at 12 29 9\n" WAIT,
          "wait@column.cuh:18\nwait@column.cuh:20<plain.cu:29\n" },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        check_list(rows[k].text, rows[k].names);
    }
}
END_TEST

START_TEST(long_file_names_are_cut)
{
    enum {
        KEPT = 95
    };
    char file[KEPT + 6];
    char text[512];
    char names[256];

    memset(file, 'f', sizeof file);
    file[sizeof file - 1] = '\0';
    (void)snprintf(text, sizeof text, ".file\t1 \"%s\"\n" AT_18 WAIT, file);
    (void)snprintf(names, sizeof names, "wait@%.*s:18\n", KEPT, file);
    check_list(text, names);
}
END_TEST

static void check_apply(const char *before, const char *mutant, uint32_t count, const char *after)
{
    char *text = text_copy(before);

    ck_assert_msg(ptx_removal_apply(text, mutant) == count, "%s in\n%s", mutant, before);
    ck_assert_msg(strcmp(text, after) == 0, "%s:\n%s\nnot\n%s", mutant, text, after);
    free(text);
}

/* The text between what has another place. */
static void check_apply_at_18(const char *before, const char *mutant, uint32_t count,
                              const char *after)
{
    static const char outside[] = "bar.sync 0;" WAIT "@%p1 bra $E;\n$E:\n";
    char texts[2][1024];

    for (uint32_t k = 0; k < 2; ++k) {
        (void)snprintf(texts[k], sizeof texts[k], "%s.loc\t12 18 1\n%s%s%s.loc\t1 81 1\n%s", FILES,
                       outside, AT_18, k ? after : before, outside);
    }
    check_apply(texts[0], mutant, count, texts[1]);
}

START_TEST(instructions_are_taken_out)
{
    static const struct {
        const char *before, *mutant, *after;
        uint32_t count;
    } rows[] = {
        { "\tbar.sync 0;\nret;\n", "barrier@column.cuh:18", "\t           \nret;\n", 1 },
        { "@%p1 bar.sync 0; ret;\n", "barrier@column.cuh:18", "                 ret;\n", 1 },
        { "bar.sync 0;\nfence.sc;\nbar.sync 1;\n", "barrier@column.cuh:18",
          "           \nfence.sc;\n           \n", 2 },
        { "\tbar.red.or.pred %p3, 0, %p1;\n", "barrier@column.cuh:18",
          "\tmov.pred %p3, %p1          ;\n", 1 },
        { "@%p2 bar.red.or.pred %p13, 0, 16, %p1;\n", "barrier@column.cuh:18",
          "@%p2 mov.pred %p13, %p1              ;\n", 1 },
        { "selp.f32 %f3, 0fFF800000, %f24, %p1;\n", "mask@column.cuh:18",
          "mov.f32 %f3, %f24                  ;\n", 1 },
        { "\tselp.f32 \t%f3, %f24, 0fFF800000, %p1;\n", "mask@column.cuh:18",
          "\tmov.f32 \t%f3, %f24                  ;\n", 1 },
        { "@%p9 selp.f32 %f3, %f2, 0fFF800000, %p1;\n", "mask@column.cuh:18",
          "@%p9 mov.f32 %f3, %f2                  ;\n", 1 },
        { "cp.async.cg.shared.global [%r1], [%r2], 16, %r3;\n", "fill@column.cuh:18",
          "cp.async.cg.shared.global [%r1], [%r2], 16     ;\n", 1 },
        { "@%p1 cp.async.ca.shared.global [%r1], [%r2], 4, 0;\n", "fill@column.cuh:18",
          "@%p1 cp.async.ca.shared.global [%r1], [%r2], 4   ;\n", 1 },
        { "\t@%p1 bra $L;\nret;\n$L:\n", "skip@column.cuh:18", "\t            \nret;\n$L:\n", 1 },
        { "\t@%p1 bra $L;\nbar.sync 0;\n$L:\n", "jump@column.cuh:18",
          "\t     bra $L;\nbar.sync 0;\n$L:\n", 1 },
        { "bar.sync 0;\n" WAIT "@%p1 bra $L;\n$L:\n", "wait@column.cuh:18",
          "bar.sync 0;\n                  \n@%p1 bra $L;\n$L:\n", 1 },
        { "bar.sync 0;\n", "wait@column.cuh:18", "bar.sync 0;\n", 0 },
        { "@%p1 bra $L;\n$L:\n", "jump@column.cu:18", "@%p1 bra $L;\n$L:\n", 0 },
        { "@%p1 bra $L;\n$L:\n", "skip@column.cuh:1", "@%p1 bra $L;\n$L:\n", 0 },
        { "@%p1 bra $L;\n$L:\n", "skip@column.cuh", "@%p1 bra $L;\n$L:\n", 0 },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        check_apply_at_18(rows[k].before, rows[k].mutant, rows[k].count, rows[k].after);
    }
    /* Not what a compiler would give: nothing to keep. */
    check_apply("bar.red.or.pred %p1;\n", "barrier@0:0", 1, "bar.red.or.pred %p1;\n");
}
END_TEST

START_TEST(what_is_inlined_is_taken_out_for_its_caller)
{
    static const char before[] =
        FILES ".loc\t12 18 5, function_name $L__info_string0, inlined_at 1 28 9\n" WAIT
              ".loc\t12 18 5, function_name $L__info_string0, inlined_at 1 29 9\n" WAIT;
    static const char after[] =
        FILES ".loc\t12 18 5, function_name $L__info_string0, inlined_at 1 28 9\n"
              "                  \n"
              ".loc\t12 18 5, function_name $L__info_string0, inlined_at 1 29 9\n" WAIT;

    check_apply(before, "wait@plain.cu:18<column.cuh:28", 1, after);
    check_apply(before, "wait@plain.cu:18", 0, before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx removal");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, instructions_have_kinds);
    tcase_add_test(tcase, branches_are_skips_where_they_go_forward_under_a_guard);
    tcase_add_test(tcase, instructions_have_places);
    tcase_add_test(tcase, long_file_names_are_cut);
    tcase_add_test(tcase, instructions_are_taken_out);
    tcase_add_test(tcase, what_is_inlined_is_taken_out_for_its_caller);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
