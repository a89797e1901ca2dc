#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nccl.h>

#include "runtime/story_judge.h"

/* Each call of CUDA and of NCCL that a cache's life makes fails once, in a process of its own: the
 * rank it happened to has a status and a sentence that names the call, the others hear of it,
 * nothing is leaked, nothing hangs, and the next life is as good as any. */

enum {
    MAX_NAMES = 48,
    ASKED = 8,       /* times */
    OPERATIONS = 18, /* of NCCL's, in a life of one of two ranks, that others wait for */
    ASYNC_STRIDE = 3,
    ASYNC_LONGEST_MS = CUDA_STORY_DEADLINE_MS + 1500 + 4000 /* deadline, search, two lives */
};

/* How often a function has been made to fail. */
typedef struct tally {
    const char *functions; /* whose least numbers are asserted: "name:least name:least …" */
    char names[MAX_NAMES][STORY_NAME_BYTES];
    uint32_t counts[MAX_NAMES];
    uint32_t name_count;
    uint32_t failures;
    uint64_t longest_ms;
} tally;

static void count(tally *it, const story_result *result)
{
    uint32_t i = 0;

    while (i < it->name_count && strcmp(it->names[i], result->failed) != 0) {
        i++;
    }
    if (i == it->name_count) {
        ck_assert_uint_lt(it->name_count, MAX_NAMES);
        memcpy(it->names[it->name_count++], result->failed, sizeof(result->failed));
    }
    it->counts[i]++;
    it->failures++;
    it->longest_ms = result->elapsed_ms > it->longest_ms ? result->elapsed_ms : it->longest_ms;
}

/* The n-th call fails; false once there is none. */
static int fail_once(story_order order, const char *value, uint64_t digest, tally *it)
{
    static story_result result;

    order.value = value;
    story_process_run(&order, &result);
    if (result.failed[0] == '\0') {
        ck_assert_msg(result.exit_code == 0, "%s", story_text(&order, &result));
        return 0;
    }
    story_check_first_life(&order, &result, digest);
    story_check_rest(&order, &result);
    story_check_second_life(&order, &result, digest);
    count(it, &result);
    return 1;
}

static uint64_t live_well(story_order order)
{
    static story_result result;

    order.variable = NULL;
    story_process_run(&order, &result);
    story_check_rest(&order, &result);
    story_check_second_life(&order, &result, 0);
    ck_assert_msg(story_is_good(&result.ends[0][0], result.ends[1][0].digest), "%s",
                  story_text(&order, &result));
    ck_assert_msg(story_is_good(&result.ends[0][order.rank_count - 1], result.ends[1][0].digest),
                  "%s", story_text(&order, &result));
    return result.ends[0][0].digest;
}

static void report(const char *what, const tally *it)
{
    (void)printf("%s: %u calls failed, the longest life took %llu ms\n", what, it->failures,
                 (unsigned long long)it->longest_ms);
    for (uint32_t i = 0; i < it->name_count; i++) {
        (void)printf("  %4u %s\n", it->counts[i], it->names[i]);
    }
    (void)fflush(stdout);
}

static void expect_at_least(const tally *it, const char *name, uint32_t least)
{
    uint32_t i = 0;

    while (i < it->name_count && strcmp(it->names[i], name) != 0) {
        i++;
    }
    ck_assert_msg(i < it->name_count && it->counts[i] >= least, "%s failed %u times, not %u", name,
                  i < it->name_count ? it->counts[i] : 0, least);
}

/* Every call. */
static void fail_each(story_order order, const char *what, tally *it)
{
    const uint64_t digest = live_well(order);
    char value[32];
    uint32_t number = 0;

    do {
        (void)snprintf(value, sizeof(value), "%u", ++number);
    } while (fail_once(order, value, digest, it));
    report(what, it);
}

typedef struct least {
    const char *name;
    uint32_t count;
} least;

static void expect_all(const tally *it, const least *leasts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect_at_least(it, leasts[i].name, leasts[i].count);
    }
}

