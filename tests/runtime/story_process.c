#include "runtime/story_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/ranks.h"
#include "support/suite.h"

static const char second_life[] = "the second life begins";

typedef struct life {
    const cuda_story *story;
    cuda_story_end *ends; /* [rank] */
} life;

static void live(ranks_self *self)
{
    const life *const it = self->context;

    cuda_story_run(it->story, self->comm, &it->ends[self->rank]);
}

/* What the process was asked for; the checks of ranks_run() need a test around them. */
static cuda_story asked;
static uint32_t asked_ranks;

START_TEST(a_story_is_lived_twice)
{
    cuda_story_end ends[STORY_LIVES][CUDA_STORY_RANKS];

    memset(ends, 0, sizeof(ends));
    for (uint32_t i = 0; i < STORY_LIVES; i++) {
        life now = { .story = &asked, .ends = ends[i] };

        if (i > 0) {
            (void)fprintf(stderr, "%s\n", second_life);
        }
        ranks_run(asked_ranks, live, &now);
    }
    ck_assert_int_eq(write(STDOUT_FILENO, ends, sizeof(ends)), sizeof(ends));
}
END_TEST

/* argv: program, "--story", mesh, number of ranks, whether by NCCL. */
void story_process_begin(int argc, char **argv)
{
    TCase *tcase;
    Suite *suite;
    SRunner *runner;
    int failed;

    if (argc != 5 || strcmp(argv[1], "--story") != 0) {
        return;
    }
    asked = (cuda_story){ .mesh = argv[2], .is_by_nccl = argv[4][0] == '1' };
    asked_ranks = (uint32_t)(argv[3][0] - '0');
    tcase = tcase_create("story");
    suite = suite_create("story");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, a_story_is_lived_twice);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

static uint64_t now_ms(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void become_story(const story_order *order, FILE *out, FILE *said)
{
    char ranks[2] = { (char)('0' + order->rank_count), '\0' };
    char *const argv[] = {
        "story", "--story", (char *)(uintptr_t)order->mesh, ranks, order->is_by_nccl ? "1" : "0",
        NULL
    };

    if (order->variable) {
        (void)setenv(order->variable, order->value, 1);
    }
    (void)unsetenv("CK_RUN_CASE");
    (void)setenv("KVSPAN_STANDIN_LEAKS", "1", 1);
    (void)setenv("KVSPAN_NCCL_REPORT", "1", 1);
    (void)setenv("KVSPAN_NCCL_DEADLINE_MS", "0", 1); /* the deadline is kvspan's */
    if (dup2(fileno(out), STDOUT_FILENO) >= 0 && dup2(fileno(said), STDERR_FILENO) >= 0) {
        (void)execv("/proc/self/exe", argv);
    }
    _exit(EXIT_FAILURE);
}

/* The exit code, -1 if it had to be killed. */
static int wait_for_end(pid_t process)
{
    const uint64_t start_ms = now_ms();
    int state = 0;

    while (waitpid(process, &state, WNOHANG) == 0) {
        if (now_ms() - start_ms > STORY_LONGEST_MS) {
            (void)kill(process, SIGKILL);
            (void)waitpid(process, &state, 0);
            return -1;
        }
        (void)nanosleep(&(const struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

/* "…: NAME fails, as told…" and "…: NAME fails as asked…" of the stand-ins. */
static void find_failed(story_result *result)
{
    const char *const second = strstr(result->said, second_life);
    const char *const end = strstr(result->said, "gives back");
    const char *at = strstr(result->said, " fails, as told");
    const char *name;

    at = at ? at : strstr(result->said, " fails as asked");
    if (!at || (second && at > second)) {
        return;
    }
    name = at;
    while (name > result->said && name[-1] != ' ') {
        name--;
    }
    (void)snprintf(result->failed, sizeof(result->failed), "%.*s", (int)(at - name), name);
    result->was_giving_back = end && at > end;
}

void story_process_run(const story_order *order, story_result *result_out)
{
    FILE *const out = tmpfile();
    FILE *const said = tmpfile();
    const uint64_t start_ms = now_ms();
    size_t length;
    pid_t process;

    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_nonnull(said);
    memset(result_out, 0, sizeof(*result_out));
    process = fork();
    ck_assert_int_ge(process, 0);
    if (process == 0) {
        become_story(order, out, said);
    }
    result_out->exit_code = wait_for_end(process);
    result_out->elapsed_ms = now_ms() - start_ms;
    rewind(out);
    rewind(said);
    if (fread(result_out->ends, sizeof(result_out->ends), 1, out) != 1) {
        memset(result_out->ends, 0, sizeof(result_out->ends));
    }
    length = fread(result_out->said, 1, sizeof(result_out->said) - 1, said);
    result_out->said[length] = '\0';
    (void)fclose(out);
    (void)fclose(said);
    find_failed(result_out);
}
