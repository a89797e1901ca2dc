#include "standin/cudart/runtime_check.h"
#include "support/suite.h"

enum {
    TRIALS = 64
};

typedef struct fixture {
    cudaStream_t first;
    cudaStream_t second;
    cudaEvent_t event;
    int *device;
    int *pinned_in;
    int *pinned_out;
} fixture;

static fixture it;

static void setup(void)
{
    ck_cuda(cudaStreamCreateWithFlags(&it.first, cudaStreamNonBlocking));
    ck_cuda(cudaStreamCreateWithFlags(&it.second, cudaStreamNonBlocking));
    ck_cuda(cudaEventCreateWithFlags(&it.event, cudaEventDisableTiming));
    ck_cuda(cudaMalloc((void **)&it.device, sizeof(int)));
    ck_cuda(cudaMallocHost((void **)&it.pinned_in, sizeof(int)));
    ck_cuda(cudaMallocHost((void **)&it.pinned_out, sizeof(int)));
}

static void teardown(void)
{
    ck_cuda(cudaStreamDestroy(it.first));
    ck_cuda(cudaStreamDestroy(it.second));
    ck_cuda(cudaEventDestroy(it.event));
    ck_cuda(cudaFree(it.device));
    ck_cuda(cudaFreeHost(it.pinned_in));
    ck_cuda(cudaFreeHost(it.pinned_out));
}

/* A value goes to the device on one stream and comes back on another. */
static int value_carry(int value, bool waits)
{
    ck_cuda(cudaMemset(it.device, 0, sizeof(int)));
    ck_cuda(cudaDeviceSynchronize());
    *it.pinned_in = value;
    ck_cuda(
        cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice, it.first));
    ck_cuda(cudaEventRecord(it.event, it.first));
    if (waits) {
        ck_cuda(cudaStreamWaitEvent(it.second, it.event, 0));
    }
    ck_cuda(
        cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost, it.second));
    ck_cuda(cudaStreamSynchronize(it.second));
    return *it.pinned_out;
}

START_TEST(a_wait_for_an_event_orders_two_streams)
{
    for (int i = 1; i <= TRIALS; i++) {
        ck_assert_int_eq(value_carry(i, true), i);
    }
}
END_TEST

START_TEST(a_missing_wait_shows_unless_streams_are_eager)
{
    int right = 0;

    for (int i = 1; i <= TRIALS; i++) {
        right += value_carry(i, false) == i;
    }
    if (streams_are("eager")) {
        ck_assert_int_eq(right, TRIALS);
    } else if (streams_only_run_in_waits()) {
        ck_assert_int_eq(right, 0);
    } else {
        ck_assert_int_gt(right, 0);
        ck_assert_int_lt(right, TRIALS);
    }
}
END_TEST

START_TEST(a_missing_synchronisation_of_the_host_shows_unless_streams_are_eager)
{
    int early = 0;

    for (int i = 1; i <= TRIALS; i++) {
        *it.pinned_in = i;
        *it.pinned_out = 0;
        ck_cuda(cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice,
                                it.first));
        ck_cuda(cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost,
                                it.first));
        early += *it.pinned_out != i;
        ck_cuda(cudaStreamSynchronize(it.first));
        ck_assert_int_eq(*it.pinned_out, i);
    }
    if (streams_are("eager")) {
        ck_assert_int_eq(early, 0);
    } else if (streams_only_run_in_waits()) {
        ck_assert_int_eq(early, TRIALS);
    } else {
        ck_assert_int_gt(early, 0);
    }
}
END_TEST

START_TEST(pinned_sources_are_read_when_the_copy_runs_and_pageable_ones_at_the_call)
{
    int pageable = 1;

    *it.pinned_in = 1;
    ck_cuda(
        cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice, it.first));
    *it.pinned_in = 2;
    ck_cuda(
        cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost, it.first));
    ck_cuda(cudaStreamSynchronize(it.first));
    if (!streams_are("random")) {
        ck_assert_int_eq(*it.pinned_out, streams_only_run_in_waits() ? 2 : 1);
    }
    ck_cuda(cudaMemcpyAsync(it.device, &pageable, sizeof(int), cudaMemcpyHostToDevice, it.first));
    pageable = 2;
    ck_cuda(cudaMemcpyAsync(&pageable, it.device, sizeof(int), cudaMemcpyDeviceToHost, it.first));
    ck_assert_int_eq(pageable, 1);
}
END_TEST

START_TEST(a_pinned_target_is_spoiled_until_its_copy_ran)
{
    *it.pinned_in = 3;
    *it.pinned_out = 3; /* what it held before looks right */
    ck_cuda(
        cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice, it.first));
    ck_cuda(
        cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost, it.first));
    if (streams_only_run_in_waits()) {
        ck_assert_int_eq(*it.pinned_out, (int)0xa5a5a5a5);
    }
    /* Still to be read: not spoiled. */
    ck_cuda(
        cudaMemcpyAsync(it.device, it.pinned_out, sizeof(int), cudaMemcpyHostToDevice, it.first));
    ck_cuda(
        cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost, it.first));
    ck_cuda(cudaStreamSynchronize(it.first));
    ck_assert_int_eq(*it.pinned_out, 3);
}
END_TEST

