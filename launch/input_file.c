#include "launch/input_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOWN_PATH_BYTES = 80,
    FIRST_BUFFER_BYTES = 1 << 16
};

const char *kvspan_input_name(const char *path)
{
    const size_t bytes = strlen(path);

    return bytes > SHOWN_PATH_BYTES ? path + bytes - SHOWN_PATH_BYTES : path;
}

kvspan_status kvspan_input_fail(const char *path, const char *what, kvspan_error *error)
{
    const int reason = errno;
    const kvspan_status status = kvspan_fail(error, KVSPAN_ERR_IO, "%s: %s: %s",
                                             kvspan_input_name(path), what, strerror(reason));

    if (error) {
        error->native = reason;
    }
    return status;
}

kvspan_status kvspan_input_open(const char *path, FILE **file_out, kvspan_error *error)
{
    FILE *file = fopen(path, "r");

    if (!file) {
        return kvspan_input_fail(path, "cannot be opened", error);
    }
    *file_out = file;
    return KVSPAN_OK;
}

/* Reads to the end, but stops at one byte more than max_bytes. *bytes is the caller's in any case.
 */
static kvspan_status read_file(FILE *file, size_t max_bytes, char **bytes, size_t *byte_count,
                               kvspan_error *error)
{
    size_t capacity = 0;

    *byte_count = 0;
    while (*byte_count == capacity && capacity <= max_bytes) {
        const size_t doubled = capacity == 0 ? FIRST_BUFFER_BYTES : 2 * capacity;
        const size_t wanted = doubled > max_bytes ? max_bytes + 1 : doubled;
        char *grown = realloc(*bytes, wanted);

        if (!grown) {
            return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %zu bytes of a file",
                               wanted);
        }
        *bytes = grown;
        *byte_count += fread(grown + capacity, 1, wanted - capacity, file);
        capacity = wanted;
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_input_read(const char *path, size_t max_bytes, char **bytes_out,
                                size_t *byte_count_out, kvspan_error *error)
{
    FILE *file = NULL;
    char *bytes = NULL;
    size_t byte_count = 0;
    kvspan_status status = kvspan_input_open(path, &file, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = read_file(file, max_bytes, &bytes, &byte_count, error);
    if (status == KVSPAN_OK && ferror(file)) {
        status = kvspan_input_fail(path, "cannot be read", error);
    }
    if (status == KVSPAN_OK && byte_count > max_bytes) {
        status = kvspan_fail(error, KVSPAN_ERR_IO, "%s: more than %zu bytes",
                             kvspan_input_name(path), max_bytes);
    }
    (void)fclose(file);
    if (status != KVSPAN_OK) {
        goto err_free_bytes;
    }
    *bytes_out = bytes;
    *byte_count_out = byte_count;
    return KVSPAN_OK;

err_free_bytes:
    free(bytes);
    return status;
}
