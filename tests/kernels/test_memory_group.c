#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/host_memory.h"
#include "kernels/memory_group.h"

enum {
    PATH_BYTES = 512,
    MAX_FILES = 32
};

/* A machine's /proc and /sys in a folder of its own. */
static char root[64];
static char files[MAX_FILES][PATH_BYTES];
static uint32_t file_count;

static void make_folders(char *path)
{
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

static void put(const char *path, const char *text)
{
    char *const full = files[file_count++];
    FILE *file;

    ck_assert_uint_lt(file_count, MAX_FILES);
    (void)snprintf(full, PATH_BYTES, "%s%s", root, path);
    make_folders(full);
    file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void start(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/kvspan-groups-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    file_count = 0;
}

/* Files, then their folders, empty by then, from the inside out. */
static void end(void)
{
    for (uint32_t i = 0; i < file_count; i++) {
        ck_assert_int_eq(unlink(files[i]), 0);
    }
    for (uint32_t i = 0; i < file_count; i++) {
        for (char *slash = strrchr(files[i], '/'); slash && slash > files[i] + strlen(root);
             slash = strrchr(files[i], '/')) {
            *slash = '\0';
            (void)rmdir(files[i]);
        }
    }
    ck_assert_int_eq(rmdir(root), 0);
}

static void expect(uint64_t total, uint64_t available)
{
    uint64_t total_bytes = 1000000;
    uint64_t available_bytes = 600000;

    kvspan_memory_group_narrow(root, &total_bytes, &available_bytes);
    ck_assert_uint_eq(total_bytes, total);
    ck_assert_uint_eq(available_bytes, available);
}

START_TEST(without_control_groups_nothing_is_narrowed)
{
    expect(1000000, 600000);
    put("/proc/self/cgroup", "0::/job\n");
    expect(1000000, 600000);
    put("/sys/fs/cgroup/job/memory.max", "max\n");
    expect(1000000, 600000);
}
END_TEST

/* 500,000 of which 300,000 are in use, 100,000 of them file pages that can go. */
START_TEST(a_limit_of_version_2_counts_what_cannot_be_dropped)
{
    put("/proc/self/cgroup", "0::/slurm/job\n");
    put("/sys/fs/cgroup/slurm/job/memory.max", "500000\n");
    expect(500000, 500000);
    put("/sys/fs/cgroup/slurm/job/memory.current", "300000\n");
    expect(500000, 200000);
    put("/sys/fs/cgroup/slurm/job/memory.stat", "anon 200000\ninactive_file 100000\nslab 1\n");
    expect(500000, 300000);
}
END_TEST

/* The inner group has the larger limit and less left; the outer one the smaller limit. */
START_TEST(each_group_around_the_process_narrows)
{
    put("/proc/self/cgroup", "0::/outer/inner\n");
    put("/sys/fs/cgroup/outer/memory.max", "400000\n");
    put("/sys/fs/cgroup/outer/memory.current", "100000\n");
    put("/sys/fs/cgroup/outer/inner/memory.max", "450000\n");
    put("/sys/fs/cgroup/outer/inner/memory.current", "440000\n");
    expect(400000, 10000);
}
END_TEST

START_TEST(a_limit_beyond_the_machine_and_one_that_is_exceeded)
{
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory.current", "5\n");
    expect(1000000, 600000);
    put("/sys/fs/cgroup/memory.max", "1000\n");
    put("/sys/fs/cgroup/memory.current", "1001\n");
    file_count -= 2; /* written twice */
    expect(1000, 0);
}
END_TEST

/* total_inactive_file counts the groups within, inactive_file does not. */
START_TEST(a_limit_of_version_1_is_that_of_its_memory_controller)
{
    put("/proc/self/cgroup", "5:devices:/no\n4:memory:/job\n1:cpu:/no\n0::/\n");
    put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "300000\n");
    put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "200000\n");
    put("/sys/fs/cgroup/memory/job/memory.stat",
        "cache 1\ninactive_file 7\ntotal_inactive_file 50000\n");
    expect(300000, 150000);
}
END_TEST

/* The path is the host's, and the container sees its own group as the root. */
START_TEST(a_container_with_the_hosts_paths_is_limited_by_its_root)
{
    put("/proc/self/cgroup", "4:memory:/docker/0123\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "250000\n");
    expect(250000, 250000);
}
END_TEST

START_TEST(lines_that_are_none_are_passed_over)
{
    put("/proc/self/cgroup", "\nnonsense\n:\n::\n0:\n0::/job\n");
    put("/sys/fs/cgroup/job/memory.max", "200000\n");
    expect(200000, 200000);
}
END_TEST

START_TEST(the_query_stays_within_this_processs_group)
{
    uint64_t total_bytes = UINT64_MAX;
    uint64_t available_bytes = UINT64_MAX;
    kvspan_device_memory memory;
    kvspan_error error;

    kvspan_memory_group_narrow("", &total_bytes, &available_bytes);
    ck_assert_int_eq(kvspan_host_memory_query(&memory, &error), KVSPAN_OK);
    ck_assert_uint_gt(memory.total_bytes, 0);
    ck_assert_uint_le(memory.total_bytes, total_bytes);
    ck_assert_uint_le(memory.used_bytes, memory.total_bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/memory_group");
    TCase *groups = tcase_create("groups");

    tcase_add_checked_fixture(groups, start, end);
    tcase_add_test(groups, without_control_groups_nothing_is_narrowed);
    tcase_add_test(groups, a_limit_of_version_2_counts_what_cannot_be_dropped);
    tcase_add_test(groups, each_group_around_the_process_narrows);
    tcase_add_test(groups, a_limit_beyond_the_machine_and_one_that_is_exceeded);
    tcase_add_test(groups, a_limit_of_version_1_is_that_of_its_memory_controller);
    tcase_add_test(groups, a_container_with_the_hosts_paths_is_limited_by_its_root);
    tcase_add_test(groups, lines_that_are_none_are_passed_over);
    tcase_add_test(groups, the_query_stays_within_this_processs_group);
    suite_add_tcase(suite, groups);
    return suite_run(suite);
}
