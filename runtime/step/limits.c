#include <inttypes.h>

#include "runtime/step/message.h"
#include "runtime/step/wire.h"

/* One number and the range it must be in. */
typedef struct bounded_field {
    const char *name;
    uint64_t value;
    uint64_t minimum;
    uint64_t maximum;
} bounded_field;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint32_t kvspan_step_max_rows(const kvspan_step_limits *limits)
{
    return (uint32_t)least(limits->max_rows, least(limits->slot_count, limits->max_tokens));
}

uint32_t kvspan_step_max_page_runs(const kvspan_step_limits *limits)
{
    return kvspan_step_max_rows(limits) * limits->group_count;
}

/* A row of t tokens takes at most ⌈t / P⌉ new pages, so R rows with T tokens take at most
 * R + ⌊(T − R) / P⌋ in each group. */
uint64_t kvspan_step_max_pages(const kvspan_step_limits *limits)
{
    const uint64_t rows = kvspan_step_max_rows(limits);
    const uint64_t pages = rows + (limits->max_tokens - rows) / limits->page_tokens;

    return least(limits->group_count * least(pages, rows * limits->column_count),
                 limits->page_count - 1);
}

uint64_t kvspan_step_max_shared_pages(const kvspan_step_limits *limits)
{
    return (uint64_t)limits->group_count * limits->slot_count * limits->column_count;
}

/* The most bytes of the code that begins a stretch, where a number moves by at most `range`. */
static uint64_t code_bytes(uint64_t range, uint32_t flag_bits)
{
    return kvspan_varint_bytes((2 * range + 2) << flag_bits);
}

/* A stretch of two and more costs one number more than a single one, which is never longer than a
 * second code: so single ones are the longest way to say it. */
size_t kvspan_step_max_bytes(const kvspan_step_limits *limits)
{
    const uint64_t slots = limits->slot_count;
    const uint64_t release = code_bytes(slots, KVSPAN_RELEASE_FLAG_BITS);
    const uint64_t tokens = kvspan_varint_bytes(limits->max_sequence_tokens);
    const uint64_t admit =
        code_bytes(slots, KVSPAN_ADMIT_FLAG_BITS) + KVSPAN_VARINT_MAX_BYTES + tokens;
    const uint64_t trim = code_bytes(slots, KVSPAN_TRIM_FLAG_BITS) + tokens;
    const uint64_t page_run = code_bytes(slots, KVSPAN_PAGE_RUN_FLAG_BITS) +
                              kvspan_varint_bytes(limits->group_count) +
                              kvspan_varint_bytes(limits->column_count);
    const uint64_t page = code_bytes(limits->page_count, KVSPAN_PAGE_FLAG_BITS);
    const uint64_t row =
        code_bytes(slots, KVSPAN_ROW_FLAG_BITS) + kvspan_varint_bytes(limits->max_tokens);
    const uint64_t rows = limits->group_count * slots;
    const uint64_t counts = 5 * (uint64_t)KVSPAN_VARINT_MAX_BYTES;
    const uint64_t bytes = KVSPAN_STEP_HEADER_BYTES + counts + slots * (release + admit + trim) +
                           2 * rows * page_run + kvspan_step_max_shared_pages(limits) * page +
                           kvspan_step_max_page_runs(limits) * (2 * page_run + page) +
                           kvspan_step_max_pages(limits) * page +
                           kvspan_step_max_rows(limits) * row + (KVSPAN_PAYLOAD_ALIGNMENT - 1) +
                           limits->max_payload_bytes;

    return (size_t)(bytes < KVSPAN_STEP_FIRST_BYTES ? KVSPAN_STEP_FIRST_BYTES : bytes);
}

uint32_t kvspan_step_next_first_bytes(uint32_t current_capacity, uint32_t message_bytes,
                                      size_t max_bytes)
{
    const uint64_t wanted = (uint64_t)message_bytes + message_bytes / 4;
    uint64_t capacity = KVSPAN_STEP_FIRST_BYTES;

    while (capacity < wanted) {
        capacity *= 2;
    }
    if (capacity < current_capacity) {
        capacity = current_capacity;
    }
    capacity = least(capacity, max_bytes);
    return (uint32_t)(capacity < KVSPAN_STEP_FIRST_BYTES ? KVSPAN_STEP_FIRST_BYTES : capacity);
}

kvspan_status kvspan_step_limits_check(const kvspan_step_limits *limits, kvspan_error *error)
{
    const bounded_field fields[] = {
        { "group_count", limits->group_count, 1, KVSPAN_MAX_GROUPS },
        { "slot_count", limits->slot_count, 1, KVSPAN_MAX_SLOTS },
        { "page_count", limits->page_count, 2, KVSPAN_MAX_PAGES },
        { "page_tokens", limits->page_tokens, 1, UINT32_MAX },
        { "max_rows", limits->max_rows, 1, UINT32_MAX },
        { "max_tokens", limits->max_tokens, 1, KVSPAN_MAX_STEP_TOKENS },
        { "max_sequence_tokens", limits->max_sequence_tokens, 1, KVSPAN_MAX_SEQUENCE_TOKENS },
        { "column_count", limits->column_count, 1, KVSPAN_MAX_SEQUENCE_TOKENS },
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].value < fields[i].minimum || fields[i].value > fields[i].maximum) {
            return kvspan_fail(
                error, KVSPAN_ERR_ARGUMENT, "%s %" PRIu64 " is not in [%" PRIu64 ", %" PRIu64 "]",
                fields[i].name, fields[i].value, fields[i].minimum, fields[i].maximum);
        }
    }
    if ((uint64_t)limits->column_count * limits->page_tokens < limits->max_sequence_tokens) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%" PRIu32 " columns of %" PRIu32 " tokens do not hold %" PRIu64
                           " tokens of a sequence",
                           limits->column_count, limits->page_tokens, limits->max_sequence_tokens);
    }
    if (kvspan_step_max_shared_pages(limits) > UINT32_MAX ||
        kvspan_step_max_bytes(limits) > UINT32_MAX) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "a step message could have %zu bytes, above %" PRIu32,
                           kvspan_step_max_bytes(limits), UINT32_MAX);
    }
    return KVSPAN_OK;
}
