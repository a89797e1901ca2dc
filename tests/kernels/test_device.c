#include "support/suite.h"

#include <string.h>

#include "kernels/device.h"
#include "kernels/page_format.h"

static kvspan_device *open_reference(void)
{
    kvspan_device *device = NULL;

    ck_assert_int_eq(kvspan_device_open("reference", 0, &device, NULL), KVSPAN_OK);
    return device;
}

START_TEST(a_device_tells_what_it_is)
{
    kvspan_device *device = open_reference();
    const kvspan_device_description description = kvspan_device_describe(device);

    ck_assert_str_eq(device->ops->name, "reference");
    ck_assert_str_eq(device->kernels->name, "reference");
    ck_assert_uint_eq(device->host_memory, 1);
    ck_assert_uint_gt(device->tile_tokens, 0);
    ck_assert_str_eq(description.name, "reference");
    ck_assert_str_eq(description.isa, "portable");
    ck_assert_uint_eq(description.thread_count, 1);
    kvspan_device_close(device);
    kvspan_device_close(NULL);
}
END_TEST

/* Where the machine runs the cpu column, no name means that, else the reference column. */
START_TEST(no_name_means_the_best_column)
{
    kvspan_device *best = NULL;
    kvspan_device *cpu = NULL;
    const kvspan_status status = kvspan_device_open("cpu", 0, &cpu, NULL);

    ck_assert(status == KVSPAN_OK || status == KVSPAN_ERR_UNSUPPORTED);
    ck_assert_int_eq(kvspan_device_open(NULL, 0, &best, NULL), KVSPAN_OK);
    ck_assert_str_eq(kvspan_device_describe(best).name, cpu ? "cpu" : "reference");
    kvspan_device_close(best);
    kvspan_device_close(cpu);
}
END_TEST

START_TEST(what_cannot_be_opened_is_named)
{
    static const struct {
        const char *name;
        uint32_t index;
        kvspan_status status;
        const char *message;
    } cases[] = {
        { "cpu", 1, KVSPAN_ERR_ARGUMENT, "device \"cpu\" has index 0 only, not 1" },
        { NULL, 2, KVSPAN_ERR_ARGUMENT, "device NULL has index 0 only, not 2" },
        { "cuda", 3, KVSPAN_ERR_UNSUPPORTED,
          "device \"cuda\" is opened by kvspan_device_open_cuda()" },
        { "tpu", 0, KVSPAN_ERR_ARGUMENT,
          "device \"tpu\" is none of \"reference\", \"cpu\", \"cuda\"" },
        { "", 0, KVSPAN_ERR_ARGUMENT, "device \"\" is none of \"reference\", \"cpu\", \"cuda\"" },
        { "reference", 1, KVSPAN_ERR_ARGUMENT, "device \"reference\" has index 0 only, not 1" },
    };
    kvspan_device *const untouched = (kvspan_device *)(uintptr_t)64;
    kvspan_device *device = untouched;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_device_open(cases[_i].name, cases[_i].index, &device, &error),
                     cases[_i].status);
    ck_assert_int_eq(error.status, cases[_i].status);
    ck_assert_str_eq(error.message, cases[_i].message);
    ck_assert_ptr_eq(device, untouched);
    ck_assert_int_eq(kvspan_device_open(cases[_i].name, cases[_i].index, NULL, &error),
                     KVSPAN_ERR_ARGUMENT);
}
END_TEST

START_TEST(memory_is_zeroed_and_aligned)
{
    static const struct {
        uint64_t bytes, alignment;
    } cases[] = {
        { 1, 4096 },          { 4096, 4096 },       { 4097, 4096 },       { 2097151, 4096 },
        { 2097152, 2097152 }, { 2097153, 2097152 }, { 9000001, 2097152 },
    };
    kvspan_device *device = open_reference();
    unsigned char *held[4] = { 0 };

    for (int i = 0; i < 4; i++) {
        void *data = NULL;

        ck_assert_int_eq((i % 2 ? device->ops->allocate_pinned
                                : device->ops->allocate)(device, cases[_i].bytes, &data, NULL),
                         KVSPAN_OK);
        held[i] = data;
        ck_assert_uint_eq((uintptr_t)held[i] % cases[_i].alignment, 0);
        for (uint64_t byte = 0; byte < cases[_i].bytes; byte += 511) {
            ck_assert_uint_eq(held[i][byte], 0);
        }
        ck_assert_uint_eq(held[i][cases[_i].bytes - 1], 0);
        memset(held[i], i + 1, cases[_i].bytes);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(held[i][0], i + 1);
        ck_assert_int_eq(held[i][cases[_i].bytes - 1], i + 1);
        if (i % 2) {
            device->ops->release_pinned(device, held[i], cases[_i].bytes);
        } else {
            device->ops->release(device, held[i], cases[_i].bytes);
        }
    }
    kvspan_device_close(device);
}
END_TEST

