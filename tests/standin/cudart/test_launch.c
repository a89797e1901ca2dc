#include "standin/cudart/launch_kernels.h"

#include <pthread.h>

#include "standin/cudart/runtime_check.h"
#include "support/suite.h"

enum {
    COUNT = 100,
    LAST_DEVICE = 7 /* for what breaks a device */
};

static cudaStream_t stream;
static int *device;
static int *pinned;

static void setup(void)
{
    ck_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    ck_cuda(cudaMalloc((void **)&device, COUNT * sizeof(int)));
    ck_cuda(cudaMallocHost((void **)&pinned, COUNT * sizeof(int)));
    for (int i = 0; i < COUNT; i++) {
        pinned[i] = i;
    }
    ck_cuda(cudaMemcpyAsync(device, pinned, COUNT * sizeof(int), cudaMemcpyHostToDevice, stream));
}

static void teardown(void)
{
    ck_cuda(cudaFree(device));
    ck_cuda(cudaFreeHost(pinned));
    ck_cuda(cudaStreamDestroy(stream));
    (void)cudaGetLastError();
}

static void values_fetch(void)
{
    ck_cuda(cudaMemcpyAsync(pinned, device, COUNT * sizeof(int), cudaMemcpyDeviceToHost, stream));
    ck_cuda(cudaStreamSynchronize(stream));
}

START_TEST(a_kernel_runs_in_the_order_of_its_stream)
{
    ck_cuda(kernel_add(device, 7, COUNT, stream));
    ck_cuda(kernel_add(device, 1, COUNT / 2, stream));
    values_fetch();
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(pinned[i], i + 7 + (i < COUNT / 2));
    }
}
END_TEST

START_TEST(a_kernel_runs_late_unless_streams_are_eager)
{
    ck_cuda(cudaStreamSynchronize(stream));
    ck_cuda(kernel_add(pinned, 7, COUNT, stream)); /* which devices may access, too */
    if (streams_are("eager")) {
        ck_assert_int_eq(pinned[0], 7);
    } else if (streams_only_run_in_waits()) {
        ck_assert_int_eq(pinned[0], 0);
    }
    ck_cuda(cudaStreamSynchronize(stream));
    ck_assert_int_eq(pinned[0], 7);
}
END_TEST

/* What it works on is what lies there when the graph is launched. */
START_TEST(a_captured_kernel_keeps_its_arguments)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    int added = 5;
    unsigned count = COUNT;
    void *arguments[] = { &device, &added, &count };

    ck_cuda(cudaStreamSynchronize(stream));
    ck_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    ck_cuda(cudaLaunchKernel(kernel_add_address(), (dim3){ 2, 1, 1 }, (dim3){ 64, 1, 1 }, arguments,
                             0, stream));
    ck_cuda(cudaStreamEndCapture(stream, &graph));
    ck_cuda(cudaGraphInstantiate(&exec, graph, 0));
    added = 100;
    count = 1;
    ck_cuda(cudaGraphLaunch(exec, stream));
    ck_cuda(cudaGraphLaunch(exec, stream));
    values_fetch();
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(pinned[i], i + 10);
    }
    ck_cuda(cudaGraphExecDestroy(exec));
    ck_cuda(cudaGraphDestroy(graph));
}
END_TEST

START_TEST(a_kernel_is_launched_by_its_address)
{
    int added = 3;
    unsigned count = COUNT;
    void *arguments[] = { &device, &added, &count };
    const cudaLaunchConfig_t config = { .gridDim = { 2, 1, 1 },
                                        .blockDim = { 64, 1, 1 },
                                        .stream = stream };

    ck_cuda(cudaLaunchKernel(kernel_add_address(), config.gridDim, config.blockDim, arguments, 0,
                             stream));
    added = 40; /* the other was copied */
    ck_cuda(cudaLaunchKernelExC(&config, kernel_add_address(), arguments));
    values_fetch();
    ck_assert_int_eq(pinned[COUNT - 1], COUNT - 1 + 43);
    ck_cuda_is(cudaLaunchKernel(&added, config.gridDim, config.blockDim, arguments, 0, stream),
               cudaErrorInvalidDeviceFunction);
}
END_TEST

START_TEST(dynamic_shared_memory_over_48_kib_has_to_be_allowed)
{
    const size_t whole = 48 << 10;
    struct cudaFuncAttributes attributes;

    ck_cuda(kernel_reverse(device, COUNT, whole, stream));
    ck_cuda_refuses(kernel_reverse(device, COUNT, whole + 4, stream), cudaErrorInvalidValue);
    ck_cuda_refuses(cudaFuncSetAttribute(kernel_reverse_address(),
                                         cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10),
                    cudaErrorInvalidValue);
    ck_cuda(cudaFuncSetAttribute(kernel_reverse_address(),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10));
    ck_cuda(kernel_reverse(device, COUNT, 100 << 10, stream));
    ck_cuda(cudaFuncGetAttributes(&attributes, kernel_reverse_address()));
    ck_assert_int_eq(attributes.maxDynamicSharedSizeBytes, 100 << 10);
    ck_cuda(kernel_reverse(device, COUNT, COUNT * sizeof(int), stream));
    values_fetch();
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(pinned[i], COUNT - 1 - i);
    }
}
END_TEST

