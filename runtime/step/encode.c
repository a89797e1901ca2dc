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
        put_varint(writer, (uint64_t)(admit->slot - expected) << KVSPAN_ADMIT_FLAG_BITS |
                               (admit->tokens > 0));
        put_varint(writer, admit->tag);
        if (admit->tokens > 0) {
            put_varint(writer, admit->tokens - 1);
        }
        expected = admit->slot + 1;
    }
}

static void put_trims(struct writer *writer, const kvspan_changes *changes)
{
    uint32_t expected = 0;

    if (changes->trim_count == 0) {
        return;
    }
    put_varint(writer, changes->trim_count);
    for (uint32_t i = 0; i < changes->trim_count; i++) {
        assert(changes->trims[i].slot >= expected);
        put_varint(writer, changes->trims[i].slot - expected);
        put_varint(writer, changes->trims[i].tokens);
        expected = changes->trims[i].slot + 1;
    }
}

/* A list of table rows with a value each, as it becomes stretches. */
struct run_list {
    struct writer *writer;
    struct stretch open; /* count 0 = none yet */
    uint32_t expected;
    uint32_t group;
};

static void put_open_run(struct run_list *list)
{
    const struct stretch *open = &list->open;
    const uint32_t flags = (open->count > 1 ? KVSPAN_STRETCH_IS_LONG : 0u) |
                           (open->value > 1 ? KVSPAN_STRETCH_HAS_VALUE : 0u) |
                           (open->group != list->group ? KVSPAN_STRETCH_CHANGES_GROUP : 0u);

    if (open->count == 0) {
        return;
    }
    put_varint(list->writer,
               moved(open->first, list->expected) << KVSPAN_PAGE_RUN_FLAG_BITS | flags);
    if (open->count > 1) {
        put_varint(list->writer, open->count - 2);
    }
    if (open->group != list->group) {
        put_varint(list->writer, open->group);
    }
    if (open->value > 1) {
        put_varint(list->writer, open->value - 2);
    }
    list->expected = open->first + open->count;
    list->group = open->group;
}

static void add_run(struct run_list *list, uint32_t group, uint32_t slot, uint32_t value)
{
    struct stretch *open = &list->open;

    assert(value >= 1);
    if (open->count > 0 && open->group == group && open->value == value &&
        slot == open->first + open->count) {
        open->count++;
        return;
    }
    put_open_run(list);
    *open = (struct stretch){ .first = slot, .count = 1, .value = value, .group = group };
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

/* The pages of all runs of a section are one list: a stretch of ascending ids may span runs. */
struct page_list {
    struct writer *writer;
    struct stretch open; /* count 0 = none yet */
    uint32_t expected;
};

static void put_open_pages(struct page_list *list)
{
    if (list->open.count > 0) {
        put_page_stretch(list->writer, &list->open, list->expected);
        list->expected = list->open.first + list->open.count;
    }
}

static void add_page(struct page_list *list, uint32_t page)
{
    if (list->open.count > 0 && page == list->open.first + list->open.count) {
        list->open.count++;
        return;
    }
    put_open_pages(list);
    list->open.first = page;
    list->open.count = 1;
}

static void put_windows(struct writer *writer, const kvspan_changes *changes)
{
    struct run_list list = { .writer = writer };

    if (changes->window_count == 0) {
        return;
    }
    put_varint(writer, changes->window_count);
    for (uint32_t i = 0; i < changes->window_count; i++) {
        const kvspan_window_change *window = &changes->windows[i];

        add_run(&list, window->group, window->slot, window->column_count);
    }
    put_open_run(&list);
}

static void put_shared_runs(struct writer *writer, const kvspan_changes *changes)
{
    struct run_list list = { .writer = writer };
    struct page_list pages = { .writer = writer, .expected = 1 };
    uint64_t page_count = 0;

    if (changes->shared_run_count == 0) {
        return;
    }
    for (uint32_t i = 0; i < changes->shared_run_count; i++) {
        page_count += changes->shared_runs[i].page_count;
    }
    put_varint(writer, changes->shared_run_count);
    put_varint(writer, page_count);
    for (uint32_t i = 0; i < changes->shared_run_count; i++) {
        const kvspan_shared_run *run = &changes->shared_runs[i];

        add_run(&list, run->group, run->slot, run->page_count);
    }
    put_open_run(&list);
    for (uint32_t i = 0; i < changes->shared_run_count; i++) {
        const kvspan_shared_run *run = &changes->shared_runs[i];

        for (uint32_t j = 0; j + 1 < run->page_count; j++) {
            add_page(&pages, run->pages[j]);
        }
        add_page(&pages, run->last_page);
    }
    put_open_pages(&pages);
}

static uint32_t put_page_runs(struct writer *writer, const kvspan_changes *changes)
{
    struct run_list list = { .writer = writer };
    struct page_list pages = { .writer = writer, .expected = 1 };
    uint32_t page_count = 0;

    for (uint32_t i = 0; i < changes->page_run_count; i++) {
        const kvspan_page_run *run = &changes->page_runs[i];

        add_run(&list, run->group, run->slot, run->page_count);
        page_count += run->page_count;
    }
    put_open_run(&list);
    for (uint32_t i = 0; i < changes->page_run_count; i++) {
        for (uint32_t j = 0; j < changes->page_runs[i].page_count; j++) {
            add_page(&pages, changes->page_runs[i].pages[j]);
        }
    }
    put_open_pages(&pages);
    return page_count;
}

/* Column and source follow from what a rank holds. */
static void put_copies(struct writer *writer, const kvspan_changes *changes)
{
    struct run_list list = { .writer = writer };
    struct page_list pages = { .writer = writer, .expected = 1 };

    if (changes->copy_count == 0) {
        return;
    }
    put_varint(writer, changes->copy_count);
    for (uint32_t i = 0; i < changes->copy_count; i++) {
        add_run(&list, changes->copies[i].group, changes->copies[i].slot, 1);
    }
    put_open_run(&list);
    for (uint32_t i = 0; i < changes->copy_count; i++) {
        add_page(&pages, changes->copies[i].target);
    }
    put_open_pages(&pages);
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
    message[KVSPAN_AT_SECTIONS] =
        (unsigned char)((changes->trim_count > 0 ? KVSPAN_HAS_TRIMS : 0) |
                        (changes->window_count > 0 ? KVSPAN_HAS_WINDOWS : 0) |
                        (changes->shared_run_count > 0 ? KVSPAN_HAS_SHARED_RUNS : 0) |
                        (changes->copy_count > 0 ? KVSPAN_HAS_COPIES : 0));
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
    put_trims(&writer, changes);
    put_windows(&writer, changes);
    put_shared_runs(&writer, changes);
    page_count = put_page_runs(&writer, changes);
    put_copies(&writer, changes);
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
