#include "gates/cubin.h"

#include "gates/elf_file.h"
#include "gates/resource_usage.h"

#include <string.h>

enum {
    ELF_MACHINE_CUDA = 190,
    WORD_BYTES = 16
};

bool cubin_is_one(const uint8_t *bytes, size_t byte_count)
{
    enum {
        MACHINE_OFFSET = 18
    };

    return byte_count > MACHINE_OFFSET + 1 && memcmp(bytes, "\177ELF", 4) == 0 &&
           (bytes[MACHINE_OFFSET] | bytes[MACHINE_OFFSET + 1] << 8) == ELF_MACHINE_CUDA;
}

/* The flags hold the architecture in bits 8 to 15 since version 8 of the ABI, in 0 to 7 before. */
static uint32_t cubin_arch(const elf_file *file)
{
    return file->abi_version >= 8 ? (file->flags >> 8) & 0xff : file->flags & 0xff;
}

static bool read_kernel(const elf_file *file, uint32_t section_index, const char *name,
                        kernel_list *list, gate_error *error)
{
    const elf_section *section = &file->sections[section_index];

    if (section->bytes == NULL || section->size % WORD_BYTES != 0 ||
        section->size / WORD_BYTES > UINT32_MAX) {
        return gate_fail(error, "%s: code of %llu bytes is no whole number of instructions", name,
                         (unsigned long long)section->size);
    }
    const uint32_t word_count = (uint32_t)(section->size / WORD_BYTES);
    kernel_code *kernel = kernel_list_add(list, name, word_count);
    if (kernel == NULL) {
        return gate_fail(error, "%s: out of memory", name);
    }
    kernel->arch = cubin_arch(file);
    if (section->size > 0) {
        memcpy(kernel->words, section->bytes, (size_t)section->size);
    }
    return resource_usage_read(file, kernel, error);
}

bool cubin_read(const uint8_t *bytes, size_t byte_count, kernel_list *list, gate_error *error)
{
    static const char prefix[] = ".text.";
    elf_file file;

    if (!elf_file_open(&file, bytes, byte_count, error)) {
        return false;
    }
    if (file.machine != ELF_MACHINE_CUDA) {
        const uint32_t machine = file.machine;
        elf_file_close(&file);
        return gate_fail(error, "ELF machine %u is not CUDA's, %u", machine, ELF_MACHINE_CUDA);
    }
    for (uint32_t index = 0; index < file.section_count; index++) {
        const char *name = file.sections[index].name;
        if (strncmp(name, prefix, sizeof(prefix) - 1) == 0 &&
            !read_kernel(&file, index, name + sizeof(prefix) - 1, list, error)) {
            elf_file_close(&file);
            return false;
        }
    }
    elf_file_close(&file);
    return true;
}
