#include <inttypes.h>
#include <string.h>

#include "runtime/step/bit_set.h"
#include "runtime/step/checksum.h"
#include "runtime/step/message.h"
#include "runtime/step/reader.h"
#include "runtime/step/wire.h"

/* The count of an optional section that is there: at least 1. */
static kvspan_status read_section_count(kvspan_reader *reader, const char *what, uint64_t most,
                                        uint32_t *count_out)
{
    const size_t begin = reader->offset;
    kvspan_status status = kvspan_read_bounded(reader, what, most + 1, count_out);

    if (!status && *count_out == 0) {
        status = kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                             "byte %zu: the %s of a section that is there is 0", begin, what);
    }
    return status;
}

static kvspan_status read_released(kvspan_reader *reader, kvspan_step_message *message)
{
    const uint32_t total = message->header.released_count;
    const uint32_t slot_count = reader->limits->slot_count;
    uint32_t expected = 0;

    for (uint32_t i = 0; i < total;) {
        const kvspan_stretch_rule rule = { .end = slot_count, .left = total - i };
        uint32_t code = 0;
        uint32_t count = 1;
        kvspan_status status = kvspan_read_bounded(
            reader, "released slot", (uint64_t)(slot_count - expected) << KVSPAN_RELEASE_FLAG_BITS,
            &code);

        if (status) {
            return status;
        }
        expected += code >> KVSPAN_RELEASE_FLAG_BITS;
        if (code & KVSPAN_STRETCH_IS_LONG) {
            status = kvspan_read_count(reader, &rule, expected, &count);
            if (status) {
                return status;
            }
        }
        for (; count > 0; count--) {
            message->released[i++] = expected++;
        }
    }
    return KVSPAN_OK;
}

static kvspan_status read_admitted(kvspan_reader *reader, kvspan_step_message *message)
{
    uint32_t expected = 0;

    for (uint32_t i = 0; i < message->header.admitted_count; i++) {
        kvspan_admit *admit = &message->admitted[i];
        uint32_t code = 0;
        uint32_t tokens = 0;
        kvspan_status status = kvspan_read_bounded(
            reader, "admitted slot",
            (uint64_t)(reader->limits->slot_count - expected) << KVSPAN_ADMIT_FLAG_BITS, &code);

        if (!status) {
            status = kvspan_read_varint(reader, "tag", &admit->tag);
        }
        if (!status && code & KVSPAN_ADMIT_HAS_TOKENS) {
            status = kvspan_read_bounded(reader, "admitted tokens - 1",
                                         reader->limits->max_sequence_tokens, &tokens);
            tokens++;
        }
        if (status) {
            return status;
        }
        admit->tokens = tokens;
        admit->slot = expected + (code >> KVSPAN_ADMIT_FLAG_BITS);
        expected = admit->slot + 1;
    }
    return KVSPAN_OK;
}

static kvspan_status read_trims(kvspan_reader *reader, kvspan_step_message *message)
{
    const uint32_t slot_count = reader->limits->slot_count;
    uint32_t expected = 0;
    kvspan_status status = KVSPAN_OK;

    message->trim_count = 0;
    if (message->header.sections & KVSPAN_HAS_TRIMS) {
        status = read_section_count(reader, "trim count", slot_count, &message->trim_count);
    }
    for (uint32_t i = 0; i < message->trim_count && !status; i++) {
        uint32_t gap = 0;
        uint32_t tokens = 0;

        status = kvspan_read_bounded(reader, "trimmed slot", slot_count - expected, &gap);
        if (!status) {
            status = kvspan_read_bounded(reader, "trimmed tokens",
                                         reader->limits->max_sequence_tokens, &tokens);
        }
        message->trims[i] = (kvspan_trim){ .slot = expected + gap, .tokens = tokens };
        expected += gap + 1;
    }
    return status;
}

static void forget_seen(const kvspan_reader *reader, kvspan_step_message *message,
                        uint32_t group_count)
{
    const uint64_t bits = (uint64_t)group_count * reader->limits->slot_count;

    memset(message->seen, 0, kvspan_bit_words(bits) * sizeof(*message->seen));
}

/* What a list of table rows with a value each may be, and where it goes. */
typedef struct run_section {
    const char *what;
    const char *value;
    kvspan_page_run *runs;
    uint32_t run_count;
    uint32_t *pages;     /* of all runs; NULL: the values count no pages */
    uint32_t page_count; /* Σ of the values */
    uint32_t max_value;
} run_section;

/* Notes the runs of a stretch; `seen` refuses a second run of the same row. */
static kvspan_status add_runs(kvspan_reader *reader, kvspan_step_message *message,
                              const run_section *section, uint32_t first_run, uint32_t first_page,
                              const kvspan_stretch *found)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const uint32_t slot = found->first + i;

        if (!kvspan_bit_put(message->seen,
                            (uint64_t)found->group * reader->limits->slot_count + slot)) {
            return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                               "byte %zu: a second %s %" PRIu32 ", group %" PRIu32, reader->offset,
                               section->what, slot, found->group);
        }
        section->runs[first_run + i] = (kvspan_page_run){
            .group = found->group,
            .slot = slot,
            .page_count = found->value,
            .pages = section->pages ? section->pages + first_page + (size_t)i * found->value : NULL,
        };
    }
    return KVSPAN_OK;
}

