#include "launch/stop_signals.h"
#include "support/suite.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

START_TEST(each_of_the_three_signals_is_noted_and_ends_nothing)
{
    ck_assert_int_eq(kvspan_stop_signals_pending(), 0);
    ck_assert_int_eq(kvspan_stop_signals_install(NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_stop_signals_pending(), 0);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_int_eq(kvspan_stop_signals_pending(), SIGUSR1);
    ck_assert_int_eq(raise(SIGTERM), 0);
    ck_assert_int_eq(kvspan_stop_signals_pending(), SIGTERM);
    ck_assert_int_eq(raise(SIGINT), 0);
    ck_assert_int_eq(kvspan_stop_signals_pending(), SIGINT);
    /* And not only the first time. */
    ck_assert_int_eq(raise(SIGINT), 0);
    ck_assert_int_eq(raise(SIGTERM), 0);
    ck_assert_int_eq(kvspan_stop_signals_pending(), SIGTERM);
}
END_TEST

/* A read that has to wait: the parent's signal comes first, its byte later. */
START_TEST(a_system_call_goes_on_after_a_signal)
{
    int ends[2];
    char byte = 0;
    pid_t child;
    const pid_t parent = getpid();
    const struct timespec moment = { .tv_nsec = 100000000 };

    ck_assert_int_eq(kvspan_stop_signals_install(NULL), KVSPAN_OK);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)nanosleep(&moment, NULL);
        (void)kill(parent, SIGUSR1);
        (void)nanosleep(&moment, NULL);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_eq(kvspan_stop_signals_pending(), SIGUSR1);
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/stop_signals");
    TCase *signals = tcase_create("signals");

    tcase_add_test(signals, each_of_the_three_signals_is_noted_and_ends_nothing);
    tcase_add_test(signals, a_system_call_goes_on_after_a_signal);
    suite_add_tcase(suite, signals);
    return suite_run(suite);
}
