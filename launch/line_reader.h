/** @file
 * Reads a file line by line, each of bounded length.
 */
#ifndef KVSPAN_LAUNCH_LINE_READER_H
#define KVSPAN_LAUNCH_LINE_READER_H

#include <kvspan/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct kvspan_line_reader {
    const char *path; /* outlives the reader */
    FILE *file;
    char *line; /* [line_bytes], without its line feed, and a NUL behind it */
    size_t line_bytes;
    size_t max_line_bytes;
    uint64_t line_number; /* of the line, from 1 on; 0 before the first */
    bool is_at_end;       /* behind the last line */
} kvspan_line_reader;

/* IO, MEMORY. */
kvspan_status kvspan_line_reader_open(kvspan_line_reader *reader, const char *path,
                                      size_t max_line_bytes, kvspan_error *error);
void kvspan_line_reader_close(kvspan_line_reader *reader);

/* Reads the next line, or sets is_at_end. IO: the file cannot be read, or the line is longer than
 * max_line_bytes. */
kvspan_status kvspan_line_reader_next(kvspan_line_reader *reader, kvspan_error *error);

/* Nothing in the line but spaces, tabs and carriage returns. */
bool kvspan_line_reader_is_blank(const kvspan_line_reader *reader);

/* IO: names file and line before the reason. */
kvspan_status kvspan_line_reader_fail(const kvspan_line_reader *reader, const char *reason,
                                      kvspan_error *error);

#endif
