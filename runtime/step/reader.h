/** @file
 * Reads what a message is made of, from bytes that may be hostile: varints, bounded numbers, and
 * stretches of equal members. CORRUPT names what is wrong and at which byte.
 */
#ifndef KVSPAN_STEP_READER_H
#define KVSPAN_STEP_READER_H

#include "runtime/step/message.h"

/* Where the next byte comes from. */
typedef struct kvspan_reader {
    const unsigned char *bytes;
    size_t end;
    size_t offset;
    const kvspan_step_limits *limits;
    kvspan_error *error;
} kvspan_reader;

/* How a section tells its stretches. */
typedef struct kvspan_stretch_rule {
    const char *what;    /* what `first` is: a slot, a page */
    const char *value;   /* what the value is */
    uint32_t flag_bits;  /* of the code */
    uint64_t end;        /* first is below */
    uint64_t max_value;  /* of each member */
    uint32_t left;       /* members still to come */
    uint64_t value_left; /* Σ of their values is at most this */
} kvspan_stretch_rule;

/* Equal members in a row, told as one. */
typedef struct kvspan_stretch {
    uint32_t first;
    uint32_t count;
    uint32_t value;
    uint32_t group;
} kvspan_stretch;

/* At most 10 digits of 7 bits, at most 64 bits, no digit too many. */
kvspan_status kvspan_read_varint(kvspan_reader *reader, const char *what, uint64_t *value_out);

/* A varint below `end`. */
kvspan_status kvspan_read_bounded(kvspan_reader *reader, const char *what, uint64_t end,
                                  uint32_t *value_out);

/* The members of a long stretch that begins at `first`: at least 2. */
kvspan_status kvspan_read_count(kvspan_reader *reader, const kvspan_stretch_rule *rule,
                                uint32_t first, uint32_t *count_out);

/* A stretch whose first member is told by its zigzag distance from the expected one. `found` brings
 * the group in force and gets the stretch. */
kvspan_status kvspan_read_stretch(kvspan_reader *reader, const kvspan_stretch_rule *rule,
                                  uint32_t expected, kvspan_stretch *found);

#endif
