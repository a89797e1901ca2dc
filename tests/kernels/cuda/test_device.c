#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include <kvspan/cuda.h>

#include "kernels/device.h"
#include "kernels/mirror.h"

enum {
    SKIPPED = 77, /* exit code of a test that this machine cannot run */
    WORDS = 1000,
    WORDS_BYTES = 4 * WORDS
};

static void expect(kvspan_status status, const kvspan_error *error)
{
    ck_assert_msg(status == KVSPAN_OK, "%s: %s", kvspan_status_name(status), error->message);
}

static kvspan_device *open_cuda(void)
{
    kvspan_device *device = NULL;
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_status status = kvspan_device_open_cuda(0, &device, &error);

    if (status == KVSPAN_ERR_UNSUPPORTED) {
        (void)printf("%s\n", error.message);
        exit(SKIPPED);
    }
    expect(status, &error);
    return device;
}

static void *take(kvspan_device *device, uint64_t bytes, bool is_pinned)
{
    kvspan_error error = { .status = KVSPAN_OK };
    void *data = NULL;

    expect((is_pinned ? device->ops->allocate_pinned : device->ops->allocate)(device, bytes, &data,
                                                                              &error),
           &error);
    ck_assert_ptr_nonnull(data);
    return data;
}

/* On the stream, and waited for. */
static void copy(kvspan_device *device, void *target, const void *source, uint64_t bytes,
                 kvspan_stream stream)
{
    kvspan_error error = { .status = KVSPAN_OK };

    expect(device->ops->copy(device, target, source, bytes, stream, &error), &error);
    mirror_wait(device, stream);
}

static void check_zeros(const unsigned char *host, uint64_t bytes)
{
    for (uint64_t byte = 0; byte < bytes; byte++) {
        if (host[byte] != 0) { /* every ck_assert is a system call */
            ck_abort_msg("byte %llu is %u", (unsigned long long)byte, host[byte]);
        }
    }
}

/* Runs first, and skips them all where there is no GPU. */
START_TEST(a_device_tells_what_it_is)
{
    kvspan_device *const device = open_cuda();
    const kvspan_device_description description = kvspan_device_describe(device);

    ck_assert_str_eq(device->ops->name, "cuda");
    ck_assert_str_eq(device->kernels->name, "cuda");
    ck_assert_uint_eq(device->host_memory, 0);
    ck_assert_uint_gt(device->tile_tokens, 0);
    ck_assert_str_eq(description.name, "cuda");
    ck_assert_int_eq(strncmp(description.isa, "sm_", 3), 0);
    ck_assert_uint_gt(description.thread_count, 0);
    ck_assert_uint_eq(description.index, 0);
    ck_assert_uint_gt(strlen(description.model), 0);
    kvspan_device_close(device);
}
END_TEST

