#include "step_round_trip.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test_step_world.h"

/* Whether a run came as it was sent; its first column is the rank's to find. */
static bool is_same_run(const kvspan_page_run *sent, const kvspan_page_run *got)
{
    return got->group == sent->group && got->slot == sent->slot && got->first_column == 0 &&
           got->page_count == sent->page_count &&
           memcmp(got->pages, sent->pages, sent->page_count * sizeof(uint32_t)) == 0;
}

static void check_same_pages(const kvspan_changes *changes, const kvspan_step_message *message)
{
    uint32_t page_count = 0;

    ck_assert_uint_eq(message->header.page_run_count, changes->page_run_count);
    for (uint32_t i = 0; i < changes->page_run_count; i++) {
        if (!is_same_run(&changes->page_runs[i], &message->page_runs[i])) {
            ck_abort_msg("page run %u differs", i);
        }
        page_count += changes->page_runs[i].page_count;
    }
    ck_assert_uint_eq(message->header.page_count, page_count);
}

static bool is_same_shared_run(const kvspan_shared_run *sent, const kvspan_page_run *got)
{
    return got->group == sent->group && got->slot == sent->slot &&
           got->page_count == sent->page_count &&
           memcmp(got->pages, sent->pages, (sent->page_count - 1) * sizeof(uint32_t)) == 0 &&
           got->pages[sent->page_count - 1] == sent->last_page;
}

static void check_same_others(const kvspan_changes *changes, const kvspan_step_message *message)
{
    bool is_same = message->trim_count == changes->trim_count &&
                   message->window_count == changes->window_count &&
                   message->shared_run_count == changes->shared_run_count &&
                   message->copy_count == changes->copy_count;

    for (uint32_t i = 0; is_same && i < changes->trim_count; i++) {
        is_same = message->trims[i].slot == changes->trims[i].slot &&
                  message->trims[i].tokens == changes->trims[i].tokens;
    }
    for (uint32_t i = 0; is_same && i < changes->window_count; i++) {
        is_same = message->windows[i].group == changes->windows[i].group &&
                  message->windows[i].slot == changes->windows[i].slot &&
                  message->windows[i].page_count == changes->windows[i].column_count;
    }
    for (uint32_t i = 0; is_same && i < changes->shared_run_count; i++) {
        is_same = is_same_shared_run(&changes->shared_runs[i], &message->shared_runs[i]);
    }
    for (uint32_t i = 0; is_same && i < changes->copy_count; i++) {
        is_same = message->copies[i].group == changes->copies[i].group &&
                  message->copies[i].slot == changes->copies[i].slot &&
                  message->copies[i].page_count == 1 &&
                  message->copies[i].pages[0] == changes->copies[i].target;
    }
    ck_assert(is_same);
}

static void check_same_lists(const kvspan_changes *changes, const kvspan_step_message *message)
{
    ck_assert_uint_eq(message->header.released_count, changes->released_count);
    for (uint32_t i = 0; i < changes->released_count; i++) {
        if (message->released[i] != changes->released[i]) {
            ck_abort_msg("release %u differs", i);
        }
    }
    ck_assert_uint_eq(message->header.admitted_count, changes->admitted_count);
    for (uint32_t i = 0; i < changes->admitted_count; i++) {
        if (message->admitted[i].slot != changes->admitted[i].slot ||
            message->admitted[i].tag != changes->admitted[i].tag ||
            message->admitted[i].tokens != changes->admitted[i].tokens) {
            ck_abort_msg("admission %u differs", i);
        }
    }
    check_same_pages(changes, message);
    check_same_others(changes, message);
    ck_assert_uint_eq(message->header.row_count, changes->row_count);
    for (uint32_t i = 0; i < changes->row_count; i++) {
        if (message->rows[i].slot != changes->rows[i].slot ||
            message->rows[i].token_count != changes->rows[i].token_count) {
            ck_abort_msg("row %u differs", i);
        }
    }
}

static void check_same(const kvspan_changes *changes, const kvspan_step_message *message,
                       const unsigned char *bytes)
{
    ck_assert_uint_eq(message->header.epoch, changes->epoch);
    ck_assert_uint_eq(message->header.table_digest, changes->table_digest);
    check_same_lists(changes, message);
    ck_assert_uint_eq(message->header.payload_bytes, changes->payload_bytes);
    if (changes->payload_bytes > 0) {
        ck_assert_mem_eq(message->payload, changes->payload, changes->payload_bytes);
        ck_assert_uint_eq((size_t)(message->payload - bytes) % 8, 0);
    }
}

size_t step_round_trip(const kvspan_changes *changes, const kvspan_step_limits *limits)
{
    const size_t capacity = kvspan_step_max_bytes(limits);
    unsigned char *buffer = malloc(capacity);
    unsigned char *message_bytes;
    kvspan_step_message message;
    kvspan_error error = { .status = KVSPAN_OK };
    size_t bytes = 0;

    ck_assert_int_eq(kvspan_step_message_init(&message, limits, &error), KVSPAN_OK);
    ck_assert_int_eq(
        kvspan_step_encode(changes, KVSPAN_STEP_FIRST_BYTES, buffer, capacity, &bytes, &error),
        KVSPAN_OK);
    message_bytes = malloc(bytes);
    memcpy(message_bytes, buffer, bytes);
    ck_assert_msg(kvspan_step_decode(message_bytes, bytes, limits, &message, &error) == KVSPAN_OK,
                  "%s", error.message);
    ck_assert_uint_eq(message.header.total_bytes, bytes);
    ck_assert_uint_eq(message.header.next_first_bytes, KVSPAN_STEP_FIRST_BYTES);
    check_same(changes, &message, message_bytes);
    kvspan_step_message_fini(&message);
    free(message_bytes);
    free(buffer);
    return bytes;
}
