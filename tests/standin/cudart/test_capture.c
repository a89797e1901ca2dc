#include "standin/cudart/runtime_check.h"
#include "support/suite.h"

typedef struct fixture {
    cudaStream_t first;
    cudaStream_t second;
    cudaEvent_t forked;
    cudaEvent_t joined;
    int *device;
    int *pinned;
    int *back;
} fixture;

static fixture it;

static void setup(void)
{
    ck_cuda(cudaStreamCreateWithFlags(&it.first, cudaStreamNonBlocking));
    ck_cuda(cudaStreamCreateWithFlags(&it.second, cudaStreamNonBlocking));
    ck_cuda(cudaEventCreateWithFlags(&it.forked, cudaEventDisableTiming));
    ck_cuda(cudaEventCreateWithFlags(&it.joined, cudaEventDisableTiming));
    ck_cuda(cudaMalloc((void **)&it.device, 2 * sizeof(int)));
    ck_cuda(cudaMallocHost((void **)&it.pinned, 2 * sizeof(int)));
    ck_cuda(cudaMallocHost((void **)&it.back, 2 * sizeof(int)));
}

static void teardown(void)
{
    ck_cuda(cudaStreamDestroy(it.first));
    ck_cuda(cudaStreamDestroy(it.second));
    ck_cuda(cudaEventDestroy(it.forked));
    ck_cuda(cudaEventDestroy(it.joined));
    ck_cuda(cudaFree(it.device));
    ck_cuda(cudaFreeHost(it.pinned));
    ck_cuda(cudaFreeHost(it.back));
    (void)cudaGetLastError();
}

static void value_send(int index, cudaStream_t stream)
{
    ck_cuda(cudaMemcpyAsync(it.device + index, it.pinned + index, sizeof(int),
                            cudaMemcpyHostToDevice, stream));
}

static void value_receive(int index, cudaStream_t stream)
{
    ck_cuda(cudaMemcpyAsync(it.back + index, it.device + index, sizeof(int), cudaMemcpyDeviceToHost,
                            stream));
}

/* One value goes by each stream; the second comes back by the first. */
static cudaGraph_t both_streams_capture(bool waits)
{
    cudaGraph_t graph;

    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeThreadLocal));
    ck_cuda(cudaEventRecord(it.forked, it.first));
    ck_cuda(cudaStreamWaitEvent(it.second, it.forked, 0));
    value_send(0, it.first);
    value_send(1, it.second);
    if (!waits) {
        value_receive(1, it.first);
    }
    ck_cuda(cudaEventRecord(it.joined, it.second));
    ck_cuda(cudaStreamWaitEvent(it.first, it.joined, 0));
    value_receive(0, it.first);
    if (waits) {
        value_receive(1, it.first);
    }
    ck_cuda(cudaStreamEndCapture(it.first, &graph));
    return graph;
}

static int graph_replay(cudaGraph_t graph)
{
    cudaGraphExec_t exec;
    int right = 0;

    ck_cuda(cudaGraphInstantiate(&exec, graph, 0));
    ck_cuda(cudaGraphDestroy(graph));
    for (int i = 1; i <= 32; i++) {
        ck_cuda(cudaMemset(it.device, 0, 2 * sizeof(int)));
        ck_cuda(cudaDeviceSynchronize());
        it.pinned[0] = i;
        it.pinned[1] = -i;
        ck_cuda(cudaGraphLaunch(exec, it.first));
        ck_cuda(cudaStreamSynchronize(it.first));
        ck_assert_int_eq(it.back[0], i);
        right += it.back[1] == -i;
    }
    ck_cuda(cudaGraphExecDestroy(exec));
    return right;
}

START_TEST(a_captured_stream_runs_nothing_until_its_graph_is_launched)
{
    enum cudaStreamCaptureStatus status;
    unsigned long long id = 0;
    cudaGraph_t graph;
    size_t node_count;

    *it.pinned = 4;
    *it.back = 0;
    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeGlobal));
    ck_cuda(cudaStreamIsCapturing(it.first, &status));
    ck_assert_int_eq(status, cudaStreamCaptureStatusActive);
    ck_cuda(cudaStreamGetCaptureInfo(it.first, &status, &id, NULL, NULL, NULL, NULL));
    ck_assert_uint_ne(id, 0);
    value_send(0, it.first);
    value_receive(0, it.first);
    ck_cuda(cudaStreamEndCapture(it.first, &graph));
    ck_cuda(cudaStreamIsCapturing(it.first, &status));
    ck_assert_int_eq(status, cudaStreamCaptureStatusNone);
    ck_cuda(cudaDeviceSynchronize());
    ck_assert_int_eq(*it.back, 0);
    ck_cuda(cudaGraphGetNodes(graph, NULL, &node_count));
    ck_assert_uint_eq(node_count, 2);
    ck_cuda(cudaGraphDestroy(graph));
}
END_TEST

START_TEST(a_graph_of_two_streams_is_replayed_in_its_order)
{
    ck_assert_int_eq(graph_replay(both_streams_capture(true)), 32);
}
END_TEST

START_TEST(a_missing_wait_within_a_graph_shows_unless_streams_are_eager)
{
    const int right = graph_replay(both_streams_capture(false));

    if (streams_only_run_in_waits()) {
        ck_assert_int_eq(right, 0);
    } else if (streams_are("random")) {
        ck_assert_int_lt(right, 32);
    }
}
END_TEST

