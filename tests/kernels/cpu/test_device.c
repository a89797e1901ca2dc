#include "support/suite.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "kernels/cpu/amx_permission.h"
#include "kernels/cpu/cpu_devices.h"
#include "kernels/page_format.h"

START_TEST(a_device_is_what_was_asked_for)
{
    static const char *const names[] = { "avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx" };
    static const uint32_t thread_counts[] = { 1, 2, 4 };
    kvspan_device *const device = cpu_device_open(_i);

    if (device) {
        const kvspan_device_description description = kvspan_device_describe(device);

        ck_assert_str_eq(description.name, "cpu");
        ck_assert_str_eq(description.isa, names[_i / 3]);
        ck_assert_uint_eq(description.thread_count, thread_counts[_i % 3]);
        ck_assert_str_eq(device->kernels->name, "cpu");
    }
    kvspan_device_close(device);
}
END_TEST

static const char *best_without_amx(void)
{
    return __builtin_cpu_is("intel") ? "avx512_vnni" : "avx512_bf16";
}

/* An instruction set that the machine lacks is above one that it has. Intel's CPUs multiply floats
 * faster than pairs of bf16. */
START_TEST(defaults_are_the_best_there_is)
{
    kvspan_device *best = NULL;
    kvspan_device *device;

    ck_assert_int_eq(kvspan_device_open_cpu(NULL, &best, NULL), KVSPAN_OK);
    ck_assert_uint_gt(kvspan_device_describe(best).thread_count, 0);
    for (int i = CPU_DEVICE_COUNT - 3; i >= 0; i -= 3) {
        device = cpu_device_open(i);
        if (device) {
            const char *const highest = kvspan_device_describe(device).isa;

            ck_assert_str_eq(kvspan_device_describe(best).isa,
                             strcmp(highest, "avx512_bf16") == 0 ? best_without_amx() : highest);
            kvspan_device_close(device);
            break;
        }
    }
    kvspan_device_close(best);
}
END_TEST

START_TEST(what_is_no_config_is_refused)
{
    static const struct {
        kvspan_cpu_config config;
        kvspan_status status;
        const char *message;
    } cases[] = {
        { { .size = 4 }, KVSPAN_ERR_ARGUMENT, "kvspan_cpu_config.size is 4, not in [16, 65536]" },
        { { .size = sizeof(kvspan_cpu_config), .thread_count = 1025 },
          KVSPAN_ERR_ARGUMENT,
          "thread_count 1025 is above 1024" },
        { { .size = sizeof(kvspan_cpu_config), .isa = 6 },
          KVSPAN_ERR_ARGUMENT,
          "isa 6 is none of kvspan_isa, 0 to 5" },
    };
    kvspan_device *device = NULL;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_device_open_cpu(&cases[_i].config, &device, &error), cases[_i].status);
    ck_assert_str_eq(error.message, cases[_i].message);
    ck_assert_ptr_null(device);
    ck_assert_int_eq(kvspan_device_open_cpu(NULL, NULL, &error), KVSPAN_ERR_ARGUMENT);
}
END_TEST

/* The operating system refuses AMX where a signal's stack has no room for its registers. */
START_TEST(what_is_not_granted_is_not_used)
{
    const size_t small_bytes = 8192;
    const stack_t stack = { .ss_sp = malloc(small_bytes), .ss_size = small_bytes };
    const kvspan_cpu_config config = { .size = sizeof(config), .isa = KVSPAN_ISA_AMX };
    kvspan_device *device = NULL;
    kvspan_error error = { 0 };

    ck_assert_ptr_nonnull(stack.ss_sp);
    /* A process that has been granted it already cannot have such a stack. */
    if (kvspan_amx_is_there() && sigaltstack(&stack, NULL) == 0) {
        ck_assert_int_eq(kvspan_device_open_cpu(&config, &device, &error), KVSPAN_ERR_UNSUPPORTED);
        ck_assert_str_eq(error.message, "device \"cpu\" needs amx, this machine has avx512_bf16");
        ck_assert_ptr_null(device);
        ck_assert_int_eq(kvspan_device_open_cpu(NULL, &device, NULL), KVSPAN_OK);
        ck_assert_str_eq(kvspan_device_describe(device).isa, best_without_amx());
        kvspan_device_close(device);
        ck_assert_int_eq(sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL), 0);
    }
    free(stack.ss_sp);
}
END_TEST

