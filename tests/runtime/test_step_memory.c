#include "support/suite.h"

#include <stdlib.h>

#include "runtime/step/replica.h"

/* Linked in place of calloc: the allocation after `allocations_left` more fails. */
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);

static long allocations_left = -1; /* -1: all succeed */

void *__wrap_calloc(size_t count, size_t bytes)
{
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left -= allocations_left > 0;
    return __real_calloc(count, bytes);
}

static const kvspan_step_limits limits = {
    .group_count = 2,
    .slot_count = 4,
    .column_count = 8,
    .page_count = 40,
    .page_tokens = 4,
    .max_rows = 4,
    .max_tokens = 16,
    .max_payload_bytes = 16,
    .max_sequence_tokens = 32,
};

/* The leak checker sees whether what was taken before the failure is given back. */
START_TEST(a_message_without_memory_is_refused_and_leaves_nothing)
{
    kvspan_step_message message = { .header.epoch = 77 };
    kvspan_status status = KVSPAN_ERR_MEMORY;
    long granted = 0;

    for (; status != KVSPAN_OK; granted++) {
        ck_assert_uint_eq(message.header.epoch, 77);
        allocations_left = granted;
        status = kvspan_step_message_init(&message, &limits, NULL);
        allocations_left = -1;
        ck_assert(status == KVSPAN_OK || status == KVSPAN_ERR_MEMORY);
    }
    ck_assert_int_eq(granted, 12 + 1); /* twelve lists */
    kvspan_step_message_fini(&message);
}
END_TEST

START_TEST(a_replica_without_memory_is_refused_and_leaves_nothing)
{
    kvspan_replica replica = { .epoch = 77 };
    kvspan_status status = KVSPAN_ERR_MEMORY;
    long granted = 0;

    for (; status != KVSPAN_OK; granted++) {
        ck_assert_uint_eq(replica.epoch, 77);
        allocations_left = granted;
        status = kvspan_replica_init(&replica, &limits, NULL);
        allocations_left = -1;
        ck_assert(status == KVSPAN_OK || status == KVSPAN_ERR_MEMORY);
    }
    ck_assert_int_eq(granted, 8 + 1); /* eight lists */
    allocations_left = 0;
    status = kvspan_replica_check(&replica, NULL);
    allocations_left = -1;
    ck_assert_int_eq(status, KVSPAN_ERR_MEMORY);
    kvspan_replica_fini(&replica);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/step_memory");
    TCase *memory = tcase_create("memory");

    tcase_add_test(memory, a_message_without_memory_is_refused_and_leaves_nothing);
    tcase_add_test(memory, a_replica_without_memory_is_refused_and_leaves_nothing);
    suite_add_tcase(suite, memory);
    return suite_run(suite);
}
