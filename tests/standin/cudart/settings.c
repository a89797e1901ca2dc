#include "standin/cudart/settings.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin/cudart/complain.h"

static settings values;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t number_read(const char *name, const char *text, uint64_t minimum, uint64_t maximum)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (end == text || *end != '\0' || value < minimum || value > maximum) {
        complain_and_abort("%s=%s is no number in [%llu, %llu]", name, text,
                           (unsigned long long)minimum, (unsigned long long)maximum);
    }
    return value;
}

static uint64_t number_get(const char *name, uint64_t minimum, uint64_t maximum, uint64_t fallback)
{
    const char *text = getenv(name);

    return text == NULL ? fallback : number_read(name, text, minimum, maximum);
}

static void order_get(settings *settings_out)
{
    const char *text = getenv("KVSPAN_STANDIN_STREAMS");

    settings_out->order = STREAM_ORDER_EAGER;
    if (text == NULL || strcmp(text, "eager") == 0) {
        return;
    }
    if (strcmp(text, "lazy") == 0) {
        settings_out->order = STREAM_ORDER_LAZY;
    } else if (strcmp(text, "latest") == 0) {
        settings_out->order = STREAM_ORDER_LATEST;
    } else if (strncmp(text, "random:", 7) == 0) {
        settings_out->order = STREAM_ORDER_RANDOM;
        settings_out->seed = number_read("KVSPAN_STANDIN_STREAMS", text + 7, 0, UINT64_MAX);
    } else {
        complain_and_abort("KVSPAN_STANDIN_STREAMS=%s is not eager, lazy, latest or random:SEED",
                           text);
    }
}

static void failure_get(settings *settings_out)
{
    const char *text = getenv("KVSPAN_STANDIN_FAIL");
    const char *colon;

    if (text == NULL) {
        return;
    }
    colon = strchr(text, ':');
    if (colon != NULL) {
        if ((size_t)(colon - text) >= SETTINGS_NAME_BYTES) {
            complain_and_abort("KVSPAN_STANDIN_FAIL=%s names no call", text);
        }
        memcpy(settings_out->failing_name, text, (size_t)(colon - text));
        text = colon + 1;
    }
    settings_out->failing_call = number_read("KVSPAN_STANDIN_FAIL", text, 1, UINT64_MAX);
}

static void values_read(void)
{
    settings read = { 0 };
    const uint64_t gib = 1ull << 30;

    read.device_count = (uint32_t)number_get("KVSPAN_STANDIN_DEVICES", 0, SETTINGS_DEVICE_LIMIT, 8);
    read.has_driver = number_get("KVSPAN_STANDIN_DRIVER", 0, 1, 1) != 0;
    read.architecture = (uint32_t)number_get("KVSPAN_STANDIN_ARCH", 80, 90, 80);
    if (read.architecture != 80 && read.architecture != 90) {
        complain_and_abort("KVSPAN_STANDIN_ARCH=%u is not 80 or 90", read.architecture);
    }
    read.memory_bytes = number_get("KVSPAN_STANDIN_MEMORY", 1 << 16, 64 * gib, 8 * gib);
    read.has_keys = number_get("KVSPAN_STANDIN_KEYS", 0, 1, 1) != 0;
    order_get(&read);
    read.not_ready_count = (uint32_t)number_get("KVSPAN_STANDIN_NOT_READY", 0, 1000000,
                                                read.order == STREAM_ORDER_RANDOM ? 2 : 0);
    read.idle_ms = (uint32_t)number_get("KVSPAN_STANDIN_IDLE_MS", 1, 1000000, 20);
    read.deadline_ms = number_get("KVSPAN_STANDIN_DEADLINE_MS", 1, UINT64_MAX / 2, 300000);
    read.register_count = (uint32_t)number_get("KVSPAN_STANDIN_REGISTERS", 16, 255, 128);
    failure_get(&read);
    read.counts_calls = number_get("KVSPAN_STANDIN_COUNT_CALLS", 0, 1, 0) != 0;
    read.reports_leaks = number_get("KVSPAN_STANDIN_LEAKS", 0, 1, 0) != 0;
    read.record_file = getenv("KVSPAN_STANDIN_RECORD");
    read.counts_file = getenv("KVSPAN_STANDIN_COUNTS");
    read.mutants_file = getenv("KVSPAN_STANDIN_MUTANTS");
    read.removed = getenv("KVSPAN_STANDIN_REMOVE");
    values = read;
}

const settings *settings_get(void)
{
    pthread_once(&once, values_read);
    return &values;
}
