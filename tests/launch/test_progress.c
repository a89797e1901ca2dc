#include "launch/progress.h"
#include "support/suite.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pipe, whose reading end does not wait. */
static void open_pipe(int ends[2])
{
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
}

/* All that has been written since the last call. */
static const char *read_all(int end, char text[1024])
{
    const ssize_t bytes = read(end, text, 1023);

    text[bytes > 0 ? bytes : 0] = '\0';
    return text;
}

static const kvspan_progress_state some_state = {
    .requests_ended = 3, .steps = 40, .tokens = 5000, .pages_in_use = 6, .pages_total = 70
};

START_TEST(a_pipe_is_left_alone_unless_forced)
{
    kvspan_progress progress;
    char text[1024];
    int ends[2];

    open_pipe(ends);
    kvspan_progress_init(&progress, ends[1], false, 9);
    ck_assert(!kvspan_progress_is_due(&progress, 1000000));
    kvspan_progress_show(&progress, &some_state, 1000000);
    kvspan_progress_end(&progress);
    ck_assert_str_eq(read_all(ends[0], text), "");
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

START_TEST(lines_come_at_most_twice_a_second)
{
    kvspan_progress progress;
    kvspan_progress_state state = some_state;
    char text[1024];
    int ends[2];

    open_pipe(ends);
    kvspan_progress_init(&progress, ends[1], true, 9);
    kvspan_progress_show(&progress, &state, 1000);
    ck_assert_str_eq(read_all(ends[0], text), "3/9 requests, step 40, 5000 tokens/s, 6/70 pages\n");
    state.tokens = 6000;
    kvspan_progress_show(&progress, &state, 1499);
    ck_assert_str_eq(read_all(ends[0], text), "");
    kvspan_progress_show(&progress, &state, 1500);
    ck_assert_str_eq(read_all(ends[0], text), "3/9 requests, step 40, 2000 tokens/s, 6/70 pages\n");
    kvspan_progress_end(&progress);
    ck_assert_str_eq(read_all(ends[0], text), "");
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

START_TEST(a_terminal_has_one_line_that_is_ended_once)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    kvspan_progress progress;
    char text[1024];
    int terminal;

    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        return; /* this machine gives out no terminals */
    }
    terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(terminal, 0);
    kvspan_progress_init(&progress, terminal, false, 9);
    kvspan_progress_show(&progress, &some_state, 500);
    ck_assert_str_eq(read_all(master, text),
                     "\r3/9 requests, step 40, 10000 tokens/s, 6/70 pages\033[K");
    kvspan_progress_end(&progress);
    ck_assert_str_eq(read_all(master, text), "\r\n");
    kvspan_progress_end(&progress);
    ck_assert_str_eq(read_all(master, text), "");
    (void)close(terminal);
    (void)close(master);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/progress");
    TCase *lines = tcase_create("lines");

    tcase_add_test(lines, a_pipe_is_left_alone_unless_forced);
    tcase_add_test(lines, lines_come_at_most_twice_a_second);
    tcase_add_test(lines, a_terminal_has_one_line_that_is_ended_once);
    suite_add_tcase(suite, lines);
    return suite_run(suite);
}
