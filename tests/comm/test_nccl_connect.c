/* How a communicator of NCCL is made, between two ranks of which the test plays one; and how it is
 * ended: in bounded time, whatever is missing or hangs. */
#include "support/suite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "comm/clock.h"
#include "comm/nccl_parts.h"
#include "played_nccl.h"
#include "support/strict_mutex.h"

/* The linker leads every call of these in the test and the static libraries here (--wrap). */
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

enum {
    MARGIN_MS = 10000
};

static bool has_no_memory;
static bool has_no_thread;

void *__wrap_calloc(size_t count, size_t bytes)
{
    return has_no_memory ? NULL : __real_calloc(count, bytes);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    return has_no_thread ? 1 : __real_pthread_create(thread, attributes, start, argument);
}

static uint64_t ms_since(uint64_t begun_ns)
{
    return (kvspan_clock_ns() - begun_ns) / KVSPAN_NS_PER_MS;
}

/* ---- making --------------------------------------------------------------------------------- */

static uint32_t gathers;
static bool peer_has_id;

/* The other rank has what a gather brought once it takes part in the next one. */
static kvspan_status play_all_gather(kvspan_comm *comm, const kvspan_group *group, const void *mine,
                                     size_t bytes, void *all_out, uint32_t timeout_ms,
                                     kvspan_error *error)
{
    (void)comm;
    (void)timeout_ms;
    (void)error;
    for (uint32_t i = 0; i < group->count; i++) {
        memcpy((unsigned char *)all_out + i * bytes, mine, bytes);
    }
    peer_has_id = gathers++ > 0;
    return KVSPAN_OK;
}

static void check_peer(void)
{
    ck_assert(peer_has_id);
}

/* Else it may be gone before it has heard of the id, and whoever has begun waits for it. */
START_TEST(nobody_begins_before_all_have_the_id)
{
    static const uint32_t ranks[] = { 0, 1 };
    const kvspan_group group = { .ranks = ranks, .count = 2 };
    const kvspan_comm_services services = { .all_gather = play_all_gather };
    const kvspan_nccl_context context = { .version = KVSPAN_NCCL_LOWEST };
    kvspan_nccl_comm nccl = { .services = &services, .context = &context };
    kvspan_error error = { .status = KVSPAN_OK };

    played_start();
    played.begins = check_peer;
    ck_assert_int_eq(kvspan_nccl_connect(&nccl, &group, NULL, &error), KVSPAN_OK);
    ck_assert_ptr_eq(nccl.handle, played_communicator());
}
END_TEST

/* ---- aborting ------------------------------------------------------------------------------- */

START_TEST(an_abort_has_ended_when_its_caller_goes_on)
{
    for (int i = 0; i < 5; i++) {
        played_start();
        kvspan_nccl_end(played_communicator());
        ck_assert_uint_eq(atomic_load(&played.aborts), 1);
    }
    ck_assert_uint_eq(strict_mutex_violations(), 0);
}
END_TEST

START_TEST(without_memory_or_a_thread_the_caller_aborts_itself)
{
    played_start();
    has_no_memory = true;
    kvspan_nccl_end(played_communicator());
    has_no_memory = false;
    ck_assert_uint_eq(atomic_load(&played.aborts), 1);
    played_start();
    has_no_thread = true;
    kvspan_nccl_end(played_communicator());
    has_no_thread = false;
    ck_assert_uint_eq(atomic_load(&played.aborts), 1);
}
END_TEST

START_TEST(an_abort_that_hangs_is_left_alone_in_time)
{
    uint64_t begun_ns;
    uint64_t passed_ms;

    played_start();
    atomic_store(&played.hangs, true);
    begun_ns = kvspan_clock_ns();
    kvspan_nccl_end(played_communicator());
    passed_ms = ms_since(begun_ns);
    ck_assert_uint_ge(passed_ms, KVSPAN_NCCL_ABORT_MS);
    ck_assert_uint_lt(passed_ms, KVSPAN_NCCL_ABORT_MS + MARGIN_MS);
    ck_assert_uint_eq(atomic_load(&played.aborts), 0);
    atomic_store(&played.hangs, false);
    while (atomic_load(&played.aborts) == 0) {
        played_sleep(1);
    }
    played_sleep(10 * PLAYED_ABORT_MS); /* its thread gives back what it was left with */
    ck_assert_uint_eq(strict_mutex_violations(), 0);
}
END_TEST

/* ---- ending well ---------------------------------------------------------------------------- */

