/** @file
 * Finds the machine code in what nvcc and the linker make: an object, a library, an archive, a
 * program or a cubin. What ships is what is read.
 */
#ifndef KVSPAN_GATES_FAT_BINARY_H
#define KVSPAN_GATES_FAT_BINARY_H

#include "gates/kernel_code.h"

#include <stddef.h>

/* Appends the kernels of every cubin in @p bytes. Compressed ones are refused: a build to be gated
 * passes --no-compress. */
bool fat_binary_read(const uint8_t *bytes, size_t byte_count, kernel_list *list, gate_error *error);

/* The same of a file. */
bool fat_binary_read_file(const char *path, kernel_list *list, gate_error *error);

#endif
