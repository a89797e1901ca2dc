#include "standin/nccl/call.h"

#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_uint_least64_t made;
static atomic_uint_least64_t made_by_name;
static atomic_uint_least64_t made_to_strike;
static _Thread_local ncclResult_t later; /* of a call that gives back */

/* The first version that has a function: NVIDIA's release notes. What is not here is older. */
static const struct {
    const char *function;
    int version;
    const char *text;
} firsts[] = {
    { "ncclMemAlloc", 21903, "2.19.3" },
    { "ncclMemFree", 21903, "2.19.3" },
    { "ncclCommRegister", 21903, "2.19.3" },
    { "ncclCommDeregister", 21903, "2.19.3" },
    { "ncclGroupSimulateEnd", 22203, "2.22.3" },
    { "ncclCommInitRankScalable", 22304, "2.23.4" },
    { "ncclCommShrink", 22703, "2.27.3" },
    { "ncclCommWindowRegister", 22703, "2.27.3" },
    { "ncclCommWindowDeregister", 22703, "2.27.3" },
    { "ncclAlltoAll", 22803, "2.28.3" },
    { "ncclGather", 22803, "2.28.3" },
    { "ncclScatter", 22803, "2.28.3" },
    { "ncclCommRevoke", 22807, "2.28.7" },
};

static ncclResult_t version_check(const char *function)
{
    const int version = settings_get()->version;

    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        if (strcmp(firsts[i].function, function) == 0 && version < firsts[i].version) {
            return report_misuse(ncclInvalidUsage, -1, "%s needs %s, this is %d.%d.%d", function,
                                 firsts[i].text, version / 10000, version / 100 % 100,
                                 version % 100);
        }
    }
    return ncclSuccess;
}

/* Counts the call; true if it is the one that was asked to fail. */
static bool is_failing(const char *function)
{
    const settings *wanted = settings_get();
    const bool is_polling = strcmp(function, "ncclCommGetAsyncError") == 0;
    uint64_t number = 0;

    if (!is_polling) {
        number = atomic_fetch_add(&made, 1) + 1;
    }
    if (wanted->failing_name[0] != '\0') {
        number = strcmp(wanted->failing_name, function) == 0
                     ? atomic_fetch_add(&made_by_name, 1) + 1
                     : 0;
    }
    return number != 0 && number == wanted->failing_call;
}

/* The call from which this process does not come back, or not before it is told to go on. */
static void strike(const char *function)
{
    const settings *wanted = settings_get();

    if (wanted->striking_signal != 0 && strcmp(wanted->struck_name, function) == 0 &&
        atomic_fetch_add(&made_to_strike, 1) + 1 == wanted->struck_call) {
        report(-1, "%s strikes as asked by KVSPAN_NCCL_STRIKE", function);
        (void)kill(getpid(), wanted->striking_signal);
    }
}

ncclResult_t call_begin(const char *function)
{
    const ncclResult_t result = version_check(function);

    strike(function);
    if (result != ncclSuccess) {
        return result;
    }
    if (is_failing(function)) {
        report(-1, "%s fails as asked by KVSPAN_NCCL_FAIL", function);
        return ncclSystemError;
    }
    return ncclSuccess;
}

ncclResult_t call_begin_giving_back(const char *function)
{
    const ncclResult_t result = call_begin(function);

    later = result == ncclSystemError ? result : ncclSuccess;
    return result == ncclSystemError ? ncclSuccess : result;
}

ncclResult_t call_end(ncclResult_t result)
{
    const ncclResult_t said = result == ncclSuccess ? later : result;

    later = ncclSuccess;
    return said;
}

uint64_t call_count(void)
{
    return atomic_load(&made);
}