static kvspan_status read_runs(kvspan_reader *reader, kvspan_step_message *message,
                               const run_section *section)
{
    kvspan_stretch found = { .group = 0 };
    uint32_t expected = 0;
    uint32_t run_count = 0;
    uint32_t page_count = 0;

    forget_seen(reader, message, reader->limits->group_count);
    while (run_count < section->run_count) {
        const kvspan_stretch_rule rule = {
            .what = section->what,
            .value = section->value,
            .flag_bits = KVSPAN_PAGE_RUN_FLAG_BITS,
            .end = reader->limits->slot_count,
            .max_value = section->max_value,
            .left = section->run_count - run_count,
            .value_left = section->page_count - page_count,
        };
        kvspan_status status = kvspan_read_stretch(reader, &rule, expected, &found);

        if (!status) {
            status = add_runs(reader, message, section, run_count, page_count, &found);
        }
        if (status) {
            return status;
        }
        expected = found.first + found.count;
        page_count += found.count * found.value;
        run_count += found.count;
    }
    if (section->pages && page_count != section->page_count) {
        return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                           "byte %zu: the page runs have %" PRIu32
                           " pages, the header says %" PRIu32,
                           reader->offset, page_count, section->page_count);
    }
    return KVSPAN_OK;
}

static kvspan_status read_pages(kvspan_reader *reader, uint32_t *pages, uint32_t total)
{
    kvspan_stretch found = { .group = 0 };
    uint32_t expected = 1;

    for (uint32_t i = 0; i < total;) {
        const size_t begin = reader->offset;
        const kvspan_stretch_rule rule = {
            .what = "page",
            .value = "page",
            .flag_bits = KVSPAN_PAGE_FLAG_BITS,
            .end = reader->limits->page_count,
            .max_value = 1,
            .left = total - i,
            .value_left = total - i,
        };
        kvspan_status status = kvspan_read_stretch(reader, &rule, expected, &found);

        if (status) {
            return status;
        }
        if (found.first == 0) {
            return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                               "byte %zu: page 0 is never handed out", begin);
        }
        expected = found.first + found.count;
        for (uint32_t j = 0; j < found.count; j++) {
            pages[i++] = found.first + j;
        }
    }
    return KVSPAN_OK;
}

static kvspan_status read_windows(kvspan_reader *reader, kvspan_step_message *message)
{
    const kvspan_step_limits *limits = reader->limits;
    run_section section = { .what = "window's slot",
                            .value = "column count",
                            .runs = message->windows,
                            .page_count = UINT32_MAX,
                            .max_value = limits->column_count };
    kvspan_status status = KVSPAN_OK;

    message->window_count = 0;
    if (!(message->header.sections & KVSPAN_HAS_WINDOWS)) {
        return KVSPAN_OK;
    }
    status =
        read_section_count(reader, "window count",
                           (uint64_t)limits->group_count * limits->slot_count, &section.run_count);
    if (!status) {
        status = read_runs(reader, message, &section);
    }
    message->window_count = section.run_count;
    return status;
}

static kvspan_status read_shared_runs(kvspan_reader *reader, kvspan_step_message *message)
{
    const kvspan_step_limits *limits = reader->limits;
    run_section section = { .what = "shared run's slot",
                            .value = "page count",
                            .runs = message->shared_runs,
                            .pages = message->shared_pages,
                            .max_value = limits->column_count };
    kvspan_status status = KVSPAN_OK;

    message->shared_run_count = 0;
    if (!(message->header.sections & KVSPAN_HAS_SHARED_RUNS)) {
        return KVSPAN_OK;
    }
    status =
        read_section_count(reader, "shared run count",
                           (uint64_t)limits->group_count * limits->slot_count, &section.run_count);
    if (!status) {
        status = read_section_count(reader, "shared page count",
                                    kvspan_step_max_shared_pages(limits), &section.page_count);
    }
    if (!status) {
        status = read_runs(reader, message, &section);
    }
    if (!status) {
        status = read_pages(reader, section.pages, section.page_count);
    }
    message->shared_run_count = section.run_count;
    return status;
}

static kvspan_status read_page_runs(kvspan_reader *reader, kvspan_step_message *message)
{
    const run_section section = { .what = "page run's slot",
                                  .value = "page count",
                                  .runs = message->page_runs,
                                  .run_count = message->header.page_run_count,
                                  .pages = message->pages,
                                  .page_count = message->header.page_count,
                                  .max_value = reader->limits->column_count };
    kvspan_status status = read_runs(reader, message, &section);

    if (!status) {
        status = read_pages(reader, section.pages, section.page_count);
    }
    return status;
}

