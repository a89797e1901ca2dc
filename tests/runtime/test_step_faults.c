#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "test_step_world.h"

static const kvspan_step_limits limits = {
    .group_count = 2,
    .slot_count = 6,
    .column_count = 8,
    .page_count = 50,
    .page_tokens = 4,
    .max_rows = 5,
    .max_tokens = 30,
    .max_payload_bytes = 9,
    .max_sequence_tokens = 32,
};

/* Bytes of a message: header, sections, payload. */
enum {
    HEADER = KVSPAN_STEP_HEADER_BYTES,
    ROOM = 4096
};

/* Magic, version, kind, no optional sections. */
static const unsigned char preamble[] = { 'K', 'V', 'S', 'T', 2, 0, 1, 0 };

static void put32(unsigned char *bytes, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        bytes[at + i] = (unsigned char)(value >> 8 * i);
    }
}

/* One message by hand: counts, sections, and what is wrong with it. */
typedef struct hand_made {
    const char *sections;
    size_t section_bytes;
    uint32_t counts[6];     /* released, admitted, page runs, pages, rows, payload bytes */
    const char *text;       /* of the error; NULL = none */
    unsigned char optional; /* bits of the optional sections */
} hand_made;

#define BYTES(text) text, sizeof(text) - 1

static const hand_made messages[] = {
    { BYTES(""), { 0, 0, 0, 0, 0, 0 }, NULL, 0 },
    /* releases: gap·2 + long */
    { BYTES("\x0a"), { 1, 0, 0, 0, 0, 0 }, NULL, 0 },
    { BYTES("\x0c"), { 1, 0, 0, 0, 0, 0 }, "byte 64: the released slot 12 is not below 12", 0 },
    { BYTES("\x01\x04"), { 6, 0, 0, 0, 0, 0 }, NULL, 0 },
    { BYTES("\x01\x05"),
      { 6, 0, 0, 0, 0, 0 },
      "byte 65: the stretch's count - 2 5 is not below 5",
      0 },
    { BYTES("\x01\x01"),
      { 2, 0, 0, 0, 0, 0 },
      "byte 65: the stretch's count - 2 1 is not below 1",
      0 },
    { BYTES("\x01\x00"),
      { 1, 0, 0, 0, 0, 0 },
      "byte 65: the stretch's count - 2 0 is not below 0",
      0 },
    { BYTES("\x09\x01"),
      { 3, 0, 0, 0, 0, 0 },
      "byte 65: the stretch's count - 2 1 is not below 1",
      0 },
    { BYTES("\x0a\x00"), { 2, 0, 0, 0, 0, 0 }, "byte 65: the released slot 0 is not below 0", 0 },
    { BYTES("\x00"), { 2, 0, 0, 0, 0, 0 }, "byte 65: the message ends inside a released slot", 0 },
    /* varints */
    { BYTES("\x80\x00"),
      { 1, 0, 0, 0, 0, 0 },
      "byte 64: the released slot has a digit too many",
      0 },
    { BYTES("\x80"), { 1, 0, 0, 0, 0, 0 }, "byte 65: the message ends inside", 0 },
    { BYTES("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), { 0, 1, 0, 0, 0, 0 }, NULL, 0 },
    { BYTES("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
      { 0, 1, 0, 0, 0, 0 },
      "byte 65: the tag does not fit 64 bits",
      0 },
    { BYTES("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"),
      { 0, 1, 0, 0, 0, 0 },
      "byte 65: the tag does not fit 64 bits",
      0 },
    /* admits: gap·2 + has tokens, tag, [tokens - 1] */
    { BYTES("\x0b\x07\x1f"), { 0, 1, 0, 0, 0, 0 }, NULL, 0 },
    { BYTES("\x0b\x07\x20"),
      { 0, 1, 0, 0, 0, 0 },
      "byte 66: the admitted tokens - 1 32 is not",
      0 },
    { BYTES("\x0a\x07"), { 0, 1, 0, 0, 0, 0 }, NULL, 0 },
    { BYTES("\x0c\x07"), { 0, 1, 0, 0, 0, 0 }, "byte 64: the admitted slot 12 is not below 12", 0 },
    { BYTES("\x0a\x07\x00\x07"),
      { 0, 2, 0, 0, 0, 0 },
      "byte 66: the admitted slot 0 is not below 0",
      0 },
    /* page runs: zigzag·8 + flags, [count - 2], [group], [pages - 2]; pages: zigzag·2 + long */
    { BYTES("\x00\x00"), { 0, 0, 1, 1, 0, 0 }, NULL, 0 },
    { BYTES("\x07\x00\x01\x00\x01\x02"), { 0, 0, 2, 4, 0, 0 }, NULL, 0 },
    { BYTES("\x60\x00"),
      { 0, 0, 1, 1, 0, 0 },
      "byte 64: zigzag distance 12 from page run's slot 0",
      0 },
    { BYTES("\x08\x00"),
      { 0, 0, 1, 1, 0, 0 },
      "byte 64: zigzag distance 1 from page run's slot 0",
      0 },
    { BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
      { 0, 0, 1, 1, 0, 0 },
      "leads out of [0, 6)",
      0 },
    { BYTES("\x00\x08\x00\x00"), { 0, 0, 2, 2, 0, 0 }, "second page run's slot 0, group 0", 0 },
    { BYTES("\x00\x0c\x01\x00\x00"), { 0, 0, 2, 2, 0, 0 }, NULL, 0 },
    { BYTES("\x04\x02\x00"), { 0, 0, 1, 1, 0, 0 }, "byte 65: the layer group 2 is not below 2", 0 },
    { BYTES("\x02\x06\x01\x06"), { 0, 0, 1, 8, 0, 0 }, NULL, 0 },
    { BYTES("\x02\x07\x01\x07"),
      { 0, 0, 1, 9, 0, 0 },
      "byte 65: the page count 7 is not below 7",
      0 },
    { BYTES("\x02\x00\x00"), { 0, 0, 1, 1, 0, 0 }, "more than the 1 left", 0 },
    { BYTES("\x00\x00\x00"), { 0, 0, 1, 2, 0, 0 }, "byte 65: the page runs have 1 pages", 0 },
    { BYTES("\x00\x02"), { 0, 0, 1, 1, 0, 0 }, "byte 65: page 0 is never handed out", 0 },
    { BYTES("\x00\xc0\x01"), { 0, 0, 1, 1, 0, 0 }, NULL, 0 },
    { BYTES("\x00\xc4\x01"), { 0, 0, 1, 1, 0, 0 }, "byte 65: zigzag distance 98 from page 1", 0 },
    { BYTES("\x00\x06"), { 0, 0, 1, 1, 0, 0 }, "byte 65: zigzag distance 3 from page 1", 0 },
    { BYTES("\x02\x00\xc1\x01\x00"),
      { 0, 0, 1, 2, 0, 0 },
      "byte 68: the stretch's count - 2 0",
      0 },
    /* rows: zigzag·4 + flags, [count - 2], [tokens - 2] */
    { BYTES("\x03\x03\x04"), { 0, 0, 0, 0, 5, 0 }, NULL, 0 },
    { BYTES("\x03\x03\x05"), { 0, 0, 0, 0, 5, 0 }, "5 × 7 is more than the 30 left", 0 },
    { BYTES("\x02\x1c"), { 0, 0, 0, 0, 1, 0 }, NULL, 0 },
    { BYTES("\x02\x1d"), { 0, 0, 0, 0, 1, 0 }, "byte 65: the token count 29 is not below 29", 0 },
    { BYTES("\x02\x1b\x00\x00"),
      { 0, 0, 0, 0, 3, 0 },
      "byte 67: 1 × 1 is more than the 0 left",
      0 },
    { BYTES("\x00\x04"), { 0, 0, 0, 0, 2, 0 }, "byte 66: a second row of slot 0", 0 },
    { BYTES("\x30"), { 0, 0, 0, 0, 1, 0 }, "leads out of [0, 6)", 0 },
    { BYTES("\x28"), { 0, 0, 0, 0, 1, 0 }, NULL, 0 },
    /* payload */
    { BYTES("123456789"), { 0, 0, 0, 0, 0, 9 }, NULL, 0 },
    { BYTES("12345678"), { 0, 0, 0, 0, 0, 9 }, "byte 64: 8 bytes are left, the payload has 9", 0 },
    { BYTES("1"), { 0, 0, 0, 0, 0, 0 }, "byte 64: 1 bytes are left, the payload has 0", 0 },
    { BYTES("\x00\0\0\0\0\0\0\0x"), { 1, 0, 0, 0, 0, 1 }, NULL, 0 },
    { BYTES("\x00\0\0\0\0\0\0\1x"), { 1, 0, 0, 0, 0, 1 }, "byte 71: no zero byte", 0 },
    { BYTES("\x00\0\0"), { 1, 0, 0, 0, 0, 1 }, "byte 67: no zero byte", 0 },
    { BYTES("\x00\0"), { 1, 0, 0, 0, 0, 0 }, "byte 65: 1 bytes are left", 0 },
    /* trims: count, then gap, tokens */
    { BYTES("\x02\x00\x1f\x04\x00"), { 0, 0, 0, 0, 0, 0 }, NULL, 1 },
    { BYTES("\x00"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 64: the trim count of a section that is there is 0",
      1 },
    { BYTES("\x07"), { 0, 0, 0, 0, 0, 0 }, "byte 64: the trim count 7 is not below 7", 1 },
    { BYTES("\x01\x06\x00"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 65: the trimmed slot 6 is not below 6",
      1 },
    { BYTES("\x01\x00\x20"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 66: the trimmed tokens 32 is not below 32",
      1 },
    { BYTES(""), { 0, 0, 0, 0, 0, 0 }, "byte 64: the message ends inside a trim count", 1 },
    /* windows: count, then as page runs */
    { BYTES("\x02\x07\x00\x01\x06"), { 0, 0, 0, 0, 0, 0 }, NULL, 2 },
    { BYTES("\x0d"), { 0, 0, 0, 0, 0, 0 }, "byte 64: the window count 13 is not below 13", 2 },
    { BYTES("\x01\x02\x07"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 66: the column count 7 is not below 7",
      2 },
    { BYTES("\x02\x00\x08"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 67: a second window's slot 0, group 0",
      2 },
    /* shared runs: runs, pages, then as page runs and pages; one page in two runs */
    { BYTES("\x02\x02\x01\x00\x00\x02"), { 0, 0, 0, 0, 0, 0 }, NULL, 4 },
    { BYTES("\x00\x02"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 64: the shared run count of a section that is there",
      4 },
    { BYTES("\x01\x61"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 65: the shared page count 97 is not below 97",
      4 },
    { BYTES("\x01\x02\x00\x01\x00"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 67: the page runs have 1 pages",
      4 },
    { BYTES("\x01\x01\x00\x02"), { 0, 0, 0, 0, 0, 0 }, "byte 67: page 0 is never handed out", 4 },
    /* copies: count, then as page runs of one page */
    { BYTES("\x01\x00\x00"), { 0, 0, 0, 0, 0, 0 }, NULL, 8 },
    { BYTES("\x0b"), { 0, 0, 0, 0, 0, 0 }, "byte 64: the copy count 11 is not below 11", 8 },
    { BYTES("\x01\x02\x00\x00"),
      { 0, 0, 0, 0, 0, 0 },
      "byte 66: the page count 0 is not below 0",
      8 },
    { BYTES("\x01\x00"), { 0, 0, 0, 0, 0, 0 }, "byte 66: the message ends inside a page", 8 },
    /* counts of the header */
    { BYTES(""), { 7, 0, 0, 0, 0, 0 }, "byte 40: released_count 7 is not in [0, 6]", 0 },
    { BYTES(""), { 0, 7, 0, 0, 0, 0 }, "byte 44: admitted_count 7 is not in [0, 6]", 0 },
    { BYTES(""), { 0, 0, 11, 11, 0, 0 }, "byte 48: page_run_count 11 is not in [0, 10]", 0 },
    { BYTES(""), { 0, 0, 2, 1, 0, 0 }, "byte 52: page_count 1 is not in [2, 22]", 0 },
    { BYTES(""), { 0, 0, 2, 23, 0, 0 }, "byte 52: page_count 23 is not in [2, 22]", 0 },
    { BYTES(""), { 0, 0, 0, 0, 6, 0 }, "byte 56: row_count 6 is not in [0, 5]", 0 },
    { BYTES(""), { 0, 0, 0, 0, 0, 10 }, "byte 60: payload_bytes 10 is not in [0, 9]", 0 },
};

static size_t make_message(const hand_made *made, unsigned char *bytes)
{
    const size_t count = HEADER + made->section_bytes;

    memset(bytes, 0, HEADER);
    memcpy(bytes, preamble, sizeof(preamble));
    bytes[7] = made->optional;
    put32(bytes, 32, (uint32_t)count);
    put32(bytes, 36, 4096);
    for (size_t i = 0; i < 6; i++) {
        put32(bytes, 40 + 4 * i, made->counts[i]);
    }
    memcpy(bytes + HEADER, made->sections, made->section_bytes);
    step_world_seal(bytes, count);
    return count;
}

static void check_refused(const unsigned char *bytes, size_t count, const char *text)
{
    kvspan_step_message message;
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status;

    ck_assert_int_eq(kvspan_step_message_init(&message, &limits, NULL), KVSPAN_OK);
    status = kvspan_step_decode(bytes, count, &limits, &message, &error);
    ck_assert_msg(status == (text ? KVSPAN_ERR_CORRUPT : KVSPAN_OK), "\"%s\" for \"%s\"",
                  error.message, text ? text : "success");
    if (text) {
        ck_assert_msg(strstr(error.message, text) != NULL, "\"%s\" for \"%s\"", error.message,
                      text);
    }
    kvspan_step_message_fini(&message);
}

START_TEST(each_fault_is_named_with_its_byte)
{
    unsigned char bytes[ROOM];

    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        check_refused(bytes, make_message(&messages[i], bytes), messages[i].text);
    }
}
END_TEST

START_TEST(each_fault_of_the_header_is_named_with_its_byte)
{
    const struct {
        size_t at;
        unsigned char value;
        const char *text;
    } faults[] = {
        { 0, 'X', "byte 0: magic 0x54535658" },
        { 4, 1, "byte 4: version 1 is not the known one, 2" },
        { 6, 2, "byte 6: kind 2" },
        { 7, 16, "byte 7: optional sections 0x10" },
        { 24, 0, "byte 24: checksum" },
        { 32, 63, "byte 32: total_bytes 63 is not in [64, 4096]" },
        { 32, 65, "byte 32: total_bytes 65 of a message of 64 bytes" },
        { 33, 17, "byte 32: total_bytes 4416 is not in [64, 4096]" },
        { 36, 255, "byte 36: next_first_bytes 4351 is not in [4096, 4096]" },
        { 37, 15, "byte 36: next_first_bytes 3840 is not in [4096, 4096]" },
    };
    unsigned char bytes[ROOM];

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const size_t count = make_message(&messages[0], bytes);
        const bool is_of_checksum = faults[i].at == 24;

        bytes[faults[i].at] = (unsigned char)(is_of_checksum ? bytes[24] ^ 1 : faults[i].value);
        if (!is_of_checksum) {
            step_world_seal(bytes, count);
        }
        check_refused(bytes, count, faults[i].text);
    }
}
END_TEST

START_TEST(a_header_can_be_read_before_the_rest_is_there)
{
    unsigned char bytes[ROOM];
    unsigned char *first = malloc(HEADER);
    kvspan_step_header header = { .epoch = 5 };

    (void)make_message(&messages[3], bytes);
    memcpy(first, bytes, HEADER);
    ck_assert_int_eq(kvspan_step_decode_header(first, HEADER - 1, &limits, &header, NULL),
                     KVSPAN_ERR_CORRUPT);
    ck_assert_uint_eq(header.epoch, 5);
    ck_assert_int_eq(kvspan_step_decode_header(first, HEADER, &limits, &header, NULL), KVSPAN_OK);
    ck_assert_uint_eq(header.total_bytes, 66);
    ck_assert_uint_eq(header.released_count, 6);
    free(first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/step_faults");
    TCase *faults = tcase_create("faults");

    tcase_add_test(faults, each_fault_is_named_with_its_byte);
    tcase_add_test(faults, each_fault_of_the_header_is_named_with_its_byte);
    tcase_add_test(faults, a_header_can_be_read_before_the_rest_is_there);
    suite_add_tcase(suite, faults);
    return suite_run(suite);
}
