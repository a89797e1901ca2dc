#include "gates/elf_file.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

typedef struct byte_span {
    const uint8_t *bytes;
    uint64_t size;
} byte_span;

static bool span_holds(byte_span span, uint64_t offset, uint64_t size)
{
    return offset <= span.size && size <= span.size - offset;
}

/* A text inside @p table, or NULL where it would run over the end. */
static const char *table_text(byte_span table, uint64_t offset)
{
    if (offset >= table.size || memchr(table.bytes + offset, 0, table.size - offset) == NULL) {
        return NULL;
    }
    return (const char *)table.bytes + offset;
}

static bool read_header(byte_span whole, Elf64_Ehdr *header, gate_error *error)
{
    if (!span_holds(whole, 0, sizeof(*header)) || memcmp(whole.bytes, ELFMAG, SELFMAG) != 0) {
        return gate_fail(error, "no ELF file");
    }
    memcpy(header, whole.bytes, sizeof(*header));
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) {
        return gate_fail(error, "ELF class %u, data %u: not 64 bits, little-endian",
                         header->e_ident[EI_CLASS], header->e_ident[EI_DATA]);
    }
    if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shstrndx >= header->e_shnum ||
        !span_holds(whole, header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr))) {
        return gate_fail(error, "ELF section table at %llu with %u entries does not fit %llu bytes",
                         (unsigned long long)header->e_shoff, header->e_shnum,
                         (unsigned long long)whole.size);
    }
    return true;
}

static bool read_section(byte_span whole, byte_span names, const Elf64_Shdr *entry,
                         elf_section *section, gate_error *error)
{
    const bool has_bytes = entry->sh_type != SHT_NOBITS && entry->sh_type != SHT_NULL;

    if (has_bytes && !span_holds(whole, entry->sh_offset, entry->sh_size)) {
        return gate_fail(error, "ELF section at %llu of %llu bytes is outside %llu bytes",
                         (unsigned long long)entry->sh_offset, (unsigned long long)entry->sh_size,
                         (unsigned long long)whole.size);
    }
    *section = (elf_section){
        .name = table_text(names, entry->sh_name),
        .bytes = has_bytes ? whole.bytes + entry->sh_offset : NULL,
        .size = entry->sh_size,
        .type = entry->sh_type,
    };
    if (section->name == NULL) {
        return gate_fail(error, "ELF section name at %u is outside the table", entry->sh_name);
    }
    return true;
}

static bool read_sections(byte_span whole, const Elf64_Ehdr *header, elf_file *file,
                          gate_error *error)
{
    const uint8_t *table = whole.bytes + header->e_shoff;
    Elf64_Shdr entry;

    memcpy(&entry, table + (size_t)header->e_shstrndx * sizeof(entry), sizeof(entry));
    if (!span_holds(whole, entry.sh_offset, entry.sh_size)) {
        return gate_fail(error, "ELF section names are outside the file");
    }
    const byte_span names = { whole.bytes + entry.sh_offset, entry.sh_size };
    for (uint32_t index = 0; index < file->section_count; index++) {
        memcpy(&entry, table + (size_t)index * sizeof(entry), sizeof(entry));
        if (!read_section(whole, names, &entry, &file->sections[index], error)) {
            return false;
        }
    }
    return true;
}

static bool read_symbols(elf_file *file, gate_error *error)
{
    const elf_section *table = elf_file_section(file, ".symtab");
    const elf_section *texts = elf_file_section(file, ".strtab");

    if (table == NULL || texts == NULL || table->bytes == NULL || texts->bytes == NULL) {
        return true;
    }
    const uint32_t count = (uint32_t)(table->size / sizeof(Elf64_Sym));
    file->symbols = calloc(count == 0 ? 1 : count, sizeof(file->symbols[0]));
    if (file->symbols == NULL) {
        return gate_fail(error, "out of memory");
    }
    file->symbol_count = count;
    for (uint32_t index = 0; index < count; index++) {
        Elf64_Sym symbol;
        memcpy(&symbol, table->bytes + (size_t)index * sizeof(symbol), sizeof(symbol));
        const char *name = table_text((byte_span){ texts->bytes, texts->size }, symbol.st_name);
        file->symbols[index] = (elf_symbol){ name == NULL ? "" : name, symbol.st_shndx };
    }
    return true;
}

bool elf_file_open(elf_file *file, const uint8_t *bytes, size_t byte_count, gate_error *error)
{
    const byte_span whole = { bytes, byte_count };
    Elf64_Ehdr header = { 0 };

    *file = (elf_file){ 0 };
    if (!read_header(whole, &header, error)) {
        return false;
    }
    file->machine = header.e_machine;
    file->abi_version = header.e_ident[EI_ABIVERSION];
    file->flags = header.e_flags;
    file->section_count = header.e_shnum;
    file->sections = calloc((size_t)header.e_shnum + 1, sizeof(file->sections[0]));
    if (file->sections == NULL) {
        return gate_fail(error, "out of memory");
    }
    if (!read_sections(whole, &header, file, error) || !read_symbols(file, error)) {
        elf_file_close(file);
        return false;
    }
    return true;
}

void elf_file_close(elf_file *file)
{
    free(file->sections);
    free(file->symbols);
    *file = (elf_file){ 0 };
}

const elf_section *elf_file_section(const elf_file *file, const char *name)
{
    for (uint32_t index = 0; index < file->section_count; index++) {
        const char *const own = file->sections[index].name;

        if (own != NULL && strcmp(own, name) == 0) {
            return &file->sections[index];
        }
    }
    return NULL;
}
