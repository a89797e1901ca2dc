/* What the stand-in does for and to a whole process; each test runs tests/standin/cudart/subject.c
 * with an environment of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

enum {
    OUTPUT_BYTES = 1 << 16
};

typedef struct outcome {
    int exit_code; /* -1: ended by the signal */
    int signal;
    char output[OUTPUT_BYTES]; /* stdout and stderr */
} outcome;

static outcome seen;

/* Runs the subject with "NAME=VALUE NAME=VALUE …" added to the environment. */
static void subject_run(const char *environment, const char *thing)
{
    char command[1024];
    size_t length = 0;
    size_t got;
    FILE *pipe;
    int status;

    (void)snprintf(command, sizeof(command), "exec env %s %s %s 2>&1", environment, KVSPAN_SUBJECT,
                   thing);
    pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    while ((got = fread(seen.output + length, 1, OUTPUT_BYTES - 1 - length, pipe)) > 0) {
        length += got;
    }
    seen.output[length] = '\0';
    status = pclose(pipe);
    seen.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    seen.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void ck_output_has(const char *text)
{
    ck_assert_msg(strstr(seen.output, text) != NULL, "no \"%s\" in:\n%s", text, seen.output);
}

START_TEST(devices_are_as_many_as_told)
{
    subject_run("KVSPAN_STANDIN_DEVICES=3", "device_count");
    ck_assert_str_eq(seen.output, "cudaSuccess 3\n");
    subject_run("KVSPAN_STANDIN_DEVICES=0", "device_count");
    ck_assert_str_eq(seen.output, "cudaErrorNoDevice -7\n");
    subject_run("KVSPAN_STANDIN_DRIVER=0", "device_count");
    ck_assert_str_eq(seen.output, "cudaErrorInsufficientDriver -7\n");
}
END_TEST

START_TEST(what_is_not_freed_is_listed_and_fails_the_process)
{
    subject_run("KVSPAN_STANDIN_LEAKS=1", "leaks");
    ck_assert_int_eq(seen.exit_code, 86);
    ck_output_has("leak: 200 bytes of device 0");
    ck_output_has("leak: 300 bytes of pinned host memory");
    ck_output_has("leak: stream 1 of device 0");
    ck_output_has("leak: event 1 of device 0");
    ck_output_has("standin-cudart: 4 leaks");
    ck_assert_ptr_null(strstr(seen.output, "100 bytes"));
    subject_run("KVSPAN_STANDIN_LEAKS=0", "leaks");
    ck_assert_int_eq(seen.exit_code, 0);
    subject_run("KVSPAN_STANDIN_LEAKS=1", "nothing_leaks");
    ck_assert_int_eq(seen.exit_code, 0);
    ck_assert_str_eq(seen.output, "");
}
END_TEST

START_TEST(the_nth_call_fails_once)
{
    subject_run("KVSPAN_STANDIN_FAIL=2", "calls");
    ck_output_has("cudaSuccess cudaErrorMemoryAllocation cudaSuccess cudaSuccess cudaSuccess "
                  "cudaErrorMemoryAllocation\n");
    ck_output_has("cudaMalloc fails, as told: call 2, of that name 2");
    subject_run("KVSPAN_STANDIN_FAIL=cudaDeviceSynchronize:1", "calls");
    ck_output_has("cudaSuccess cudaSuccess cudaSuccess cudaSuccess cudaErrorUnknown "
                  "cudaErrorUnknown\n");
    subject_run("KVSPAN_STANDIN_FAIL=cudaMalloc:3", "calls");
    ck_assert_ptr_null(strstr(seen.output, "cudaError"));
    /* Nobody could free it again: it is free. */
    subject_run("KVSPAN_STANDIN_FAIL=cudaFree:1 KVSPAN_STANDIN_LEAKS=1", "nothing_leaks");
    ck_output_has("cudaFree fails, as told");
    ck_assert_int_eq(seen.exit_code, 0);
}
END_TEST

START_TEST(calls_are_counted_by_name)
{
    subject_run("KVSPAN_STANDIN_COUNT_CALLS=1", "calls");
    ck_output_has("calls of cudaMalloc: 2\n");
    ck_output_has("calls of cudaDeviceSynchronize: 1\n");
    ck_output_has("calls of all names: 5\n");
}
END_TEST

START_TEST(a_call_that_is_not_there_ends_the_process_by_its_name)
{
    subject_run("KVSPAN_STANDIN_DEVICES=1", "missing_call");
    ck_output_has("before\n");
    ck_output_has("cudaMallocArray is not implemented");
    ck_assert_int_eq(seen.signal, SIGABRT);
    subject_run("KVSPAN_STANDIN_DEVICES=1", "missing_attribute");
    ck_output_has("cudaDeviceGetAttribute of attribute 21 is not implemented");
    ck_assert_int_eq(seen.signal, SIGABRT);
    subject_run("KVSPAN_STANDIN_DEVICES=1", "per_thread_stream");
    ck_output_has("cudaStreamPerThread is not implemented");
    ck_assert_int_eq(seen.signal, SIGABRT);
}
END_TEST

START_TEST(a_setting_that_cannot_be_read_ends_the_process_by_its_name)
{
    static const char *const wrong[] = {
        "KVSPAN_STANDIN_DEVICES=17",      "KVSPAN_STANDIN_ARCH=86",
        "KVSPAN_STANDIN_STREAMS=late",    "KVSPAN_STANDIN_FAIL=a:",
        "KVSPAN_STANDIN_STREAMS=random:", "KVSPAN_STANDIN_LEAKS=yes",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        subject_run(wrong[i], "device_count");
        ck_assert_int_eq(seen.signal, SIGABRT);
        ck_assert_msg(strncmp(strstr(seen.output, "KVSPAN"), wrong[i], 20) == 0, "%s", seen.output);
    }
}
END_TEST

START_TEST(a_copy_out_of_bounds_says_of_which_allocation)
{
    subject_run("KVSPAN_STANDIN_DEVICES=1", "bad_copy");
    ck_output_has("a copy's target of 9 bytes is outside of live memory: ");
    ck_output_has("offset 8 of an allocation of 16 bytes of device 0\n");
    ck_output_has("offset 0 of an allocation of 16 bytes of device 0, which was freed\n");
}
END_TEST

START_TEST(a_wait_without_end_is_ended_with_a_text)
{
    subject_run("KVSPAN_STANDIN_DEADLINE_MS=100", "endless_wait");
    ck_assert_int_eq(seen.signal, SIGABRT);
    ck_output_has("waited too long for endless in stream 0 of device 0, where endless waits");
}
END_TEST

/* The streams of the subject's three fills, in the order in which the record has them. */
static void record_read(const char *order, char text_out[64])
{
    char environment[256];
    char path[] = "/tmp/kvspan-record-XXXXXX";
    const int file = mkstemp(path);
    char line[512];
    FILE *record;

    ck_assert_int_ge(file, 0);
    close(file);
    (void)snprintf(environment, sizeof(environment),
                   "KVSPAN_STANDIN_STREAMS=%s KVSPAN_STANDIN_RECORD=%s", order, path);
    subject_run(environment, "three_streams");
    record = fopen(path, "r");
    ck_assert_ptr_nonnull(record);
    text_out[0] = '\0';
    while (fgets(line, sizeof(line), record) != NULL) {
        unsigned stream;

        ck_assert_int_eq(sscanf(line, "process=%*d device=0 stream=%u operation=fill", &stream), 1);
        (void)snprintf(text_out + strlen(text_out), 8, "%u ", stream);
    }
    (void)fclose(record);
    unlink(path);
}

START_TEST(what_ran_is_recorded_in_its_order)
{
    char text[64];

    record_read("eager", text);
    ck_assert_str_eq(text, "1 2 3 ");
    record_read("lazy", text);
    ck_assert_str_eq(text, "2 1 3 ");
    record_read("latest", text);
    ck_assert_str_eq(text, "3 2 1 ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cudart process");
    TCase *tests = tcase_create("process");

    tcase_add_test(tests, devices_are_as_many_as_told);
    tcase_add_test(tests, what_is_not_freed_is_listed_and_fails_the_process);
    tcase_add_test(tests, the_nth_call_fails_once);
    tcase_add_test(tests, calls_are_counted_by_name);
    tcase_add_test(tests, a_call_that_is_not_there_ends_the_process_by_its_name);
    tcase_add_test(tests, a_setting_that_cannot_be_read_ends_the_process_by_its_name);
    tcase_add_test(tests, a_copy_out_of_bounds_says_of_which_allocation);
    tcase_add_test(tests, a_wait_without_end_is_ended_with_a_text);
    tcase_add_test(tests, what_ran_is_recorded_in_its_order);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
