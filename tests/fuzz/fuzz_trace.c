/* A trace reader, named by the build: KVSPAN_FUZZ_READER. The readers take a path; the input lies
 * in a file without a name. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_target.h"
#include "launch/trace.h"

/* As launch/mooncake.h and its like declare theirs. */
kvspan_status KVSPAN_FUZZ_READER(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                 kvspan_error *error);

static void check_requests(const kvspan_trace *trace, uint64_t limit)
{
    fuzz_check(limit == 0 || trace->count <= limit);
    for (uint32_t i = 0; i < trace->count; i++) {
        const kvspan_request *const request = &trace->requests[i];

        fuzz_check(request->prompt_tokens >= 1);
        fuzz_check(request->prompt_tokens <= KVSPAN_MAX_SEQUENCE_TOKENS);
        fuzz_check(request->output_tokens >= 1);
        fuzz_check(request->output_tokens <= KVSPAN_MAX_SEQUENCE_TOKENS);
    }
}

static void read_trace(const char *path, uint64_t limit)
{
    kvspan_trace trace = { .count = 0 };
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status = KVSPAN_FUZZ_READER(path, limit, &trace, &error);

    fuzz_check(status == error.status);
    fuzz_check(status == KVSPAN_OK || status == KVSPAN_ERR_IO);
    if (status == KVSPAN_OK) {
        check_requests(&trace, limit);
    }
    kvspan_trace_fini(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const int file = memfd_create("trace", MFD_CLOEXEC);
    char path[64];

    fuzz_check(file >= 0);
    fuzz_check(write(file, data, bytes) == (ssize_t)bytes);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    read_trace(path, 0);
    read_trace(path, 3);
    (void)close(file);
    return 0;
}
