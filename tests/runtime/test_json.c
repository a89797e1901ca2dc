#include "runtime/json.h"

#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static kvspan_json *parse(const char *text)
{
    kvspan_json *json = NULL;
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_json_parse(text, strlen(text), &json, &error) == KVSPAN_OK, "%s: %s", text,
                  error.message);
    return json;
}

/* Fails the test unless these bytes are refused in words that contain `reason`. */
static void expect_refused(const char *text, size_t length, const char *reason)
{
    kvspan_json *json = NULL;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_json_parse(text, length, &json, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(json);
    ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\" has no \"%s\"", error.message,
                  reason);
}

START_TEST(values_of_every_kind_are_told_apart)
{
    kvspan_json *json = parse("{\"a\": [1, null, \"x\"], \"b\": {}, \"c\": -7, \"d\": 2.5}");
    const kvspan_json *list = kvspan_json_member(json, "a");

    ck_assert(kvspan_json_is_object(json));
    ck_assert(!kvspan_json_is_array(json));
    ck_assert(kvspan_json_is_array(list));
    ck_assert_uint_eq(kvspan_json_length(list), 3);
    ck_assert(kvspan_json_is_null(kvspan_json_element(list, 1)));
    ck_assert_str_eq(kvspan_json_text(kvspan_json_element(list, 2)), "x");
    ck_assert_ptr_null(kvspan_json_element(list, 3));
    ck_assert_ptr_null(kvspan_json_text(kvspan_json_element(list, 0)));
    ck_assert_ptr_null(kvspan_json_member(json, "e"));
    ck_assert_ptr_null(kvspan_json_member(list, "a"));
    ck_assert(kvspan_json_is_object(kvspan_json_member(json, "b")));
    kvspan_json_free(json);
}
END_TEST

START_TEST(keys_come_in_the_order_of_the_document)
{
    kvspan_json *json = parse("{\"zebra\": 1, \"ant\": 2, \"mole\": 3}");
    const char *const order[] = { "zebra", "ant", "mole" };
    kvspan_json *value = NULL;

    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(kvspan_json_key(json, i, &value), order[i]);
        ck_assert_ptr_eq(value, kvspan_json_member(json, order[i]));
    }
    ck_assert_ptr_null(kvspan_json_key(json, 3, &value));
    kvspan_json_free(json);
}
END_TEST

START_TEST(what_is_no_document_is_refused_with_its_place)
{
    expect_refused("", 0, "line 1");
    expect_refused("{\"a\": 1,\n \"b\" 2}", 16, "line 2");
    expect_refused("{\"a\": 1} x", 10, "line 1, column");
    expect_refused("{\"a\": 1", 7, "line 1");
    expect_refused("{\"a\": 1}\0", 9, "line 1");
    expect_refused("\"\xff\"", 3, "0xff");
}
END_TEST

START_TEST(a_key_that_occurs_twice_is_refused)
{
    expect_refused("{\"a\": 1, \"a\": 1}", 16, "duplicate");
}
END_TEST

START_TEST(whole_numbers_beyond_64_bits_are_refused_with_the_limit)
{
    kvspan_json *json = parse("{\"a\": 9223372036854775807, \"b\": -9223372036854775808}");
    int64_t value = 0;

    ck_assert_int_eq(kvspan_json_integer(json, "a", INT64_MIN, INT64_MAX, true, &value, NULL),
                     KVSPAN_OK);
    ck_assert(value == INT64_MAX);
    ck_assert_int_eq(kvspan_json_integer(json, "b", INT64_MIN, INT64_MAX, true, &value, NULL),
                     KVSPAN_OK);
    ck_assert(value == INT64_MIN);
    kvspan_json_free(json);
    expect_refused("{\"a\": 9223372036854775808}", 26, "9223372036854775807");
    expect_refused("{\"a\": -9223372036854775809}", 27, "-9223372036854775808");
    expect_refused("{\"a\": 1e999}", 12, "1.8e308");
}
END_TEST

START_TEST(nesting_without_end_is_refused)
{
    enum {
        DEPTH = 1000000
    };
    char *text = malloc(DEPTH);

    ck_assert_ptr_nonnull(text);
    memset(text, '[', DEPTH);
    expect_refused(text, DEPTH, "2048");
    free(text);
}
END_TEST

START_TEST(a_document_beyond_the_limit_is_refused_unread)
{
    /* Not one byte of it is there. */
    expect_refused("", (size_t)KVSPAN_JSON_MAX_BYTES + 1, "67108864");
}
END_TEST