START_TEST(every_call_of_cuda_that_fails_is_named)
{
    const story_order order = { .mesh = "tp:1",
                                .rank_count = 1,
                                .variable = "KVSPAN_STANDIN_FAIL" };
    static const least leasts[] = {
        { "cudaGetDeviceCount", 1 },
        { "cudaDeviceGetAttribute", 3 },
        { "cudaDeviceGetPCIBusId", 1 },
        { "cudaSetDevice", 90 },
        { "cudaStreamCreateWithFlags", 4 },
        { "cudaHostAlloc", 4 },
        { "cudaMalloc", 6 },
        { "cudaMemsetAsync", 6 },
        { "cudaStreamQuery", 8 },
        { "cudaMemcpyAsync", 10 },
        { "cudaMemGetInfo", 1 },
        { "cudaEventCreateWithFlags", 7 },
        { "cudaEventQuery", 3 },
        { "cudaLaunchKernel", 18 },
        { "cudaStreamIsCapturing", 6 },
        { "cudaFuncSetAttribute", 6 },
        { "cudaEventRecord", 6 },
        { "cudaStreamWaitEvent", 2 },
        { "cudaFreeHost", 4 },
        { "cudaFree", 6 },
        { "cudaEventDestroy", 7 },
        { "cudaStreamDestroy", 4 },
    };
    static tally it;

    fail_each(order, "one rank", &it);
    expect_all(&it, leasts, sizeof(leasts) / sizeof(leasts[0]));
}
END_TEST

/* Which calls of a function fail: the first, those in steps behind it, so many at most. What is
 * called until it has an answer is so by chance. */
typedef struct choice {
    const char *name;
    uint32_t stride;
    uint32_t most;
} choice;

static const choice choices[] = {
    { "cudaSetDevice", 17, 24 },       { "cudaLaunchKernel", 5, 99 },
    { "cudaMemcpyAsync", 5, 99 },      { "cudaEventRecord", 6, 99 },
    { "cudaStreamWaitEvent", 6, 99 },  { "cudaStreamQuery", 3, 6 },
    { "cudaEventQuery", 2, 3 },        { "cudaFuncSetAttribute", 4, 99 },
    { "cudaMalloc", 3, 99 },           { "cudaMemsetAsync", 3, 99 },
    { "cudaHostAlloc", 2, 99 },        { "cudaMemGetInfo", 1, 99 },
    { "cudaStreamIsCapturing", 4, 4 }, { "cudaEventCreateWithFlags", 5, 99 },
};

/* Each choice from a call on that differs from function to function, so that both ranks get some.
 */
static void fail_choices(const story_order *order, const char *what, tally *it)
{
    const uint64_t digest = live_well(*order);

    for (uint32_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        const choice *const now = &choices[i];
        uint32_t number = 1 + i % now->stride;
        uint32_t left = now->most;
        char value[64];

        do {
            (void)snprintf(value, sizeof(value), "%s:%u", now->name, number);
            number += now->stride;
        } while (fail_once(*order, value, digest, it) && --left > 0);
        expect_at_least(it, now->name, 1);
    }
    report(what, it);
}

START_TEST(calls_of_cuda_that_fail_on_one_of_two_ranks_are_heard_of)
{
    const story_order order = { .mesh = "sp:2",
                                .rank_count = 2,
                                .variable = "KVSPAN_STANDIN_FAIL" };
    static tally it;

    fail_choices(&order, "two ranks, through the host", &it);
    ck_assert_uint_ge(it.failures, 70);
}
END_TEST

START_TEST(calls_of_cuda_that_fail_beside_nccl_are_heard_of)
{
    const story_order order = {
        .mesh = "sp:2", .rank_count = 2, .is_by_nccl = 1, .variable = "KVSPAN_STANDIN_FAIL"
    };
    static tally it;

    fail_choices(&order, "two ranks, by NCCL", &it);
    ck_assert_uint_ge(it.failures, 60);
}
END_TEST

/* Which rank's call is the n-th is chance, so the least numbers leave some room. */
START_TEST(every_call_of_nccl_that_fails_is_named)
{
    const story_order order = {
        .mesh = "sp:2", .rank_count = 2, .is_by_nccl = 1, .variable = "KVSPAN_NCCL_FAIL"
    };
    static const least leasts[] = {
        { "ncclGetVersion", 1 },
        { "ncclGetUniqueId", 1 },
        { "ncclCommInitRankConfig", 1 },
        { "ncclMemAlloc", 1 },
        { "ncclCommWindowRegister", 1 },
        { "ncclGroupStart", 8 },
        { "ncclSend", 8 },
        { "ncclRecv", 8 },
        { "ncclGroupEnd", 8 },
        { "ncclAllGather", 8 },
        { "ncclCommFinalize", 1 },
        { "ncclCommWindowDeregister", 1 },
        { "ncclCommDestroy", 1 },
        { "ncclMemFree", 1 },
    };
    static tally it;

    fail_each(order, "NCCL", &it);
    expect_all(&it, leasts, sizeof(leasts) / sizeof(leasts[0]));
}
END_TEST

