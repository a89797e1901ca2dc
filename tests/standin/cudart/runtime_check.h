/** @file
 * What the tests of the stand-in share. They are programs like any other that uses the runtime.
 */
#ifndef KVSPAN_STANDIN_CUDART_RUNTIME_CHECK_H
#define KVSPAN_STANDIN_CUDART_RUNTIME_CHECK_H

#include <check.h>
#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ck_cuda(call) ck_cuda_is(call, cudaSuccess)

#define ck_cuda_is(call, expected)                                                        \
    do {                                                                                  \
        const cudaError_t seen_ = (call);                                                 \
        ck_assert_msg(seen_ == (expected), "%s says %s", #call, cudaGetErrorName(seen_)); \
    } while (0)

/* The same, and the error is not kept. */
#define ck_cuda_refuses(call, expected) \
    do {                                \
        ck_cuda_is(call, expected);     \
        (void)cudaGetLastError();       \
    } while (0)

static inline bool streams_are(const char *order)
{
    const char *told = getenv("KVSPAN_STANDIN_STREAMS");

    return strncmp(told == NULL ? "eager" : told, order, strlen(order)) == 0;
}

/* Nothing runs in the calls that enqueue it. */
static inline bool streams_only_run_in_waits(void)
{
    return streams_are("lazy") || streams_are("latest");
}

#endif
