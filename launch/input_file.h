/** @file
 * Files from outside: opened and read whole, with errors that name the file and the reason.
 */
#ifndef KVSPAN_LAUNCH_INPUT_FILE_H
#define KVSPAN_LAUNCH_INPUT_FILE_H

#include <kvspan/status.h>
#include <stdio.h>

/* The path as messages show it: its last 80 bytes. */
const char *kvspan_input_name(const char *path);

/* IO: `what` happened to the file, for the reason in errno, which becomes error->native. */
kvspan_status kvspan_input_fail(const char *path, const char *what, kvspan_error *error);

/* Opens for reading. IO. The caller closes the file with fclose(). */
kvspan_status kvspan_input_open(const char *path, FILE **file_out, kvspan_error *error);

/* Reads a whole file of at most max_bytes. IO, MEMORY. The caller frees the bytes with free(). */
kvspan_status kvspan_input_read(const char *path, size_t max_bytes, char **bytes_out,
                                size_t *byte_count_out, kvspan_error *error);

#endif
