#include "runtime/step/reader.h"

#include <inttypes.h>

#include "runtime/step/wire.h"

kvspan_status kvspan_read_varint(kvspan_reader *reader, const char *what, uint64_t *value_out)
{
    const size_t begin = reader->offset;
    uint64_t value = 0;

    for (uint32_t i = 0; i < KVSPAN_VARINT_MAX_BYTES; i++) {
        unsigned char digit;

        if (reader->offset == reader->end) {
            return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                               "byte %zu: the message ends inside a %s", reader->offset, what);
        }
        digit = reader->bytes[reader->offset++];
        if (i == KVSPAN_VARINT_MAX_BYTES - 1 && digit > 1) {
            break;
        }
        value |= (uint64_t)(digit & 0x7f) << 7 * i;
        if (digit < 0x80) {
            if (digit == 0 && i > 0) {
                return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                                   "byte %zu: the %s has a digit too many", begin, what);
            }
            *value_out = value;
            return KVSPAN_OK;
        }
    }
    return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT, "byte %zu: the %s does not fit 64 bits",
                       begin, what);
}

kvspan_status kvspan_read_bounded(kvspan_reader *reader, const char *what, uint64_t end,
                                  uint32_t *value_out)
{
    const size_t begin = reader->offset;
    uint64_t value = 0;
    kvspan_status status = kvspan_read_varint(reader, what, &value);

    if (status) {
        return status;
    }
    if (value >= end) {
        return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                           "byte %zu: the %s %" PRIu64 " is not below %" PRIu64, begin, what, value,
                           end);
    }
    *value_out = (uint32_t)value;
    return KVSPAN_OK;
}

kvspan_status kvspan_read_count(kvspan_reader *reader, const kvspan_stretch_rule *rule,
                                uint32_t first, uint32_t *count_out)
{
    const uint64_t room = rule->end - first;
    const uint64_t most = room < rule->left ? room : rule->left;
    uint32_t more = 0;
    kvspan_status status =
        kvspan_read_bounded(reader, "stretch's count - 2", most < 2 ? 0 : most - 1, &more);

    if (!status) {
        *count_out = more + 2;
    }
    return status;
}

static kvspan_status read_value(kvspan_reader *reader, const kvspan_stretch_rule *rule,
                                uint32_t *value_out)
{
    uint32_t more = 0;
    kvspan_status status = kvspan_read_bounded(
        reader, rule->value, rule->max_value < 2 ? 0 : rule->max_value - 1, &more);

    if (!status) {
        *value_out = more + 2;
    }
    return status;
}

/* Finds the first member from how far it is from the expected one. */
static kvspan_status place_first(kvspan_reader *reader, const kvspan_stretch_rule *rule,
                                 uint32_t expected, size_t begin, uint64_t code,
                                 uint32_t *first_out)
{
    const uint64_t distance = code >> rule->flag_bits;
    const int64_t first = (int64_t)expected + kvspan_unzigzag(distance);

    if (first < 0 || (uint64_t)first >= rule->end) {
        return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                           "byte %zu: zigzag distance %" PRIu64 " from %s %" PRIu32
                           " leads out of [0, %" PRIu64 ")",
                           begin, distance, rule->what, expected, rule->end);
    }
    *first_out = (uint32_t)first;
    return KVSPAN_OK;
}

kvspan_status kvspan_read_stretch(kvspan_reader *reader, const kvspan_stretch_rule *rule,
                                  uint32_t expected, kvspan_stretch *found)
{
    const size_t begin = reader->offset;
    uint64_t code = 0;
    kvspan_status status = kvspan_read_varint(reader, rule->what, &code);

    if (!status) {
        status = place_first(reader, rule, expected, begin, code, &found->first);
    }
    found->count = 1;
    if (!status && code & KVSPAN_STRETCH_IS_LONG) {
        status = kvspan_read_count(reader, rule, found->first, &found->count);
    }
    if (!status && rule->flag_bits >= KVSPAN_PAGE_RUN_FLAG_BITS &&
        code & KVSPAN_STRETCH_CHANGES_GROUP) {
        status =
            kvspan_read_bounded(reader, "layer group", reader->limits->group_count, &found->group);
    }
    found->value = 1;
    if (!status && rule->flag_bits >= KVSPAN_ROW_FLAG_BITS && code & KVSPAN_STRETCH_HAS_VALUE) {
        status = read_value(reader, rule, &found->value);
    }
    if (!status && (uint64_t)found->count * found->value > rule->value_left) {
        status = kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                             "byte %zu: %" PRIu32 " × %" PRIu32 " is more than the %" PRIu64
                             " left of the sum of every %s",
                             begin, found->count, found->value, rule->value_left, rule->value);
    }
    return status;
}
