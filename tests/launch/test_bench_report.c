#include "launch/bench_report.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/json.h"

START_TEST(a_summary_is_the_middle_and_both_ends)
{
    double odd[] = { 3.0, 9.0, 1.0 };
    double even[] = { 4.0, 1.0, 2.0, 10.0 };
    double one[] = { -5.0 };
    kvspan_bench_summary summary = kvspan_bench_summarise(odd, 3);

    ck_assert(summary.median == 3.0 && summary.least == 1.0 && summary.most == 9.0);
    summary = kvspan_bench_summarise(even, 4);
    ck_assert(summary.median == 3.0 && summary.least == 1.0 && summary.most == 10.0);
    summary = kvspan_bench_summarise(one, 1);
    ck_assert(summary.median == -5.0 && summary.least == -5.0 && summary.most == -5.0);
}
END_TEST

static kvspan_bench_report *make_report(void)
{
    kvspan_bench_report *const report = calloc(1, sizeof(*report));
    char name[] = "planted";

    ck_assert_ptr_nonnull(report);
    kvspan_bench_report_set_text(report, "case", name);
    memset(name, 'x', sizeof(name) - 1); /* texts are the caller's */
    kvspan_bench_report_set_number(report, "layers", 7);
    kvspan_bench_report_add(report, "seconds", 0.5);
    kvspan_bench_report_add(report, "ratio", 2.0);
    kvspan_bench_report_add(report, "seconds", 0.25);
    kvspan_bench_report_add(report, "seconds", 4.0);
    kvspan_bench_report_add(report, "ratio", 3.0);
    return report;
}

/* What a report writes. Freed with free(). */
static char *write_report(bool is_json)
{
    kvspan_bench_report *const report = make_report();
    char *text = NULL;
    size_t bytes = 0;
    FILE *const file = open_memstream(&text, &bytes);

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(kvspan_bench_report_write(report, is_json, file, NULL), KVSPAN_OK);
    ck_assert_int_eq(fclose(file), 0);
    free(report);
    return text;
}

static double real_of(const kvspan_json *json, const char *figure, const char *key)
{
    kvspan_error error = { 0 };
    double value = 0.0;

    ck_assert_msg(kvspan_json_real(kvspan_json_member(json, figure), key, true, &value, &error) ==
                      KVSPAN_OK,
                  "%s: %s", figure, error.message);
    return value;
}

START_TEST(json_has_settings_and_an_object_for_each_figure)
{
    char *const text = write_report(true);
    kvspan_json *json = NULL;
    int64_t layers = 0;

    ck_assert_int_eq(kvspan_json_parse(text, strlen(text), &json, NULL), KVSPAN_OK);
    ck_assert_str_eq(kvspan_json_text(kvspan_json_member(json, "case")), "planted");
    ck_assert_int_eq(kvspan_json_integer(json, "layers", 0, 100, true, &layers, NULL), KVSPAN_OK);
    ck_assert_int_eq(layers, 7);
    ck_assert(real_of(json, "seconds", "median") == 0.5);
    ck_assert(real_of(json, "seconds", "min") == 0.25);
    ck_assert(real_of(json, "seconds", "max") == 4.0);
    ck_assert(real_of(json, "ratio", "median") == 2.5);
    kvspan_json_free(json);
    free(text);
}
END_TEST

START_TEST(lines_have_the_same_for_people)
{
    char *const text = write_report(false);

    ck_assert_ptr_nonnull(strstr(text, "planted\n"));
    ck_assert_ptr_nonnull(strstr(text, " 7\n"));
    ck_assert_ptr_nonnull(strstr(text, " 0.5 [0.25, 4]\n"));
    ck_assert_ptr_nonnull(strstr(text, " 2.5 [2, 3]\n"));
    free(text);
}
END_TEST

START_TEST(figures_that_are_taken_back_leave_the_settings)
{
    kvspan_bench_report *const report = make_report();

    kvspan_bench_report_forget(report);
    ck_assert_uint_eq(report->figure_count, 0);
    ck_assert_uint_eq(report->setting_count, 2);
    kvspan_bench_report_add(report, "seconds", 8.0);
    ck_assert_uint_eq(report->figures[0].count, 1);
    ck_assert(report->figures[0].values[0] == 8.0);
    free(report);
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
    kvspan_bench_report *const report = make_report();
    FILE *const file = fopen("/dev/full", "w");
    kvspan_error error = { 0 };

    if (file) {
        ck_assert_int_eq(kvspan_bench_report_write(report, true, file, &error), KVSPAN_ERR_IO);
        ck_assert_ptr_nonnull(strstr(error.message, "cannot be written"));
        (void)fclose(file);
    }
    free(report);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/bench_report");
    TCase *tests = tcase_create("bench_report");

    tcase_add_test(tests, a_summary_is_the_middle_and_both_ends);
    tcase_add_test(tests, json_has_settings_and_an_object_for_each_figure);
    tcase_add_test(tests, lines_have_the_same_for_people);
    tcase_add_test(tests, figures_that_are_taken_back_leave_the_settings);
    tcase_add_test(tests, a_full_disk_is_an_error);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
