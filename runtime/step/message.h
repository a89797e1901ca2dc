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

/* ARGUMENT names the field and both values; also if a message could pass 4 GiB. */
kvspan_status kvspan_step_limits_check(const kvspan_step_limits *limits, kvspan_error *error);

/* The most rows of a step: each slot has one, each row a token. */
uint32_t kvspan_step_max_rows(const kvspan_step_limits *limits);

/* The most page runs of a step: one per row and group. */
uint32_t kvspan_step_max_page_runs(const kvspan_step_limits *limits);

/* The most pages that one step can add, over all groups. */
uint64_t kvspan_step_max_pages(const kvspan_step_limits *limits);

/* Table entries: the most pages that admitted sequences share. */
uint64_t kvspan_step_max_shared_pages(const kvspan_step_limits *limits);

/* The most bytes that a message or its first receive can have: a buffer of these holds either. At
 * least KVSPAN_STEP_FIRST_BYTES. */
size_t kvspan_step_max_bytes(const kvspan_step_limits *limits);

/* The capacity of the first receive to announce for the next message, given the one in force and
 * the bytes of the last message: current_capacity while that holds 5/4 of the message, else the
 * next power of two that does. Never shrinks; in [KVSPAN_STEP_FIRST_BYTES, max_bytes]. */
uint32_t kvspan_step_next_first_bytes(uint32_t current_capacity, uint32_t message_bytes,
                                      size_t max_bytes);

/* The header of a message, host byte order. */
typedef struct kvspan_step_header {
    uint64_t epoch;
    uint64_t table_digest;
    uint64_t checksum; /* of all bytes but its own */
    uint32_t total_bytes;
    uint32_t next_first_bytes; /* capacity of the first receive of the next message */
    uint32_t released_count;
    uint32_t admitted_count;
    uint32_t page_run_count;
    uint32_t page_count; /* Σ over the runs */
    uint32_t row_count;
    uint32_t payload_bytes;
    uint32_t sections; /* bits of the optional sections that are there */
} kvspan_step_header;

/* Writes the message. next_first_bytes is announced in the header; it may follow from the message
 * before this one, since it seldom changes. bytes_out: its length. A page run's first_column is not
 * sent: a rank knows where its row ends. ARGUMENT if it does not fit capacity. */
kvspan_status kvspan_step_encode(const kvspan_changes *changes, uint32_t next_first_bytes,
                                 unsigned char *message, size_t capacity, size_t *bytes_out,
                                 kvspan_error *error);

/* Reads the header from the first bytes of a message, checks magic, version and lengths against the
 * limits. CORRUPT names what is wrong. Needs KVSPAN_STEP_HEADER_BYTES. */
kvspan_status kvspan_step_decode_header(const unsigned char *message, size_t bytes,
                                        const kvspan_step_limits *limits,
                                        kvspan_step_header *header_out, kvspan_error *error);

/* A decoded message: memory for the largest one, taken once. first_column of its page runs is 0. */
typedef struct kvspan_step_message {
    kvspan_step_header header;
    uint32_t *released;     /* [slot_count], ascending */
    kvspan_admit *admitted; /* [slot_count], ascending slots */
    kvspan_trim *trims;     /* [slot_count], ascending slots */
    uint32_t trim_count;
    kvspan_page_run *windows; /* [group_count · slot_count] columns of each row, no pages */
    uint32_t window_count;
    kvspan_page_run *shared_runs; /* [group_count · slot_count], no two of the same row */
    uint32_t shared_run_count;
    uint32_t *shared_pages;  /* [kvspan_step_max_shared_pages], in the order of the runs */
    kvspan_page_run *copies; /* [kvspan_step_max_page_runs], one target page each */
    uint32_t copy_count;
    uint32_t *targets;            /* [kvspan_step_max_page_runs] */
    kvspan_page_run *page_runs;   /* [kvspan_step_max_page_runs], no two of the same row */
    uint32_t *pages;              /* [kvspan_step_max_pages], in the order of the runs */
    kvspan_row_change *rows;      /* [kvspan_step_max_rows], no two of the same slot */
    const unsigned char *payload; /* within the message that was decoded; 8-byte aligned in it */
    uint64_t *seen;               /* bits [group][slot], of the section under way */
} kvspan_step_message;

/* ARGUMENT as for kvspan_step_limits_check; MEMORY. */
kvspan_status kvspan_step_message_init(kvspan_step_message *message,
                                       const kvspan_step_limits *limits, kvspan_error *error);
void kvspan_step_message_fini(kvspan_step_message *message);

/* Decodes a whole message of `byte_count` bytes, for the limits that `message` was made for.
 * CORRUPT names what is wrong and at which byte; `message` then holds nothing of use. */
kvspan_status kvspan_step_decode(const unsigned char *bytes, size_t byte_count,
                                 const kvspan_step_limits *limits, kvspan_step_message *message,
                                 kvspan_error *error);

#endif
