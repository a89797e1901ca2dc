#include "standin/cudart/runtime_check.h"
#include "support/suite.h"

static cudaStream_t stream;
static int *device;
static int *pinned;

static void setup(void)
{
    ck_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    ck_cuda(cudaMalloc((void **)&device, sizeof(int)));
    ck_cuda(cudaMallocHost((void **)&pinned, sizeof(int)));
}

static void teardown(void)
{
    ck_cuda(cudaStreamDestroy(stream));
    ck_cuda(cudaFree(device));
    ck_cuda(cudaFreeHost(pinned));
    (void)cudaGetLastError();
}

static void copy_enqueue(void)
{
    ck_cuda(cudaMemcpyAsync(device, pinned, sizeof(int), cudaMemcpyHostToDevice, stream));
}

START_TEST(an_event_that_was_never_recorded_is_done)
{
    cudaEvent_t event;

    ck_cuda(cudaEventCreate(&event));
    ck_cuda(cudaEventQuery(event));
    ck_cuda(cudaEventSynchronize(event));
    ck_cuda(cudaStreamWaitEvent(stream, event, 0));
    ck_cuda(cudaEventDestroy(event));
}
END_TEST

START_TEST(queries_of_an_event_take_its_stream_further)
{
    cudaEvent_t event;
    cudaError_t error;
    int query_count = 0;

    ck_cuda(cudaEventCreate(&event));
    copy_enqueue();
    copy_enqueue();
    ck_cuda(cudaEventRecord(event, stream));
    while ((error = cudaEventQuery(event)) == cudaErrorNotReady && query_count < 1000) {
        query_count++;
    }
    ck_cuda(error);
    if (streams_only_run_in_waits()) {
        ck_assert_int_eq(query_count, 2); /* the third step is the event itself */
    }
    ck_cuda(cudaEventDestroy(event));
}
END_TEST

/* Recording again moves the event; who waited before waits for what it was. */
START_TEST(a_wait_is_for_what_the_event_was_when_it_was_called)
{
    cudaEvent_t event;
    cudaStream_t other;

    ck_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    ck_cuda(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    ck_cuda(cudaEventRecord(event, other));
    ck_cuda(cudaStreamWaitEvent(stream, event, 0));
    copy_enqueue();
    ck_cuda(cudaEventRecord(event, stream)); /* would wait for itself if moved */
    ck_cuda(cudaEventSynchronize(event));
    ck_cuda(cudaStreamSynchronize(stream));
    ck_cuda(cudaEventDestroy(event));
    ck_cuda(cudaStreamDestroy(other));
}
END_TEST

START_TEST(elapsed_time_is_of_two_timed_events_that_are_done)
{
    cudaEvent_t start;
    cudaEvent_t end;
    cudaEvent_t untimed;
    float elapsed_ms = -1;

    ck_cuda(cudaEventCreate(&start));
    ck_cuda(cudaEventCreate(&end));
    ck_cuda(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming));
    ck_cuda_is(cudaEventElapsedTime(&elapsed_ms, start, end), cudaErrorInvalidResourceHandle);
    ck_cuda(cudaEventRecord(start, stream));
    copy_enqueue();
    ck_cuda(cudaEventRecord(end, stream));
    ck_cuda(cudaEventRecord(untimed, stream));
    if (streams_only_run_in_waits()) {
        ck_cuda_is(cudaEventElapsedTime(&elapsed_ms, start, end), cudaErrorNotReady);
    }
    ck_cuda(cudaStreamSynchronize(stream));
    ck_cuda(cudaEventElapsedTime(&elapsed_ms, start, end));
    ck_assert(elapsed_ms >= 0);
    ck_cuda_is(cudaEventElapsedTime(&elapsed_ms, start, untimed), cudaErrorInvalidResourceHandle);
    ck_cuda(cudaEventDestroy(start));
    ck_cuda(cudaEventDestroy(end));
    ck_cuda(cudaEventDestroy(untimed));
}
END_TEST

START_TEST(an_event_belongs_to_the_device_it_was_created_on)
{
    cudaEvent_t event;
    cudaStream_t there;
    int *memory_there;
    int back = 0;

    ck_cuda(cudaEventCreate(&event));
    ck_cuda(cudaSetDevice(1));
    ck_cuda(cudaStreamCreateWithFlags(&there, cudaStreamNonBlocking));
    ck_cuda(cudaMalloc((void **)&memory_there, sizeof(int)));
    ck_cuda_is(cudaEventRecord(event, there), cudaErrorInvalidResourceHandle);
    *pinned = 6;
    copy_enqueue();
    ck_cuda(cudaEventRecord(event, stream));
    ck_cuda(cudaStreamWaitEvent(there, event, 0)); /* of any device */
    ck_cuda(cudaMemcpyPeerAsync(memory_there, 1, device, 0, sizeof(int), there));
    ck_cuda(cudaMemcpyAsync(&back, memory_there, sizeof(int), cudaMemcpyDeviceToHost, there));
    ck_assert_int_eq(back, 6);
    ck_cuda(cudaFree(memory_there));
    ck_cuda(cudaStreamDestroy(there));
    ck_cuda(cudaEventDestroy(event));
    ck_cuda(cudaSetDevice(0));
}
END_TEST

START_TEST(a_destroyed_event_is_refused)
{
    cudaEvent_t event;

    ck_cuda(cudaEventCreate(&event));
    ck_cuda(cudaEventDestroy(event));
    ck_cuda_is(cudaEventRecord(event, stream), cudaErrorInvalidResourceHandle);
    ck_cuda_is(cudaEventDestroy(event), cudaErrorInvalidResourceHandle);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cudart events");
    TCase *tests = tcase_create("events");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, an_event_that_was_never_recorded_is_done);
    tcase_add_test(tests, queries_of_an_event_take_its_stream_further);
    tcase_add_test(tests, a_wait_is_for_what_the_event_was_when_it_was_called);
    tcase_add_test(tests, elapsed_time_is_of_two_timed_events_that_are_done);
    tcase_add_test(tests, an_event_belongs_to_the_device_it_was_created_on);
    tcase_add_test(tests, a_destroyed_event_is_refused);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
