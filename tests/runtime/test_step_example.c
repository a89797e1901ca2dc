#include "support/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/table_digest.h"
#include "runtime/step/replica.h"

/* The worked example of docs/protocol.md: a rank that holds five sequences gets its third step. */
static const kvspan_step_limits limits = {
    .group_count = 1,
    .slot_count = 8,
    .column_count = 4,
    .page_count = 32,
    .page_tokens = 16,
    .max_rows = 8,
    .max_tokens = 128,
    .max_payload_bytes = 64,
    .max_sequence_tokens = 64,
};

enum {
    EXAMPLE_ROOM = 512,
    LINE_ROOM = 256
};

/* Reads "0010  4b 56 …  what it means": an offset, then bytes up to two spaces. */
static size_t read_line(const char *line, unsigned char *bytes, size_t count)
{
    char *cursor = NULL;

    if (!isxdigit((unsigned char)line[0])) {
        return count;
    }
    ck_assert_uint_eq(strtoul(line, &cursor, 16), count);
    ck_assert(cursor[0] == ' ' && cursor[1] == ' ');
    cursor++;
    while (cursor[0] == ' ' && isxdigit((unsigned char)cursor[1]) &&
           isxdigit((unsigned char)cursor[2])) {
        ck_assert_uint_lt(count, EXAMPLE_ROOM);
        bytes[count++] = (unsigned char)strtoul(cursor + 1, &cursor, 16);
    }
    return count;
}

/* The bytes of the code block below the page's heading. */
static size_t read_example(unsigned char *bytes)
{
    FILE *page = fopen(KVSPAN_PROTOCOL_PAGE, "r");
    char line[LINE_ROOM];
    bool is_below = false;
    bool is_inside = false;
    size_t count = 0;

    ck_assert_msg(page != NULL, "cannot open %s", KVSPAN_PROTOCOL_PAGE);
    while (fgets(line, sizeof(line), page)) {
        if (strncmp(line, "## Worked example", 17) == 0) {
            is_below = true;
        } else if (is_below && strncmp(line, "```", 3) == 0) {
            if (is_inside) {
                break;
            }
            is_inside = true;
        } else if (is_inside) {
            count = read_line(line, bytes, count);
        }
    }
    ck_assert_int_eq(fclose(page), 0);
    return count;
}

static void check_page_has(const char *text)
{
    FILE *page = fopen(KVSPAN_PROTOCOL_PAGE, "r");
    char line[LINE_ROOM];
    bool is_there = false;

    ck_assert_msg(page != NULL, "cannot open %s", KVSPAN_PROTOCOL_PAGE);
    while (fgets(line, sizeof(line), page)) {
        is_there = is_there || strstr(line, text) != NULL;
    }
    ck_assert_int_eq(fclose(page), 0);
    ck_assert_msg(is_there, "the page does not say \"%s\"", text);
}

START_TEST(the_shown_terms_are_those_in_use)
{
    ck_assert_uint_eq(kvspan_mix64(1), 0x5692161d100b05e5u);
    ck_assert_uint_eq(kvspan_digest_entry(0, 1, 2, 3), 0x14e630536a8d31dfu);
    ck_assert_uint_eq(kvspan_digest_sequence(1, 2, 3), 0xf36de11622e39b04u);
    check_page_has("mix(1) = 0x5692161d100b05e5.");
    check_page_has("entry(0, 1, 2, 3) = 0x14e630536a8d31df;");
    check_page_has("sequence(1, 2, 3) = 0xf36de11622e39b04.");
}
END_TEST

/* The changes that the page says its message holds. */
static const uint32_t released[] = { 3, 4 };
static const kvspan_admit admitted[] = { { 3, 600, 0 } };
static const uint32_t pages[] = { 8, 9, 10, 5 };
static const kvspan_page_run page_runs[] = { { 0, 1, 1, 1, pages }, { 0, 3, 0, 3, pages + 1 } };
static const kvspan_row_change rows[] = { { 0, 1 }, { 1, 1 }, { 2, 1 }, { 3, 40 } };

static uint64_t example_digest(void)
{
    return kvspan_digest_sequence(0, 500, 32) + kvspan_digest_entry(0, 0, 0, 1) +
           kvspan_digest_entry(0, 0, 1, 2) + kvspan_digest_sequence(1, 501, 17) +
           kvspan_digest_entry(0, 1, 0, 3) + kvspan_digest_entry(0, 1, 1, 8) +
           kvspan_digest_sequence(2, 502, 6) + kvspan_digest_entry(0, 2, 0, 4) +
           kvspan_digest_sequence(3, 600, 40) + kvspan_digest_entry(0, 3, 0, 9) +
           kvspan_digest_entry(0, 3, 1, 10) + kvspan_digest_entry(0, 3, 2, 5);
}

static kvspan_changes example_changes(void)
{
    return (kvspan_changes){ .epoch = 3,
                             .table_digest = example_digest(),
                             .released = released,
                             .released_count = 2,
                             .admitted = admitted,
                             .admitted_count = 1,
                             .page_runs = page_runs,
                             .page_run_count = 2,
                             .rows = rows,
                             .row_count = 4,
                             .token_count = 43,
                             .payload = "hello",
                             .payload_bytes = 5 };
}

