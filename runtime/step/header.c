#include <assert.h>
#include <inttypes.h>

#include "runtime/step/message.h"
#include "runtime/step/wire.h"

/* A field of the header and the range it must be in. */
typedef struct bounded_field {
    const char *name;
    uint32_t offset;
    uint32_t value;
    uint64_t minimum;
    uint64_t maximum;
} bounded_field;

static kvspan_status check_kind(const unsigned char *message, kvspan_error *error)
{
    const uint32_t magic = kvspan_get_u32(message + KVSPAN_AT_MAGIC);
    const uint32_t version = kvspan_get_u16(message + KVSPAN_AT_VERSION);

    if (magic != KVSPAN_STEP_MAGIC) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: magic %#" PRIx32 " is not a step message's %#" PRIx32,
                           KVSPAN_AT_MAGIC, magic, KVSPAN_STEP_MAGIC);
    }
    if (version != KVSPAN_WIRE_VERSION) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: version %" PRIu32 " is not the known one, %d",
                           KVSPAN_AT_VERSION, version, KVSPAN_WIRE_VERSION);
    }
    if (message[KVSPAN_AT_KIND] != KVSPAN_STEP_KIND) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: kind %d is not a step message's, %d", KVSPAN_AT_KIND,
                           message[KVSPAN_AT_KIND], KVSPAN_STEP_KIND);
    }
    if ((message[KVSPAN_AT_SECTIONS] & ~KVSPAN_ALL_SECTIONS) != 0) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: optional sections %#x are none that version %d knows",
                           KVSPAN_AT_SECTIONS, message[KVSPAN_AT_SECTIONS], KVSPAN_WIRE_VERSION);
    }
    return KVSPAN_OK;
}

static kvspan_status check_bounds(const kvspan_step_header *header,
                                  const kvspan_step_limits *limits, kvspan_error *error)
{
    const size_t max_bytes = kvspan_step_max_bytes(limits);
    const bounded_field fields[] = {
        { "total_bytes", KVSPAN_AT_TOTAL_BYTES, header->total_bytes, KVSPAN_STEP_HEADER_BYTES,
          max_bytes },
        { "next_first_bytes", KVSPAN_AT_NEXT_FIRST_BYTES, header->next_first_bytes,
          KVSPAN_STEP_FIRST_BYTES, max_bytes },
        { "released_count", KVSPAN_AT_RELEASED_COUNT, header->released_count, 0,
          limits->slot_count },
        { "admitted_count", KVSPAN_AT_ADMITTED_COUNT, header->admitted_count, 0,
          limits->slot_count },
        { "page_run_count", KVSPAN_AT_PAGE_RUN_COUNT, header->page_run_count, 0,
          kvspan_step_max_page_runs(limits) },
        { "page_count", KVSPAN_AT_PAGE_COUNT, header->page_count, header->page_run_count,
          kvspan_step_max_pages(limits) },
        { "row_count", KVSPAN_AT_ROW_COUNT, header->row_count, 0, kvspan_step_max_rows(limits) },
        { "payload_bytes", KVSPAN_AT_PAYLOAD_BYTES, header->payload_bytes, 0,
          limits->max_payload_bytes },
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].value < fields[i].minimum || fields[i].value > fields[i].maximum) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "byte %" PRIu32 ": %s %" PRIu32 " is not in [%" PRIu64 ", %" PRIu64
                               "]",
                               fields[i].offset, fields[i].name, fields[i].value, fields[i].minimum,
                               fields[i].maximum);
        }
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_step_decode_header(const unsigned char *message, size_t bytes,
                                        const kvspan_step_limits *limits,
                                        kvspan_step_header *header_out, kvspan_error *error)
{
    kvspan_step_header header;
    kvspan_status status;

    if (bytes < KVSPAN_STEP_HEADER_BYTES) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %zu: the message ends inside its header of %d bytes", bytes,
                           KVSPAN_STEP_HEADER_BYTES);
    }
    status = check_kind(message, error);
    if (status) {
        return status;
    }
    header = (kvspan_step_header){
        .epoch = kvspan_get_u64(message + KVSPAN_AT_EPOCH),
        .table_digest = kvspan_get_u64(message + KVSPAN_AT_TABLE_DIGEST),
        .checksum = kvspan_get_u64(message + KVSPAN_AT_CHECKSUM),
        .total_bytes = kvspan_get_u32(message + KVSPAN_AT_TOTAL_BYTES),
        .next_first_bytes = kvspan_get_u32(message + KVSPAN_AT_NEXT_FIRST_BYTES),
        .released_count = kvspan_get_u32(message + KVSPAN_AT_RELEASED_COUNT),
        .admitted_count = kvspan_get_u32(message + KVSPAN_AT_ADMITTED_COUNT),
        .page_run_count = kvspan_get_u32(message + KVSPAN_AT_PAGE_RUN_COUNT),
        .page_count = kvspan_get_u32(message + KVSPAN_AT_PAGE_COUNT),
        .row_count = kvspan_get_u32(message + KVSPAN_AT_ROW_COUNT),
        .payload_bytes = kvspan_get_u32(message + KVSPAN_AT_PAYLOAD_BYTES),
        .sections = message[KVSPAN_AT_SECTIONS],
    };
    status = check_bounds(&header, limits, error);
    if (status) {
        return status;
    }
    *header_out = header;
    return KVSPAN_OK;
}
