#include "kernels/host_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/memory_group.h"
#include "kernels/small_file.h"

static const char meminfo_path[] = "/proc/meminfo";
static const char boot_id_path[] = "/proc/sys/kernel/random/boot_id";

enum {
    SMALL_PAGE_BYTES = 4096,
    HUGE_PAGE_BYTES = 2097152
};

/* Finds "name: number kB". */
static int find_kilobytes(const char *text, const char *name, uint64_t *bytes_out)
{
    const char *line = strstr(text, name);
    char *end;
    unsigned long long kilobytes;

    if (!line) {
        return 0;
    }
    line += strlen(name);
    errno = 0;
    kilobytes = strtoull(line, &end, 10);
    if (end == line || errno != 0 || kilobytes > UINT64_MAX / 1024) {
        return 0;
    }
    *bytes_out = (uint64_t)kilobytes * 1024;
    return 1;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u;

    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    }
    return hash;
}

kvspan_status kvspan_host_memory_query(kvspan_device_memory *memory_out, kvspan_error *error)
{
    char meminfo[4096] = "";
    char boot_id[64] = "";
    uint64_t total_bytes;
    uint64_t available_bytes;
    kvspan_status status = kvspan_small_file_read(meminfo_path, meminfo, sizeof(meminfo), error);

    if (status == KVSPAN_OK) {
        status = kvspan_small_file_read(boot_id_path, boot_id, sizeof(boot_id), error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (!find_kilobytes(meminfo, "MemTotal:", &total_bytes) ||
        !find_kilobytes(meminfo, "MemAvailable:", &available_bytes)) {
        return kvspan_fail(error, KVSPAN_ERR_IO, "%s does not tell MemTotal and MemAvailable",
                           meminfo_path);
    }
    kvspan_memory_group_narrow("", &total_bytes, &available_bytes);
    memory_out->total_bytes = total_bytes;
    memory_out->used_bytes = available_bytes < total_bytes ? total_bytes - available_bytes : 0;
    memory_out->domain = hash_text(boot_id);
    return KVSPAN_OK;
}

static kvspan_status fail_memory(uint64_t bytes, kvspan_error *error)
{
    return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %" PRIu64 " bytes of host memory: %s",
                       bytes, strerror(errno));
}

static uint64_t mapped_bytes(uint64_t bytes)
{
    return (bytes + SMALL_PAGE_BYTES - 1) / SMALL_PAGE_BYTES * SMALL_PAGE_BYTES;
}

kvspan_status kvspan_host_memory_allocate(uint64_t bytes, void **data_out, kvspan_error *error)
{
    const uint64_t slack = bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES - SMALL_PAGE_BYTES : 0;
    const uint64_t wanted = mapped_bytes(bytes);
    unsigned char *mapping;
    uint64_t before;

    if (bytes == 0) {
        *data_out = NULL;
        return KVSPAN_OK;
    }
    if (bytes > (uint64_t)PTRDIFF_MAX - HUGE_PAGE_BYTES - SMALL_PAGE_BYTES) {
        errno = ENOMEM;
        return fail_memory(bytes, error);
    }
    mapping =
        mmap(NULL, wanted + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
        return fail_memory(bytes, error);
    }
    if (slack == 0) {
        *data_out = mapping;
        return KVSPAN_OK;
    }
    /* Give back what lies before and behind the aligned part, so that release needs no record. */
    before = (HUGE_PAGE_BYTES - (uintptr_t)mapping % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
    if (before > 0) {
        (void)munmap(mapping, before);
    }
    if (before < slack) {
        (void)munmap(mapping + before + wanted, slack - before);
    }
    /* Advice only: a kernel without huge pages gives small ones. */
    (void)madvise(mapping + before, wanted, MADV_HUGEPAGE);
    *data_out = mapping + before;
    return KVSPAN_OK;
}

void kvspan_host_memory_release(void *data, uint64_t bytes)
{
    if (data) {
        (void)munmap(data, mapped_bytes(bytes));
    }
}
