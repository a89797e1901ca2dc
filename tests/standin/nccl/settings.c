#include "standin/nccl/settings.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static settings chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void refuse(const char *name, const char *text)
{
    (void)fprintf(stderr, "kvspan-nccl: %s=%s is not understood\n", name, text);
    abort();
}

static uint64_t number(const char *name, uint64_t low, uint64_t high, uint64_t value_if_unset)
{
    const char *text = getenv(name);
    char *end = NULL;
    uint64_t value;

    if (!text) {
        return value_if_unset;
    }
    value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || value < low || value > high) {
        refuse(name, text);
    }
    return value;
}

/* The index of the variable's value in a list that ends with NULL; the first if it is not set. */
static int choice(const char *name, const char *const *values)
{
    const char *text = getenv(name);
    int i = 0;

    if (!text) {
        return 0;
    }
    while (values[i] && strcmp(values[i], text) != 0) {
        i++;
    }
    if (!values[i]) {
        refuse(name, text);
    }
    return i;
}

static void read_async_error(void)
{
    static const char name[] = "KVSPAN_NCCL_ASYNC_ERROR";
    const char *text = getenv(name);
    char kind[8] = "remote";
    unsigned long long operation = 0;

    chosen.async_rank = -1;
    if (!text) {
        return;
    }
    if (sscanf(text, "%d:%llu:%7s", &chosen.async_rank, &operation, kind) < 2 ||
        chosen.async_rank < 0 || operation == 0 ||
        (strcmp(kind, "remote") != 0 && strcmp(kind, "system") != 0)) {
        refuse(name, text);
    }
    chosen.async_operation = operation;
    chosen.async_result = kind[0] == 'r' ? ncclRemoteError : ncclSystemError;
}

static void read_failure(void)
{
    static const char name[] = "KVSPAN_NCCL_FAIL";
    const char *text = getenv(name);
    const char *colon = text ? strrchr(text, ':') : NULL;
    const char *digits = colon ? colon + 1 : text;
    char *end = NULL;

    if (!text) {
        return;
    }
    chosen.failing_call = strtoull(digits, &end, 10);
    if (end == digits || *end != '\0' || chosen.failing_call == 0 ||
        (colon && (size_t)(colon - text) >= sizeof(chosen.failing_name))) {
        refuse(name, text);
    }
    if (colon) {
        memcpy(chosen.failing_name, text, (size_t)(colon - text));
    }
}

static void read_strike(void)
{
    static const char name[] = "KVSPAN_NCCL_STRIKE";
    const char *text = getenv(name);
    char kind[5] = "";
    unsigned long long call = 0;

    if (!text) {
        return;
    }
    if (sscanf(text, "%4[a-z]:%47[A-Za-z]:%llu", kind, chosen.struck_name, &call) != 3 ||
        call == 0 || (strcmp(kind, "kill") != 0 && strcmp(kind, "stop") != 0)) {
        refuse(name, text);
    }
    chosen.struck_call = call;
    chosen.striking_signal = kind[0] == 'k' ? SIGKILL : SIGSTOP;
}

static void read_all(void)
{
    static const char *const in_progress[] = { "random", "always", "never", NULL };
    static const char *const dead[] = { "hang", "error", NULL };
    static const char *const misuse[] = { "error", "abort", NULL };
    static const char *const same_device[] = { "refuse", "allow", NULL };

    chosen.version =
        (int)number("KVSPAN_NCCL_VERSION", 21800, NCCL_VERSION_CODE, NCCL_VERSION_CODE);
    chosen.seed = number("KVSPAN_NCCL_SEED", 0, UINT64_MAX, 1);
    chosen.in_progress = (in_progress_choice)choice("KVSPAN_NCCL_IN_PROGRESS", in_progress);
    chosen.deadline_ms = number("KVSPAN_NCCL_DEADLINE_MS", 0, UINT32_MAX, 20000);
    if (chosen.deadline_ms == 0) {
        chosen.deadline_ms = UINT64_MAX;
    }
    chosen.dead_peer_is_error = choice("KVSPAN_NCCL_DEAD", dead) == 1;
    chosen.aborts_on_misuse = choice("KVSPAN_NCCL_MISUSE", misuse) == 1;
    chosen.allows_same_device = choice("KVSPAN_NCCL_SAME_DEVICE", same_device) == 1;
    chosen.reports_at_exit = number("KVSPAN_NCCL_REPORT", 0, 1, 0) == 1;
    read_async_error();
    read_failure();
    read_strike();
}

const settings *settings_get(void)
{
    pthread_once(&once, read_all);
    return &chosen;
}