static kvspan_status read_copies(kvspan_reader *reader, kvspan_step_message *message)
{
    run_section section = { .what = "copy's slot",
                            .value = "page count",
                            .runs = message->copies,
                            .pages = message->targets,
                            .max_value = 1 };
    kvspan_status status = KVSPAN_OK;

    message->copy_count = 0;
    if (!(message->header.sections & KVSPAN_HAS_COPIES)) {
        return KVSPAN_OK;
    }
    status = read_section_count(reader, "copy count", kvspan_step_max_page_runs(reader->limits),
                                &section.run_count);
    section.page_count = section.run_count;
    if (!status) {
        status = read_runs(reader, message, &section);
    }
    if (!status) {
        status = read_pages(reader, section.pages, section.page_count);
    }
    message->copy_count = section.run_count;
    return status;
}

static kvspan_status read_rows(kvspan_reader *reader, kvspan_step_message *message)
{
    const uint32_t total = message->header.row_count;
    kvspan_stretch found = { .group = 0 };
    uint64_t tokens_left = reader->limits->max_tokens;
    uint32_t expected = 0;

    forget_seen(reader, message, 1);
    for (uint32_t i = 0; i < total;) {
        const kvspan_stretch_rule rule = {
            .what = "row's slot",
            .value = "token count",
            .flag_bits = KVSPAN_ROW_FLAG_BITS,
            .end = reader->limits->slot_count,
            .max_value = reader->limits->max_tokens,
            .left = total - i,
            .value_left = tokens_left,
        };
        kvspan_status status = kvspan_read_stretch(reader, &rule, expected, &found);

        if (status) {
            return status;
        }
        expected = found.first + found.count;
        tokens_left -= (uint64_t)found.count * found.value;
        for (uint32_t slot = found.first; slot < expected; slot++) {
            if (!kvspan_bit_put(message->seen, slot)) {
                return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                                   "byte %zu: a second row of slot %" PRIu32, reader->offset, slot);
            }
            message->rows[i++] = (kvspan_row_change){ slot, found.value };
        }
    }
    return KVSPAN_OK;
}

/* The payload is the rest, behind zero bytes up to its alignment; without one nothing is left. */
static kvspan_status read_payload(kvspan_reader *reader, kvspan_step_message *message)
{
    const uint32_t payload_bytes = message->header.payload_bytes;

    while (payload_bytes > 0 && reader->offset % KVSPAN_PAYLOAD_ALIGNMENT != 0) {
        if (reader->offset == reader->end || reader->bytes[reader->offset] != 0) {
            return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                               "byte %zu: no zero byte before the payload", reader->offset);
        }
        reader->offset++;
    }
    if (reader->end - reader->offset != payload_bytes) {
        return kvspan_fail(reader->error, KVSPAN_ERR_CORRUPT,
                           "byte %zu: %zu bytes are left, the payload has %" PRIu32, reader->offset,
                           reader->end - reader->offset, payload_bytes);
    }
    message->payload = reader->bytes + reader->offset;
    return KVSPAN_OK;
}

static kvspan_status check_whole(const kvspan_step_header *header, const unsigned char *bytes,
                                 size_t byte_count, kvspan_error *error)
{
    uint64_t checksum;

    if (header->total_bytes != byte_count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: total_bytes %" PRIu32 " of a message of %zu bytes",
                           KVSPAN_AT_TOTAL_BYTES, header->total_bytes, byte_count);
    }
    checksum = kvspan_step_checksum(bytes, byte_count);
    if (header->checksum != checksum) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: checksum %#" PRIx64 ", the bytes give %#" PRIx64,
                           KVSPAN_AT_CHECKSUM, header->checksum, checksum);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_step_decode(const unsigned char *bytes, size_t byte_count,
                                 const kvspan_step_limits *limits, kvspan_step_message *message,
                                 kvspan_error *error)
{
    kvspan_reader reader = { bytes, byte_count, KVSPAN_STEP_HEADER_BYTES, limits, error };
    kvspan_status status =
        kvspan_step_decode_header(bytes, byte_count, limits, &message->header, error);

    if (!status) {
        status = check_whole(&message->header, bytes, byte_count, error);
    }
    if (!status) {
        status = read_released(&reader, message);
    }
    if (!status) {
        status = read_admitted(&reader, message);
    }
    if (!status) {
        status = read_trims(&reader, message);
    }
    if (!status) {
        status = read_windows(&reader, message);
    }
    if (!status) {
        status = read_shared_runs(&reader, message);
    }
    if (!status) {
        status = read_page_runs(&reader, message);
    }
    if (!status) {
        status = read_copies(&reader, message);
    }
    if (!status) {
        status = read_rows(&reader, message);
    }
    if (!status) {
        status = read_payload(&reader, message);
    }
    return status;
}
