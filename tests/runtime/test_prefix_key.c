#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include <kvspan/prefix_key.h>

#include "support/random.h"

enum {
    MAX_TOKENS = 3000
};

/* The definition: one digest of the key before and the tokens, side by side. */
static kvspan_digest key_by_definition(kvspan_digest before, const uint32_t *tokens,
                                       uint32_t page_tokens)
{
    static unsigned char bytes[sizeof(kvspan_digest) + MAX_TOKENS * sizeof(uint32_t)];

    memcpy(bytes, &before.low, 8);
    memcpy(bytes + 8, &before.high, 8);
    memcpy(bytes + 16, tokens, page_tokens * sizeof(*tokens));
    return kvspan_digest_bytes(bytes, 16 + page_tokens * sizeof(*tokens));
}

static void fill(uint32_t *tokens)
{
    random_source source = random_start("prefix_key", 4);

    for (size_t i = 0; i < MAX_TOKENS; i++) {
        tokens[i] = (uint32_t)random_next(&source);
    }
}

START_TEST(a_key_is_the_digest_of_the_key_before_and_its_tokens)
{
    static const uint32_t page_sizes[] = { 1, 16, 48, 60, 61, 1000, MAX_TOKENS };
    const uint32_t page_tokens = page_sizes[_i];
    const uint64_t page_count = MAX_TOKENS / page_tokens;
    static uint32_t tokens[MAX_TOKENS];
    static kvspan_digest keys[MAX_TOKENS + 1];
    kvspan_digest before = { .low = 3, .high = 9 };

    fill(tokens);
    keys[page_count].low = 77;
    ck_assert_int_eq(kvspan_prefix_keys(&before, tokens, MAX_TOKENS, page_tokens, keys, NULL),
                     KVSPAN_OK);
    for (uint64_t page = 0; page < page_count; page++) {
        before = key_by_definition(before, tokens + page * page_tokens, page_tokens);
        ck_assert_uint_eq(keys[page].low, before.low);
        ck_assert_uint_eq(keys[page].high, before.high);
    }
    ck_assert_uint_eq(keys[page_count].low, 77);
}
END_TEST

START_TEST(a_prompt_that_goes_on_from_a_page_has_the_keys_of_the_whole)
{
    static uint32_t tokens[MAX_TOKENS];
    kvspan_digest whole[4];
    kvspan_digest rest[2];

    fill(tokens);
    ck_assert_int_eq(kvspan_prefix_keys(NULL, tokens, 64, 16, whole, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_prefix_keys(&whole[1], tokens + 32, 32, 16, rest, NULL), KVSPAN_OK);
    ck_assert_mem_eq(rest, whole + 2, sizeof(rest));
    /* A change anywhere changes all keys from there on, and none before. */
    tokens[20]++;
    ck_assert_int_eq(kvspan_prefix_keys(NULL, tokens, 32, 16, rest, NULL), KVSPAN_OK);
    ck_assert_mem_eq(rest, whole, sizeof(rest[0]));
    ck_assert_mem_ne(rest + 1, whole + 1, sizeof(rest[0]));
}
END_TEST

START_TEST(what_cannot_be_is_refused_and_what_is_too_short_has_no_key)
{
    const uint32_t tokens[15] = { 0 };
    kvspan_digest key = { .low = 5, .high = 6 };
    kvspan_error error;

    ck_assert_int_eq(kvspan_prefix_keys(NULL, tokens, 15, 16, &key, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_prefix_keys(NULL, NULL, 0, 16, NULL, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_prefix_keys(NULL, tokens, 15, 0, &key, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "page_tokens is 0");
    ck_assert_uint_eq(key.low, 5);
    ck_assert_uint_eq(key.high, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/prefix_key");
    TCase *keys = tcase_create("keys");

    tcase_add_loop_test(keys, a_key_is_the_digest_of_the_key_before_and_its_tokens, 0, 7);
    tcase_add_test(keys, a_prompt_that_goes_on_from_a_page_has_the_keys_of_the_whole);
    tcase_add_test(keys, what_cannot_be_is_refused_and_what_is_too_short_has_no_key);
    suite_add_tcase(suite, keys);
    return suite_run(suite);
}