/* Fails the test unless the member is refused as an integer in [1, 10], in words with `reason`. */
static void expect_no_integer(const kvspan_json *json, const char *key, const char *reason)
{
    kvspan_error error = { 0 };
    int64_t value = 77;

    ck_assert_int_eq(kvspan_json_integer(json, key, 1, 10, true, &value, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(value, 77);
    ck_assert_msg(strstr(error.message, key) != NULL, "\"%s\" has no \"%s\"", error.message, key);
    ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\" has no \"%s\"", error.message,
                  reason);
}

START_TEST(an_integer_is_whole_and_within_its_limits)
{
    kvspan_json *json = parse("{\"low\": 0, \"high\": 11, \"half\": 2.5, \"text\": \"7\", "
                              "\"list\": [], \"none\": null, \"one\": 1, \"ten\": 10}");
    int64_t value = 0;

    expect_no_integer(json, "low", "0, not in [1, 10]");
    expect_no_integer(json, "high", "11, not in [1, 10]");
    expect_no_integer(json, "half", "2.5");
    expect_no_integer(json, "text", "\"7\"");
    expect_no_integer(json, "list", "an array");
    expect_no_integer(json, "none", "null");
    expect_no_integer(json, "absent", "missing");
    expect_no_integer(kvspan_json_member(json, "list"), "low", "not an object");
    ck_assert_int_eq(kvspan_json_integer(json, "one", 1, 10, true, &value, NULL), KVSPAN_OK);
    ck_assert_int_eq(value, 1);
    ck_assert_int_eq(kvspan_json_integer(json, "ten", 1, 10, true, &value, NULL), KVSPAN_OK);
    ck_assert_int_eq(value, 10);
    value = 5;
    ck_assert_int_eq(kvspan_json_integer(json, "absent", 1, 10, false, &value, NULL), KVSPAN_OK);
    ck_assert_int_eq(value, 5);
    kvspan_json_free(json);
}
END_TEST

START_TEST(a_long_value_is_cut_in_the_message)
{
    char text[400] = "{\"key\": \"";
    kvspan_json *json;

    memset(text + 9, 'x', 300);
    memcpy(text + 309, "\"}", 3);
    json = parse(text);
    expect_no_integer(json, "key", "xxx...");
    expect_no_integer(json, "key", "[1, 10]");
    kvspan_json_free(json);
}
END_TEST

START_TEST(a_real_may_be_written_without_a_fraction)
{
    kvspan_json *json = parse("{\"a\": 2, \"b\": 0.25, \"c\": \"x\"}");
    kvspan_error error = { 0 };
    double value = 0;

    ck_assert_int_eq(kvspan_json_real(json, "a", true, &value, NULL), KVSPAN_OK);
    ck_assert(value == 2.0);
    ck_assert_int_eq(kvspan_json_real(json, "b", true, &value, NULL), KVSPAN_OK);
    ck_assert(value == 0.25);
    ck_assert_int_eq(kvspan_json_real(json, "c", true, &value, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "\"x\""));
    ck_assert_int_eq(kvspan_json_real(json, "d", true, &value, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_json_real(json, "d", false, &value, NULL), KVSPAN_OK);
    ck_assert(value == 0.25);
    kvspan_json_free(json);
}
END_TEST

START_TEST(an_object_is_written_in_the_order_of_adding)
{
    kvspan_json *json = kvspan_json_object();
    char *text;

    ck_assert(kvspan_json_add_integer(json, "zebra", INT64_MIN));
    ck_assert(kvspan_json_add_text(json, "ant", "a \"quoted\" \\ line\n"));
    ck_assert(kvspan_json_add_real(json, "mole", 0.5));
    ck_assert(kvspan_json_add_real(json, "not_finite", INFINITY));
    ck_assert(kvspan_json_add_text(json, "not_utf8", "a\xff"));
    text = kvspan_json_write(json);
    ck_assert_str_eq(text, "{\"zebra\":-9223372036854775808,"
                           "\"ant\":\"a \\\"quoted\\\" \\\\ line\\n\",\"mole\":0.5,"
                           "\"not_finite\":null,\"not_utf8\":\"a?\"}");
    free(text);
    kvspan_json_free(json);
}
END_TEST

START_TEST(what_could_not_be_made_can_be_passed_on)
{
    ck_assert(!kvspan_json_add_integer(NULL, "a", 1));
    ck_assert(!kvspan_json_add_real(NULL, "a", 1));
    ck_assert(!kvspan_json_add_text(NULL, "a", "b"));
    ck_assert_ptr_null(kvspan_json_write(NULL));
    kvspan_json_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/json");
    TCase *reading = tcase_create("reading");
    TCase *writing = tcase_create("writing");

    tcase_add_test(reading, values_of_every_kind_are_told_apart);
    tcase_add_test(reading, keys_come_in_the_order_of_the_document);
    tcase_add_test(reading, what_is_no_document_is_refused_with_its_place);
    tcase_add_test(reading, a_key_that_occurs_twice_is_refused);
    tcase_add_test(reading, whole_numbers_beyond_64_bits_are_refused_with_the_limit);
    tcase_add_test(reading, nesting_without_end_is_refused);
    tcase_add_test(reading, a_document_beyond_the_limit_is_refused_unread);
    tcase_add_test(reading, an_integer_is_whole_and_within_its_limits);
    tcase_add_test(reading, a_long_value_is_cut_in_the_message);
    tcase_add_test(reading, a_real_may_be_written_without_a_fraction);
    tcase_add_test(writing, an_object_is_written_in_the_order_of_adding);
    tcase_add_test(writing, what_could_not_be_made_can_be_passed_on);
    suite_add_tcase(suite, reading);
    suite_add_tcase(suite, writing);
    return suite_run(suite);
}