START_TEST(shapes_that_no_device_has_are_refused)
{
    int added = 0;
    unsigned count = 0;
    void *arguments[] = { &device, &added, &count };
    const void *add = kernel_add_address();
    const dim3 one = { 1, 1, 1 };

    ck_cuda_refuses(cudaLaunchKernel(add, (dim3){ 0, 1, 1 }, one, arguments, 0, stream),
                    cudaErrorInvalidConfiguration);
    ck_cuda_refuses(cudaLaunchKernel(add, (dim3){ 1, 65536, 1 }, one, arguments, 0, stream),
                    cudaErrorInvalidConfiguration);
    ck_cuda_refuses(cudaLaunchKernel(add, one, (dim3){ 1025, 1, 1 }, arguments, 0, stream),
                    cudaErrorInvalidConfiguration);
    ck_cuda_refuses(cudaLaunchKernel(add, one, (dim3){ 1, 1, 65 }, arguments, 0, stream),
                    cudaErrorInvalidConfiguration);
    ck_cuda(kernel_bounded(64, stream));
    ck_cuda_refuses(kernel_bounded(65, stream), cudaErrorInvalidValue);
    ck_cuda(cudaStreamSynchronize(stream)); /* none of which breaks the device */
}
END_TEST

START_TEST(a_kernel_has_to_be_launched_on_a_stream_of_the_current_device)
{
    ck_cuda(cudaSetDevice(1));
    ck_cuda_refuses(kernel_add(device, 7, COUNT, stream), cudaErrorInvalidResourceHandle);
    ck_cuda(cudaSetDevice(0));
}
END_TEST

START_TEST(the_ptx_of_the_devices_architecture_is_taken)
{
    const char *told = getenv("KVSPAN_STANDIN_ARCH");
    int major;

    ck_cuda(kernel_architecture(device, stream));
    values_fetch();
    ck_assert_int_eq(pinned[0], told == NULL ? 800 : atoi(told) * 10);
    ck_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    ck_assert_int_eq(pinned[0] / 100, major);
}
END_TEST

START_TEST(variables_are_each_devices_own)
{
    const int factors[4] = { 1, 100, 1, 1 };
    int *there;
    int value;
    int back[2];
    size_t bytes;

    ck_cuda(cudaGetSymbolSize(&bytes, variable_constant_address()));
    ck_assert_uint_eq(bytes, sizeof(factors));
    ck_cuda(cudaMemcpyToSymbol(variable_constant_address(), factors, sizeof(factors), 0,
                               cudaMemcpyHostToDevice));
    ck_cuda(cudaDeviceSynchronize());
    ck_cuda(kernel_variables(device, stream));
    ck_cuda(kernel_variables(device + 1, stream));
    ck_cuda(cudaMemcpyAsync(back, device, sizeof(back), cudaMemcpyDeviceToHost, stream));
    ck_assert_int_eq(back[0], 500);
    ck_assert_int_eq(back[1], 600);
    ck_cuda(cudaMemcpyFromSymbol(&value, variable_device_address(), sizeof(int), 0,
                                 cudaMemcpyDeviceToHost));
    ck_assert_int_eq(value, 7);
    ck_cuda(cudaSetDevice(1));
    ck_cuda(cudaGetSymbolAddress((void **)&there, variable_device_address()));
    ck_cuda(cudaMemcpy(&value, there, sizeof(int), cudaMemcpyDeviceToHost));
    ck_assert_int_eq(value, 5);
    ck_cuda_refuses(cudaGetSymbolAddress((void **)&there, &value), cudaErrorInvalidSymbol);
    ck_cuda(cudaSetDevice(0));
}
END_TEST

START_TEST(a_launch_can_be_captured_and_replayed)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;

    ck_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    ck_cuda(kernel_add(device, 2, COUNT, stream));
    ck_cuda(kernel_add(device, 3, COUNT, stream));
    ck_cuda(cudaStreamEndCapture(stream, &graph));
    ck_cuda(cudaGraphInstantiate(&exec, graph, 0));
    for (int i = 0; i < 3; i++) {
        ck_cuda(cudaGraphLaunch(exec, stream));
    }
    values_fetch();
    ck_assert_int_eq(pinned[10], 10 + 15);
    ck_cuda(cudaGraphExecDestroy(exec));
    ck_cuda(cudaGraphDestroy(graph));
}
END_TEST

START_TEST(occupancy_is_what_shared_memory_threads_and_registers_leave)
{
    int blocks;

    ck_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel_add_address(), 64, 0));
    ck_assert_int_eq(blocks, 8); /* 65536 / (64 × 128) */
    ck_cuda(
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel_add_address(), 64, 80 << 10));
    ck_assert_int_eq(blocks, 2);
}
END_TEST

