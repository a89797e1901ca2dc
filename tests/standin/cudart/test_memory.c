#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "standin/cudart/runtime_check.h"
#include "support/suite.h"

enum {
    BYTES = 100
};

/* The signal that ends a child which reads a byte, or 0. */
static int signal_of_reading(const volatile char *address)
{
    const pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        (void)*address;
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(the_host_cannot_read_device_memory)
{
    char *device;
    char byte = 3;

    ck_cuda(cudaMalloc((void **)&device, BYTES));
    ck_assert_int_eq(signal_of_reading(device), SIGSEGV);
    ck_cuda(cudaMemcpy(device, &byte, 1, cudaMemcpyHostToDevice));
    ck_cuda(cudaDeviceSynchronize());
    ck_assert_int_eq(signal_of_reading(device), SIGSEGV);
    ck_cuda(cudaFree(device));
    ck_assert_int_eq(signal_of_reading(device), SIGSEGV);
}
END_TEST

START_TEST(pinned_memory_is_readable_until_freed_and_ends_with_a_guard)
{
    char *pinned;

    ck_cuda(cudaMallocHost((void **)&pinned, 4096));
    ck_assert_int_eq(signal_of_reading(pinned), 0);
    ck_assert_int_eq(signal_of_reading(pinned + 4096), SIGSEGV);
    ck_cuda(cudaFreeHost(pinned));
    ck_assert_int_eq(signal_of_reading(pinned), SIGSEGV);
    ck_cuda_is(cudaFreeHost(pinned), cudaErrorInvalidValue);
}
END_TEST

START_TEST(fresh_memory_is_full_of_ones)
{
    unsigned char back[BYTES] = { 0 };
    unsigned char *device;
    unsigned char *pinned;

    ck_cuda(cudaMalloc((void **)&device, BYTES));
    ck_cuda(cudaMallocHost((void **)&pinned, BYTES));
    ck_cuda(cudaMemcpy(back, device, BYTES, cudaMemcpyDeviceToHost));
    for (int i = 0; i < BYTES; i++) {
        ck_assert_uint_eq(back[i], 0xff);
        ck_assert_uint_eq(pinned[i], 0xff);
    }
    ck_cuda(cudaFree(device));
    ck_cuda(cudaFreeHost(pinned));
}
END_TEST

START_TEST(addresses_are_never_used_twice)
{
    void *before;
    void *after;

    ck_cuda(cudaMalloc(&before, BYTES));
    ck_cuda(cudaFree(before));
    ck_cuda(cudaMalloc(&after, BYTES));
    ck_assert_ptr_ne(before, after);
    ck_cuda_is(cudaFree(before), cudaErrorInvalidValue);
    ck_cuda(cudaFree(after));
}
END_TEST

START_TEST(copies_outside_of_live_memory_are_refused)
{
    char host[2 * BYTES] = { 0 };
    char *device;

    ck_cuda(cudaMalloc((void **)&device, BYTES));
    ck_cuda_is(cudaMemcpy(device, host, BYTES + 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    ck_cuda_is(cudaMemcpy(host, device + 1, BYTES, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
    ck_cuda_is(cudaMemcpyAsync(device + BYTES, host, 1, cudaMemcpyHostToDevice, NULL),
               cudaErrorInvalidValue);
    ck_cuda_is(cudaMemset(device, 0, BYTES + 1), cudaErrorInvalidValue);
    ck_cuda_is(cudaMemset2D(device, 30, 0, 20, 4), cudaErrorInvalidValue);
    ck_cuda(cudaMemset2D(device, 30, 0, 10, 4));
    ck_cuda(cudaFree(device));
    ck_cuda_is(cudaMemcpy(host, device, 1, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
    ck_cuda_is(cudaGetLastError(), cudaErrorInvalidValue);
    ck_cuda(cudaGetLastError());
}
END_TEST

START_TEST(a_copy_goes_where_its_kind_says)
{
    char host[BYTES] = { 0 };
    char *device;

    ck_cuda(cudaMalloc((void **)&device, BYTES));
    ck_cuda_is(cudaMemcpy(device, host, BYTES, cudaMemcpyDeviceToHost),
               cudaErrorInvalidMemcpyDirection);
    ck_cuda_is(cudaMemcpy(device, host, BYTES, cudaMemcpyDeviceToDevice),
               cudaErrorInvalidMemcpyDirection);
    ck_cuda(cudaMemcpy(device, host, BYTES, cudaMemcpyDefault));
    ck_cuda(cudaFree(device));
}
END_TEST

START_TEST(rows_are_copied_with_their_pitches)
{
    char in[3][8];
    char out[3][4];
    char *device;

    memset(in, 1, sizeof(in));
    for (int row = 0; row < 3; row++) {
        memset(in[row], 'a' + row, 4);
    }
    ck_cuda(cudaMalloc((void **)&device, 3 * 16));
    ck_cuda(cudaMemcpy2D(device, 16, in, 8, 4, 3, cudaMemcpyHostToDevice));
    ck_cuda(cudaMemcpy2DAsync(out, 4, device, 16, 4, 3, cudaMemcpyDeviceToHost, NULL));
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 4; column++) {
            ck_assert_int_eq(out[row][column], 'a' + row);
        }
    }
    ck_cuda_is(cudaMemcpy2D(device, 3, in, 8, 4, 3, cudaMemcpyHostToDevice),
               cudaErrorInvalidPitchValue);
    ck_cuda(cudaFree(device));
}
END_TEST

START_TEST(addresses_say_what_they_are)
{
    struct cudaPointerAttributes attributes;
    static char registered[BYTES];
    char *device;
    void *pinned;

    ck_cuda(cudaSetDevice(1));
    ck_cuda(cudaMalloc((void **)&device, BYTES));
    ck_cuda(cudaSetDevice(0));
    ck_cuda(cudaMallocHost(&pinned, BYTES));
    ck_cuda(cudaPointerGetAttributes(&attributes, device + BYTES - 1));
    ck_assert_int_eq(attributes.type, cudaMemoryTypeDevice);
    ck_assert_int_eq(attributes.device, 1);
    ck_cuda(cudaPointerGetAttributes(&attributes, pinned));
    ck_assert_int_eq(attributes.type, cudaMemoryTypeHost);
    ck_cuda(cudaPointerGetAttributes(&attributes, registered));
    ck_assert_int_eq(attributes.type, cudaMemoryTypeUnregistered);
    ck_cuda(cudaHostRegister(registered, BYTES, cudaHostRegisterDefault));
    ck_cuda_is(cudaHostRegister(registered + 10, 5, cudaHostRegisterDefault),
               cudaErrorHostMemoryAlreadyRegistered);
    ck_cuda(cudaPointerGetAttributes(&attributes, registered + 1));
    ck_assert_int_eq(attributes.type, cudaMemoryTypeHost);
    ck_cuda(cudaHostUnregister(registered));
    ck_cuda_is(cudaHostUnregister(registered), cudaErrorHostMemoryNotRegistered);
    ck_cuda(cudaFree(device));
    ck_cuda(cudaFreeHost(pinned));
}
END_TEST

START_TEST(memory_of_a_device_is_bounded)
{
    size_t free_before;
    size_t free_between;
    size_t total;
    void *device;

    ck_cuda(cudaMemGetInfo(&free_before, &total));
    ck_cuda_is(cudaMalloc(&device, total + 1), cudaErrorMemoryAllocation);
    ck_cuda(cudaMalloc(&device, 1 << 20));
    ck_cuda(cudaMemGetInfo(&free_between, &total));
    ck_assert_uint_eq(free_before - free_between, 1 << 20);
    ck_cuda(cudaFree(device));
    ck_cuda(cudaFree(NULL));
    ck_cuda_is(cudaGetLastError(), cudaErrorMemoryAllocation);
}
END_TEST

static void errors_forget(void)
{
    (void)cudaGetLastError();
}

int main(void)
{
    Suite *suite = suite_create("cudart memory");
    TCase *tests = tcase_create("memory");

    tcase_add_checked_fixture(tests, NULL, errors_forget);
    tcase_add_test(tests, the_host_cannot_read_device_memory);
    tcase_add_test(tests, pinned_memory_is_readable_until_freed_and_ends_with_a_guard);
    tcase_add_test(tests, fresh_memory_is_full_of_ones);
    tcase_add_test(tests, addresses_are_never_used_twice);
    tcase_add_test(tests, copies_outside_of_live_memory_are_refused);
    tcase_add_test(tests, a_copy_goes_where_its_kind_says);
    tcase_add_test(tests, rows_are_copied_with_their_pitches);
    tcase_add_test(tests, addresses_say_what_they_are);
    tcase_add_test(tests, memory_of_a_device_is_bounded);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
