#include "launch/workload.h"

#include <inttypes.h>
#include <string.h>

enum {
    QUANTILES = 18
};

/* Shares of the requests, in thousandths, that are at most as long as the lengths below. */
static const uint32_t thousandths[QUANTILES] = { 0,   10,  50,  100, 200, 250, 300, 400, 500,
                                                 600, 700, 750, 800, 900, 950, 990, 999, 1000 };
static const uint32_t prompt_quantiles[QUANTILES] = { 2,    29,   181,  207,  387,  396,
                                                      403,  703,  1020, 1071, 1130, 1189,
                                                      1315, 2735, 4083, 4142, 6212, 14050 };
static const uint32_t output_quantiles[QUANTILES] = {
    7, 16, 41, 54, 77, 85, 91, 103, 129, 177, 384, 395, 400, 424, 451, 601, 954, 1000
};

typedef struct length_scale {
    const char *name;
    uint32_t divisor; /* of all lengths */
} length_scale;

static const length_scale workloads[] = {
    { .name = "conversation", .divisor = 1 },
    { .name = "short", .divisor = 16 },
};

/* The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t word)
{
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}

/* The length below which a share of the requests lies; share is in [0, 2^32). Whole numbers only:
 * a library's floating-point functions differ from machine to machine. */
static uint64_t length_at(const uint32_t lengths[QUANTILES], uint64_t share)
{
    const uint64_t thousandth = (uint64_t)1 << 32;
    const uint64_t place = share * 1000;
    uint32_t above = 1;
    uint64_t low;
    uint64_t width;

    while (place >= thousandths[above] * thousandth) {
        above++;
    }
    low = thousandths[above - 1] * thousandth;
    width = thousandths[above] * thousandth - low;
    return lengths[above - 1] + (place - low) * (lengths[above] - lengths[above - 1]) / width;
}

static uint64_t draw(const length_scale *scale, const uint32_t lengths[QUANTILES], uint64_t key)
{
    const uint64_t tokens = length_at(lengths, mix(key) >> 32) / scale->divisor;

    return tokens > 0 ? tokens : 1;
}

static const length_scale *find_workload(const char *name)
{
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            return &workloads[i];
        }
    }
    return NULL;
}

kvspan_status kvspan_workload_make(const char *name, uint64_t seed, uint64_t count,
                                   kvspan_trace *trace_out, kvspan_error *error)
{
    const length_scale *scale = find_workload(name);
    const uint64_t start = mix(seed + 0x9e3779b97f4a7c15u);
    kvspan_trace trace = { 0 };

    if (!scale) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "no workload is called \"%.40s\", only %s",
                           name, KVSPAN_WORKLOAD_NAMES);
    }
    if (count == 0 || count > KVSPAN_TRACE_MAX_REQUESTS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%" PRIu64 " requests, not in [1, %d]",
                           count, KVSPAN_TRACE_MAX_REQUESTS);
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t key = start + 2 * i * 0x9e3779b97f4a7c15u;
        const kvspan_status status =
            kvspan_trace_add(&trace, draw(scale, prompt_quantiles, key),
                             draw(scale, output_quantiles, key + 0x9e3779b97f4a7c15u), 0, error);

        if (status != KVSPAN_OK) {
            kvspan_trace_fini(&trace);
            return status;
        }
    }
    *trace_out = trace;
    return KVSPAN_OK;
}
