#include "gates/fat_binary.h"

#include "gates/cubin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A header { magic, version, its own size, size of all entries } and after it the entries, each
 * { kind, version, its own size, size of the code, …, architecture, … } and its code. */
enum {
    FAT_BINARY_ALIGNMENT = 8,
    HEADER_BYTES = 16,
    ENTRY_BYTES = 64,
    KIND_CUBIN = 2
};

static const uint32_t fat_binary_magic = 0xBA55ED50u;

static uint16_t half_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t word_at(const uint8_t *bytes)
{
    return (uint32_t)half_at(bytes) | (uint32_t)half_at(bytes + 2) << 16;
}

static uint64_t long_at(const uint8_t *bytes)
{
    return (uint64_t)word_at(bytes) | (uint64_t)word_at(bytes + 4) << 32;
}

static bool read_entries(const uint8_t *bytes, size_t byte_count, kernel_list *list,
                         gate_error *error)
{
    enum {
        HEADER_SIZE_OFFSET = 4,
        CODE_SIZE_OFFSET = 8,
        ARCH_OFFSET = 28
    };
    size_t offset = 0;

    while (byte_count - offset >= ENTRY_BYTES) {
        const uint8_t *entry = bytes + offset;
        const size_t header_bytes = word_at(entry + HEADER_SIZE_OFFSET);
        const uint64_t code_bytes = long_at(entry + CODE_SIZE_OFFSET);
        if (header_bytes < ENTRY_BYTES || header_bytes > byte_count - offset ||
            code_bytes > byte_count - offset - header_bytes) {
            return gate_fail(error, "fat binary entry at %zu runs over the end", offset);
        }
        if (half_at(entry) == KIND_CUBIN) {
            const uint8_t *code = entry + header_bytes;
            if (!cubin_is_one(code, (size_t)code_bytes)) {
                return gate_fail(error, "code for sm_%u is compressed: compile with --no-compress",
                                 word_at(entry + ARCH_OFFSET));
            }
            if (!cubin_read(code, (size_t)code_bytes, list, error)) {
                return false;
            }
        }
        offset += header_bytes + (size_t)code_bytes;
    }
    return true;
}

bool fat_binary_read(const uint8_t *bytes, size_t byte_count, kernel_list *list, gate_error *error)
{
    size_t offset = 0;

    if (cubin_is_one(bytes, byte_count)) {
        return cubin_read(bytes, byte_count, list, error);
    }
    while (offset + HEADER_BYTES <= byte_count) {
        const uint8_t *header = bytes + offset;
        offset += FAT_BINARY_ALIGNMENT;
        if (word_at(header) != fat_binary_magic || half_at(header + 4) != 1 ||
            half_at(header + 6) != HEADER_BYTES) {
            continue;
        }
        const uint64_t entry_bytes = long_at(header + 8);
        const size_t left = byte_count - (size_t)(header - bytes) - HEADER_BYTES;
        if (entry_bytes > left) {
            return gate_fail(error, "fat binary of %llu bytes runs over the end of the file",
                             (unsigned long long)entry_bytes);
        }
        if (!read_entries(header + HEADER_BYTES, (size_t)entry_bytes, list, error)) {
            return false;
        }
        offset = (size_t)(header - bytes) + HEADER_BYTES + (size_t)entry_bytes;
        offset += (FAT_BINARY_ALIGNMENT - offset % FAT_BINARY_ALIGNMENT) % FAT_BINARY_ALIGNMENT;
    }
    return true;
}

static uint8_t *read_whole(FILE *file, size_t *byte_count_out)
{
    size_t byte_count = 0;
    size_t capacity = 1 << 20;
    uint8_t *bytes = malloc(capacity);

    while (bytes != NULL) {
        byte_count += fread(bytes + byte_count, 1, capacity - byte_count, file);
        if (byte_count < capacity) {
            break;
        }
        capacity *= 2;
        uint8_t *larger = realloc(bytes, capacity);
        if (larger == NULL) {
            free(bytes);
        }
        bytes = larger;
    }
    *byte_count_out = byte_count;
    return bytes;
}

bool fat_binary_read_file(const char *path, kernel_list *list, gate_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return gate_fail(error, "%s: cannot be opened", path);
    }
    size_t byte_count;
    uint8_t *bytes = read_whole(file, &byte_count);
    const bool is_broken = ferror(file) != 0;
    (void)fclose(file);
    if (bytes == NULL || is_broken) {
        free(bytes);
        return gate_fail(error, "%s: cannot be read", path);
    }
    gate_error cause;
    const bool is_read = fat_binary_read(bytes, byte_count, list, &cause);
    free(bytes);
    return is_read || gate_fail(error, "%s: %.400s", path, cause.text);
}