START_TEST(large_memory_is_zeroed_and_aligned)
{
    static const uint64_t sizes[] = { 4096, 2097152, 2097153, 9437184 + 17 };
    kvspan_device *const device = cpu_device_open(_i);

    for (int i = 0; device && i < 4; i++) {
        void *data = NULL;

        ck_assert_int_eq(device->ops->allocate(device, sizes[i], &data, NULL), KVSPAN_OK);
        ck_assert_uint_eq((uintptr_t)data % (sizes[i] < 2097152 ? 4096 : 2097152), 0);
        for (uint64_t byte = 0; byte < sizes[i]; byte += 511) {
            ck_assert_uint_eq(((unsigned char *)data)[byte], 0);
        }
        memset(data, 1, sizes[i]);
        device->ops->release(device, data, sizes[i]);
    }
    kvspan_device_close(device);
}
END_TEST

/* An arena may have all the memory there is: only what is appended to is taken. */
START_TEST(large_memory_is_not_there_before_it_is_written)
{
    const uint64_t bytes = (uint64_t)512 << 20;
    kvspan_device *const device = cpu_device_open(_i);
    struct rusage before;
    struct rusage after;
    void *data = NULL;

    if (device) {
        ck_assert_int_eq(getrusage(RUSAGE_SELF, &before), 0);
        ck_assert_int_eq(device->ops->allocate(device, bytes, &data, NULL), KVSPAN_OK);
        ck_assert_int_eq(getrusage(RUSAGE_SELF, &after), 0);
        ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 64 << 10); /* KiB */
        device->ops->release(device, data, bytes);
    }
    kvspan_device_close(device);
}
END_TEST

START_TEST(pages_are_tiled_where_the_planes_allow)
{
    static const struct {
        kvspan_dtype keys, values;
        uint32_t key_dim, value_dim, page_tokens, format;
    } cases[] = {
        { KVSPAN_BF16, KVSPAN_BF16, 128, 128, 32, KVSPAN_FORMAT_TILES },
        { KVSPAN_BF16, KVSPAN_I8, 192, 128, 16, KVSPAN_FORMAT_TILES },
        { KVSPAN_F8E4M3, KVSPAN_F8E5M2, 256, 64, 48, KVSPAN_FORMAT_TILES },
        { KVSPAN_BF16, KVSPAN_BF16, 128, 128, 24, KVSPAN_FORMAT_CANONICAL }, /* tokens */
        { KVSPAN_BF16, KVSPAN_BF16, 72, 128, 32, KVSPAN_FORMAT_CANONICAL },  /* dim */
        { KVSPAN_BF16, KVSPAN_BF16, 128, 272, 32, KVSPAN_FORMAT_CANONICAL },
        { KVSPAN_BF16, KVSPAN_F16, 128, 128, 32, KVSPAN_FORMAT_CANONICAL }, /* type */
        { KVSPAN_F32, KVSPAN_BF16, 128, 128, 32, KVSPAN_FORMAT_CANONICAL },
    };
    const kvspan_layer_group group = {
        .plane_count = 2,
        .planes = { { .role = KVSPAN_KEY, .dtype = cases[_i].keys, .dim = cases[_i].key_dim },
                    { .role = KVSPAN_VALUE,
                      .dtype = cases[_i].values,
                      .dim = cases[_i].value_dim } },
    };
    kvspan_device *device = NULL;

    ck_assert_int_eq(kvspan_device_open_cpu(NULL, &device, NULL), KVSPAN_OK);
    ck_assert_uint_eq(device->kernels->choose_format(&group, cases[_i].page_tokens),
                      cases[_i].format);
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/device");
    TCase *device = tcase_create("device");

    tcase_add_loop_test(device, a_device_is_what_was_asked_for, 0, CPU_DEVICE_COUNT);
    tcase_add_test(device, defaults_are_the_best_there_is);
    tcase_add_loop_test(device, what_is_no_config_is_refused, 0, 3);
    tcase_add_test(device, what_is_not_granted_is_not_used);
    tcase_add_loop_test(device, large_memory_is_zeroed_and_aligned, 0, 3);
    tcase_add_loop_test(device, large_memory_is_not_there_before_it_is_written, 0, 3);
    tcase_add_loop_test(device, pages_are_tiled_where_the_planes_allow, 0, 8);
    suite_add_tcase(suite, device);
    return suite_run(suite);
}
