/* The file of limits: what it says of a kernel, and what is beyond it. */
#include "gates/code_limits.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

static bool read_text(const char *text, limit_list *list, gate_error *error)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    ck_assert_ptr_nonnull(file);
    const bool is_read = limit_list_read(list, &code_limit_schema, file, error);
    (void)fclose(file);
    return is_read;
}

static void check_refused(const char *text, const char *reason)
{
    limit_list list;
    gate_error error = { "" };

    ck_assert(!read_text(text, &list, &error));
    ck_assert_msg(strstr(error.text, reason) != NULL, "\"%s\" says nothing of \"%s\"", error.text,
                  reason);
}

static kernel_code kernel_named(char *name, uint32_t arch)
{
    return (kernel_code){ .name = name, .arch = arch, .registers = 100 };
}

START_TEST(later_lines_go_over_earlier_ones)
{
    char name[] = "attend_decode_int8";
    const kernel_code kernel = kernel_named(name, 90);
    limit_list list;
    gate_error error;

    ck_assert(read_text("# comment\n"
                        "\n"
                        "*        *     stack=0 registers=64 blocks=2\n"
                        "*decode* sm_90 registers=128 dynamic=4096 blocks=any # why\n"
                        "*decode* sm_80 registers=255\n"
                        "*prefill* *    registers=32\n",
                        &list, &error));
    const limit_set set = code_limits_for(&list, &kernel);
    ck_assert(set.is_named);
    ck_assert(set.is_set[LIMIT_STACK]);
    ck_assert_double_eq(set.value[LIMIT_REGISTERS], 128.0);
    ck_assert(!set.is_set[LIMIT_BLOCKS]);
    ck_assert_uint_eq(code_limits_launch(&set).dynamic_shared_bytes, 4096);
    ck_assert_uint_eq(code_limits_launch(&set).block_threads, 0);
    limit_list_fini(&list);
}
END_TEST

START_TEST(what_is_no_limit_is_refused_by_line)
{
    check_refused("* * registers=1\n* * register=1\n", "line 2: no figure is named \"register\"");
    check_refused("* * registers=many\n", "line 1: registers=many: no number");
    check_refused("* * registers=-1\n", "line 1: registers=-1: no number");
    check_refused("* * registers=nan\n", "line 1: registers=nan: no number");
    check_refused("* * registers\n", "line 1: \"registers\" is no figure=limit");
    check_refused("decode\n", "line 1: \"decode\" is followed by no architecture");
}
END_TEST

/* Returns what code_limits_check() wrote, to be freed. */
static char *check_text(const char *limits, const kernel_figures *figures, uint32_t *failures_out)
{
    limit_list list;
    gate_error error;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    ck_assert(read_text(limits, &list, &error));
    const limit_set set = code_limits_for(&list, figures->kernel);
    *failures_out = code_limits_check(&set, figures, out) + limit_list_check_matched(&list, out);
    (void)fclose(out);
    limit_list_fini(&list);
    return text;
}

START_TEST(a_figure_at_its_limit_passes_and_beyond_it_is_named)
{
    char name[] = "decode";
    const kernel_code kernel = kernel_named(name, 90);
    const kernel_figures figures = { .kernel = &kernel, .blocks = 3, .flight_bytes = 40960 };
    uint32_t failures;

    char *text =
        check_text("decode sm_90 registers=100 blocks=3 flight=40960\n", &figures, &failures);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(failures, 0);
    free(text);
    text = check_text("decode sm_90 registers=99 blocks=4 flight=40961\n", &figures, &failures);
    ck_assert_str_eq(text, "decode sm_90: registers 100 is more than 99\n"
                           "decode sm_90: blocks 3 is less than 4\n"
                           "decode sm_90: flight 40960 is less than 40961\n");
    ck_assert_uint_eq(failures, 3);
    free(text);
}
END_TEST

START_TEST(a_cost_per_work_of_a_loop_without_work_fails)
{
    char name[] = "decode";
    const kernel_code kernel = kernel_named(name, 90);
    const kernel_figures figures = { .kernel = &kernel };
    uint32_t failures;
    char *text = check_text("decode * instructions_512=32\n", &figures, &failures);

    ck_assert_uint_eq(failures, 1);
    ck_assert_ptr_nonnull(strstr(text, "instructions_512 0 cannot be told"));
    free(text);
}
END_TEST

START_TEST(kernels_without_limits_and_limits_without_kernels_fail)
{
    char name[] = "decode";
    const kernel_code kernel = kernel_named(name, 90);
    const kernel_figures figures = { .kernel = &kernel };
    uint32_t failures;
    char *text = check_text("* * stack=0\nprefill sm_90 stack=0\n", &figures, &failures);

    ck_assert_str_eq(text, "decode sm_90: no line of limits names it\n"
                           "limits line 2: no kernel is prefill sm_90\n");
    ck_assert_uint_eq(failures, 2);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gates/limits");
    TCase *limits = tcase_create("limits");

    tcase_add_test(limits, later_lines_go_over_earlier_ones);
    tcase_add_test(limits, what_is_no_limit_is_refused_by_line);
    tcase_add_test(limits, a_figure_at_its_limit_passes_and_beyond_it_is_named);
    tcase_add_test(limits, a_cost_per_work_of_a_loop_without_work_fails);
    tcase_add_test(limits, kernels_without_limits_and_limits_without_kernels_fail);
    suite_add_tcase(suite, limits);
    return suite_run(suite);
}
