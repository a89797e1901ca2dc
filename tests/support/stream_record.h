/** @file
 * What the stand-in of libcudart has recorded of this process, KVSPAN_STANDIN_RECORD, and which of
 * the operations had to come before which: those ahead in the same stream, and through an
 * event_wait those ahead of the event_record. All else was free to run in any order.
 */
#ifndef KVSPAN_TESTS_STREAM_RECORD_H
#define KVSPAN_TESTS_STREAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STREAM_RECORD_OPERATIONS = 160,
    STREAM_RECORD_NAME_BYTES = 160
};

typedef struct stream_operation {
    char name[STREAM_RECORD_NAME_BYTES];
    uint32_t stream;
    uint64_t enqueued; /* numbers of one count, as are the next three */
    uint64_t begun;
    uint64_t ended;
    uint64_t after;
    const char *label;                      /* of what a test looks for, else NULL */
    uint32_t number;                        /* among those of this label */
    bool follows[STREAM_RECORD_OPERATIONS]; /* [operation] that had to come before it */
} stream_operation;

typedef struct stream_record {
    uint32_t count;
    stream_operation operations[STREAM_RECORD_OPERATIONS]; /* as they were enqueued */
} stream_record;

/* Operations whose names contain text are labelled. */
typedef struct stream_label {
    const char *text;
    const char *label;
} stream_label;

/* The number that the next operation's is not below. */
uint64_t stream_record_end(void);

/* Reads what was enqueued from number `from` on; labels end with an empty one. False if
 * there is no record or too much of it. */
bool stream_record_read(stream_record *record, uint64_t from, const stream_label *labels);

/* Writes labelled operations in their order, each with those before it: "A0() B0(A0) ". */
void stream_record_order(const stream_record *record, char *text, size_t text_bytes);

/* Operations of `label` that began before one of `other` that was enqueued earlier. */
uint32_t stream_record_overtakings(const stream_record *record, const char *label,
                                   const char *other);

#endif
