/** @file
 * The step message: how a step's changes become bytes and come back. Layout: docs/protocol.md.
 *
 * The decoder treats its input as hostile: every count and length is bounded before it is used, and
 * nothing is written outside the memory taken at create.
 */
#ifndef KVSPAN_STEP_MESSAGE_H
#define KVSPAN_STEP_MESSAGE_H

#include "runtime/ledger/changes.h"

enum {
    KVSPAN_STEP_HEADER_BYTES = 64,
    KVSPAN_STEP_FIRST_BYTES = 4096 /* capacity of the very first receive */
};

/* Bounds that every message of a cache keeps. */
typedef struct kvspan_step_limits {
    uint32_t group_count;
    uint32_t slot_count;
    uint32_t column_count; /* pages of the longest sequence */
    uint32_t page_count;   /* with page 0 */
    uint32_t page_tokens;  /* tokens of a page id: P·n */
    uint32_t max_rows;
    uint32_t max_tokens;
    uint32_t max_payload_bytes;
    uint64_t max_sequence_tokens;
} kvspan_step_limits;

/* The most bytes a message can have under these limits. */
size_t kvspan_step_max_bytes(const kvspan_step_limits *limits);

/* The header of a message, host byte order. */
typedef struct kvspan_step_header {
    uint64_t epoch;
    uint64_t table_digest;
    uint64_t checksum; /* of everything behind the header's checksum field, and the fields before */
    uint32_t total_bytes;
    uint32_t next_first_bytes; /* capacity of the first receive of the next message */
    uint32_t released_count;
    uint32_t admitted_count;
    uint32_t page_run_count;
    uint32_t page_count; /* Σ over the runs */
    uint32_t row_count;
    uint32_t payload_bytes;
} kvspan_step_header;

/* Writes the message. next_first_bytes is announced in the header. bytes_out: its length.
 * ARGUMENT if it does not fit capacity. */
kvspan_status kvspan_step_encode(const kvspan_changes *changes, uint32_t next_first_bytes,
                                 unsigned char *message, size_t capacity, size_t *bytes_out,
                                 kvspan_error *error);

/* Reads the header from the first bytes of a message, checks magic, version and lengths against the
 * limits. CORRUPT names what is wrong. Needs KVSPAN_STEP_HEADER_BYTES. */
kvspan_status kvspan_step_decode_header(const unsigned char *message, size_t bytes,
                                        const kvspan_step_limits *limits,
                                        kvspan_step_header *header_out, kvspan_error *error);

/* A decoded message: memory for the largest one, taken once. */
typedef struct kvspan_step_message {
    kvspan_step_header header;
    uint32_t *released;           /* [slot_count] */
    kvspan_admit *admitted;       /* [slot_count] */
    kvspan_page_run *page_runs;   /* [max_rows · group_count] */
    uint32_t *pages;              /* [max new pages of a step] */
    kvspan_row_change *rows;      /* [max_rows] */
    const unsigned char *payload; /* within the message that was decoded */
} kvspan_step_message;

kvspan_status kvspan_step_message_init(kvspan_step_message *message,
                                       const kvspan_step_limits *limits, kvspan_error *error);
void kvspan_step_message_fini(kvspan_step_message *message);

/* Decodes a whole message of `bytes` bytes. CORRUPT names what is wrong and where. */
kvspan_status kvspan_step_decode(const unsigned char *bytes, size_t byte_count,
                                 const kvspan_step_limits *limits, kvspan_step_message *message,
                                 kvspan_error *error);

#endif