START_TEST(launches_of_one_graph_follow_each_other_on_any_streams)
{
    cudaGraphExec_t exec;
    cudaGraph_t graph = both_streams_capture(true);

    ck_cuda(cudaGraphInstantiateWithFlags(&exec, graph, 0));
    it.pinned[0] = 8;
    it.pinned[1] = 9;
    for (int i = 0; i < 4; i++) {
        ck_cuda(cudaGraphLaunch(exec, i % 2 == 0 ? it.first : it.second));
    }
    ck_cuda(cudaGraphExecDestroy(exec)); /* the launches go on */
    ck_cuda(cudaGraphDestroy(graph));
    ck_cuda(cudaDeviceSynchronize());
    ck_assert_int_eq(it.back[0], 8);
    ck_assert_int_eq(it.back[1], 9);
}
END_TEST

static void capture_expect(cudaError_t expected)
{
    cudaGraph_t graph = (cudaGraph_t)1;

    ck_cuda_is(cudaStreamEndCapture(it.first, &graph), expected);
    ck_assert_ptr_null(graph);
}

START_TEST(streams_that_joined_have_to_be_waited_for)
{
    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeThreadLocal));
    ck_cuda(cudaEventRecord(it.forked, it.first));
    ck_cuda(cudaStreamWaitEvent(it.second, it.forked, 0));
    value_send(1, it.second);
    capture_expect(cudaErrorStreamCaptureUnjoined);
    ck_cuda(cudaStreamSynchronize(it.second));
}
END_TEST

START_TEST(a_capture_cannot_be_waited_for)
{
    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeRelaxed));
    ck_cuda_is(cudaStreamSynchronize(it.first), cudaErrorStreamCaptureUnsupported);
    ck_cuda_is(cudaMemcpyAsync(it.device, it.pinned, 4, cudaMemcpyHostToDevice, it.first),
               cudaErrorStreamCaptureInvalidated);
    capture_expect(cudaErrorStreamCaptureInvalidated);
}
END_TEST

START_TEST(an_allocation_upsets_a_capture_that_is_not_relaxed)
{
    cudaGraph_t graph;
    void *memory;

    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeThreadLocal));
    ck_cuda_is(cudaMalloc(&memory, 8), cudaErrorStreamCaptureUnsupported);
    capture_expect(cudaErrorStreamCaptureInvalidated);
    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeRelaxed));
    ck_cuda(cudaMalloc(&memory, 8));
    ck_cuda(cudaStreamEndCapture(it.first, &graph));
    ck_cuda(cudaGraphDestroy(graph));
    ck_cuda(cudaFree(memory));
}
END_TEST

START_TEST(a_capture_cannot_wait_for_what_is_outside)
{
    ck_cuda(cudaEventRecord(it.joined, it.second));
    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeRelaxed));
    ck_cuda_is(cudaStreamWaitEvent(it.first, it.joined, 0), cudaErrorStreamCaptureIsolation);
    capture_expect(cudaErrorStreamCaptureInvalidated);
}
END_TEST

START_TEST(an_event_of_a_capture_is_no_event_outside)
{
    cudaGraph_t graph;

    ck_cuda(cudaStreamBeginCapture(it.first, cudaStreamCaptureModeRelaxed));
    ck_cuda(cudaEventRecord(it.forked, it.first));
    ck_cuda(cudaStreamEndCapture(it.first, &graph));
    ck_cuda_is(cudaEventQuery(it.forked), cudaErrorCapturedEvent);
    ck_cuda_is(cudaStreamWaitEvent(it.second, it.forked, 0), cudaErrorCapturedEvent);
    ck_cuda(cudaEventRecord(it.forked, it.first));
    ck_cuda(cudaEventSynchronize(it.forked));
    ck_cuda(cudaGraphDestroy(graph));
}
END_TEST

START_TEST(the_null_stream_upsets_the_capture_of_a_blocking_stream)
{
    cudaStream_t blocking;
    cudaGraph_t graph;

    ck_cuda(cudaStreamCreate(&blocking));
    ck_cuda(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeRelaxed));
    ck_cuda_is(cudaMemsetAsync(it.device, 0, 4, NULL), cudaErrorStreamCaptureImplicit);
    ck_cuda_is(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
    ck_cuda_is(cudaStreamBeginCapture(NULL, cudaStreamCaptureModeRelaxed),
               cudaErrorStreamCaptureUnsupported);
    ck_cuda(cudaStreamDestroy(blocking));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cudart capture");
    TCase *tests = tcase_create("capture");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_captured_stream_runs_nothing_until_its_graph_is_launched);
    tcase_add_test(tests, a_graph_of_two_streams_is_replayed_in_its_order);
    tcase_add_test(tests, a_missing_wait_within_a_graph_shows_unless_streams_are_eager);
    tcase_add_test(tests, launches_of_one_graph_follow_each_other_on_any_streams);
    tcase_add_test(tests, streams_that_joined_have_to_be_waited_for);
    tcase_add_test(tests, a_capture_cannot_be_waited_for);
    tcase_add_test(tests, an_allocation_upsets_a_capture_that_is_not_relaxed);
    tcase_add_test(tests, a_capture_cannot_wait_for_what_is_outside);
    tcase_add_test(tests, an_event_of_a_capture_is_no_event_outside);
    tcase_add_test(tests, the_null_stream_upsets_the_capture_of_a_blocking_stream);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
