#include "launch/azure.h"
#include "support/suite.h"
#include "trace_text.h"

#include <stdlib.h>
#include <string.h>

#define HEADER                    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
#define EXPECT_REFUSED(text, ...) EXPECT_TRACE_REFUSED(kvspan_azure_read, text, __VA_ARGS__)

START_TEST(rows_become_requests_with_milliseconds_since_the_earliest)
{
    kvspan_trace trace = read_trace(kvspan_azure_read,
                                    HEADER "2023-11-16 18:15:46.6805900,374,44\r\n"
                                           "2023-11-16 18:15:46.6795900,5,6\r\n"
                                           "2023-11-16 18:15:50.9951690,396,109",
                                    0);

    ck_assert_uint_eq(trace.count, 3);
    expect_request(&trace, 0, 374, 44, 1);
    expect_request(&trace, 1, 5, 6, 0);
    expect_request(&trace, 2, 396, 109, 4316);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(lines_and_times_may_be_spelt_in_other_ways)
{
    kvspan_trace trace = read_trace(kvspan_azure_read,
                                    "\nTIMESTAMP,ContextTokens,GeneratedTokens\n\n"
                                    "2024-02-28 23:59:59,1,2147483647\n \r\n"
                                    "2024-02-29 00:00:00.009930+00:00,7,8\n"
                                    "2024-03-01 00:00:00.5,9,10\n\n",
                                    0);

    ck_assert_uint_eq(trace.count, 3);
    expect_request(&trace, 0, 1, 2147483647, 0);
    expect_request(&trace, 1, 7, 8, 1009);
    expect_request(&trace, 2, 9, 10, 86401500);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(a_limit_stops_before_what_is_wrong_behind_it)
{
    kvspan_trace trace =
        read_trace(kvspan_azure_read, HEADER "2023-11-16 18:15:46.1,3,4\nnonsense\n", 1);

    ck_assert_uint_eq(trace.count, 1);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(lengths_that_no_request_has_are_named_with_line_column_and_value)
{
    static const char *const wrong[] = {
        "0",          "-1", "+1",  "2.5",   "",     " 3",
        "3 ",         "x",  "1e3", "\"4\"", "0x10", "99999999999999999999",
        "2147483648",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[200];
        char quoted[64];

        (void)snprintf(quoted, sizeof(quoted), "\"%s\", not a whole number in [1, 2147483647]",
                       wrong[i]);
        (void)snprintf(text, sizeof(text),
                       HEADER "2023-11-16 18:15:46,1,1\r\n"
                              "2023-11-16 18:15:46,%s,1\r\n",
                       wrong[i]);
        expect_trace_refused(kvspan_azure_read, text, strlen(text),
                             (const char *const[3]){ "line 3:", "ContextTokens is", quoted });
        (void)snprintf(text, sizeof(text), HEADER "2023-11-16 18:15:46,1,%s\r\n", wrong[i]);
        expect_trace_refused(kvspan_azure_read, text, strlen(text),
                             (const char *const[3]){ "line 2:", "GeneratedTokens is", quoted });
    }
}
END_TEST

START_TEST(times_that_are_none_are_named)
{
    static const char *const wrong[] = {
        "",
        "now",
        "2023-11-16",
        "2023-11-16 18:15",
        "2023-11-16T18:15:46",
        "2023-11-16 18:15:46.",
        "2023-11-16 18:15:46.1234567890",
        "2023-11-16 18:15:46.5 ",
        "2023-11-16 18:15:46+01:00",
        "2023-11-16 18:15:60",
        "2023-11-16 18:60:46",
        "2023-11-16 24:15:46",
        "2023-11-31 18:15:46",
        "2023-02-29 18:15:46",
        "2023-00-16 18:15:46",
        "2023-13-16 18:15:46",
        "1969-12-31 23:59:59",
        "23-11-16 18:15:46",
        "+023-11-16 18:15:46",
        "2023-11- 6 18:15:46",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[200];
        char quoted[64];

        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", wrong[i]);
        (void)snprintf(text, sizeof(text), HEADER "%s,1,1\r\n", wrong[i]);
        expect_trace_refused(kvspan_azure_read, text, strlen(text),
                             (const char *const[3]){ "line 2:", "TIMESTAMP is", quoted });
    }
}
END_TEST

START_TEST(what_is_no_such_file_is_refused)
{
    EXPECT_REFUSED("", "no request");
    EXPECT_REFUSED("\r\n\r\n", "no request");
    EXPECT_REFUSED(HEADER, "no request");
    EXPECT_REFUSED("TIMESTAMP,GeneratedTokens,ContextTokens\n",
                   "line 1:", "\"TIMESTAMP,GeneratedTokens,ContextTokens\"",
                   "not TIMESTAMP,ContextTokens,GeneratedTokens");
    EXPECT_REFUSED("2023-11-16 18:15:46,1,1\n", "line 1:", "the columns are \"2023-11-16");
    EXPECT_REFUSED(HEADER "2023-11-16 18:15:46,1\n", "line 2:", "not three fields");
    EXPECT_REFUSED(HEADER "2023-11-16 18:15:46,1,2,\n", "line 2:", "not three fields");
    EXPECT_REFUSED(HEADER "2023-11-16 18:15:46,1,2\0\n", "line 2:", "NUL");
}
END_TEST

START_TEST(a_line_without_end_is_refused)
{
    char text[sizeof(HEADER) + KVSPAN_AZURE_MAX_LINE_BYTES + 1] = HEADER;
    const size_t header = sizeof(HEADER) - 1;

    memset(text + header, '1', KVSPAN_AZURE_MAX_LINE_BYTES + 1);
    expect_trace_refused(kvspan_azure_read, text, header + KVSPAN_AZURE_MAX_LINE_BYTES + 1,
                         (const char *const[3]){ "line 2:", "more than 1024 bytes" });
    expect_trace_refused(kvspan_azure_read, text, header + KVSPAN_AZURE_MAX_LINE_BYTES,
                         (const char *const[3]){ "line 2:", "not three fields" });
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/azure");
    TCase *reading = tcase_create("reading");

    tcase_add_test(reading, rows_become_requests_with_milliseconds_since_the_earliest);
    tcase_add_test(reading, lines_and_times_may_be_spelt_in_other_ways);
    tcase_add_test(reading, a_limit_stops_before_what_is_wrong_behind_it);
    tcase_add_test(reading, lengths_that_no_request_has_are_named_with_line_column_and_value);
    tcase_add_test(reading, times_that_are_none_are_named);
    tcase_add_test(reading, what_is_no_such_file_is_refused);
    tcase_add_test(reading, a_line_without_end_is_refused);
    suite_add_tcase(suite, reading);
    return suite_run(suite);
}