START_TEST(what_cannot_be_opened_is_named)
{
    kvspan_device *const untouched = (kvspan_device *)(uintptr_t)64;
    kvspan_device *device = untouched;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_cuda_count(NULL, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_device_open_cuda(0, NULL, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "device_out is NULL");
    ck_assert_int_eq(kvspan_device_open_cuda(4096, &device, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "4096"));
    ck_assert_ptr_eq(device, untouched);
}
END_TEST

START_TEST(products_of_matrices_are_measured)
{
    kvspan_device *const device = open_cuda();
    kvspan_device *reference = NULL;
    double rate = 0.0;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_device_open("reference", 0, &reference, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_cuda_measure_products(NULL, &rate, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "device is NULL");
    ck_assert_int_eq(kvspan_cuda_measure_products(device, NULL, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "operations_per_second_out is NULL");
    ck_assert_int_eq(kvspan_cuda_measure_products(reference, &rate, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "device is \"reference\", \"cuda\" is needed");
    ck_assert(rate == 0.0);
    ck_assert_msg(kvspan_cuda_measure_products(device, &rate, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert_double_gt(rate, 0.0);
    kvspan_device_close(reference);
    kvspan_device_close(device);
}
END_TEST

START_TEST(memory_is_zeroed_and_aligned)
{
    static const struct {
        uint64_t bytes, alignment;
    } cases[] = {
        { 1, 4096 }, { 4097, 4096 }, { 2097151, 4096 }, { 2097152, 2097152 }, { 5000001, 2097152 },
    };
    kvspan_device *const device = open_cuda();
    unsigned char *const host = malloc(cases[_i].bytes);
    void *held[3];

    ck_assert_ptr_nonnull(host);
    for (int round = 0; round < 2; round++) { /* what was used once, too */
        for (int i = 0; i < 3; i++) {
            held[i] = take(device, cases[_i].bytes, false);
            ck_assert_uint_eq((uintptr_t)held[i] % cases[_i].alignment, 0);
            memset(host, 1, cases[_i].bytes);
            copy(device, host, held[i], cases[_i].bytes, NULL);
            check_zeros(host, cases[_i].bytes);
            memset(host, i + 1, cases[_i].bytes);
            copy(device, held[i], host, cases[_i].bytes, NULL);
        }
        for (int i = 0; i < 3; i++) {
            copy(device, host, held[i], cases[_i].bytes, NULL);
            ck_assert_int_eq(host[0], i + 1);
            ck_assert_int_eq(host[cases[_i].bytes - 1], i + 1);
            device->ops->release(device, held[i], cases[_i].bytes);
        }
    }
    free(host);
    kvspan_device_close(device);
}
END_TEST

START_TEST(no_bytes_are_no_memory)
{
    kvspan_device *const device = open_cuda();
    void *data = device;

    ck_assert_int_eq(device->ops->allocate(device, 0, &data, NULL), KVSPAN_OK);
    ck_assert_ptr_null(data);
    device->ops->release(device, data, 0);
    data = device;
    ck_assert_int_eq(device->ops->allocate_pinned(device, 0, &data, NULL), KVSPAN_OK);
    ck_assert_ptr_null(data);
    device->ops->release_pinned(device, data, 0);
    ck_assert_int_eq(device->ops->copy(device, NULL, NULL, 0, NULL, NULL), KVSPAN_OK);
    kvspan_device_close(device);
}
END_TEST

/* Nor is it remembered: the next call is judged by itself. */
START_TEST(more_than_the_gpu_has_is_refused)
{
    static const uint64_t bytes[] = { (uint64_t)1 << 50, INT64_MAX };
    kvspan_device *const device = open_cuda();
    void *data = device;
    kvspan_error error = { 0 };
    char number[24];

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)bytes[_i]);
    ck_assert_int_eq(device->ops->allocate(device, bytes[_i], &data, &error), KVSPAN_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.message, number));
    ck_assert_ptr_nonnull(strstr(error.message, "cudaMalloc"));
    ck_assert_int_ne(error.native, 0);
    ck_assert_ptr_eq(data, device);
    device->ops->release(device, take(device, 4096, false), 4096);
    kvspan_device_close(device);
}
END_TEST

START_TEST(memory_tells_the_gpu_s)
{
    enum {
        HELD_BYTES = 64 << 20
    };
    kvspan_device *const device = open_cuda();
    kvspan_device *const other = open_cuda();
    kvspan_device_memory before;
    kvspan_device_memory after;
    kvspan_error error = { 0 };
    void *held;

    expect(device->ops->memory(device, &before, &error), &error);
    ck_assert_uint_gt(before.total_bytes, HELD_BYTES);
    ck_assert_uint_lt(before.used_bytes, before.total_bytes);
    ck_assert_uint_ne(before.domain, 0);
    held = take(device, HELD_BYTES, false);
    expect(other->ops->memory(other, &after, &error), &error);
    ck_assert_uint_eq(after.total_bytes, before.total_bytes);
    ck_assert_uint_eq(after.domain, before.domain);
    device->ops->release(device, held, HELD_BYTES);
    kvspan_device_close(other);
    kvspan_device_close(device);
}
END_TEST

/* Host to device, within the device, and back: by pinned memory, on one stream, asked for once. */
START_TEST(a_stream_keeps_its_order)
{
    kvspan_device *const device = open_cuda();
    kvspan_error error = { .status = KVSPAN_OK };
    uint32_t *const source = take(device, WORDS_BYTES, true);
    uint32_t *const target = take(device, WORDS_BYTES, true);
    void *const first = take(device, WORDS_BYTES, false);
    void *const second = take(device, WORDS_BYTES, false);
    kvspan_stream stream = NULL;

    for (uint32_t i = 0; i < WORDS; i++) {
        source[i] = i * 2654435761u;
    }
    expect(device->ops->create_stream(device, &stream, &error), &error);
    expect(device->ops->copy(device, first, source, WORDS_BYTES, stream, &error), &error);
    expect(device->ops->copy(device, second, first, WORDS_BYTES, stream, &error), &error);
    copy(device, target, second, WORDS_BYTES, stream);
    ck_assert_int_eq(memcmp(target, source, WORDS_BYTES), 0);
    device->ops->destroy_stream(device, stream);
    device->ops->release_pinned(device, source, WORDS_BYTES);
    device->ops->release_pinned(device, target, WORDS_BYTES);
    device->ops->release(device, first, WORDS_BYTES);
    device->ops->release(device, second, WORDS_BYTES);
    kvspan_device_close(device);
}
END_TEST

/* One stream brings words in, another takes them out: in both directions of the wait. */
START_TEST(events_order_streams)
{
    kvspan_device *const device = open_cuda();
    kvspan_error error = { .status = KVSPAN_OK };
    uint32_t *const source = take(device, WORDS_BYTES, true);
    uint32_t *const target = take(device, WORDS_BYTES, true);
    void *const between = take(device, WORDS_BYTES, false);
    kvspan_stream streams[2] = { NULL, NULL };
    kvspan_event *events[2] = { NULL, NULL };
    int is_done = 0;

    for (int i = 0; i < 2; i++) {
        expect(device->ops->create_stream(device, &streams[i], &error), &error);
        expect(device->ops->create_event(device, &events[i], &error), &error);
        expect(device->ops->query_event(device, events[i], &is_done, &error), &error);
        ck_assert_int_eq(is_done, 1); /* never recorded */
    }
    for (uint32_t round = 0; round < 20; round++) {
        /* The words of the round before are out, and the host saw them. */
        for (uint32_t i = 0; i < WORDS; i++) {
            source[i] = i + round;
        }
        expect(device->ops->await_event(device, streams[0], events[1], &error), &error);
        expect(device->ops->copy(device, between, source, WORDS_BYTES, streams[0], &error), &error);
        expect(device->ops->record_event(device, events[0], streams[0], &error), &error);
        expect(device->ops->await_event(device, streams[1], events[0], &error), &error);
        expect(device->ops->copy(device, target, between, WORDS_BYTES, streams[1], &error), &error);
        expect(device->ops->record_event(device, events[1], streams[1], &error), &error);
        do {
            expect(device->ops->query_event(device, events[1], &is_done, &error), &error);
        } while (!is_done);
        ck_assert_int_eq(memcmp(target, source, WORDS_BYTES), 0);
    }
    for (int i = 0; i < 2; i++) {
        device->ops->destroy_event(device, events[i]);
        device->ops->destroy_stream(device, streams[i]);
    }
    device->ops->release_pinned(device, source, WORDS_BYTES);
    device->ops->release_pinned(device, target, WORDS_BYTES);
    device->ops->release(device, between, WORDS_BYTES);
    kvspan_device_close(device);
}
END_TEST

START_TEST(the_column_is_complete_and_knows_its_types)
{
    kvspan_device *const device = open_cuda();
    const kvspan_kernels *const kernels = device->kernels;

    ck_assert(kernels->append_tokens && kernels->attend_pages && kernels->merge_partials);
    ck_assert(kernels->copy_pages && kernels->move_tokens && kernels->fill_pages);
    ck_assert(kernels->patch_table && kernels->place_heads && kernels->has_dtype &&
              kernels->choose_format);
    ck_assert(kernels->gather_pages && kernels->scatter_pages && kernels->checksum_pages);
    ck_assert(kernels->packed_plan_bytes && kernels->pack_plan && kernels->attend_scratch_bytes);
    for (int tensor = -1; tensor <= 8; tensor++) {
        for (int plane = -1; plane <= 8; plane++) {
            ck_assert_int_eq(
                kernels->has_dtype((kvspan_dtype)tensor, (kvspan_dtype)plane),
                kvspan_kernels_reference.has_dtype((kvspan_dtype)tensor, (kvspan_dtype)plane));
        }
    }
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cuda/device");
    TCase *device = tcase_create("device");

    tcase_add_test(device, a_device_tells_what_it_is);
    tcase_add_test(device, what_cannot_be_opened_is_named);
    tcase_add_test(device, products_of_matrices_are_measured);
    tcase_add_loop_test(device, memory_is_zeroed_and_aligned, 0, 5);
    tcase_add_test(device, no_bytes_are_no_memory);
    tcase_add_loop_test(device, more_than_the_gpu_has_is_refused, 0, 2);
    tcase_add_test(device, memory_tells_the_gpu_s);
    tcase_add_test(device, a_stream_keeps_its_order);
    tcase_add_test(device, events_order_streams);
    tcase_add_test(device, the_column_is_complete_and_knows_its_types);
    suite_add_tcase(suite, device);
    return suite_run(suite);
}
