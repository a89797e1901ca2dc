#include "standin/nccl/config.h"

#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

#include <stddef.h>

/* Fields that are integers, the version that brought them and what they may be. */
static const struct {
    const char *name;
    size_t offset;
    int version;
    int low;
    int high;
} fields[] = {
    { "blocking", offsetof(ncclConfig_t, blocking), 21403, 0, 1 },
    { "cgaClusterSize", offsetof(ncclConfig_t, cgaClusterSize), 21701, 0, 8 },
    { "minCTAs", offsetof(ncclConfig_t, minCTAs), 21701, 1, INT_MAX },
    { "maxCTAs", offsetof(ncclConfig_t, maxCTAs), 21701, 1, INT_MAX },
    { "splitShare", offsetof(ncclConfig_t, splitShare), 21801, 0, 1 },
    { "trafficClass", offsetof(ncclConfig_t, trafficClass), 22602, 0, INT_MAX },
    { "collnetEnable", offsetof(ncclConfig_t, collnetEnable), 22703, 0, 1 },
    { "CTAPolicy", offsetof(ncclConfig_t, CTAPolicy), 22703, 0,
      NCCL_CTA_POLICY_EFFICIENCY | NCCL_CTA_POLICY_ZERO },
    { "shrinkShare", offsetof(ncclConfig_t, shrinkShare), 22703, 0, 1 },
    { "nvlsCTAs", offsetof(ncclConfig_t, nvlsCTAs), 22703, 1, INT_MAX },
    { "nChannelsPerNetPeer", offsetof(ncclConfig_t, nChannelsPerNetPeer), 22803, 1, 1024 },
    { "nvlinkCentricSched", offsetof(ncclConfig_t, nvlinkCentricSched), 22803, 0, 1 },
};

/* The value of a field; unset if the caller's struct ends before it. */
static int field_value(const ncclConfig_t *config, size_t offset)
{
    return offset + sizeof(int) <= config->size ? *(const int *)((const char *)config + offset)
                                                : NCCL_CONFIG_UNDEF_INT;
}

ncclResult_t config_read(const ncclConfig_t *config, const char *function, int rank,
                         bool *is_blocking_out)
{
    if (!config) {
        return ncclSuccess;
    }
    if (config->magic != 0xcafebeef) {
        return report_misuse(ncclInvalidArgument, rank,
                             "%s: the config was not made by NCCL_CONFIG_INITIALIZER", function);
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const int value = field_value(config, fields[i].offset);

        if (value != NCCL_CONFIG_UNDEF_INT && settings_get()->version >= fields[i].version &&
            (value < fields[i].low || value > fields[i].high)) {
            return report_misuse(ncclInvalidArgument, rank, "%s: config.%s is %d, not in [%d, %d]",
                                 function, fields[i].name, value, fields[i].low, fields[i].high);
        }
    }
    if (field_value(config, offsetof(ncclConfig_t, minCTAs)) != NCCL_CONFIG_UNDEF_INT &&
        config->maxCTAs != NCCL_CONFIG_UNDEF_INT && config->minCTAs > config->maxCTAs) {
        return report_misuse(ncclInvalidArgument, rank,
                             "%s: config.minCTAs is %d, more than maxCTAs, %d", function,
                             config->minCTAs, config->maxCTAs);
    }
    if (config->blocking != NCCL_CONFIG_UNDEF_INT) {
        *is_blocking_out = config->blocking == 1;
    }
    return ncclSuccess;
}
