#include "launch/report.h"
#include "runtime/json.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

/* The keys, in the order that is promised. */
static const char *const promised_keys[] = { "requests_finished",
                                             "requests_refused",
                                             "prompt_tokens",
                                             "generated_tokens",
                                             "tokens_appended",
                                             "tokens_recomputed",
                                             "steps",
                                             "seconds",
                                             "tokens_per_second",
                                             "step_us_p50",
                                             "step_us_p99",
                                             "pages_total",
                                             "pages_high_water",
                                             "pages_in_use",
                                             "preemptions",
                                             "broadcast_bytes_p50",
                                             "broadcast_bytes_p99",
                                             "exchange_bytes",
                                             "output_digest",
                                             "verify_rows",
                                             "verify_max_error",
                                             "verify_bound",
                                             "verify_worst",
                                             "compare_rows",
                                             "compare_max_difference",
                                             "compare_worst",
                                             "mesh",
                                             "ranks",
                                             "device",
                                             "device_isa",
                                             "gpus",
                                             "exchanges",
                                             "version" };

enum {
    KEY_COUNT = sizeof(promised_keys) / sizeof(promised_keys[0])
};

/* Numbers that are all different, and a hundred steps of 1 to 100 us and 301 to 400 bytes. */
static void fill(kvspan_tally *tally)
{
    const kvspan_scheduler_counts scheduler = { .finished = 11,
                                                .refused = 12,
                                                .prompt_tokens = 13,
                                                .generated_tokens = 14,
                                                .tokens_appended = 1500,
                                                .tokens_recomputed = 16,
                                                .preemptions = 17,
                                                .steps = 100 };
    const kvspan_ledger_counts ledger = { .pages_total = 21,
                                          .pages_high_water = 22,
                                          .pages_in_use = 23 };

    memset(tally, 0, sizeof(*tally));
    kvspan_tally_take(tally, &scheduler, &ledger);
    for (uint64_t step = 1; step <= 100; step++) {
        kvspan_percentiles_add(&tally->step_us, step);
        kvspan_percentiles_add(&tally->broadcast_bytes, 300 + step);
    }
}

static kvspan_report report_of(const kvspan_tally *tally)
{
    return (kvspan_report){ .tally = tally,
                            .seconds = 0.5,
                            .exchange_bytes = 31,
                            .output_digest = { .high = 0xabc, .low = 0x1 },
                            .verify_rows = 32,
                            .verify_max_error = 0.125,
                            .verify_bound = 0.25,
                            .verify_worst = "request 1",
                            .compare_device = "reference",
                            .compare_rows = 33,
                            .compare_max_difference = 0.375,
                            .compare_worst = "request 2",
                            .mesh = "tp:4",
                            .rank_count = 4,
                            .device = "cpu",
                            .device_isa = "avx2",
                            .exchanges = "host" };
}

/* What a report writes. Freed by the caller. */
static char *written(const kvspan_report *report, bool is_json)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(is_json ? kvspan_report_write_json(report, file, NULL)
                             : kvspan_report_write_text(report, file, NULL),
                     KVSPAN_OK);
    (void)fclose(file);
    return text;
}

START_TEST(the_json_has_these_keys_in_this_order)
{
    static kvspan_tally tally;
    const kvspan_report report = report_of(&tally);
    kvspan_json *json = NULL;
    kvspan_json *value = NULL;
    char *text;

    fill(&tally);
    text = written(&report, true);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    ck_assert_int_eq(kvspan_json_parse(text, strlen(text), &json, NULL), KVSPAN_OK);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        ck_assert_str_eq(kvspan_json_key(json, i, &value), promised_keys[i]);
    }
    ck_assert_ptr_null(kvspan_json_key(json, KEY_COUNT, &value));
    kvspan_json_free(json);
    free(text);
}
END_TEST

START_TEST(the_json_says_what_was_counted)
{
    static kvspan_tally tally;
    const kvspan_report report = report_of(&tally);
    char *text;

    fill(&tally);
    text = written(&report, true);
    ck_assert_str_eq(
        text,
        "{\"requests_finished\":11,\"requests_refused\":12,\"prompt_tokens\":13,"
        "\"generated_tokens\":14,\"tokens_appended\":1500,\"tokens_recomputed\":16,\"steps\":100,"
        "\"seconds\":0.5,\"tokens_per_second\":3000.0,\"step_us_p50\":50,\"step_us_p99\":99,"
        "\"pages_total\":21,\"pages_high_water\":22,\"pages_in_use\":23,\"preemptions\":17,"
        "\"broadcast_bytes_p50\":350,\"broadcast_bytes_p99\":399,\"exchange_bytes\":31,"
        "\"output_digest\":\"0000000000000abc0000000000000001\",\"verify_rows\":32,"
        "\"verify_max_error\":0.125,\"verify_bound\":0.25,\"verify_worst\":\"request 1\","
        "\"compare_rows\":33,\"compare_max_difference\":0.375,\"compare_worst\":\"request 2\","
        "\"mesh\":\"tp:4\",\"ranks\":4,\"device\":\"cpu\",\"device_isa\":\"avx2\",\"gpus\":[],\"exchanges\":\"host\",\"version\":\"" KVSPAN_VERSION_TEXT
        "\"}\n");
    free(text);
}
END_TEST

