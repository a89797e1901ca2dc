#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/step/checksum.h"
#include "runtime/step/message.h"
#include "runtime/step/wire.h"

/* Where the next byte goes. What does not fit is counted but not written. */
struct writer {
    unsigned char *bytes;
    size_t capacity;
    size_t offset;
};

/* Equal members in a row, told as one. */
struct stretch {
    uint32_t first; /* slot or page id */
    uint32_t count;
    uint32_t value; /* of each: pages of a run, tokens of a row */
    uint32_t group;
};

static void put_varint(struct writer *writer, uint64_t value)
{
    unsigned char digits[KVSPAN_VARINT_MAX_BYTES];
    size_t count = 0;

    while (value >= 0x80) {
        digits[count++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    digits[count++] = (unsigned char)value;
    if (writer->offset + count <= writer->capacity) {
        for (size_t i = 0; i < count; i++) {
            writer->bytes[writer->offset + i] = digits[i];
        }
    }
    writer->offset += count;
}

static void put_bytes(struct writer *writer, const void *bytes, size_t count)
{
    if (count > 0 && writer->offset + count <= writer->capacity) {
        memcpy(writer->bytes + writer->offset, bytes, count);
    }
    writer->offset += count;
}

static uint64_t moved(uint32_t first, uint32_t expected)
{
    return kvspan_zigzag((int64_t)first - (int64_t)expected);
}

static void put_released(struct writer *writer, const kvspan_changes *changes)
{
    const uint32_t *slots = changes->released;
    uint32_t expected = 0;

    for (uint32_t i = 0, count; i < changes->released_count; i += count) {
        assert(slots[i] >= expected);
        count = 1;
        while (i + count < changes->released_count && slots[i + count] == slots[i] + count) {
            count++;
        }
        put_varint(writer,
                   (uint64_t)(slots[i] - expected) << KVSPAN_RELEASE_FLAG_BITS | (count > 1));
        if (count > 1) {
            put_varint(writer, count - 2);
        }
        expected = slots[i] + count;
    }
}

static void put_admitted(struct writer *writer, const kvspan_changes *changes)
{
    uint32_t expected = 0;

    for (uint32_t i = 0; i < changes->admitted_count; i++) {
        const kvspan_admit *admit = &changes->admitted[i];

        assert(admit->slot >= expected);
        put_varint(writer, admit->slot - expected);
        put_varint(writer, admit->tag);
        expected = admit->slot + 1;
    }
}

static struct stretch page_run_stretch(const kvspan_changes *changes, uint32_t begin)
{
    const kvspan_page_run *runs = changes->page_runs;
    struct stretch stretch = {
        .first = runs[begin].slot,
        .count = 1,
        .value = runs[begin].page_count,
        .group = runs[begin].group,
    };

    for (uint32_t i = begin + 1; i < changes->page_run_count; i++) {
        if (runs[i].slot != runs[i - 1].slot + 1 || runs[i].page_count != stretch.value ||
            runs[i].group != stretch.group) {
            break;
        }
        stretch.count++;
    }
    return stretch;
}

static void put_page_runs(struct writer *writer, const kvspan_changes *changes)
{
    uint32_t expected = 0;
    uint32_t group = 0;

    for (uint32_t i = 0; i < changes->page_run_count;) {
        const struct stretch stretch = page_run_stretch(changes, i);
        const uint32_t flags = (stretch.count > 1 ? KVSPAN_STRETCH_IS_LONG : 0u) |
                               (stretch.value > 1 ? KVSPAN_STRETCH_HAS_VALUE : 0u) |
                               (stretch.group != group ? KVSPAN_STRETCH_CHANGES_GROUP : 0u);

        assert(stretch.value >= 1);
        put_varint(writer, moved(stretch.first, expected) << KVSPAN_PAGE_RUN_FLAG_BITS | flags);
        if (stretch.count > 1) {
            put_varint(writer, stretch.count - 2);
        }
        if (stretch.group != group) {
            put_varint(writer, stretch.group);
        }
        if (stretch.value > 1) {
            put_varint(writer, stretch.value - 2);
        }
        expected = stretch.first + stretch.count;
        group = stretch.group;
        i += stretch.count;
    }
}

static void put_page_stretch(struct writer *writer, const struct stretch *stretch,
                             uint32_t expected)
{
    put_varint(writer,
               moved(stretch->first, expected) << KVSPAN_PAGE_FLAG_BITS | (stretch->count > 1));
    if (stretch->count > 1) {
        put_varint(writer, stretch->count - 2);
    }
}

/* The pages of all runs are one list: a stretch of ascending ids may span runs. */
static uint32_t put_pages(struct writer *writer, const kvspan_changes *changes)
{
    struct stretch open = { .first = 1, .count = 0 };
    uint32_t expected = 1;
    uint32_t page_count = 0;

    for (uint32_t i = 0; i < changes->page_run_count; i++) {
        const kvspan_page_run *run = &changes->page_runs[i];

        for (uint32_t j = 0; j < run->page_count; j++) {
            if (open.count > 0 && run->pages[j] == open.first + open.count) {
                open.count++;
                continue;
            }
            if (open.count > 0) {
                put_page_stretch(writer, &open, expected);
                expected = open.first + open.count;
            }
            open.first = run->pages[j];
            open.count = 1;
        }
        page_count += run->page_count;
    }
    if (open.count > 0) {
        put_page_stretch(writer, &open, expected);
    }
    return page_count;
}

static struct stretch row_stretch(const kvspan_changes *changes, uint32_t begin)
{
    const kvspan_row_change *rows = changes->rows;
    struct stretch stretch = { .first = rows[begin].slot,
                               .count = 1,
                               .value = rows[begin].token_count };

    for (uint32_t i = begin + 1; i < changes->row_count; i++) {
        if (rows[i].slot != rows[i - 1].slot + 1 || rows[i].token_count != stretch.value) {
            break;
        }
        stretch.count++;
    }
    return stretch;
}

static void put_rows(struct writer *writer, const kvspan_changes *changes)
{
    uint32_t expected = 0;

    for (uint32_t i = 0; i < changes->row_count;) {
        const struct stretch stretch = row_stretch(changes, i);
        const uint32_t flags = (stretch.count > 1 ? KVSPAN_STRETCH_IS_LONG : 0u) |
                               (stretch.value > 1 ? KVSPAN_STRETCH_HAS_VALUE : 0u);

        assert(stretch.value >= 1);
        put_varint(writer, moved(stretch.first, expected) << KVSPAN_ROW_FLAG_BITS | flags);
        if (stretch.count > 1) {
            put_varint(writer, stretch.count - 2);
        }
        if (stretch.value > 1) {
            put_varint(writer, stretch.value - 2);
        }
        expected = stretch.first + stretch.count;
        i += stretch.count;
    }
}

static void put_payload(struct writer *writer, const kvspan_changes *changes)
{
    static const unsigned char zeros[KVSPAN_PAYLOAD_ALIGNMENT];

    if (changes->payload_bytes > 0) {
        const size_t over = writer->offset % KVSPAN_PAYLOAD_ALIGNMENT;

        put_bytes(writer, zeros, over ? KVSPAN_PAYLOAD_ALIGNMENT - over : 0);
        put_bytes(writer, changes->payload, changes->payload_bytes);
    }
}

static void write_header(unsigned char *message, const kvspan_changes *changes,
                         uint32_t total_bytes, uint32_t next_first_bytes, uint32_t page_count)
{
    kvspan_put_u32(message + KVSPAN_AT_MAGIC, KVSPAN_STEP_MAGIC);
    kvspan_put_u16(message + KVSPAN_AT_VERSION, KVSPAN_WIRE_VERSION);
    message[KVSPAN_AT_KIND] = KVSPAN_STEP_KIND;
    message[KVSPAN_AT_SECTIONS] = 0;
    kvspan_put_u64(message + KVSPAN_AT_EPOCH, changes->epoch);
    kvspan_put_u64(message + KVSPAN_AT_TABLE_DIGEST, changes->table_digest);
    kvspan_put_u32(message + KVSPAN_AT_TOTAL_BYTES, total_bytes);
    kvspan_put_u32(message + KVSPAN_AT_NEXT_FIRST_BYTES, next_first_bytes);
    kvspan_put_u32(message + KVSPAN_AT_RELEASED_COUNT, changes->released_count);
    kvspan_put_u32(message + KVSPAN_AT_ADMITTED_COUNT, changes->admitted_count);
    kvspan_put_u32(message + KVSPAN_AT_PAGE_RUN_COUNT, changes->page_run_count);
    kvspan_put_u32(message + KVSPAN_AT_PAGE_COUNT, page_count);
    kvspan_put_u32(message + KVSPAN_AT_ROW_COUNT, changes->row_count);
    kvspan_put_u32(message + KVSPAN_AT_PAYLOAD_BYTES, changes->payload_bytes);
    kvspan_put_u64(message + KVSPAN_AT_CHECKSUM, 0);
    kvspan_put_u64(message + KVSPAN_AT_CHECKSUM, kvspan_step_checksum(message, total_bytes));
}

kvspan_status kvspan_step_encode(const kvspan_changes *changes, uint32_t next_first_bytes,
                                 unsigned char *message, size_t capacity, size_t *bytes_out,
                                 kvspan_error *error)
{
    struct writer writer = { message, capacity, KVSPAN_STEP_HEADER_BYTES };
    uint32_t page_count;

    put_released(&writer, changes);
    put_admitted(&writer, changes);
    put_page_runs(&writer, changes);
    page_count = put_pages(&writer, changes);
    put_rows(&writer, changes);
    put_payload(&writer, changes);
    if (writer.offset > capacity || writer.offset > UINT32_MAX) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the message of step %" PRIu64 " has %zu bytes, the buffer %zu",
                           changes->epoch, writer.offset, capacity);
    }
    write_header(message, changes, (uint32_t)writer.offset, next_first_bytes, page_count);
    *bytes_out = writer.offset;
    return KVSPAN_OK;
}