enum {
    THREADS = 4,
    ROUNDS = 20
};

static void *thread_run(void *context)
{
    const int index = *(const int *)context;
    int back[COUNT];
    cudaStream_t own;
    int *values;

    ck_cuda(cudaSetDevice(index));
    ck_cuda(cudaStreamCreateWithFlags(&own, cudaStreamNonBlocking));
    for (int round = 0; round < ROUNDS; round++) {
        ck_cuda(cudaMalloc((void **)&values, sizeof(back)));
        ck_cuda(cudaMemsetAsync(values, 0, sizeof(back), own));
        ck_cuda(kernel_add(values, index * ROUNDS + round, COUNT, own));
        ck_cuda(cudaMemcpyAsync(back, values, sizeof(back), cudaMemcpyDeviceToHost, own));
        ck_assert_int_eq(back[COUNT - 1], index * ROUNDS + round);
        ck_cuda(cudaFree(values));
    }
    ck_cuda(cudaStreamDestroy(own));
    return NULL;
}

START_TEST(threads_launch_on_a_device_each)
{
    pthread_t threads[THREADS];
    int indices[THREADS];

    for (int i = 0; i < THREADS; i++) {
        indices[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_run, &indices[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}
END_TEST

/* What a fault leaves: every call on that device says it, others know nothing of it. */
static void device_is_broken(cudaError_t expected)
{
    void *memory;

    ck_cuda_is(cudaDeviceSynchronize(), expected);
    ck_cuda_is(cudaMalloc(&memory, 8), expected);
    ck_cuda_is(cudaGetLastError(), expected);
    ck_cuda_is(cudaPeekAtLastError(), expected);
    ck_cuda(cudaSetDevice(0));
    (void)cudaGetLastError();
    ck_cuda(cudaDeviceSynchronize());
    ck_cuda(cudaGetLastError());
    ck_cuda_is(cudaSetDevice(LAST_DEVICE), expected);
    ck_cuda(cudaDeviceReset());
    ck_cuda(cudaMalloc(&memory, 8));
    ck_cuda(cudaFree(memory));
    ck_cuda(cudaSetDevice(0));
}

START_TEST(an_access_out_of_bounds_breaks_the_device)
{
    int *there;

    ck_cuda(cudaSetDevice(LAST_DEVICE));
    ck_cuda(cudaMalloc((void **)&there, 10 * sizeof(int)));
    (void)kernel_add_unchecked(there, 1, 11, NULL);
    device_is_broken(cudaErrorIllegalAddress);
}
END_TEST

START_TEST(memory_that_was_freed_cannot_be_accessed)
{
    int *there;

    ck_cuda(cudaSetDevice(LAST_DEVICE));
    ck_cuda(cudaMalloc((void **)&there, 10 * sizeof(int)));
    ck_cuda(cudaFree(there));
    (void)kernel_add(there, 1, 10, NULL);
    device_is_broken(cudaErrorIllegalAddress);
}
END_TEST

START_TEST(memory_of_another_device_cannot_be_accessed)
{
    ck_cuda(cudaSetDevice(LAST_DEVICE));
    (void)kernel_add(device, 1, COUNT, NULL);
    device_is_broken(cudaErrorIllegalAddress);
}
END_TEST

START_TEST(pageable_memory_cannot_be_accessed)
{
    static int pageable[COUNT];

    ck_cuda(cudaSetDevice(LAST_DEVICE));
    (void)kernel_add(pageable, 1, COUNT, NULL);
    device_is_broken(cudaErrorIllegalAddress);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cudart launch");
    TCase *tests = tcase_create("launch");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_kernel_runs_in_the_order_of_its_stream);
    tcase_add_test(tests, a_kernel_runs_late_unless_streams_are_eager);
    tcase_add_test(tests, a_captured_kernel_keeps_its_arguments);
    tcase_add_test(tests, a_kernel_is_launched_by_its_address);
    tcase_add_test(tests, dynamic_shared_memory_over_48_kib_has_to_be_allowed);
    tcase_add_test(tests, shapes_that_no_device_has_are_refused);
    tcase_add_test(tests, a_kernel_has_to_be_launched_on_a_stream_of_the_current_device);
    tcase_add_test(tests, the_ptx_of_the_devices_architecture_is_taken);
    tcase_add_test(tests, variables_are_each_devices_own);
    tcase_add_test(tests, a_launch_can_be_captured_and_replayed);
    tcase_add_test(tests, occupancy_is_what_shared_memory_threads_and_registers_leave);
    tcase_add_test(tests, threads_launch_on_a_device_each);
    tcase_add_test(tests, an_access_out_of_bounds_breaks_the_device);
    tcase_add_test(tests, memory_that_was_freed_cannot_be_accessed);
    tcase_add_test(tests, memory_of_another_device_cannot_be_accessed);
    tcase_add_test(tests, pageable_memory_cannot_be_accessed);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
