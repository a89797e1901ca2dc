/** @file
 * Numbers on the wire: little-endian words, LEB128 varints, zigzag; and what a step message begins
 * with. Layout: docs/protocol.md.
 */
#ifndef KVSPAN_STEP_WIRE_H
#define KVSPAN_STEP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define KVSPAN_STEP_MAGIC 0x5453564bu /* "KVST" */
#define KVSPAN_ACK_MAGIC  0x4b41564bu /* "KVAK" */

enum {
    KVSPAN_WIRE_VERSION = 2,
    KVSPAN_ACK_VERSION = 2,
    KVSPAN_STEP_KIND = 1,
    KVSPAN_ACK_KIND = 2,
    KVSPAN_VARINT_MAX_BYTES = 10,
    KVSPAN_PAYLOAD_ALIGNMENT = 8
};

/* Byte offsets of the header's fields. */
enum {
    KVSPAN_AT_MAGIC = 0,
    KVSPAN_AT_VERSION = 4,
    KVSPAN_AT_KIND = 6,
    KVSPAN_AT_SECTIONS = 7,
    KVSPAN_AT_EPOCH = 8,
    KVSPAN_AT_TABLE_DIGEST = 16,
    KVSPAN_AT_CHECKSUM = 24,
    KVSPAN_AT_TOTAL_BYTES = 32,
    KVSPAN_AT_NEXT_FIRST_BYTES = 36,
    KVSPAN_AT_RELEASED_COUNT = 40,
    KVSPAN_AT_ADMITTED_COUNT = 44,
    KVSPAN_AT_PAGE_RUN_COUNT = 48,
    KVSPAN_AT_PAGE_COUNT = 52,
    KVSPAN_AT_ROW_COUNT = 56,
    KVSPAN_AT_PAYLOAD_BYTES = 60
};

/* Optional sections: a bit of the header's byte for each. */
enum {
    KVSPAN_HAS_TRIMS = 1,
    KVSPAN_HAS_WINDOWS = 2,
    KVSPAN_HAS_SHARED_RUNS = 4,
    KVSPAN_HAS_COPIES = 8,
    KVSPAN_ALL_SECTIONS = 15
};

/* Low bits of the code that begins a stretch. */
enum {
    KVSPAN_ADMIT_HAS_TOKENS = 1,     /* it shares tokens: their count - 1 follows the tag */
    KVSPAN_STRETCH_IS_LONG = 1,      /* a second member and more: their count - 2 follows */
    KVSPAN_STRETCH_HAS_VALUE = 2,    /* the value of each is above 1: value - 2 follows */
    KVSPAN_STRETCH_CHANGES_GROUP = 4 /* the layer group follows */
};

/* Width of these bits in each section. */
enum {
    KVSPAN_RELEASE_FLAG_BITS = 1,
    KVSPAN_ADMIT_FLAG_BITS = 1,
    KVSPAN_TRIM_FLAG_BITS = 0,
    KVSPAN_PAGE_RUN_FLAG_BITS = 3,
    KVSPAN_PAGE_FLAG_BITS = 1,
    KVSPAN_ROW_FLAG_BITS = 2
};

static inline void kvspan_put_u16(unsigned char *bytes, uint32_t value)
{
    bytes[0] = (unsigned char)value;
    bytes[1] = (unsigned char)(value >> 8);
}

static inline void kvspan_put_u32(unsigned char *bytes, uint32_t value)
{
    kvspan_put_u16(bytes, value);
    kvspan_put_u16(bytes + 2, value >> 16);
}

static inline void kvspan_put_u64(unsigned char *bytes, uint64_t value)
{
    kvspan_put_u32(bytes, (uint32_t)value);
    kvspan_put_u32(bytes + 4, (uint32_t)(value >> 32));
}

static inline uint32_t kvspan_get_u16(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t kvspan_get_u32(const unsigned char *bytes)
{
    return kvspan_get_u16(bytes) | kvspan_get_u16(bytes + 2) << 16;
}

static inline uint64_t kvspan_get_u64(const unsigned char *bytes)
{
    return kvspan_get_u32(bytes) | (uint64_t)kvspan_get_u32(bytes + 4) << 32;
}

static inline uint32_t kvspan_varint_bytes(uint64_t value)
{
    uint32_t bytes = 1;

    while (value >= 0x80) {
        value >>= 7;
        bytes++;
    }
    return bytes;
}

/* 0, -1, 1, -2, … become 0, 1, 2, 3, … */
static inline uint64_t kvspan_zigzag(int64_t value)
{
    return value < 0 ? 2 * (uint64_t)(-1 - value) + 1 : 2 * (uint64_t)value;
}

static inline int64_t kvspan_unzigzag(uint64_t code)
{
    return (int64_t)(code >> 1) ^ -(int64_t)(code & 1);
}

#endif
