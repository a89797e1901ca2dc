/* How a communicator of NCCL is aborted: in bounded time, whatever is missing or hangs. */
#include "support/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "comm/clock.h"
#include "comm/nccl_parts.h"
#include "support/strict_mutex.h"

/* The linker leads every call of these in the test and the static libraries here (--wrap). */
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
    Suite *suite = suite_create("comm/nccl_end");
    TCase *end = tcase_create("end");

    tcase_set_timeout(end, 0);
    tcase_add_test(end, an_abort_has_ended_when_its_caller_goes_on);
    tcase_add_test(end, without_memory_or_a_thread_the_caller_aborts_itself);
    tcase_add_test(end, an_abort_that_hangs_is_left_alone_in_time);
    suite_add_tcase(suite, end);
    return suite_run(suite);
}
