#include "runtime/ledger/ledger_config.h"

#include <inttypes.h>
#include <kvspan/sized_struct.h>

enum {
    PAYLOAD_BYTES = 65536,       /* of a default rider */
    PAYLOAD_BYTES_PER_TOKEN = 16 /* of a default rider */
};

static void fill_defaults(kvspan_ledger_config *config)
{
    if (config->group_count == 0) {
        config->group_count = 1;
    }
    if (config->token_members == 0) {
        config->token_members = 1;
    }
    if (config->max_step_rows == 0) {
        config->max_step_rows = config->slot_count;
    }
    if (config->max_payload_bytes == 0) {
        config->max_payload_bytes =
            PAYLOAD_BYTES + PAYLOAD_BYTES_PER_TOKEN * config->max_step_tokens;
    }
}

static kvspan_status check_ranges(const kvspan_ledger_config *config, kvspan_error *error)
{
    const struct {
        const char *field;
        uint64_t value;
        uint64_t least;
        uint64_t most;
    } ranges[] = {
        { "group_count", config->group_count, 0, KVSPAN_MAX_GROUPS },
        { "page_count", config->page_count, 2, KVSPAN_MAX_PAGES },
        { "slot_count", config->slot_count, 1, KVSPAN_MAX_SLOTS },
        { "page_tokens", config->page_tokens, 1, KVSPAN_MAX_PAGE_TOKENS },
        { "max_step_rows", config->max_step_rows, 0, KVSPAN_MAX_SLOTS },
        { "max_step_tokens", config->max_step_tokens, 1, KVSPAN_MAX_STEP_TOKENS },
        { "max_sequence_tokens", config->max_sequence_tokens, 1, KVSPAN_MAX_SEQUENCE_TOKENS },
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (ranges[i].value < ranges[i].least || ranges[i].value > ranges[i].most) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "%s is %" PRIu64 ", not in [%" PRIu64 ", %" PRIu64 "]",
                               ranges[i].field, ranges[i].value, ranges[i].least, ranges[i].most);
        }
    }
    return KVSPAN_OK;
}

static kvspan_status check_windows(const kvspan_ledger_config *config, kvspan_error *error)
{
    for (uint32_t group = config->group_count; group < KVSPAN_MAX_GROUPS; group++) {
        if (config->group_windows[group] != 0) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "group_windows[%u] is %u, but there are %u groups", group,
                               config->group_windows[group], config->group_count);
        }
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_ledger_config_read(const kvspan_ledger_config *config,
                                        kvspan_ledger_config *read_out, kvspan_error *error)
{
    kvspan_ledger_config read = { 0 };
    kvspan_status status =
        kvspan_read_sized(&read, sizeof(read), config,
                          offsetof(kvspan_ledger_config, group_windows), "config", error);

    if (status == KVSPAN_OK) {
        status = check_ranges(&read, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    fill_defaults(&read);
    status = check_windows(&read, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    if ((uint64_t)read.page_tokens * read.token_members > KVSPAN_MAX_SEQUENCE_TOKENS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "page_tokens %u times token_members %u is more than %d",
                           read.page_tokens, read.token_members, KVSPAN_MAX_SEQUENCE_TOKENS);
    }
    *read_out = read;
    return KVSPAN_OK;
}
