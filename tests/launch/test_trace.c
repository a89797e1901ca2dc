#include "launch/mooncake.h"
#include "launch/trace.h"
#include "support/suite.h"
#include "trace_text.h"

#include <stdlib.h>
#include <string.h>

#define EXPECT_REFUSED(text, ...) EXPECT_TRACE_REFUSED(kvspan_mooncake_read, text, __VA_ARGS__)

START_TEST(requests_come_in_the_order_of_the_file)
{
    kvspan_trace trace = read_trace(
        kvspan_mooncake_read,
        "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1]}\n"
        "{\"output_length\": 3, \"input_length\": 1, \"timestamp\": 27000}\n",
        0);

    ck_assert_uint_eq(trace.count, 2);
    expect_request(&trace, 0, 6758, 500, 0);
    expect_request(&trace, 1, 1, 3, 27000);
    ck_assert_uint_eq(kvspan_trace_longest(&trace), 6758 + 500 - 1);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(line_ends_and_blank_lines_may_be_any)
{
    kvspan_trace trace =
        read_trace(kvspan_mooncake_read,
                   "{\"timestamp\":1,\"input_length\":2,\"output_length\":3}\r\n"
                   "\r\n"
                   "{\"timestamp\":4,\"input_length\":5,\"output_length\":6}\n \t\n\n",
                   0);

    ck_assert_uint_eq(trace.count, 2);
    expect_request(&trace, 1, 5, 6, 4);
    kvspan_trace_fini(&trace);
    trace = read_trace(kvspan_mooncake_read,
                       "{\"timestamp\":4,\"input_length\":5,\"output_length\":6}", 0);
    ck_assert_uint_eq(trace.count, 1);
    expect_request(&trace, 0, 5, 6, 4);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(a_limit_stops_before_what_is_wrong_behind_it)
{
    kvspan_trace trace =
        read_trace(kvspan_mooncake_read,
                   "{\"timestamp\":1,\"input_length\":2,\"output_length\":3}\nnonsense\n", 1);

    ck_assert_uint_eq(trace.count, 1);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(what_is_wrong_is_named_with_its_line_field_and_value)
{
    EXPECT_REFUSED(
        "{\"timestamp\":1,\"input_length\":2,\"output_length\":3}\n\n{\"timestamp\":1}\n",
        "line 3:", "\"input_length\" is missing");
    EXPECT_REFUSED("{\"timestamp\":1,\"input_length\":2}\n",
                   "line 1:", "\"output_length\" is missing");
    EXPECT_REFUSED("{\"input_length\":2,\"output_length\":3}\n",
                   "line 1:", "\"timestamp\" is missing");
    EXPECT_REFUSED("{\"timestamp\":1,\"input_length\":-2,\"output_length\":3}\n",
                   "line 1:", "\"input_length\" is -2");
    EXPECT_REFUSED("{\"timestamp\":1,\"input_length\":0,\"output_length\":3}\n",
                   "line 1:", "\"input_length\" is 0", "[1, 2147483647]");
    EXPECT_REFUSED("{\"timestamp\":1,\"input_length\":2,\"output_length\":2147483648}\n",
                   "line 1:", "\"output_length\" is 2147483648", "[1, 2147483647]");
    EXPECT_REFUSED("{\"timestamp\":1,\"input_length\":2.5,\"output_length\":3}\n",
                   "line 1:", "\"input_length\" is 2.5");
    EXPECT_REFUSED("{\"timestamp\":1,\"input_length\":\"2\",\"output_length\":3}\n",
                   "line 1:", "\"input_length\" is \"2\"");
    EXPECT_REFUSED("{\"timestamp\":null,\"input_length\":2,\"output_length\":3}\n",
                   "line 1:", "\"timestamp\" is null");
    EXPECT_REFUSED("{\"timestamp\":1,\"input_length\":99999999999999999999,\"output_length\":3}\n",
                   "line 1:", "too big", "9223372036854775807");
}
END_TEST

START_TEST(what_is_no_trace_is_refused)
{
    EXPECT_REFUSED("", "no request");
    EXPECT_REFUSED("\n\n", "no request");
    EXPECT_REFUSED("{\"timestamp\":1,\n", "line 1:", "column");
    EXPECT_REFUSED("[1, 2]\n", "line 1:", "not an object");
    EXPECT_REFUSED("7\n", "line 1:", "not an object");
    EXPECT_REFUSED("\0\0\0\n", "line 1:");
    EXPECT_REFUSED("{\"timestamp\":1,\"timestamp\":1,\"input_length\":2,\"output_length\":3}\n",
                   "line 1:", "duplicate");
}
END_TEST

START_TEST(a_line_without_end_is_refused)
{
    const size_t count = KVSPAN_MOONCAKE_MAX_LINE_BYTES + 1;
    char *text = malloc(count);

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', count);
    expect_trace_refused(kvspan_mooncake_read, text, count,
                         (const char *const[3]){ "line 1:", "1048576 bytes" });
    free(text);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named_with_the_reason)
{
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };
    char path[301];

    ck_assert_int_eq(kvspan_mooncake_read("/nowhere/trace", 0, &trace, &error), KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/trace: cannot be opened: No such file"));
    ck_assert_int_eq(kvspan_mooncake_read("/tmp", 0, &trace, &error), KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "Is a directory"));
    memset(path, 'x', 300);
    path[300] = '\0';
    ck_assert_int_eq(kvspan_mooncake_read(path, 0, &trace, &error), KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "File name too long"));
}
END_TEST

START_TEST(scaling_divides_and_leaves_at_least_one_token)
{
    kvspan_trace trace = { 0 };

    ck_assert_int_eq(kvspan_trace_add(&trace, 6758, 500, 0, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_trace_add(&trace, 63, 1, 0, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_trace_add(&trace, 64, 129, 0, NULL), KVSPAN_OK);
    kvspan_trace_scale(&trace, 64);
    expect_request(&trace, 0, 105, 7, 0);
    expect_request(&trace, 1, 1, 1, 0);
    expect_request(&trace, 2, 1, 2, 0);
    kvspan_trace_scale(&trace, 1.5);
    expect_request(&trace, 0, 70, 4, 0);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(sorting_is_by_arrival_then_by_tag_and_keeps_tags)
{
    static const uint64_t arrivals_ms[] = { 50, 10, 50, 0, 10, UINT64_MAX, 49 };
    static const uint64_t sorted_tags[] = { 3, 1, 4, 6, 0, 2, 5 };
    kvspan_trace trace = { 0 };

    ck_assert_int_eq(kvspan_trace_sort(&trace, NULL), KVSPAN_OK);
    for (uint32_t i = 0; i < 7; i++) {
        ck_assert_int_eq(kvspan_trace_add(&trace, 10 + i, 20 + i, arrivals_ms[i], NULL), KVSPAN_OK);
    }
    ck_assert_int_eq(kvspan_trace_sort(&trace, NULL), KVSPAN_OK);
    ck_assert_uint_eq(trace.count, 7);
    for (uint32_t i = 0; i < 7; i++) {
        const uint64_t tag = sorted_tags[i];

        ck_assert_uint_eq(trace.requests[i].tag, tag);
        ck_assert_uint_eq(trace.requests[i].prompt_tokens, 10 + tag);
        ck_assert_uint_eq(trace.requests[i].output_tokens, 20 + tag);
        ck_assert_uint_eq(trace.arrivals_ms[i], arrivals_ms[tag]);
    }
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(a_trace_grows_as_far_as_it_must)
{
    kvspan_trace trace = { 0 };

    ck_assert_uint_eq(kvspan_trace_longest(&trace), 0);
    for (uint32_t i = 0; i < 5000; i++) {
        if (kvspan_trace_add(&trace, i + 1, 2ull * i + 1, 3ull * i, NULL) != KVSPAN_OK) {
            ck_abort_msg("request %u was not added", i);
        }
    }
    ck_assert_uint_eq(trace.count, 5000);
    expect_request(&trace, 0, 1, 1, 0);
    expect_request(&trace, 1024, 1025, 2049, 3072);
    expect_request(&trace, 4999, 5000, 9999, 14997);
    ck_assert_uint_eq(kvspan_trace_longest(&trace), 5000 + 9999 - 1);
    kvspan_trace_fini(&trace);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/trace");
    TCase *reading = tcase_create("reading");
    TCase *lengths = tcase_create("lengths");

    tcase_add_test(reading, requests_come_in_the_order_of_the_file);
    tcase_add_test(reading, line_ends_and_blank_lines_may_be_any);
    tcase_add_test(reading, a_limit_stops_before_what_is_wrong_behind_it);
    tcase_add_test(reading, what_is_wrong_is_named_with_its_line_field_and_value);
    tcase_add_test(reading, what_is_no_trace_is_refused);
    tcase_add_test(reading, a_line_without_end_is_refused);
    tcase_add_test(reading, a_file_that_cannot_be_read_is_named_with_the_reason);
    tcase_add_test(lengths, scaling_divides_and_leaves_at_least_one_token);
    tcase_add_test(lengths, sorting_is_by_arrival_then_by_tag_and_keeps_tags);
    tcase_add_test(lengths, a_trace_grows_as_far_as_it_must);
    suite_add_tcase(suite, reading);
    suite_add_tcase(suite, lengths);
    return suite_run(suite);
}
