#include "support/suite.h"

#include <stddef.h>
#include <string.h>

#include "ledger_fixture.h"

/* A config with one field changed, and what is said about it. */
typedef struct refused_config {
    size_t field_offset; /* of a uint32_t */
    uint32_t value;
    kvspan_status status;
    const char *message;
} refused_config;

#define FIELD(name) offsetof(kvspan_ledger_config, name)

static const refused_config refused_configs[] = {
    { FIELD(group_count), 17, KVSPAN_ERR_ARGUMENT, "group_count is 17, not in [0, 16]" },
    { FIELD(group_windows[1]), 8, KVSPAN_ERR_ARGUMENT,
      "group_windows[1] is 8, but there are 1 groups" },
    { FIELD(page_count), 0, KVSPAN_ERR_ARGUMENT, "page_count is 0, not in [2, 2147483647]" },
    { FIELD(page_count), 1, KVSPAN_ERR_ARGUMENT, "page_count is 1, not in [2, 2147483647]" },
    { FIELD(page_count), 2147483648u, KVSPAN_ERR_ARGUMENT,
      "page_count is 2147483648, not in [2, 2147483647]" },
    { FIELD(slot_count), 0, KVSPAN_ERR_ARGUMENT, "slot_count is 0, not in [1, 65536]" },
    { FIELD(slot_count), 65537, KVSPAN_ERR_ARGUMENT, "slot_count is 65537, not in [1, 65536]" },
    { FIELD(page_tokens), 0, KVSPAN_ERR_ARGUMENT, "page_tokens is 0, not in [1, 65536]" },
    { FIELD(page_tokens), 65537, KVSPAN_ERR_ARGUMENT, "page_tokens is 65537, not in [1, 65536]" },
    { FIELD(token_members), 536870912, KVSPAN_ERR_ARGUMENT,
      "page_tokens 4 times token_members 536870912 is more than 2147483647" },
    { FIELD(max_step_rows), 65537, KVSPAN_ERR_ARGUMENT,
      "max_step_rows is 65537, not in [0, 65536]" },
    { FIELD(max_step_tokens), 0, KVSPAN_ERR_ARGUMENT,
      "max_step_tokens is 0, not in [1, 16777216]" },
    { FIELD(max_step_tokens), 16777217, KVSPAN_ERR_ARGUMENT,
      "max_step_tokens is 16777217, not in [1, 16777216]" },
    /* The low half of a 64-bit field on the machines this runs on. */
    { FIELD(max_sequence_tokens), 0, KVSPAN_ERR_ARGUMENT,
      "max_sequence_tokens is 0, not in [1, 2147483647]" },
    { FIELD(max_sequence_tokens), 2147483648u, KVSPAN_ERR_ARGUMENT,
      "max_sequence_tokens is 2147483648, not in [1, 2147483647]" },
};

START_TEST(a_size_out_of_range_is_refused_by_name)
{
    const refused_config *refused = &refused_configs[_i];
    kvspan_ledger_config config = test_ledger_config();
    kvspan_ledger *const untouched = (kvspan_ledger *)&config;
    kvspan_ledger *ledger = untouched;
    kvspan_error error = { 0 };

    memcpy((unsigned char *)&config + refused->field_offset, &refused->value,
           sizeof(refused->value));
    ck_assert_int_eq(kvspan_ledger_create(&config, &ledger, &error), refused->status);
    ck_assert_str_eq(error.message, refused->message);
    ck_assert_int_eq(error.status, refused->status);
    ck_assert_int_eq(error.rank, -1);
    ck_assert_ptr_eq(ledger, untouched);
    ck_assert_int_eq(kvspan_ledger_create(&config, &ledger, NULL), refused->status);
}
END_TEST

