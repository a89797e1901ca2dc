/* A trace reader, named by the build: KVSPAN_FUZZ_READER. The readers take a path; the input lies
 * in a file without a name. */
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_target.h"
#include "launch/trace.h"

enum {
    FIRST_REQUESTS = 3
};

/* As launch/mooncake.h and its like declare theirs. */
kvspan_status KVSPAN_FUZZ_READER(const char *path, uint64_t limit, kvspan_trace *trace_out,
                                 kvspan_error *error);

static void check_requests(const kvspan_trace *trace)
{
    fuzz_check(trace->count >= 1);
    for (uint32_t i = 0; i < trace->count; i++) {
        const kvspan_request *const request = &trace->requests[i];

        fuzz_check(request->tag == i);
        fuzz_check(request->prompt_tokens >= 1);
        fuzz_check(request->prompt_tokens <= KVSPAN_MAX_SEQUENCE_TOKENS);
        fuzz_check(request->output_tokens >= 1);
        fuzz_check(request->output_tokens <= KVSPAN_MAX_SEQUENCE_TOKENS);
    }
}

/* True if there is one, the caller's to end. */
static bool read_trace(const char *path, uint64_t limit, kvspan_trace *trace)
{
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_status status = KVSPAN_FUZZ_READER(path, limit, trace, &error);

    fuzz_check(status == error.status);
    fuzz_check(status == KVSPAN_OK || status == KVSPAN_ERR_IO);
    if (status == KVSPAN_OK) {
        check_requests(trace);
    }
    return status == KVSPAN_OK;
}

/* The first requests are those that the whole begins with. */
static void read_both(const char *path)
{
    kvspan_trace whole = { .count = 0 };
    kvspan_trace first = { .count = 0 };

    if (read_trace(path, 0, &whole)) {
        fuzz_check(read_trace(path, FIRST_REQUESTS, &first));
        fuzz_check(first.count == (whole.count < FIRST_REQUESTS ? whole.count : FIRST_REQUESTS));
        for (uint32_t i = 0; i < first.count; i++) {
            fuzz_check(first.requests[i].prompt_tokens == whole.requests[i].prompt_tokens);
            fuzz_check(first.requests[i].output_tokens == whole.requests[i].output_tokens);
        }
    } else if (read_trace(path, FIRST_REQUESTS, &first)) {
        fuzz_check(first.count == FIRST_REQUESTS); /* what is wrong comes later */
    }
    kvspan_trace_fini(&first);
    kvspan_trace_fini(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const int file = memfd_create("trace", MFD_CLOEXEC);
    char path[64];

    fuzz_check(file >= 0);
    fuzz_check(write(file, data, bytes) == (ssize_t)bytes);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    read_both(path);
    (void)close(file);
    return 0;
}
