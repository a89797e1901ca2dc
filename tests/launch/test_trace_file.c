#include "launch/trace_file.h"
#include "support/suite.h"
#include "trace_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPECT_REFUSED(text, ...) EXPECT_TRACE_REFUSED(kvspan_trace_file_read, text, __VA_ARGS__)

/* Fails the test unless the text is read as one request of 2 and 3 tokens at 4 ms. */
static void expect_read(const char *text, uint64_t arrival_ms)
{
    kvspan_trace trace = read_trace(kvspan_trace_file_read, text, 0);

    ck_assert_uint_eq(trace.count, 1);
    expect_request(&trace, 0, 2, 3, arrival_ms);
    kvspan_trace_fini(&trace);
}

START_TEST(a_format_is_told_by_what_is_in_the_file)
{
    expect_read("{\"timestamp\":4,\"input_length\":2,\"output_length\":3}\n", 4);
    expect_read("TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.68,2,3", 0);
    expect_read("{\"requests\":[{\"t\":0.004,\"in\":2,\"out\":3}]}", 4);
    expect_read("\n {\n  \"id\": 1,\n  \"requests\":\n  [{\"t\":0.004,\"in\":2,\"out\":3}]\n}\n",
                4);
    expect_read("\n\nTIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,2,3\n", 0);
    /* Each format ignores what is a key of another behind its own. */
    expect_read("{\"input_length\":2,\"output_length\":3,\"timestamp\":4,\"requests\":[]}\n", 4);
    expect_read("{\"requests\":[{\"t\":0.004,\"in\":2,\"out\":3,\"input_length\":7}]}", 4);
}
END_TEST

START_TEST(a_limit_reaches_every_format)
{
    static const char *const texts[] = {
        "{\"timestamp\":0,\"input_length\":2,\"output_length\":3}\n"
        "{\"timestamp\":9,\"input_length\":2,\"output_length\":3}\n",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46,2,3\n2023-11-16 18:15:46,2,3\n",
        "{\"requests\":[{\"t\":0,\"in\":2,\"out\":3},{\"t\":1,\"in\":2,\"out\":3}]}",
    };

    for (size_t i = 0; i < 3; i++) {
        for (uint32_t limit = 0; limit <= 3; limit++) {
            kvspan_trace trace = read_trace(kvspan_trace_file_read, texts[i], limit);

            ck_assert_uint_eq(trace.count, limit == 1 ? 1 : 2);
            kvspan_trace_fini(&trace);
        }
    }
}
END_TEST

START_TEST(what_is_of_no_format_is_shown)
{
    EXPECT_REFUSED("", "no request");
    EXPECT_REFUSED(" \r\n\n", "no request");
    EXPECT_REFUSED("Timestamp,Model,Tokens\n", "begins with \"Timestamp,Model,Tokens?\"",
                   "neither a JSON object nor the columns TIMESTAMP,ContextTokens");
    EXPECT_REFUSED("\x1f\x8b\x08 gzip", "begins with \"??? gzip\"");
    EXPECT_REFUSED("\0", "begins with \"?\"");
    EXPECT_REFUSED("[1]", "begins with \"[1]\"");
    EXPECT_REFUSED("TIMESTAMPS\n", "line 1:", "the columns are \"TIMESTAMPS\"");
    EXPECT_REFUSED("{", "line 1:", "column");
    EXPECT_REFUSED("{\"id\":1, \"requests\"", "line 1, column");
}
END_TEST

START_TEST(what_cannot_be_read_twice_is_refused)
{
    char path[] = "/tmp/kvspan_trace_XXXXXX";
    char pipe_path[48];
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };
    kvspan_status status;
    FILE *both_ends;

    ck_assert_ptr_nonnull(mkdtemp(path));
    (void)snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", path);
    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
    both_ends = fopen(pipe_path, "r+");
    ck_assert_ptr_nonnull(both_ends);
    status = kvspan_trace_file_read(pipe_path, 0, &trace, &error);
    (void)fclose(both_ends);
    (void)unlink(pipe_path);
    (void)rmdir(path);
    ck_assert_int_eq(status, KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "cannot be read twice: Illegal seek"));
    ck_assert_int_eq(kvspan_trace_file_read("/nowhere/trace", 0, &trace, &error), KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/trace: cannot be opened: No such file"));
    ck_assert_int_eq(kvspan_trace_file_read("/tmp", 0, &trace, &error), KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "Is a directory"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/trace_file");
    TCase *reading = tcase_create("reading");

    tcase_add_test(reading, a_format_is_told_by_what_is_in_the_file);
    tcase_add_test(reading, a_limit_reaches_every_format);
    tcase_add_test(reading, what_is_of_no_format_is_shown);
    tcase_add_test(reading, what_cannot_be_read_twice_is_refused);
    suite_add_tcase(suite, reading);
    return suite_run(suite);
}
