#include "support/suite.h"

#include <stdlib.h>

#include "ledger_fixture.h"

/* The linker leads every call of these in the test and the static library here (--wrap). */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static uint32_t allocation_count;
static size_t last_bytes;
static bool is_memory_exhausted;

void *__wrap_malloc(size_t bytes)
{
    allocation_count++;
    last_bytes = bytes;
    return is_memory_exhausted ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    allocation_count++;
    last_bytes = count * bytes;
    return is_memory_exhausted ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    allocation_count++;
    last_bytes = bytes;
    return is_memory_exhausted ? NULL : __real_realloc(memory, bytes);
}

static kvspan_status create_without_memory(const kvspan_ledger_config *config,
                                           kvspan_ledger **ledger_out, size_t *bytes_out,
                                           kvspan_error *error)
{
    kvspan_status status;

    is_memory_exhausted = true;
    status = kvspan_ledger_create(config, ledger_out, error);
    is_memory_exhausted = false;
    *bytes_out = last_bytes;
    return status;
}

START_TEST(without_memory_no_ledger_is_made)
{
    const kvspan_ledger_config config = test_ledger_config();
    kvspan_ledger *ledger = NULL;
    kvspan_error error = { 0 };
    size_t bytes = 0;

    ck_assert_int_eq(create_without_memory(&config, &ledger, &bytes, &error), KVSPAN_ERR_MEMORY);
    ck_assert_int_eq(error.status, KVSPAN_ERR_MEMORY);
    ck_assert_ptr_null(ledger);
}
END_TEST

/* 65,536 slots of 2^31 - 2 columns, 2^31 - 1 pages: a product that 32 bits do not hold. */
START_TEST(the_largest_sizes_are_multiplied_without_wrapping)
{
    const kvspan_ledger_config config = { .size = sizeof(config),
                                          .page_count = KVSPAN_MAX_PAGES,
                                          .slot_count = KVSPAN_MAX_SLOTS,
                                          .page_tokens = 1,
                                          .max_step_rows = 1,
                                          .max_step_tokens = 1,
                                          .max_payload_bytes = 1,
                                          .max_sequence_tokens = KVSPAN_MAX_SEQUENCE_TOKENS };
    const uint64_t table_bytes = (uint64_t)KVSPAN_MAX_SLOTS * (KVSPAN_MAX_PAGES - 1u) * 4;
    const uint64_t page_bytes = (uint64_t)KVSPAN_MAX_PAGES * (4 + 24 + 4);
    kvspan_ledger *ledger = NULL;
    size_t bytes = 0;

    ck_assert_int_eq(create_without_memory(&config, &ledger, &bytes, NULL), KVSPAN_ERR_MEMORY);
    ck_assert_uint_ge(bytes, table_bytes + page_bytes);
    ck_assert_uint_le(bytes, table_bytes + page_bytes + ((uint64_t)16 << 20));
}
END_TEST

/* Every call once, also those that fail; true if all answered as they should. */
static bool use_everything(kvspan_ledger *ledger)
{
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = 1 };
    kvspan_error error;
    kvspan_sequence sequences[2];
    kvspan_step *step = NULL;
    bool is_good = true;

    for (uint32_t i = 0; i < 2; i++) {
        is_good &= !kvspan_sequence_create(ledger, &config, &sequences[i], NULL, &error);
    }
    is_good &= !kvspan_step_open(ledger, &step, &error);
    is_good &= !kvspan_step_add(step, sequences[0], 30, NULL, &error);
    is_good &= kvspan_step_add(step, sequences[1], 5, NULL, &error) == KVSPAN_ERR_NO_PAGES;
    is_good &= !kvspan_step_attach(step, "rider", 5, &error);
    kvspan_step_cancel(step);
    is_good &= !kvspan_step_open(ledger, &step, &error);
    is_good &= !kvspan_step_add(step, sequences[1], 5, NULL, &error);
    is_good &= kvspan_step_changes(step).admitted_count == 2;
    is_good &= !kvspan_step_rehearse(step, &error);
    is_good &= !kvspan_sequence_commit(ledger, sequences[1], NULL, 5, NULL, &error);
    is_good &= !kvspan_ledger_check(ledger, &error);
    for (uint32_t i = 0; i < 2; i++) {
        is_good &= !kvspan_sequence_free(ledger, sequences[i], &error);
    }
    is_good &= kvspan_sequence_free(ledger, sequences[0], &error) == KVSPAN_ERR_ARGUMENT;
    is_good &= !kvspan_step_open(ledger, &step, &error);
    is_good &= kvspan_step_changes(step).released_count == 2;
    is_good &= !kvspan_step_rehearse(step, &error);
    return is_good;
}

START_TEST(memory_is_taken_at_create_and_never_again)
{
    const kvspan_ledger_config config = test_ledger_config();
    kvspan_ledger *ledger = NULL;
    kvspan_status status;
    bool is_good = false;
    uint32_t create_count = 0;
    uint32_t later_count = 0;

    /* Check's assertions take memory themselves: none of them in between. */
    allocation_count = 0;
    status = kvspan_ledger_create(&config, &ledger, NULL);
    create_count = allocation_count;
    is_memory_exhausted = true;
    is_good = status == KVSPAN_OK && use_everything(ledger);
    later_count = allocation_count - create_count;
    is_memory_exhausted = false;
    ck_assert(is_good);
    ck_assert_uint_eq(create_count, 1);
    ck_assert_uint_eq(later_count, 0);
    kvspan_ledger_destroy(ledger);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/ledger_memory");
    TCase *memory = tcase_create("memory");

    tcase_add_test(memory, without_memory_no_ledger_is_made);
    tcase_add_test(memory, the_largest_sizes_are_multiplied_without_wrapping);
    tcase_add_test(memory, memory_is_taken_at_create_and_never_again);
    suite_add_tcase(suite, memory);
    return suite_run(suite);
}
