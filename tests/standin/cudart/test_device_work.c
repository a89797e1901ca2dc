#include "standin/cudart/device_work.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "standin/cudart/runtime_check.h"
#include "support/suite.h"

enum {
    ROUNDS = 20
};

/* Work of two ranks that is done when both arrived. */
typedef struct meeting {
    atomic_int arrived;
    atomic_int released;
} meeting;

typedef struct visit {
    meeting *place;
    int *device_value; /* which the work adds to */
    bool has_arrived;
} visit;

static device_work_state visit_run(void *context)
{
    visit *here = context;

    if (!here->has_arrived) {
        here->has_arrived = true;
        *here->device_value += 1;
        atomic_fetch_add(&here->place->arrived, 1);
    }
    return atomic_load(&here->place->arrived) < 2 ? DEVICE_WORK_WAITS : DEVICE_WORK_DONE;
}

static void visit_release(void *context)
{
    visit *here = context;

    atomic_fetch_add(&here->place->released, 1);
    free(here);
}

static void visit_enqueue(meeting *place, int *device_value, cudaStream_t stream)
{
    visit *here = calloc(1, sizeof(*here));
    const device_work what = {
        .run = visit_run, .release = visit_release, .context = here, .name = "visit"
    };

    here->place = place;
    here->device_value = device_value;
    ck_cuda(device_work_enqueue(stream, &what));
}

typedef struct rank {
    int device;
    meeting *meetings; /* [ROUNDS] */
    int value;
} rank;

static void *rank_run(void *context)
{
    rank *self = context;
    cudaStream_t stream;
    int *value;

    ck_cuda(cudaSetDevice(self->device));
    ck_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    ck_cuda(cudaMalloc((void **)&value, sizeof(int)));
    ck_cuda(cudaMemsetAsync(value, 0, sizeof(int), stream));
    for (int i = 0; i < ROUNDS; i++) {
        visit_enqueue(&self->meetings[i], value, stream);
        if (i % 3 == 0) {
            ck_cuda(cudaStreamSynchronize(stream));
        }
    }
    ck_cuda(cudaMemcpyAsync(&self->value, value, sizeof(int), cudaMemcpyDeviceToHost, stream));
    ck_cuda(cudaFree(value));
    ck_cuda(cudaStreamDestroy(stream));
    return NULL;
}

START_TEST(two_threads_with_a_device_each_wait_for_each_other)
{
    meeting meetings[ROUNDS] = { 0 };
    rank ranks[2] = { { 0, meetings, 0 }, { 1, meetings, 0 } };
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, rank_run, &ranks[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(ranks[i].value, ROUNDS);
    }
    for (int i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(atomic_load(&meetings[i].released), 2);
    }
}
END_TEST

/* Enqueueing the first half does not wait for the second, and waiting for one runs the other. */
START_TEST(one_thread_drives_two_devices)
{
    meeting place = { 0 };
    cudaStream_t streams[2];
    int *values[2];

    for (int i = 0; i < 2; i++) {
        ck_cuda(cudaSetDevice(i));
        ck_cuda(cudaStreamCreateWithFlags(&streams[i], cudaStreamNonBlocking));
        ck_cuda(cudaMalloc((void **)&values[i], sizeof(int)));
        ck_cuda(cudaMemsetAsync(values[i], 0, sizeof(int), streams[i]));
    }
    for (int i = 0; i < 2; i++) {
        ck_cuda(cudaSetDevice(i));
        visit_enqueue(&place, values[i], streams[i]);
    }
    ck_cuda(cudaStreamSynchronize(streams[0]));
    ck_assert_int_eq(atomic_load(&place.arrived), 2);
    for (int i = 0; i < 2; i++) {
        ck_cuda(cudaSetDevice(i));
        ck_cuda(cudaStreamSynchronize(streams[i]));
        ck_cuda(cudaFree(values[i]));
        ck_cuda(cudaStreamDestroy(streams[i]));
    }
    ck_assert_int_eq(atomic_load(&place.released), 2);
    ck_cuda(cudaSetDevice(0));
}
END_TEST