START_TEST(no_config_and_a_config_of_another_size_are_refused)
{
    struct {
        kvspan_ledger_config known;
        uint64_t newer;
    } config = { .known = test_ledger_config() };
    kvspan_ledger *ledger = NULL;

    ck_assert_int_eq(kvspan_ledger_create(NULL, &ledger, NULL), KVSPAN_ERR_ARGUMENT);
    config.known.size = 0;
    ck_assert_int_eq(kvspan_ledger_create(&config.known, &ledger, NULL), KVSPAN_ERR_ARGUMENT);
    config.known.size = sizeof(config);
    config.newer = 1;
    ck_assert_int_eq(kvspan_ledger_create(&config.known, &ledger, NULL), KVSPAN_ERR_UNSUPPORTED);
    ck_assert_ptr_null(ledger);
    config.newer = 0;
    ck_assert_int_eq(kvspan_ledger_create(&config.known, &ledger, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_ledger_sizes(ledger)->size, sizeof(config.known));
    kvspan_ledger_destroy(ledger);
}
END_TEST

START_TEST(zero_stands_for_the_documented_defaults)
{
    kvspan_ledger_config config = test_ledger_config();
    const kvspan_ledger_config *sizes = NULL;
    kvspan_ledger *ledger = NULL;

    config.group_count = 0;
    config.token_members = 0;
    config.max_step_rows = 0;
    config.max_payload_bytes = 0;
    ledger = test_ledger_create(&config);
    sizes = kvspan_ledger_sizes(ledger);
    ck_assert_uint_eq(sizes->group_count, 1);
    ck_assert_uint_eq(sizes->token_members, 1);
    ck_assert_uint_eq(sizes->max_step_rows, 4);
    ck_assert_uint_eq(sizes->max_payload_bytes, 65536 + 16 * 64);
    kvspan_ledger_destroy(ledger);
}
END_TEST

START_TEST(a_new_ledger_has_every_page_but_the_null_page_free)
{
    const kvspan_ledger_config config = test_ledger_config();
    kvspan_ledger *ledger = test_ledger_create(&config);
    const kvspan_ledger_counts counts = kvspan_ledger_count(ledger);

    ck_assert_uint_eq(counts.pages_total, 8);
    ck_assert_uint_eq(counts.pages_free, 8);
    ck_assert_uint_eq(counts.pages_in_use, 0);
    ck_assert_uint_eq(counts.pages_high_water, 0);
    ck_assert_uint_eq(counts.sequences, 0);
    ck_assert_uint_eq(counts.slots_free, 4);
    ck_assert_uint_eq(counts.tokens, 0);
    ck_assert_uint_eq(counts.epoch, 0);
    ck_assert_uint_eq(kvspan_ledger_digest(ledger), 0);
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_OK);
    kvspan_ledger_destroy(ledger);
}
END_TEST

START_TEST(the_largest_tokens_of_a_sequence_need_no_more_columns_than_pages)
{
    kvspan_ledger_config config = test_ledger_config();
    kvspan_ledger *ledger = NULL;
    kvspan_sequence sequence = 0;
    uint32_t page_count = 0;

    config.max_sequence_tokens = KVSPAN_MAX_SEQUENCE_TOKENS;
    config.page_tokens = 1;
    ledger = test_ledger_create(&config);
    sequence = test_sequence_create(ledger, 1);
    test_append(ledger, sequence, 8);
    ck_assert_uint_eq(kvspan_ledger_table(ledger, 0, 0, &page_count)[7], 8);
    ck_assert_uint_eq(page_count, 8);
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_OK);
    kvspan_ledger_destroy(ledger);
}
END_TEST

START_TEST(destroying_nothing_and_a_ledger_with_an_open_step_is_allowed)
{
    const kvspan_ledger_config config = test_ledger_config();
    kvspan_ledger *ledger = test_ledger_create(&config);

    test_step_add(test_step_open(ledger), test_sequence_create(ledger, 1), 5);
    kvspan_ledger_destroy(ledger);
    kvspan_ledger_destroy(NULL);
}
END_TEST

/* The published outputs of SplitMix64 for seed 1234567: the finaliser is the one that is cited. */
START_TEST(the_digest_mixes_words_as_splitmix64_does)
{
    const uint64_t outputs[] = { 6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                 4593380528125082431u, 16408922859458223821u };
    uint64_t state = 1234567;

    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        state += 0x9e3779b97f4a7c15u;
        ck_assert_uint_eq(kvspan_mix64(state), outputs[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/ledger_create");
    TCase *create = tcase_create("create");

    tcase_add_loop_test(create, a_size_out_of_range_is_refused_by_name, 0,
                        (int)(sizeof(refused_configs) / sizeof(refused_configs[0])));
    tcase_add_test(create, no_config_and_a_config_of_another_size_are_refused);
    tcase_add_test(create, zero_stands_for_the_documented_defaults);
    tcase_add_test(create, a_new_ledger_has_every_page_but_the_null_page_free);
    tcase_add_test(create, the_largest_tokens_of_a_sequence_need_no_more_columns_than_pages);
    tcase_add_test(create, destroying_nothing_and_a_ledger_with_an_open_step_is_allowed);
    tcase_add_test(create, the_digest_mixes_words_as_splitmix64_does);
    suite_add_tcase(suite, create);
    return suite_run(suite);
}