START_TEST(no_bytes_are_no_memory)
{
    kvspan_device *device = open_reference();
    void *data = device;

    ck_assert_int_eq(device->ops->allocate(device, 0, &data, NULL), KVSPAN_OK);
    ck_assert_ptr_null(data);
    device->ops->release(device, data, 0);
    kvspan_device_close(device);
}
END_TEST

START_TEST(more_than_the_machine_has_is_refused)
{
    static const uint64_t bytes[] = { (uint64_t)1 << 60, INT64_MAX, UINT64_MAX };
    kvspan_device *device = open_reference();
    void *data = device;
    kvspan_error error = { 0 };
    char number[24];

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)bytes[_i]);
    ck_assert_int_eq(device->ops->allocate(device, bytes[_i], &data, &error), KVSPAN_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.message, number));
    ck_assert_ptr_eq(data, device);
    kvspan_device_close(device);
}
END_TEST

/* Every reading of one machine has one domain and one size. */
START_TEST(memory_tells_the_machine_s)
{
    enum {
        HELD_BYTES = 64 << 20
    };
    kvspan_device *device = open_reference();
    kvspan_device_memory before;
    kvspan_device_memory after;
    void *data;

    ck_assert_int_eq(device->ops->memory(device, &before, NULL), KVSPAN_OK);
    ck_assert_uint_gt(before.total_bytes, 64 << 20);
    ck_assert_uint_lt(before.used_bytes, before.total_bytes);
    ck_assert_uint_ne(before.domain, 0);
    ck_assert_int_eq(device->ops->allocate(device, HELD_BYTES, &data, NULL), KVSPAN_OK);
    memset(data, 1, HELD_BYTES);
    ck_assert_int_eq(device->ops->memory(device, &after, NULL), KVSPAN_OK);
    ck_assert_uint_eq(after.total_bytes, before.total_bytes);
    ck_assert_uint_eq(after.domain, before.domain);
    device->ops->release(device, data, HELD_BYTES);
    kvspan_device_close(device);
}
END_TEST

START_TEST(copies_are_done_when_they_return)
{
    kvspan_device *device = open_reference();
    const char source[] = "pages";
    char target[] = "-----.";
    int is_done = 0;

    ck_assert_int_eq(device->ops->copy(device, target, source, 5, NULL, NULL), KVSPAN_OK);
    ck_assert_str_eq(target, "pages.");
    ck_assert_int_eq(device->ops->copy(device, NULL, NULL, 0, NULL, NULL), KVSPAN_OK);
    ck_assert_int_eq(device->ops->query(device, NULL, &is_done, NULL), KVSPAN_OK);
    ck_assert_int_eq(is_done, 1);
    kvspan_device_close(device);
}
END_TEST

START_TEST(the_reference_column_is_complete_and_knows_its_types)
{
    static const kvspan_dtype planes[] = { KVSPAN_F8E4M3, KVSPAN_F8E5M2, KVSPAN_I8 };
    const kvspan_kernels *kernels = &kvspan_kernels_reference;

    ck_assert(kernels->append_tokens && kernels->attend_pages && kernels->merge_partials);
    ck_assert(kernels->copy_pages && kernels->move_tokens && kernels->fill_pages);
    ck_assert(kernels->patch_table && kernels->place_heads && kernels->has_dtype);
    ck_assert(kernels->has_dtype(KVSPAN_BF16, KVSPAN_BF16));
    ck_assert(kernels->has_dtype(KVSPAN_F32, KVSPAN_F32));
    ck_assert(kernels->has_dtype(KVSPAN_BF16, KVSPAN_F32));
    ck_assert(kernels->has_dtype(KVSPAN_F32, KVSPAN_BF16));
    ck_assert(kernels->has_dtype(KVSPAN_F16, KVSPAN_F16));
    for (int i = 0; i < 3; i++) {
        ck_assert(kernels->has_dtype(KVSPAN_F16, planes[i]));
        ck_assert(!kernels->has_dtype(planes[i], KVSPAN_BF16)); /* for planes only */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/device");
    TCase *device = tcase_create("device");

    tcase_add_test(device, a_device_tells_what_it_is);
    tcase_add_test(device, no_name_means_the_best_column);
    tcase_add_loop_test(device, what_cannot_be_opened_is_named, 0, 6);
    tcase_add_loop_test(device, memory_is_zeroed_and_aligned, 0, 7);
    tcase_add_test(device, no_bytes_are_no_memory);
    tcase_add_loop_test(device, more_than_the_machine_has_is_refused, 0, 3);
    tcase_add_test(device, memory_tells_the_machine_s);
    tcase_add_test(device, copies_are_done_when_they_return);
    tcase_add_test(device, the_reference_column_is_complete_and_knows_its_types);
    suite_add_tcase(suite, device);
    return suite_run(suite);
}