START_TEST(other_streams_go_on_while_work_waits)
{
    meeting place = { 0 };
    cudaStream_t waiting;
    cudaStream_t other;
    int *value;
    int back = 1;

    ck_cuda(cudaStreamCreateWithFlags(&waiting, cudaStreamNonBlocking));
    ck_cuda(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    ck_cuda(cudaMalloc((void **)&value, sizeof(int)));
    ck_cuda(cudaMemset(value, 0, sizeof(int)));
    ck_cuda(cudaDeviceSynchronize());
    visit_enqueue(&place, value, waiting);
    ck_cuda_is(cudaStreamQuery(waiting), cudaErrorNotReady);
    ck_cuda(cudaMemcpyAsync(&back, value, sizeof(int), cudaMemcpyDeviceToHost, other));
    ck_assert_int_eq(back, 1); /* the query let it run once */
    visit_enqueue(&place, value, other);
    ck_cuda(cudaStreamSynchronize(waiting));
    ck_cuda(cudaFree(value));
    ck_cuda(cudaStreamDestroy(waiting));
    ck_cuda(cudaStreamDestroy(other));
    (void)cudaGetLastError();
}
END_TEST

/* As a GPU would: a rank that waits must not depend on calls of another. */
START_TEST(work_goes_on_without_calls)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    meeting place = { 0 };
    cudaStream_t stream;
    int *value;

    ck_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    ck_cuda(cudaMalloc((void **)&value, sizeof(int)));
    ck_cuda(cudaMemsetAsync(value, 0, sizeof(int), stream));
    visit_enqueue(&place, value, stream);
    for (int i = 0; i < 10000 && atomic_load(&place.arrived) == 0; i++) {
        nanosleep(&pause, NULL);
    }
    ck_assert_int_eq(atomic_load(&place.arrived), 1);
    atomic_fetch_add(&place.arrived, 1);
    ck_cuda(cudaFree(value));
    ck_cuda(cudaStreamDestroy(stream));
}
END_TEST

static device_work_state failure_run(void *context)
{
    (void)context;
    return DEVICE_WORK_FAILED;
}

static void count_up(void *context)
{
    ++*(int *)context;
}

START_TEST(work_that_fails_is_the_devices_error)
{
    int release_count = 0;
    const device_work failing = {
        .run = failure_run, .release = count_up, .context = &release_count, .name = "failure"
    };
    const device_work later = {
        .run = visit_run, .release = count_up, .context = &release_count, .name = "never"
    };
    void *memory;

    ck_cuda(cudaSetDevice(2));
    (void)device_work_enqueue(NULL, &failing);
    (void)device_work_enqueue(NULL, &later);
    ck_cuda_is(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    ck_assert_int_eq(release_count, 2);
    ck_cuda_is(cudaMalloc(&memory, 1), cudaErrorLaunchFailure);
    ck_cuda_is(cudaGetLastError(), cudaErrorLaunchFailure);
    ck_cuda_is(cudaGetLastError(), cudaErrorLaunchFailure);
    ck_cuda(cudaSetDevice(0));
    ck_cuda(cudaDeviceSynchronize());
    (void)cudaGetLastError();
}
END_TEST

START_TEST(device_memory_is_known)
{
    char *memory;

    ck_cuda(cudaMalloc((void **)&memory, 16));
    ck_assert(device_work_is_device_memory(memory, 16, false));
    ck_assert(!device_work_is_device_memory(memory, 17, false));
    ck_assert(!device_work_is_device_memory(&memory, 1, true));
    ck_cuda(cudaSetDevice(1));
    ck_assert(!device_work_is_device_memory(memory, 16, false));
    ck_assert(device_work_is_device_memory(memory, 16, true));
    ck_cuda(cudaSetDevice(0));
    ck_cuda(cudaFree(memory));
    ck_assert(!device_work_is_device_memory(memory, 16, true));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cudart device work");
    TCase *tests = tcase_create("device work");

    tcase_add_test(tests, two_threads_with_a_device_each_wait_for_each_other);
    tcase_add_test(tests, one_thread_drives_two_devices);
    tcase_add_test(tests, other_streams_go_on_while_work_waits);
    tcase_add_test(tests, work_goes_on_without_calls);
    tcase_add_test(tests, work_that_fails_is_the_devices_error);
    tcase_add_test(tests, device_memory_is_known);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
