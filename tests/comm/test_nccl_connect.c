/* How a communicator of NCCL is made, between two ranks of which the test plays one; and how it is
 * aborted: in bounded time, whatever is missing or hangs. */
#include "support/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "comm/clock.h"
#include "comm/nccl_parts.h"
#include "support/strict_mutex.h"

/* The linker leads every call of these in the test and the static libraries here (--wrap). */
ncclResult_t __wrap_ncclGetUniqueId(ncclUniqueId *id_out);
ncclResult_t __wrap_ncclCommInitRankConfig(ncclComm_t *handle_out, int rank_count, ncclUniqueId id,
                                           int rank, ncclConfig_t *config);
ncclResult_t __wrap_ncclCommAbort(ncclComm_t handle);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

enum {
    ABORT_TAKES_MS = 50,
    MARGIN_MS = 10000
};

static char communicator; /* nobody looks at what is there */
static bool has_no_memory;
static bool has_no_thread;
static atomic_bool hangs;
static atomic_uint aborted;

static void sleep_ms(uint32_t ms)
{
    (void)nanosleep(&(const struct timespec){ .tv_nsec = (long)ms * KVSPAN_NS_PER_MS }, NULL);
}

ncclResult_t __wrap_ncclCommAbort(ncclComm_t handle)
{
    do {
        sleep_ms(ABORT_TAKES_MS);
    } while (atomic_load(&hangs));
    atomic_fetch_add(&aborted, handle == (ncclComm_t)(void *)&communicator ? 1 : 100);
    return ncclSuccess;
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return has_no_memory ? NULL : __real_calloc(count, bytes);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    return has_no_thread ? 1 : __real_pthread_create(thread, attributes, start, argument);
}

/* ---- making --------------------------------------------------------------------------------- */

static const ncclUniqueId good_id = { "an id" };
static uint32_t gathers;
static bool peer_has_id;

ncclResult_t __wrap_ncclGetUniqueId(ncclUniqueId *id_out)
{
    *id_out = good_id;
    return ncclSuccess;
}

ncclResult_t __wrap_ncclCommInitRankConfig(ncclComm_t *handle_out, int rank_count, ncclUniqueId id,
                                           int rank, ncclConfig_t *config)
{
    ck_assert_int_eq(rank_count, 2);
    ck_assert_int_eq(rank, 0);
    ck_assert_int_eq(config->blocking, 0);
    ck_assert_mem_eq(&id, &good_id, sizeof(id));
    ck_assert(peer_has_id);
    *handle_out = (ncclComm_t)(void *)&communicator;
    return ncclSuccess;
}

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

/* Else it may be gone before it has heard of the id, and whoever has begun waits for it. */
START_TEST(nobody_begins_before_all_have_the_id)
{
    static const uint32_t ranks[] = { 0, 1 };
    const kvspan_group group = { .ranks = ranks, .count = 2 };
    const kvspan_comm_services services = { .all_gather = play_all_gather };
    const kvspan_nccl_context context = { .version = KVSPAN_NCCL_LOWEST };
    kvspan_nccl_comm nccl = { .services = &services, .context = &context };
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_nccl_connect(&nccl, &group, NULL, &error), KVSPAN_OK);
    ck_assert_ptr_eq(nccl.handle, (ncclComm_t)(void *)&communicator);
}
END_TEST

/* ---- ending --------------------------------------------------------------------------------- */

static void start(void)
{
    has_no_memory = false;
    has_no_thread = false;
    atomic_store(&hangs, false);
    atomic_store(&aborted, 0);
}

static void end_communicator(void)
{
    kvspan_nccl_end((ncclComm_t)(void *)&communicator);
}

START_TEST(an_abort_has_ended_when_its_caller_goes_on)
{
    for (int i = 0; i < 5; i++) {
        start();
        end_communicator();
        ck_assert_uint_eq(atomic_load(&aborted), 1);
    }
    ck_assert_uint_eq(strict_mutex_violations(), 0);
}
END_TEST

START_TEST(without_memory_or_a_thread_the_caller_aborts_itself)
{
    start();
    has_no_memory = true;
    end_communicator();
    has_no_memory = false;
    ck_assert_uint_eq(atomic_load(&aborted), 1);
    start();
    has_no_thread = true;
    end_communicator();
    ck_assert_uint_eq(atomic_load(&aborted), 1);
}
END_TEST

START_TEST(an_abort_that_hangs_is_left_alone_in_time)
{
    uint64_t begun_ns;
    uint64_t passed_ms;

    start();
    atomic_store(&hangs, true);
    begun_ns = kvspan_clock_ns();
    end_communicator();
    passed_ms = (kvspan_clock_ns() - begun_ns) / KVSPAN_NS_PER_MS;
    ck_assert_uint_ge(passed_ms, KVSPAN_NCCL_ABORT_MS);
    ck_assert_uint_lt(passed_ms, KVSPAN_NCCL_ABORT_MS + MARGIN_MS);
    ck_assert_uint_eq(atomic_load(&aborted), 0);
    atomic_store(&hangs, false);
    while (atomic_load(&aborted) == 0) {
        sleep_ms(1);
    }
    sleep_ms(10 * ABORT_TAKES_MS); /* its thread gives back what it was left with */
    ck_assert_uint_eq(strict_mutex_violations(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/nccl_connect");
    TCase *make = tcase_create("make");
    TCase *end = tcase_create("end");

    tcase_set_timeout(end, 0);
    tcase_add_test(make, nobody_begins_before_all_have_the_id);
    tcase_add_test(end, an_abort_has_ended_when_its_caller_goes_on);
    tcase_add_test(end, without_memory_or_a_thread_the_caller_aborts_itself);
    tcase_add_test(end, an_abort_that_hangs_is_left_alone_in_time);
    suite_add_tcase(suite, make);
    suite_add_tcase(suite, end);
    return suite_run(suite);
}