START_TEST(the_page_shows_the_bytes_that_are_sent)
{
    const kvspan_changes changes = example_changes();
    unsigned char shown[EXAMPLE_ROOM];
    unsigned char sent[EXAMPLE_ROOM];
    size_t sent_bytes = 0;

    ck_assert_int_eq(kvspan_step_encode(&changes, 4096, sent, sizeof(sent), &sent_bytes, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(read_example(shown), sent_bytes);
    ck_assert_mem_eq(shown, sent, sent_bytes);
}
END_TEST

START_TEST(the_shown_bytes_decode_to_what_the_page_says)
{
    unsigned char *bytes = malloc(EXAMPLE_ROOM);
    const size_t count = read_example(bytes);
    kvspan_step_message message;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_step_message_init(&message, &limits, NULL), KVSPAN_OK);
    ck_assert_msg(kvspan_step_decode(bytes, count, &limits, &message, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert_uint_eq(message.header.epoch, 3);
    ck_assert_uint_eq(message.header.table_digest, example_digest());
    ck_assert_uint_eq(message.header.total_bytes, 85);
    ck_assert_uint_eq(message.header.next_first_bytes, 4096);
    ck_assert_uint_eq(message.header.released_count, 2);
    ck_assert_int_eq(memcmp(message.released, released, sizeof(released)), 0);
    ck_assert_uint_eq(message.header.admitted_count, 1);
    ck_assert_uint_eq(message.admitted[0].slot, 3);
    ck_assert_uint_eq(message.admitted[0].tag, 600);
    ck_assert_uint_eq(message.header.page_run_count, 2);
    ck_assert_uint_eq(message.page_runs[0].group, 0);
    ck_assert_uint_eq(message.page_runs[0].slot, 1);
    ck_assert_uint_eq(message.page_runs[0].page_count, 1);
    ck_assert_uint_eq(message.page_runs[1].group, 0);
    ck_assert_uint_eq(message.page_runs[1].slot, 3);
    ck_assert_uint_eq(message.page_runs[1].page_count, 3);
    ck_assert_uint_eq(message.header.page_count, 4);
    ck_assert_int_eq(memcmp(message.pages, pages, sizeof(pages)), 0);
    ck_assert_ptr_eq(message.page_runs[1].pages, message.pages + 1);
    ck_assert_uint_eq(message.header.row_count, 4);
    ck_assert_int_eq(memcmp(message.rows, rows, sizeof(rows)), 0);
    ck_assert_uint_eq(message.header.payload_bytes, 5);
    ck_assert_int_eq(memcmp(message.payload, "hello", 5), 0);
    kvspan_step_message_fini(&message);
    free(bytes);
}
END_TEST

/* Puts the page's sequences into a replica as if two steps had done it. */
static void hold_before(kvspan_replica *replica)
{
    const uint64_t tokens[] = { 31, 16, 5, 20, 1 };
    const uint32_t page_counts[] = { 2, 1, 1, 2, 1 };
    uint32_t page = 1;

    for (uint32_t slot = 0; slot < 5; slot++) {
        replica->is_live[slot] = 1;
        replica->tags[slot] = 500 + slot;
        replica->tokens[slot] = tokens[slot];
        replica->digest += kvspan_digest_sequence(slot, 500 + slot, tokens[slot]);
        replica->column_counts[slot] = page_counts[slot];
        for (uint32_t column = 0; column < page_counts[slot]; column++, page++) {
            replica->tables[slot * limits.column_count + column] = page;
            replica->references[page]++;
            replica->digest += kvspan_digest_entry(0, slot, column, page);
        }
    }
    replica->epoch = 2;
    ck_assert_int_eq(kvspan_replica_check(replica, NULL), KVSPAN_OK);
}

START_TEST(the_shown_step_applies_to_what_the_page_says_was_before)
{
    unsigned char bytes[EXAMPLE_ROOM];
    const size_t count = read_example(bytes);
    kvspan_row result_rows[8];
    kvspan_replica_patch patches[64];
    kvspan_replica_result result = { .rows = result_rows, .patches = patches };
    kvspan_step_message message;
    kvspan_replica replica;
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_uint_le(kvspan_replica_max_patches(&limits), 64);
    ck_assert_int_eq(kvspan_step_message_init(&message, &limits, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_replica_init(&replica, &limits, NULL), KVSPAN_OK);
    hold_before(&replica);
    ck_assert_int_eq(kvspan_step_decode(bytes, count, &limits, &message, &error), KVSPAN_OK);
    ck_assert_msg(kvspan_replica_apply(&replica, &message, &result, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert_int_eq(kvspan_replica_check(&replica, NULL), KVSPAN_OK);
    ck_assert_uint_eq(result.rows[1].position, 16);
    ck_assert_uint_eq(result.rows[3].position, 0);
    ck_assert_uint_eq(result.rows[3].first_token, 3);
    kvspan_replica_fini(&replica);
    kvspan_step_message_fini(&message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/step_example");
    TCase *example = tcase_create("example");

    tcase_add_test(example, the_shown_terms_are_those_in_use);
    tcase_add_test(example, the_page_shows_the_bytes_that_are_sent);
    tcase_add_test(example, the_shown_bytes_decode_to_what_the_page_says);
    tcase_add_test(example, the_shown_step_applies_to_what_the_page_says_was_before);
    suite_add_tcase(suite, example);
    return suite_run(suite);
}