START_TEST(every_rank_names_its_gpu)
{
    static kvspan_tally tally;
    static const kvspan_report_gpu gpus[] = { { 1, "sm_90", "Some GPU" }, { 0, "sm_80", "Other" } };
    kvspan_report report = report_of(&tally);
    char *text;

    fill(&tally);
    report.rank_count = 2;
    report.gpus = gpus;
    text = written(&report, true);
    ck_assert_ptr_nonnull(strstr(text,
                                 "\"gpus\":[{\"index\":1,\"isa\":\"sm_90\",\"model\":\"Some GPU\"},"
                                 "{\"index\":0,\"isa\":\"sm_80\",\"model\":\"Other\"}],"));
    free(text);
    text = written(&report, false);
    ck_assert_ptr_nonnull(strstr(text, "\ngpu         rank 0: 1, sm_90, Some GPU\n"
                                       "gpu         rank 1: 0, sm_80, Other\n"));
    free(text);
}
END_TEST

START_TEST(a_run_of_nothing_is_told_without_dividing_by_zero)
{
    static kvspan_tally tally;
    kvspan_report report = report_of(&tally);
    char *text;

    memset(&tally, 0, sizeof(tally));
    report.seconds = 0;
    text = written(&report, true);
    ck_assert_ptr_nonnull(strstr(text, "\"tokens_per_second\":0.0,\"step_us_p50\":0,"));
    free(text);
}
END_TEST

START_TEST(step_groups_add_up)
{
    static kvspan_tally sum;
    static kvspan_tally other;

    fill(&sum);
    fill(&other);
    other.requests_finished = 1000;
    other.pages_high_water = 2000;
    kvspan_percentiles_add(&other.step_us, 400);
    kvspan_tally_merge(&sum, &other);
    ck_assert_uint_eq(sum.requests_finished, 1011);
    ck_assert_uint_eq(sum.requests_refused, 24);
    ck_assert_uint_eq(sum.prompt_tokens, 26);
    ck_assert_uint_eq(sum.generated_tokens, 28);
    ck_assert_uint_eq(sum.tokens_appended, 3000);
    ck_assert_uint_eq(sum.tokens_recomputed, 32);
    ck_assert_uint_eq(sum.preemptions, 34);
    ck_assert_uint_eq(sum.steps, 200);
    ck_assert_uint_eq(sum.pages_total, 42);
    ck_assert_uint_eq(sum.pages_high_water, 2022);
    ck_assert_uint_eq(sum.pages_in_use, 46);
    ck_assert_uint_eq(sum.step_us.count, 201);
    ck_assert_uint_eq(kvspan_percentiles_value(&sum.step_us, 100), 400);
    ck_assert_uint_eq(sum.broadcast_bytes.count, 200);
}
END_TEST

START_TEST(the_summary_names_every_figure)
{
    static const char *const parts[] = {
        "mesh tp:4, 4 ranks",
        "11 finished, 12 refused",
        "13 of prompts, 14 generated",
        "1500 appended, 16 of them recomputed after 17 preemptions",
        "21 in all, 22 at most, 23 still in use",
        "0.500 s, 3000 tokens/s, 100 steps",
        "50 us at the median, 99 us at",
        "350 bytes a step at the median, 399 at",
        "31 bytes",
        "digest 0000000000000abc0000000000000001",
        "32 rows; the worst is off by 0.125, its bound is 0.25: request 1",
        "33 rows with device reference; the largest difference is 0.375: request 2",
    };
    static kvspan_tally tally;
    kvspan_report report = report_of(&tally);
    char *text;

    fill(&tally);
    text = written(&report, false);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        ck_assert_msg(strstr(text, parts[i]) != NULL, "no \"%s\" in:\n%s", parts[i], text);
    }
    free(text);
    report.verify_rows = 0;
    report.compare_device = NULL;
    text = written(&report, false);
    ck_assert_ptr_null(strstr(text, "verified"));
    ck_assert_ptr_null(strstr(text, "compared"));
    free(text);
}
END_TEST

START_TEST(a_full_disk_is_noticed)
{
    static kvspan_tally tally;
    const kvspan_report report = report_of(&tally);
    kvspan_error error = { 0 };
    FILE *file = fopen("/dev/full", "w");

    if (!file) {
        return; /* only Linux has it */
    }
    fill(&tally);
    ck_assert_int_eq(kvspan_report_write_json(&report, file, &error), KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "No space left"));
    ck_assert_int_eq(kvspan_report_write_text(&report, file, &error), KVSPAN_ERR_IO);
    (void)fclose(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/report");
    TCase *report = tcase_create("report");

    tcase_add_test(report, the_json_has_these_keys_in_this_order);
    tcase_add_test(report, the_json_says_what_was_counted);
    tcase_add_test(report, every_rank_names_its_gpu);
    tcase_add_test(report, a_run_of_nothing_is_told_without_dividing_by_zero);
    tcase_add_test(report, step_groups_add_up);
    tcase_add_test(report, the_summary_names_every_figure);
    tcase_add_test(report, a_full_disk_is_noticed);
    suite_add_tcase(suite, report);
    return suite_run(suite);
}
