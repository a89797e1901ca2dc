#include "launch/agentic.h"
#include "support/suite.h"
#include "trace_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPECT_REFUSED(text, ...) EXPECT_TRACE_REFUSED(kvspan_agentic_read, text, __VA_ARGS__)
#define CALL                      "{\"t\":1,\"in\":2,\"out\":3}"

/* Sub-agents of sub-agents: their calls come in between those of the session. */
static const char nested[] =
    "{\"id\": \"x\", \"requests\": [\n"
    " {\"t\": 0.0, \"type\": \"n\", \"in\": 100, \"out\": 10, \"hash_ids\": [1]},\n"
    " {\"t\": 79.224, \"type\": \"subagent\", \"requests\": [\n"
    "  {\"t\": 0.0, \"in\": 200, \"out\": 20},\n"
    "  {\"t\": 5, \"requests\": [{\"t\": 0.0006, \"in\": 300, \"out\": 30}]},\n"
    "  {\"t\": 30.5, \"in\": 400, \"out\": 40}]},\n"
    " {\"t\": 84.225, \"requests\": []},\n"
    " {\"t\": 84.225, \"in\": 500, \"out\": 50},\n"
    " {\"t\": 90, \"in\": 600, \"out\": 60}]}\n";

START_TEST(calls_of_sub_agents_come_between_the_others_by_time)
{
    kvspan_trace trace = read_trace(kvspan_agentic_read, nested, 0);

    ck_assert_uint_eq(trace.count, 6);
    expect_request(&trace, 0, 100, 10, 0);
    expect_request(&trace, 1, 200, 20, 79224);
    expect_request(&trace, 2, 300, 30, 84225); /* before the other of that time in the file */
    expect_request(&trace, 3, 500, 50, 84225);
    expect_request(&trace, 4, 600, 60, 90000);
    expect_request(&trace, 5, 400, 40, 109724);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(a_limit_leaves_the_first_by_time)
{
    kvspan_trace trace = read_trace(kvspan_agentic_read, nested, 5);

    ck_assert_uint_eq(trace.count, 5);
    expect_request(&trace, 4, 600, 60, 90000);
    kvspan_trace_fini(&trace);
    trace = read_trace(kvspan_agentic_read, nested, 7);
    ck_assert_uint_eq(trace.count, 6);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(what_is_wrong_is_named_with_its_place_field_and_value)
{
    EXPECT_REFUSED("{\"requests\":[" CALL ",{\"in\":2,\"out\":3}]}",
                   "requests[1]:", "\"t\" is missing");
    EXPECT_REFUSED("{\"requests\":[{\"t\":-0.5,\"in\":2,\"out\":3}]}",
                   "requests[0]:", "\"t\" is -0.5, not in [0, 1000000000]");
    EXPECT_REFUSED("{\"requests\":[{\"t\":1.1e9,\"in\":2,\"out\":3}]}", "requests[0]:", "1.1e+09");
    EXPECT_REFUSED("{\"requests\":[{\"t\":\"1\",\"in\":2,\"out\":3}]}", "\"t\" is \"1\"");
    EXPECT_REFUSED("{\"requests\":[" CALL ",{\"t\":1,\"requests\":[" CALL "," CALL
                   ",{\"t\":1,\"in\":0,\"out\":3}]}]}",
                   "requests[1].requests[2]:", "\"in\" is 0, not in [1, 2147483647]");
    EXPECT_REFUSED("{\"requests\":[{\"t\":1,\"in\":2,\"out\":2147483648}]}",
                   "requests[0]:", "\"out\" is 2147483648");
    EXPECT_REFUSED("{\"requests\":[{\"t\":1,\"in\":2}]}", "requests[0]:", "\"out\" is missing");
    EXPECT_REFUSED("{\"requests\":[{\"t\":1,\"in\":2.5,\"out\":1}]}", "\"in\" is 2.5");
    EXPECT_REFUSED("{\"requests\":[{\"t\":1,\"requests\":7}]}",
                   "requests[0]:", "\"requests\" is not an array");
    EXPECT_REFUSED("{\"requests\":[7]}", "requests[0]:", "not an object");
    EXPECT_REFUSED("{\"requests\":[null]}", "requests[0]:", "not an object");
}
END_TEST

START_TEST(what_is_no_session_is_refused)
{
    EXPECT_REFUSED("", "line 1");
    EXPECT_REFUSED("{\"requests\":[\n" CALL "\n", "line 3", "column");
    EXPECT_REFUSED("[]", "not an object with \"requests\"");
    EXPECT_REFUSED("{\"calls\":[]}", "not an object with \"requests\"");
    EXPECT_REFUSED("{\"requests\":{}}", "\"requests\" is not an array");
    EXPECT_REFUSED("{\"requests\":[]}", "no request");
    EXPECT_REFUSED("{\"requests\":[{\"t\":1,\"requests\":[]}]}", "no request");
}
END_TEST

/* A session whose innermost call is in so many sub-agents. */
static char *nest(uint32_t depth)
{
    static const char open[] = "{\"t\":1,\"requests\":[";
    static const char close[] = "]}";
    const size_t open_bytes = sizeof(open) - 1;
    const size_t close_bytes = sizeof(close) - 1;
    const size_t call_bytes = sizeof(CALL) - 1;
    char *text = calloc(depth + 2, open_bytes + close_bytes + call_bytes);
    char *end = text;

    ck_assert_ptr_nonnull(text);
    for (uint32_t i = 0; i <= depth; i++, end += open_bytes) {
        memcpy(end, open, open_bytes);
    }
    memcpy(end, CALL, call_bytes);
    end += call_bytes;
    for (uint32_t i = 0; i <= depth; i++, end += close_bytes) {
        memcpy(end, close, close_bytes);
    }
    return text;
}

START_TEST(sub_agents_are_nested_so_deep_and_no_deeper)
{
    static const uint32_t too_deep[] = { KVSPAN_AGENTIC_MAX_DEPTH + 1, 900, 5000 };
    char *text = nest(KVSPAN_AGENTIC_MAX_DEPTH);
    kvspan_trace trace = read_trace(kvspan_agentic_read, text, 0);

    /* The session's own time is not one of a sub-agent. */
    ck_assert_uint_eq(trace.count, 1);
    expect_request(&trace, 0, 2, 3, 1000 * (KVSPAN_AGENTIC_MAX_DEPTH + UINT64_C(1)));
    kvspan_trace_fini(&trace);
    free(text);
    for (size_t i = 0; i < 3; i++) {
        text = nest(too_deep[i]);
        expect_trace_refused(kvspan_agentic_read, text, strlen(text),
                             (const char *const[3]){ "nested" });
        free(text);
    }
}
END_TEST

START_TEST(a_file_that_is_too_large_is_refused_before_it_is_parsed)
{
    char path[] = "/tmp/kvspan_trace_XXXXXX";
    const int descriptor = mkstemp(path);
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };
    kvspan_status statuses[2];

    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(ftruncate(descriptor, KVSPAN_AGENTIC_MAX_BYTES), 0);
    statuses[0] = kvspan_agentic_read(path, 0, &trace, &error);
    ck_assert_ptr_nonnull(strstr(error.message, "line 1")); /* parsed: it begins with a NUL */
    ck_assert_int_eq(ftruncate(descriptor, KVSPAN_AGENTIC_MAX_BYTES + 1), 0);
    statuses[1] = kvspan_agentic_read(path, 0, &trace, &error);
    (void)close(descriptor);
    (void)unlink(path);
    ck_assert_int_eq(statuses[0], KVSPAN_ERR_IO);
    ck_assert_int_eq(statuses[1], KVSPAN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "more than 67108864 bytes"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/agentic");
    TCase *reading = tcase_create("reading");

    tcase_add_test(reading, calls_of_sub_agents_come_between_the_others_by_time);
    tcase_add_test(reading, a_limit_leaves_the_first_by_time);
    tcase_add_test(reading, what_is_wrong_is_named_with_its_place_field_and_value);
    tcase_add_test(reading, what_is_no_session_is_refused);
    tcase_add_test(reading, sub_agents_are_nested_so_deep_and_no_deeper);
    tcase_add_test(reading, a_file_that_is_too_large_is_refused_before_it_is_parsed);
    suite_add_tcase(suite, reading);
    return suite_run(suite);
}