START_TEST(the_null_stream_waits_for_blocking_streams_and_they_for_it)
{
    cudaStream_t blocking;
    int back = 0;

    ck_cuda(cudaStreamCreate(&blocking));
    for (int i = 1; i <= TRIALS; i++) {
        *it.pinned_in = i;
        ck_cuda(cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice,
                                blocking));
        ck_cuda(cudaMemcpy(&back, it.device, sizeof(int), cudaMemcpyDeviceToHost));
        ck_assert_int_eq(back, i);
        ck_cuda(cudaMemsetAsync(it.device, 0, sizeof(int), NULL));
        ck_cuda(cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost,
                                blocking));
        ck_cuda(cudaStreamSynchronize(blocking));
        ck_assert_int_eq(*it.pinned_out, 0);
    }
    ck_cuda(cudaStreamDestroy(blocking));
}
END_TEST

START_TEST(the_null_stream_does_not_wait_for_others)
{
    int wrong = 0;

    for (int i = 1; i <= TRIALS; i++) {
        int back = 0;

        ck_cuda(cudaMemset(it.device, 0, sizeof(int)));
        ck_cuda(cudaDeviceSynchronize());
        *it.pinned_in = i;
        ck_cuda(cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice,
                                it.first));
        ck_cuda(cudaMemcpy(&back, it.device, sizeof(int), cudaMemcpyDeviceToHost));
        wrong += back != i;
        ck_cuda(cudaStreamSynchronize(it.first));
    }
    ck_assert_int_eq(wrong == 0, streams_are("eager"));
}
END_TEST

START_TEST(queries_take_a_stream_further_and_it_is_ready_when_it_is)
{
    int query_count = 0;
    cudaError_t error;

    *it.pinned_in = 5;
    for (int i = 0; i < 4; i++) {
        ck_cuda(cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice,
                                it.first));
    }
    ck_cuda(
        cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost, it.first));
    while ((error = cudaStreamQuery(it.first)) == cudaErrorNotReady) {
        query_count++;
        ck_assert_int_lt(query_count, 1000);
    }
    ck_cuda(error);
    ck_assert_int_eq(*it.pinned_out, 5);
    if (streams_only_run_in_waits()) {
        ck_assert_int_eq(query_count, 4);
        ck_cuda_is(cudaGetLastError(), cudaErrorNotReady);
    }
    if (streams_are("random")) {
        ck_assert_int_ge(query_count, 2);
    }
    (void)cudaGetLastError();
    ck_cuda(cudaGetLastError());
}
END_TEST

START_TEST(a_destroyed_stream_ends_its_work_and_is_no_stream_any_more)
{
    cudaStream_t brief;

    ck_cuda(cudaStreamCreateWithFlags(&brief, cudaStreamNonBlocking));
    *it.pinned_in = 9;
    ck_cuda(cudaMemcpyAsync(it.pinned_out, it.pinned_in, sizeof(int), cudaMemcpyHostToHost, brief));
    ck_cuda(cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice, brief));
    ck_cuda(cudaStreamDestroy(brief));
    ck_cuda_is(cudaStreamQuery(brief), cudaErrorInvalidResourceHandle);
    ck_cuda(cudaDeviceSynchronize());
    ck_cuda(cudaMemcpy(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost));
    ck_assert_int_eq(*it.pinned_out, 9);
    (void)cudaGetLastError();
}
END_TEST

static void value_write(void *data)
{
    *(int *)data = 77;
}

START_TEST(a_host_function_runs_in_the_order_of_its_stream)
{
    ck_cuda(cudaLaunchHostFunc(it.first, value_write, it.pinned_in));
    ck_cuda(
        cudaMemcpyAsync(it.device, it.pinned_in, sizeof(int), cudaMemcpyHostToDevice, it.first));
    ck_cuda(
        cudaMemcpyAsync(it.pinned_out, it.device, sizeof(int), cudaMemcpyDeviceToHost, it.first));
    ck_cuda(cudaStreamSynchronize(it.first));
    ck_assert_int_eq(*it.pinned_out, 77);
}
END_TEST

START_TEST(streams_say_what_they_are)
{
    cudaStream_t urgent;
    unsigned flags;
    int priority;
    int device;

    ck_cuda(cudaStreamCreateWithPriority(&urgent, cudaStreamNonBlocking, -100));
    ck_cuda(cudaStreamGetPriority(urgent, &priority));
    ck_cuda(cudaStreamGetFlags(urgent, &flags));
    ck_cuda(cudaStreamGetDevice(urgent, &device));
    ck_assert_int_eq(priority, -5);
    ck_assert_uint_eq(flags, cudaStreamNonBlocking);
    ck_assert_int_eq(device, 0);
    ck_cuda(cudaStreamDestroy(urgent));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cudart streams");
    TCase *tests = tcase_create("streams");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_wait_for_an_event_orders_two_streams);
    tcase_add_test(tests, a_missing_wait_shows_unless_streams_are_eager);
    tcase_add_test(tests, a_missing_synchronisation_of_the_host_shows_unless_streams_are_eager);
    tcase_add_test(tests, pinned_sources_are_read_when_the_copy_runs_and_pageable_ones_at_the_call);
    tcase_add_test(tests, a_pinned_target_is_spoiled_until_its_copy_ran);
    tcase_add_test(tests, the_null_stream_waits_for_blocking_streams_and_they_for_it);
    tcase_add_test(tests, the_null_stream_does_not_wait_for_others);
    tcase_add_test(tests, queries_take_a_stream_further_and_it_is_ready_when_it_is);
    tcase_add_test(tests, a_destroyed_stream_ends_its_work_and_is_no_stream_any_more);
    tcase_add_test(tests, a_host_function_runs_in_the_order_of_its_stream);
    tcase_add_test(tests, streams_say_what_they_are);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