START_TEST(a_communicator_is_destroyed_once_it_is_finalised)
{
    kvspan_nccl_comm nccl = { .handle = played_communicator() };

    played_start();
    if (_i == 1) {
        atomic_store(&played.finalized, ncclInProgress);
        atomic_store(&played.asks_in_progress, 20);
    }
    kvspan_nccl_disconnect(&nccl);
    ck_assert_uint_eq(atomic_load(&played.finalizes), 1);
    ck_assert_uint_eq(atomic_load(&played.destroys), 1);
    ck_assert_uint_eq(atomic_load(&played.early_ends), 0);
    ck_assert_uint_eq(atomic_load(&played.aborts), 0);
    ck_assert_ptr_null(nccl.handle);
}
END_TEST

/* Fails, or never ends. */
START_TEST(a_communicator_that_cannot_be_finalised_is_aborted_in_time)
{
    kvspan_nccl_comm nccl = { .handle = played_communicator() };
    const uint64_t begun_ns = kvspan_clock_ns();

    played_start();
    atomic_store(&played.finalized, _i == 0 ? ncclSystemError : ncclInProgress);
    atomic_store(&played.state, ncclInProgress);
    kvspan_nccl_disconnect(&nccl);
    ck_assert_uint_lt(ms_since(begun_ns), KVSPAN_NCCL_FINALIZE_MS + MARGIN_MS);
    ck_assert_uint_eq(atomic_load(&played.destroys), 0);
    ck_assert_uint_eq(atomic_load(&played.aborts), 1);
    ck_assert_ptr_null(nccl.handle);
}
END_TEST

/* ---- ending under a watchdog ---------------------------------------------------------------- */

/* A watchdog that is in a call of NCCL's most of the time, and is now. */
static void start_watchdog(kvspan_nccl_comm *nccl, const kvspan_nccl_context *context)
{
    kvspan_error error = { .status = KVSPAN_OK };

    *nccl = (kvspan_nccl_comm){ .handle = played_communicator(), .context = context };
    played_start();
    played.ask_ms = 30;
    ck_assert_int_eq(kvspan_nccl_watchdog_start(nccl, &error), KVSPAN_OK);
    ck_assert_ptr_nonnull(nccl->watchdog);
    while (atomic_load(&played.inside) == 0) {
        played_sleep(1);
    }
}

START_TEST(what_is_ended_is_no_longer_watched)
{
    static void (*const ends[])(kvspan_nccl_comm *) = { kvspan_nccl_abort, kvspan_nccl_disconnect,
                                                        kvspan_nccl_watchdog_stop };
    const kvspan_nccl_context context = { .watchdog_ms = 60000 };
    kvspan_nccl_comm nccl;
    uint32_t asked;

    for (int i = 0; i < 5; i++) {
        start_watchdog(&nccl, &context);
        ends[_i](&nccl);
        ck_assert_ptr_null(nccl.watchdog);
        ck_assert_uint_eq(atomic_load(&played.inside), 0);
        asked = atomic_load(&played.asked);
        played_sleep(60);
        ck_assert_uint_eq(atomic_load(&played.asked), asked);
        ck_assert_uint_eq(atomic_load(&played.overlaps), 0);
    }
    ck_assert_uint_eq(strict_mutex_violations(), 0);
}
END_TEST

/* The caller's thread and the watchdog's are never in NCCL together. */
START_TEST(whoever_holds_a_communicator_has_it_alone)
{
    const kvspan_nccl_context context = { .watchdog_ms = 60000 };
    kvspan_nccl_comm nccl;

    start_watchdog(&nccl, &context);
    for (int i = 0; i < 20; i++) {
        ncclResult_t state;

        ck_assert_ptr_eq(kvspan_nccl_hold(&nccl), played_communicator());
        ck_assert_int_eq(ncclCommGetAsyncError(nccl.handle, &state), ncclSuccess);
        kvspan_nccl_release(&nccl);
        played_sleep(3);
    }
    kvspan_nccl_watchdog_stop(&nccl);
    ck_assert_uint_eq(atomic_load(&played.overlaps), 0);
    ck_assert_uint_eq(strict_mutex_violations(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/nccl_connect");
    TCase *cases = tcase_create("connect");

    tcase_set_timeout(cases, 0);
    tcase_add_test(cases, nobody_begins_before_all_have_the_id);
    tcase_add_test(cases, an_abort_has_ended_when_its_caller_goes_on);
    tcase_add_test(cases, without_memory_or_a_thread_the_caller_aborts_itself);
    tcase_add_loop_test(cases, a_communicator_is_destroyed_once_it_is_finalised, 0, 2);
    tcase_add_loop_test(cases, a_communicator_that_cannot_be_finalised_is_aborted_in_time, 0, 2);
    tcase_add_loop_test(cases, what_is_ended_is_no_longer_watched, 0, 3);
    tcase_add_test(cases, whoever_holds_a_communicator_has_it_alone);
    tcase_add_test(cases, an_abort_that_hangs_is_left_alone_in_time);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