/* Asked for until it has an answer, so that how often is chance. */
START_TEST(asking_nccl_how_it_goes_may_fail)
{
    const story_order order = {
        .mesh = "sp:2", .rank_count = 2, .is_by_nccl = 1, .variable = "KVSPAN_NCCL_FAIL"
    };
    const uint64_t digest = live_well(order);
    static tally it;
    char value[48];

    for (uint32_t i = 1; i <= ASKED; i++) {
        (void)snprintf(value, sizeof(value), "ncclCommGetAsyncError:%u", i);
        ck_assert_int_eq(fail_once(order, value, digest, &it), 1);
    }
    report("NCCL, asked how it goes", &it);
}
END_TEST

/* On the rank that has it NCCL says no; the other hears of that, or is the one that waits. */
static void check_async(const story_order *order, const story_result *result, int is_remote,
                        uint64_t digest)
{
    const cuda_story_end *const own = &result->ends[0][1];
    const cuda_story_end *const other = &result->ends[0][0];
    const int is_own_heard = own->status == KVSPAN_ERR_PEER || own->status == KVSPAN_ERR_LATE;
    const int is_heard = other->status == KVSPAN_ERR_PEER || other->status == KVSPAN_ERR_LATE;

    if (is_remote) {
        ck_assert_msg(is_own_heard && is_heard, "%s", story_text(order, result));
    } else {
        ck_assert_msg(own->status == KVSPAN_ERR_NCCL && own->error.rank == 1 &&
                          own->error.native == ncclSystemError &&
                          strstr(own->error.message, "nccl"),
                      "%s", story_text(order, result));
        ck_assert_msg((is_heard && other->error.rank == 1) ||
                          (own->is_in_last_step && story_is_good(other, digest)),
                      "%s", story_text(order, result));
    }
    ck_assert_msg(result->elapsed_ms < ASYNC_LONGEST_MS, "%s", story_text(order, result));
}

/* Each operation on one rank turns out bad behind the call that began it. */
static void fail_behind(const char *streams, const char *kind)
{
    static story_result result;
    story_order order = {
        .mesh = "sp:2", .rank_count = 2, .is_by_nccl = 1, .variable = "KVSPAN_NCCL_ASYNC_ERROR"
    };
    uint32_t failures = 0;
    uint64_t longest_ms = 0;
    uint64_t digest;
    char value[32];

    ck_assert_int_eq(setenv("KVSPAN_STANDIN_STREAMS", streams, 1), 0);
    digest = live_well(order);
    for (uint32_t i = 1; i <= OPERATIONS; i += ASYNC_STRIDE) {
        (void)snprintf(value, sizeof(value), "1:%u:%s", i, kind);
        order.value = value;
        story_process_run(&order, &result);
        ck_assert_msg(result.failed[0] != '\0', "%s", story_text(&order, &result));
        check_async(&order, &result, strcmp(kind, "remote") == 0, digest);
        story_check_rest(&order, &result);
        longest_ms = result.elapsed_ms > longest_ms ? result.elapsed_ms : longest_ms;
        failures++;
    }
    (void)printf("%s, %s: %u operations failed, the longest life took %llu ms\n", streams, kind,
                 failures, (unsigned long long)longest_ms);
    (void)unsetenv("KVSPAN_STANDIN_STREAMS");
}

START_TEST(operations_that_turn_out_bad_are_heard_of)
{
    static const char *const streams[] = { "eager", "lazy", "random:5" };

    for (uint32_t i = 0; i < 3; i++) {
        fail_behind(streams[i], "system");
        fail_behind(streams[i], "remote");
    }
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("runtime/cache_faults_cuda");
    TCase *cuda = tcase_create("cuda");
    TCase *ranks = tcase_create("ranks");
    TCase *nccl = tcase_create("nccl");
    TCase *async = tcase_create("async");

    story_process_begin(argc, argv);
    tcase_set_timeout(cuda, 0);
    tcase_set_timeout(ranks, 0);
    tcase_set_timeout(nccl, 0);
    tcase_set_timeout(async, 0);
    tcase_add_test(cuda, every_call_of_cuda_that_fails_is_named);
    tcase_add_test(ranks, calls_of_cuda_that_fail_on_one_of_two_ranks_are_heard_of);
    tcase_add_test(ranks, calls_of_cuda_that_fail_beside_nccl_are_heard_of);
    tcase_add_test(nccl, every_call_of_nccl_that_fails_is_named);
    tcase_add_test(nccl, asking_nccl_how_it_goes_may_fail);
    tcase_add_test(async, operations_that_turn_out_bad_are_heard_of);
    suite_add_tcase(suite, cuda);
    suite_add_tcase(suite, ranks);
    suite_add_tcase(suite, nccl);
    suite_add_tcase(suite, async);
    return suite_run(suite);
}
