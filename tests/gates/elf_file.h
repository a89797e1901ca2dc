/** @file
 * Sections and symbols of a little-endian ELF64 file in memory, checked against its size.
 */
#ifndef KVSPAN_GATES_ELF_FILE_H
#define KVSPAN_GATES_ELF_FILE_H

#include "gates/gate_error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct elf_section {
    const char *name;
    const uint8_t *bytes; /* NULL where the file holds none (.bss and its kin) */
    uint64_t size;
    uint32_t type;
} elf_section;

typedef struct elf_symbol {
    const char *name;
    uint32_t section;
} elf_symbol;

typedef struct elf_file {
    uint32_t machine;
    uint32_t abi_version;
    uint32_t flags;
    elf_section *sections;
    uint32_t section_count;
    elf_symbol *symbols;
    uint32_t symbol_count;
} elf_file;

/* Borrows @p bytes until elf_file_close(). */
bool elf_file_open(elf_file *file, const uint8_t *bytes, size_t byte_count, gate_error *error);
void elf_file_close(elf_file *file);

/* NULL if there is none of that name. */
const elf_section *elf_file_section(const elf_file *file, const char *name);

#endif
