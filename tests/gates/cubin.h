/** @file
 * Reads a cubin, the ELF64 file of one architecture: a section .text.NAME per kernel.
 */
#ifndef KVSPAN_GATES_CUBIN_H
#define KVSPAN_GATES_CUBIN_H

#include "gates/kernel_code.h"

#include <stddef.h>

/* Whether @p bytes begin as an ELF file for CUDA devices. */
bool cubin_is_one(const uint8_t *bytes, size_t byte_count);

/* Appends the kernels of a cubin with what resource_usage.h reads about them. */
bool cubin_read(const uint8_t *bytes, size_t byte_count, kernel_list *list, gate_error *error);

#endif
