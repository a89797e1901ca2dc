/** @file
 * Files of a few lines, as the kernel's are.
 */
#ifndef KVSPAN_KERNELS_SMALL_FILE_H
#define KVSPAN_KERNELS_SMALL_FILE_H

#include <stddef.h>

#include <kvspan/status.h>

/* Reads the first text_bytes - 1 bytes of a file, and a NUL. IO if there is none, or it is empty.
 */
kvspan_status kvspan_small_file_read(const char *path, char *text_out, size_t text_bytes,
                                     kvspan_error *error);

#endif
