#include "gates/resource_usage.h"

#include <stdlib.h>
#include <string.h>

/* Attributes by number: a format, the number, then two bytes that are the value (FORMAT_NONE to
 * FORMAT_HALF) or the size of what follows (FORMAT_SIZED). */
enum {
    FORMAT_SIZED = 4,
    ATTRIBUTE_MAX_THREADS = 0x05,
    ATTRIBUTE_REQUIRED_THREADS = 0x10,
    ATTRIBUTE_FRAME_BYTES = 0x11,
    ATTRIBUTE_REGISTERS = 0x2f,
    ATTRIBUTE_INDIRECT_JUMPS = 0x34, /* { place of the branch, 0, count, places it goes to } … */
    ATTRIBUTE_BARRIERS = 0x4c
};

/* Since sm_90 the section of shared memory begins with what the system keeps of each block. */
enum {
    FIRST_ARCH_WITH_SYSTEM_SHARED = 90,
    SYSTEM_SHARED_BYTES = 1024
};

typedef struct kernel_attribute {
    uint32_t number;
    uint32_t value;       /* of one without bytes */
    const uint8_t *bytes; /* NULL for one without */
    uint32_t byte_count;
} kernel_attribute;

/* Steps over one attribute at *offset; false at the end. A broken one ends the section too. */
static bool attribute_next(const elf_section *section, uint64_t *offset, kernel_attribute *out)
{
    if (section == NULL || section->bytes == NULL || section->size - *offset < 4) {
        return false;
    }
    const uint8_t *head = section->bytes + *offset;
    const uint32_t half = (uint32_t)head[2] | (uint32_t)head[3] << 8;
    *out = (kernel_attribute){ .number = head[1], .value = half };
    *offset += 4;
    if (head[0] == FORMAT_SIZED) {
        if (section->size - *offset < half) {
            return false;
        }
        *out = (kernel_attribute){ .number = head[1], .bytes = head + 4, .byte_count = half };
        *offset += half;
    }
    return true;
}

static uint32_t word_at(const kernel_attribute *attribute, uint32_t index)
{
    uint32_t word = 0;

    if (attribute->bytes != NULL && attribute->byte_count >= 4 * (index + 1)) {
        memcpy(&word, attribute->bytes + (size_t)index * 4, sizeof(word));
    }
    return word;
}

/* .nv.info speaks of all kernels: pairs of a symbol and a value. */
static bool read_shared_attributes(const elf_file *file, kernel_code *kernel)
{
    const elf_section *section = elf_file_section(file, ".nv.info");
    bool has_registers = false;
    uint64_t offset = 0;
    kernel_attribute attribute;

    while (attribute_next(section, &offset, &attribute)) {
        const uint32_t symbol = word_at(&attribute, 0);
        if (attribute.byte_count != 8 || symbol >= file->symbol_count ||
            strcmp(file->symbols[symbol].name, kernel->name) != 0) {
            continue;
        }
        if (attribute.number == ATTRIBUTE_REGISTERS) {
            kernel->registers = word_at(&attribute, 1);
            has_registers = true;
        } else if (attribute.number == ATTRIBUTE_FRAME_BYTES) {
            kernel->stack_bytes = word_at(&attribute, 1);
        }
    }
    return has_registers;
}

static bool read_jumps(const kernel_attribute *attribute, kernel_code *kernel, gate_error *error)
{
    enum {
        WORD_BYTES = 16
    };
    const uint32_t word_count = attribute->byte_count / 4;
    indirect_jump *jumps =
        realloc(kernel->jumps, (kernel->jump_count + word_count + 1) * sizeof(*jumps));

    if (jumps == NULL) {
        return gate_fail(error, "%s: out of memory", kernel->name);
    }
    kernel->jumps = jumps;
    for (uint32_t word = 0; word + 3 <= word_count;) {
        const uint32_t from = word_at(attribute, word);
        const uint32_t count = word_at(attribute, word + 2);
        word += 3;
        for (uint32_t target = 0; target < count && word < word_count; target++) {
            kernel->jumps[kernel->jump_count++] = (indirect_jump){
                .from = from / WORD_BYTES,
                .to = word_at(attribute, word++) / WORD_BYTES,
            };
        }
    }
    return true;
}

static bool read_own_attributes(const elf_section *section, kernel_code *kernel, gate_error *error)
{
    uint64_t offset = 0;
    kernel_attribute attribute;

    while (attribute_next(section, &offset, &attribute)) {
        if (attribute.number == ATTRIBUTE_MAX_THREADS ||
            attribute.number == ATTRIBUTE_REQUIRED_THREADS) {
            kernel->block_threads =
                word_at(&attribute, 0) * word_at(&attribute, 1) * word_at(&attribute, 2);
        } else if (attribute.number == ATTRIBUTE_BARRIERS && attribute.bytes == NULL) {
            kernel->barriers = attribute.value & 0xff;
        } else if (attribute.number == ATTRIBUTE_INDIRECT_JUMPS &&
                   !read_jumps(&attribute, kernel, error)) {
            return false;
        }
    }
    return true;
}

static const elf_section *section_of(const elf_file *file, const char *prefix, const char *name)
{
    for (uint32_t index = 0; index < file->section_count; index++) {
        const elf_section *section = &file->sections[index];
        const size_t prefix_length = strlen(prefix);
        if (strncmp(section->name, prefix, prefix_length) == 0 &&
            strcmp(section->name + prefix_length, name) == 0) {
            return section;
        }
    }
    return NULL;
}

bool resource_usage_read(const elf_file *file, kernel_code *kernel, gate_error *error)
{
    const elf_section *shared = section_of(file, ".nv.shared.", kernel->name);

    if (!read_shared_attributes(file, kernel)) {
        return gate_fail(error, "%s: no count of registers in .nv.info", kernel->name);
    }
    if (!read_own_attributes(section_of(file, ".nv.info.", kernel->name), kernel, error)) {
        return false;
    }
    if (shared != NULL) {
        const bool is_with_system = kernel->arch >= FIRST_ARCH_WITH_SYSTEM_SHARED;
        const uint32_t system_bytes = is_with_system ? SYSTEM_SHARED_BYTES : 0;
        const uint32_t bytes = (uint32_t)shared->size;
        kernel->static_shared_bytes = bytes > system_bytes ? bytes - system_bytes : 0;
    }
    return true;
}
