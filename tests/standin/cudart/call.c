#include "standin/cudart/call.h"

#include <string.h>

#include "standin/cudart/capture.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/progress.h"
#include "standin/cudart/settings.h"
#include "standin/cudart/state.h"

enum {
    NAME_LIMIT = 512
};

static struct {
    const char *name;
    uint64_t count;
} calls[NAME_LIMIT];
static uint32_t name_count;
static uint64_t call_count;
static _Thread_local cudaError_t last_error;
static _Thread_local cudaError_t later_error; /* of a call that gives back */

static uint64_t call_count_up(const char *name)
{
    uint32_t i = 0;

    call_count++;
    while (i < name_count && strcmp(calls[i].name, name) != 0) {
        i++;
    }
    if (i == name_count) {
        calls[name_count++].name = name;
    }
    return ++calls[i].count;
}

static bool is_told_to_fail(const char *name, uint64_t count_of_name)
{
    const settings *told = settings_get();

    if (told->failing_call == 0) {
        return false;
    }
    if (told->failing_name[0] == '\0') {
        return call_count == told->failing_call;
    }
    return strcmp(told->failing_name, name) == 0 && count_of_name == told->failing_call;
}

/* What a call says before it does anything. */
static cudaError_t error_of_beginning(const char *name, unsigned kinds)
{
    const uint64_t count = name == NULL ? 0 : call_count_up(name);

    if (!settings_get()->has_driver) {
        return cudaErrorInsufficientDriver;
    }
    if (settings_get()->device_count == 0) {
        return cudaErrorNoDevice;
    }
    if (name != NULL && is_told_to_fail(name, count)) {
        complain("%s fails, as told: call %llu, of that name %llu", name,
                 (unsigned long long)call_count, (unsigned long long)count);
        return kinds & CALL_ALLOCATES ? cudaErrorMemoryAllocation : cudaErrorUnknown;
    }
    if (kinds & (CALL_USES_DEVICE | CALL_GIVES_BACK) && device_current()->sticky != cudaSuccess) {
        return device_current()->sticky;
    }
    return kinds & CALL_IS_UNSAFE ? capture_refuse_unsafe(name) : cudaSuccess;
}

cudaError_t call_begin(const char *name, unsigned kinds)
{
    cudaError_t error;

    state_lock();
    error = error_of_beginning(name, kinds);
    if (!(kinds & CALL_GIVES_BACK) || error == cudaErrorInsufficientDriver ||
        error == cudaErrorNoDevice || error == cudaErrorStreamCaptureUnsupported) {
        return error;
    }
    later_error = error;
    return cudaSuccess;
}

cudaError_t call_end(cudaError_t error)
{
    if (error == cudaSuccess) {
        error = later_error;
    }
    later_error = cudaSuccess;
    if (error != cudaSuccess) {
        last_error = error;
    }
    if (settings_get()->device_count != 0) {
        progress_close_memory();
    }
    state_unlock();
    return error;
}

cudaError_t call_last_error(bool is_cleared)
{
    cudaError_t error = last_error;

    if (is_cleared) {
        last_error = cudaSuccess;
    }
    if (settings_get()->device_count != 0) {
        state_lock();
        if (device_current()->sticky != cudaSuccess) {
            error = device_current()->sticky;
        }
        state_unlock();
    }
    return error;
}

void call_report_counts(void)
{
    for (uint32_t i = 0; i < name_count; i++) {
        complain("calls of %s: %llu", calls[i].name, (unsigned long long)calls[i].count);
    }
    complain("calls of all names: %llu", (unsigned long long)call_count);
}
